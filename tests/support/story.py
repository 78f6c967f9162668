"""Plays the examples of the API's document to a relay, in their order, and tells what it answered.

What an answer makes up (ids, codes, tokens) differs each time: where a later example uses it, it is replaced by what
came this time.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any
from urllib.parse import quote

import httpx
import msgspec

from balados_shared.http.illustrated import Example

Sign = Callable[[str], dict[str, str]]


async def play(http: httpx.AsyncClient, examples: Sequence[Example], sign: Sign) -> AsyncIterator[tuple[Any, Any]]:
    """Send each request; yield its example and the answer. `sign` gives the headers for a path."""
    came_instead: dict[str, str] = {}
    for example in examples:
        method, _, template = example.operation.partition(" ")
        where = {name: came_instead.get(value, value) for name, value in example.where.items()}
        path = template.format_map({name: quote(value, safe="") for name, value in where.items()} | {"names": ""})
        query = {name: value for name, value in where.items() if f"{{{name}}}" not in template}
        body = replaced(example.request, came_instead)
        content = b"" if body is None else msgspec.json.encode(body)
        answer = await http.request(method, path, params=query, content=content, headers=sign(path))
        yield example, answer
        if answer.is_success:
            learn(example.response, answer.json(), came_instead)


def replaced(value: Any, instead: dict[str, str]) -> Any:
    """Return a value in which every text that stands for another is that one."""
    if isinstance(value, dict):
        return {name: replaced(each, instead) for name, each in value.items()}
    if isinstance(value, list):
        return [replaced(each, instead) for each in value]
    return instead.get(value, value) if isinstance(value, str) else value


def learn(wanted: Any, told: Any, instead: dict[str, str]) -> None:
    """Note which texts came in place of those of the example."""
    if isinstance(wanted, dict) and isinstance(told, dict):
        for name in wanted.keys() & told.keys():
            learn(wanted[name], told[name], instead)
    elif isinstance(wanted, list) and isinstance(told, list):
        for each, other in zip(wanted, told, strict=False):
            learn(each, other, instead)
    elif isinstance(wanted, str) and isinstance(told, str) and wanted != told:
        instead[wanted] = told


def shape(value: Any) -> Any:
    """Return a value with every text and number replaced by its type: what of it does not change by chance."""
    if isinstance(value, dict):
        return {name: shape(each) for name, each in sorted(value.items())}
    if isinstance(value, list):
        return [shape(each) for each in value]
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__
