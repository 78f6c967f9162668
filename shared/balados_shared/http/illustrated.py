"""Examples in an OpenAPI document: what is sent and what comes back, for each operation that has one.

Law: examples are data beside the code, in the order of a story that can be played; the tests play it, so that no
example says what the program does not do.
"""

from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

import msgspec
from litestar import Request
from litestar.openapi.plugins import JsonRenderPlugin
from msgspec import Struct

Document = dict[str, Any]


class Example(Struct, frozen=True, omit_defaults=True):
    """One request and its answer. `where` fills in the path and the query."""

    operation: str
    """As `GET /api/v1/play/{item}`."""
    response: Any
    status: int = 200
    where: dict[str, str] = {}
    request: Any = None


def read_examples(package: str, name: str = "examples.json") -> list[Example]:
    """Return the examples of a file beside the code of a package."""
    content = (resources.files(package) / name).read_bytes()
    return msgspec.json.decode(content, type=list[Example])


def illustrate(document: Document, examples: Sequence[Example]) -> Document:
    """Return a document with examples in it. Where several are of one operation and status, the first stands."""
    shown: Document = msgspec.json.decode(msgspec.json.encode(document))
    shown["paths"] = _in_order(shown["paths"])
    for example in reversed(examples):
        method, _, path = example.operation.partition(" ")
        operation = shown["paths"].get(path, {}).get(method.lower())
        if operation is not None:
            _show(operation, example)
    return shown


class IllustratedDocument(JsonRenderPlugin):
    """Serves the document with its examples, as JSON."""

    def __init__(self, examples: Sequence[Example] = ()) -> None:
        super().__init__()
        self._examples = examples

    def render(self, request: Request[Any, Any, Any], openapi_schema: Document) -> bytes:
        """Return the document. What stands between the routes and here keeps it as it is."""
        return self.render_json(request, illustrate(openapi_schema, self._examples))


def _in_order(paths: dict[str, Document]) -> dict[str, Document]:
    """Sort the paths within what they are about: Litestar gives those of one handler in any order."""
    about = {path: next(iter(methods.values())).get("tags", [""])[0] for path, methods in paths.items()}
    topics = list(dict.fromkeys(about.values()))
    return {path: paths[path] for path in sorted(paths, key=lambda path: (topics.index(about[path]), path))}


def _show(operation: Document, example: Example) -> None:
    for parameter in operation.get("parameters", ()):
        if parameter["name"] in example.where:
            parameter["example"] = example.where[parameter["name"]]
    if example.request is not None and "requestBody" in operation:
        _show_in(operation["requestBody"], example.request)
    answer = operation["responses"].get(str(example.status))
    if answer is not None:
        _show_in(answer, example.response)


def _show_in(part: Mapping[str, Any], value: Any) -> None:
    for content in part.get("content", {}).values():
        content["example"] = value
