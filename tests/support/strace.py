"""Reading what strace wrote down."""

import re
from collections.abc import Iterator


def completed(lines: list[str]) -> Iterator[str]:
    """Join the halves of calls that another thread interrupted, at the place of the second half."""
    unfinished: dict[str, str] = {}
    for line in lines:
        process, _, call = line.partition(" ")
        if call.rstrip().endswith("<unfinished ...>"):
            unfinished[process] = call.strip().removesuffix("<unfinished ...>")
        elif resumed := re.match(r"\s*<\.\.\. \w+ resumed>", call):
            yield unfinished.pop(process, "") + call[resumed.end() :]
        else:
            yield call.strip()
