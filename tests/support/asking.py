"""Requests made from an OpenAPI document: one for each operation, filled by whoever asks.

A `Filler` decides what stands in each parameter and field; this module only knows what a document looks like.
"""

import http.client
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote, urlencode

import msgspec

METHODS = ("get", "post", "put", "patch", "delete")


class Filler(Protocol):
    """What stands where a document has room for something."""

    def text(self, name: str, schema: Mapping[str, Any]) -> str: ...

    def number(self, name: str, schema: Mapping[str, Any]) -> float: ...

    def wants(self, name: str) -> bool:
        """Whether to say what need not be said."""
        ...

    def one_of(self, choices: Sequence[Any]) -> Any: ...


class Operation(NamedTuple):
    """A method on a path, with its parameters by place, and its body if it takes one."""

    method: str
    path: str
    parameters: tuple[tuple[str, str, bool, Mapping[str, Any]], ...]
    media_type: str | None
    body: Mapping[str, Any]

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def path_parameters(self) -> list[str]:
        return [name for name, place, *_ in self.parameters if place == "path"]


class Request(NamedTuple):
    """What is sent, as it is sent."""

    method: str
    target: str
    body: bytes | None
    media_type: str | None


class Answer(NamedTuple):
    """What came back."""

    status: int
    head: str
    body: str

    @property
    def text(self) -> str:
        """All of it that is text: headers and body."""
        return f"{self.head}\n\n{self.body}"


class Document:
    """An OpenAPI document."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self.operations = sorted(self._operations(), key=lambda operation: operation.name)

    def request(self, operation: Operation, filler: Filler, **path: str) -> Request:
        """Fill a request. What `path` names is put into the path as it is, and not encoded again."""
        target, query = operation.path, {}
        for name, place, required, schema in operation.parameters:
            if place == "path":
                value = path[name] if name in path else quote(str(self._fill(name, schema, filler)), safe="")
                target = target.replace(f"{{{name}}}", value)
            elif place == "query" and (required or filler.wants(name)):
                query[name] = self._fill(name, schema, filler)
        if query:
            target += "?" + urlencode(query, errors="surrogatepass")
        body = self._body(operation, filler) if operation.media_type else None
        return Request(operation.method, target, body, operation.media_type)

    def _body(self, operation: Operation, filler: Filler) -> bytes:
        fields = self._fill("", operation.body, filler)
        if operation.media_type == "application/json":
            return msgspec.json.encode(fields)
        return urlencode(fields if isinstance(fields, dict) else {}).encode()

    def _operations(self) -> Iterator[Operation]:
        for path, methods in self._document["paths"].items():
            for method in methods.keys() & set(METHODS):
                told = methods[method]
                parameters = tuple(
                    (each["name"], each["in"], bool(each.get("required")), each.get("schema", {}))
                    for each in map(self._resolved, told.get("parameters", []))
                )
                content = self._resolved(told.get("requestBody", {})).get("content", {})
                media_type = next(iter(content), None)
                schema = content[media_type].get("schema", {}) if media_type else {}
                yield Operation(method.upper(), path, parameters, media_type, schema)

    def _resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        while "$ref" in schema:
            place: Any = self._document
            for step in schema["$ref"].removeprefix("#/").split("/"):
                place = place[step]
            schema = place
        return schema

    def _fill(self, name: str, schema: Mapping[str, Any], filler: Filler, depth: int = 0) -> Any:
        schema = self._resolved(schema)
        if choices := schema.get("enum") or ([schema["const"]] if "const" in schema else None):
            return filler.one_of(choices)
        if choices := schema.get("oneOf") or schema.get("anyOf"):
            return self._fill(name, filler.one_of(choices), filler, depth)
        kind = schema.get("type", "object" if "properties" in schema else "string")
        kind = filler.one_of(kind) if isinstance(kind, list) else kind
        if kind == "object":
            return self._fill_object(schema, filler, depth)
        if kind == "array":
            wanted = depth < 5 and (schema.get("minItems", 0) > 0 or filler.wants(name))
            return [self._fill(name, schema.get("items", {}), filler, depth + 1)] if wanted else []
        if kind in ("number", "integer"):
            number = filler.number(name, schema)
            return int(number) if kind == "integer" else number
        if kind == "boolean":
            return filler.one_of([False, True])
        return None if kind == "null" else filler.text(name, schema)

    def _fill_object(self, schema: Mapping[str, Any], filler: Filler, depth: int) -> dict[str, Any]:
        required = schema.get("required", ())
        fields = schema.get("properties", {}).items()
        said = [(name, each) for name, each in fields if name in required or (depth < 5 and filler.wants(name))]
        return {name: self._fill(name, each, filler, depth + 1) for name, each in said}


class Asker:
    """A connection to one program on loopback, which sends what it is given, however odd."""

    def __init__(self, url: str) -> None:
        self._address = url.removeprefix("http://")

    def send(self, request: Request, headers: Mapping[str, str]) -> Answer:
        connection = http.client.HTTPConnection(self._address, timeout=20)
        try:
            connection.putrequest(request.method, request.target, skip_accept_encoding=True)
            sent = dict(headers)
            if request.body is not None:
                sent |= {"Content-Type": str(request.media_type), "Content-Length": str(len(request.body))}
            for name, value in sent.items():
                connection.putheader(name, value)
            connection.endheaders(request.body)
            response = connection.getresponse()
            head = "\n".join(f"{name}: {value}" for name, value in response.getheaders())
            return Answer(response.status, head, response.read().decode("utf-8", "replace"))
        finally:
            connection.close()
