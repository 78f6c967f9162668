"""What the OpenAPI documents say beyond what the types of a route tell: its refusals, and the messages of sync.

Law: every refusal is one problem document (RFC 9457, and protocol sheet section 3.2); a route names those that it adds
to the ones that all of its kind share.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any

from litestar.openapi import OpenAPIConfig, ResponseSpec
from litestar.openapi.plugins import OpenAPIRenderPlugin
from litestar.openapi.spec import (
    Components,
    OpenAPIMediaType,
    OpenAPIType,
    Operation,
    Reference,
    RequestBody,
    Schema,
    SecurityScheme,
)
from msgspec import Meta, Struct, defstruct

from balados_shared import __version__
from balados_shared.http.illustrated import Example, IllustratedDocument
from balados_shared.http.problems import MEDIA_TYPE
from balados_shared.kinds import ALL
from balados_shared.wire import MAX_NUMBER

FeedText = Annotated[
    str,
    Meta(
        description="A feed id: base64url of the feed's URL. Other base64 forms and the plain URL are read too.",
        examples=["aHR0cHM6Ly9leGFtcGxlLmNvbS9mZWVkLnhtbA"],
    ),
]
ItemText = Annotated[
    str,
    Meta(
        description="An episode id: base64url of `guid,enclosure_url`. A plain guid or media URL is read too.",
        examples=["Z3VpZC0xLGh0dHBzOi8vZXhhbXBsZS5jb20vMS5tcDM"],
    ),
]
PositionSeconds = Annotated[float, Meta(description="Seconds from the start.", examples=[1834.5])]
CodeText = Annotated[str, Meta(description="A pairing code, as it was printed.", examples=["K7QF-M2XD"])]

Responses = Mapping[int, ResponseSpec]


class ProblemDocument(Struct):
    """Why a request was refused: RFC 9457, and what upstream's clients look for. `error` and `error_code` are one."""

    type: str
    title: str
    status: int
    detail: str
    error: str
    error_code: str
    message: str


_MEANING = {
    400: "The request cannot be read, or makes no sense.",
    401: "No token, or not a good one.",
    403: "This Host or Origin may not ask, or the token does not allow it.",
    404: "There is nothing by that name.",
    409: "It does not fit what is there; `error_code` says why.",
    413: "The body is larger than is taken.",
    415: "The body is packed or written in a way that is not understood.",
    422: "It was understood, and the answer is no.",
    429: "Too often; `Retry-After` says when to come back.",
    502: "A server that was needed for the answer did not give a good one.",
    503: "Not now; where `Retry-After` is given it says when to come back.",
    507: "The disk is full; nothing was written.",
}


def reads(*also: int) -> Responses:
    """Return how a route that only reads can refuse."""
    return _refusals(400, 401, 403, 429, 503, *also)


def writes(*also: int) -> Responses:
    """Return how a route that takes a body or writes can refuse."""
    return _refusals(400, 401, 403, 413, 415, 429, 503, 507, *also)


def answers(form: type[Struct], description: str, refusals: Responses) -> Responses:
    """Return what a route answers whose own return type does not tell."""
    return {HTTPStatus.OK: ResponseSpec(form, generate_examples=False, description=description), **refusals}


def openapi(
    title: str,
    tokens: Mapping[str, str],
    everywhere: str | None = None,
    *,
    examples: Sequence[Example] = (),
    page: OpenAPIRenderPlugin | None = None,
) -> OpenAPIConfig:
    """Return the configuration of a program's document, served at `/schema/openapi.json` and by `page`.

    `tokens` describes the kinds of bearer token, `everywhere` names the one that all routes want unless they say else.
    """
    schemes: dict[str, SecurityScheme | Reference] = {
        name: SecurityScheme(type="http", scheme="bearer", description=text) for name, text in tokens.items()
    }
    return OpenAPIConfig(
        title=title,
        version=__version__,
        path="/schema",
        render_plugins=[IllustratedDocument(examples), *([page] if page else [])],
        components=Components(security_schemes=schemes),
        security=[{everywhere: []}] if everywhere else None,
    )


_RECORDS: list[tuple[str, Any, Any]] = [(kind.plural, list[dict[str, Any]], []) for kind in ALL]
"""The lists that a message may hold, one for each kind of record (docs/sync.md)."""

_CURSOR_ASKED = "Where a device stands, empty at first. With it goes `device_id`; an app without numbers leaves it out"
_TIME_OR_NULL = [OpenAPIType.STRING, OpenAPIType.NULL]

_SYNC_MESSAGE = Schema(
    type=OpenAPIType.OBJECT,
    properties={
        "device_id": Schema(type=OpenAPIType.STRING, min_length=1, max_length=100, examples=["d7k2"]),
        "cursor": Schema(type=OpenAPIType.STRING, max_length=100, description=_CURSOR_ASKED),
        "count": Schema(type=OpenAPIType.INTEGER, minimum=0, maximum=MAX_NUMBER),
        "runs": Schema(type=OpenAPIType.ARRAY, items=Schema(type=OpenAPIType.STRING, max_length=100), max_items=50),
        **{kind.plural: Schema(type=OpenAPIType.ARRAY, items=Schema(type=OpenAPIType.OBJECT)) for kind in ALL},
        "since": Schema(type=_TIME_OR_NULL, description="Without a cursor: the `synced_at` of the answer before"),
        "last_sync": Schema(type=_TIME_OR_NULL, description="With `changes`: the `sync_token` of the answer before"),
        "changes": Schema(type=OpenAPIType.OBJECT, description="The other documented form: the lists stand in here"),
    },
    description="What a device sends (docs/sync.md), or an app that keeps no cursor, in either documented form.",
)


@dataclass
class TakesSyncMessage(Operation):
    """The operation of a route that reads the body of an exchange as it comes, so that no type of it tells."""

    def __post_init__(self) -> None:
        self.request_body = RequestBody(content={"application/json": OpenAPIMediaType(_SYNC_MESSAGE)}, required=True)


SyncResult = defstruct(
    "SyncResult",
    [
        ("synced_at", str),
        ("cursor", str),
        ("more", bool, False),
        ("verdicts", list[dict[str, Any]], []),
        ("clone", bool, False),
        *_RECORDS,
    ],
)
"""What the relay answers a device (docs/sync.md)."""

Rows = list[dict[str, Any]]

AnySyncResult = defstruct(
    "AnySyncResult",
    [
        ("synced_at", Annotated[str, Meta(description="To devices, and to apps that send the lists as they are.")], ""),
        ("cursor", Annotated[str, Meta(description="To devices only.")], ""),
        ("more", bool, False),
        ("verdicts", Rows, []),
        ("clone", bool, False),
        *_RECORDS,
        ("sync_token", Annotated[str, Meta(description="To apps that send `changes`.")], ""),
        ("changes", Annotated[dict[str, Rows], Meta(description="To apps that send `changes`: the lists.")], {}),
        ("conflicts", Annotated[Rows, Meta(description="To apps that send `changes`.")], []),
    ],
)
"""What the relay answers in each of the three forms (docs/sync.md, protocol sheet section 4)."""


def _refusals(*statuses: int) -> Responses:
    return {
        status: ResponseSpec(
            ProblemDocument, generate_examples=False, description=_MEANING[status], media_type=MEDIA_TYPE
        )
        for status in sorted(set(statuses))
    }
