"""The feed reader: a program of its own that reads feeds from standard input and answers on standard output.

`worker` starts it as `python -m balados_shared.feeds.reader`. It ends when that program does, for then its input ends.
It imports the parser and nothing of a server, so that it stays small.
"""

import os
import sys
from typing import BinaryIO

from balados_shared.feeds.errors import NotAFeed
from balados_shared.feeds.frames import Answer, Question, pack, read_question
from balados_shared.feeds.parse import parse_feed

NICENESS = 10
"""Reading feeds must never take the processor from the server, let alone from a player."""


def main() -> None:
    """Answer questions until there are no more."""
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    answers = _own_standard_output()
    while question := read_question(sys.stdin.buffer):
        answers.write(pack(_answer(question)))
        answers.flush()


def _answer(question: Question) -> Answer:
    try:
        return Answer(feed=parse_feed(question.body, question.url))
    except NotAFeed as error:
        return Answer(trouble=str(error))


def _own_standard_output() -> BinaryIO:
    """Keep the answers apart from what some library may print: that goes to standard error."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return answers


if __name__ == "__main__":
    main()
