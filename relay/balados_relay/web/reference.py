"""`/schema`: the API for people to read, made from the OpenAPI document itself, without a script.

(Swagger UI as PyPI has it knows no OpenAPI 3.1, and wants styles in its markup, which no page of ours may have.)
"""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from litestar import MediaType, Request
from litestar.openapi.plugins import OpenAPIRenderPlugin

from balados_relay.web.static_files import static_url
from balados_shared.http.illustrated import Document, Example, illustrate

_METHODS = ("get", "head", "post", "put", "patch", "delete")
_OWN_NAME = re.compile(r"[^a-z0-9]+")


class Parameter(NamedTuple):
    """A part of the path or of the query."""

    name: str
    place: str
    type: str
    required: bool
    description: str
    example: Any


class Body(NamedTuple):
    """What is sent or comes back: how its schema is called, and an example in JSON."""

    schema: str
    example: str


class Answer(NamedTuple):
    """What can come back."""

    status: str
    description: str
    body: Body | None


class Operation(NamedTuple):
    """One method of one path."""

    anchor: str
    method: str
    path: str
    summary: str
    description: str
    tokens: str
    parameters: list[Parameter]
    body: Body | None
    answers: list[Answer]


class Form(NamedTuple):
    """A schema that has a name."""

    name: str
    description: str
    fields: list[Parameter]


class Reference(OpenAPIRenderPlugin):
    """Serves the document as a page."""

    def __init__(self, examples: Sequence[Example] = ()) -> None:
        super().__init__(path="/", media_type=MediaType.HTML)
        self._examples = examples

    def render(self, _: Request[Any, Any, Any], openapi_schema: Document) -> bytes:
        """Return the page."""
        document = illustrate(openapi_schema, self._examples)
        page = _PAGE.render(info=document["info"], sections=sections(document), forms=forms(document), person=None)
        return page.encode()


def sections(document: Document) -> dict[str, list[Operation]]:
    """Return the operations by what they are about, in the order in which the document has them."""
    found: dict[str, list[Operation]] = {}
    for path, methods in document["paths"].items():
        for method in _METHODS:
            if operation := methods.get(method):
                about = (operation.get("tags") or ["Other"])[0]
                found.setdefault(about, []).append(_operation(method, path, operation))
    return found


def forms(document: Document) -> list[Form]:
    """Return the schemas by name."""
    schemas = document.get("components", {}).get("schemas", {})
    return [_form(name, schema) for name, schema in sorted(schemas.items())]


def _operation(method: str, path: str, operation: Document) -> Operation:
    return Operation(
        anchor=_OWN_NAME.sub("-", f"{method}{path}".lower()).strip("-"),
        method=method.upper(),
        path=path,
        summary=operation.get("summary", ""),
        description=operation.get("description", ""),
        tokens=" or ".join(sorted(name for each in operation.get("security", ()) for name in each)) or "none",
        parameters=[_parameter(each) for each in operation.get("parameters", ())],
        body=_body(operation.get("requestBody", {})),
        answers=[
            Answer(status, answer["description"], _body(answer))
            for status, answer in sorted(operation["responses"].items())
        ],
    )


def _parameter(parameter: Document) -> Parameter:
    return Parameter(
        parameter["name"],
        parameter["in"],
        _type(parameter["schema"]),
        parameter.get("required", False),
        parameter.get("description") or parameter["schema"].get("description", ""),
        parameter.get("example"),
    )


def _form(name: str, schema: Document) -> Form:
    required = schema.get("required", ())
    fields = [
        Parameter(each, "", _type(member), each in required, member.get("description", ""), None)
        for each, member in schema.get("properties", {}).items()
    ]
    return Form(name, schema.get("description", ""), fields)


def _body(part: Document) -> Body | None:
    for content in part.get("content", {}).values():
        example = content.get("example")
        text = "" if example is None else msgspec.json.format(msgspec.json.encode(example), indent=2).decode()
        return Body(_type(content.get("schema", {})), text)
    return None


def _type(schema: Document) -> str:
    """Say in a word or two what a schema is."""
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    for several in ("oneOf", "anyOf"):
        if several in schema:
            return " or ".join(_type(each) for each in schema[several])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if "enum" in schema:
        return " | ".join(str(each) for each in schema["enum"])
    kind = schema.get("type", "any")
    return " or ".join(kind) if isinstance(kind, list) else str(kind)


_TEMPLATES = Environment(
    loader=PackageLoader("balados_relay.web"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.globals["static_url"] = static_url
_PAGE = _TEMPLATES.get_template("reference.html")
