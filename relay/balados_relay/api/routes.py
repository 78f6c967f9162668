"""The relay's routes under `/api/v1`: sync and what goes with it, pairing, and what its operator asks."""

from typing import Any

from litestar import MediaType, Request, Response, Router, get, post
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import FromQuery, JSONBody
from msgspec import Struct

from balados_relay.accounts.callers import Caller
from balados_relay.accounts.service import Accounts
from balados_relay.sync.arrivals import Arrivals, Sender
from balados_shared import problems
from balados_shared.http.documented import CodeText, SyncResult, TakesSyncMessage, answers, reads, writes
from balados_shared.storage.database import Database
from balados_shared.storage.log import Event
from balados_shared.storage.reader import LibraryReader
from balados_shared.times import Instant
from balados_shared.wire import decode_request

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


class DeviceRow(Struct):
    """A device of the account, as the others may know it."""

    device_id: str
    name: str
    last_seen: str


async def only_devices(request: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Let in who signed a request, before anything else of it is read. Raises Problem 401."""
    request.state.caller = request.app.state.accounts.authenticate(bearer_token(request))


async def caller_of(request: Request[Any, Any, Any]) -> Caller:
    """Return who signed a request, for the routes that `only_devices` guards."""
    caller: Caller = request.state.caller
    return caller


@post(
    "/sync",
    status_code=200,
    summary="Exchange changes",
    media_type=MediaType.JSON,
    responses=answers(SyncResult, "What the device lacks", writes(409, 429)),
    operation_class=TakesSyncMessage,
)
async def sync(
    request: Request[Any, Any, Any],
    caller: NamedDependency[Caller],
    arrivals: NamedDependency[Arrivals],
    accounts: NamedDependency[Accounts],
) -> Response[bytes]:
    """Take what a device sends and answer what it lacks (docs/sync.md)."""
    message = decode_request(await request.body())
    accounts.claim_once(caller)
    answer = await arrivals.exchange(sender(caller), message)
    return Response(answer.body, media_type=MediaType.JSON)


@get("/events", summary="Read the log of one record (kind/key)", responses=reads())
async def list_events(
    record: FromQuery[str], caller: NamedDependency[Caller], database: NamedDependency[Database]
) -> dict[str, list[Event]]:
    kind, _, key = record.partition("/")
    return {"events": LibraryReader(database, caller.account).events_of(kind, key)}


@get("/devices", summary="List the account's devices", responses=reads())
async def list_devices(
    caller: NamedDependency[Caller], accounts: NamedDependency[Accounts]
) -> dict[str, list[DeviceRow]]:
    known = accounts.seen(caller.account)
    rows = [DeviceRow(device.device_id, device.name, Instant(device.last_seen).write()) for device in known]
    return {"devices": rows}


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


def sender(caller: Caller) -> Sender:
    """Return whose device a caller is."""
    return Sender(caller.account, caller.app_id, caller.device_name)


def source_of(request: Request[Any, Any, Any]) -> str:
    """Return the address that a request comes from."""
    return request.client.host if request.client else ""


def bearer_token(request: ASGIConnection[Any, Any, Any, Any]) -> str:
    """Return the token that a request carries. Raises Problem 401."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme != "Bearer":
        raise problems.unauthorized()
    return token


signed = Router(
    "/",
    route_handlers=[sync, list_events, list_devices],
    guards=[only_devices],
    security=[{"device": []}],
    tags=["Sync"],
)
pairing = Router("/pair", route_handlers=[pair, preview_pairing], tags=["Pairing"], request_max_body_size=SMALL)
