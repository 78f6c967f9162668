"""`/api/v1/pair`: a device joins an account with a code that somebody read out to it."""

from typing import Any

from litestar import MediaType, Request, Response, Router, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import Struct

from balados_relay.accounts.service import Accounts
from balados_relay.api.callers import source_of
from balados_relay.sync.arrivals import Arrivals
from balados_shared.http.documented import CodeText, SyncResult, answers, writes

SMALL = 20_000
"""Bytes of a body from somebody who has shown nothing yet."""


class PairBody(Struct):
    """A pairing code, and the key and names of the device that wants to join."""

    code: CodeText
    public_key: str
    device_id: str
    device_name: str


class Paired(Struct):
    """What a device needs for signing its requests. `now` is the relay's time in milliseconds."""

    account: str
    user_id: str
    app_id: str
    now: int


class PreviewBody(Struct):
    """A pairing code, and how much of the library was seen."""

    code: CodeText
    cursor: str = ""


@post("/", status_code=200, summary="Join an account with a pairing code", responses=writes(429))
async def pair(
    data: JSONBody[PairBody],
    request: Request[Any, Any, Any],
    accounts: NamedDependency[Accounts],
    arrivals: NamedDependency[Arrivals],
) -> Paired:
    source = source_of(request)
    account = accounts.peek(data.code, source=source)
    paired = await accounts.pair(
        data.code, data.public_key, device_id=data.device_id, device_name=data.device_name, source=source
    )
    return Paired(account.name, paired.user_id, paired.app_id, arrivals.now())


@post(
    "/preview",
    status_code=200,
    summary="Look at a library that a pairing code opens, and keep the code",
    responses=answers(SyncResult, "A page of the library", writes(409, 429)),
)
async def preview_pairing(
    data: JSONBody[PreviewBody],
    request: Request[Any, Any, Any],
    accounts: NamedDependency[Accounts],
    arrivals: NamedDependency[Arrivals],
) -> Response[bytes]:
    account = accounts.peek(data.code, source=source_of(request))
    return Response(await arrivals.preview(account.id, data.cursor), media_type=MediaType.JSON)


router = Router("/pair", route_handlers=[pair, preview_pairing], tags=["Pairing"], request_max_body_size=SMALL)
