"""`/api/v1/sync`, and what a device asks beside it: the log of one record, and the account's other devices."""

from typing import Any

from litestar import MediaType, Request, Response, Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery
from msgspec import Struct

from balados_relay.accounts.callers import Caller
from balados_relay.accounts.service import Accounts
from balados_relay.api.callers import only_callers
from balados_relay.api.limits import check, spend
from balados_relay.sync.arrivals import Arrivals, Sender
from balados_relay.sync.stock import StockSync
from balados_shared import problems
from balados_shared.http.documented import AnySyncResult, TakesSyncMessage, answers, reads, writes
from balados_shared.http.edge import MAX_UNPACKED
from balados_shared.storage.database import Database
from balados_shared.storage.log import Event
from balados_shared.storage.reader import LibraryReader
from balados_shared.times import Instant
from balados_shared.wire import decode_fields, decode_json, decode_request

MAX_STOCK_BYTES = 1_000_000
"""Of a request without a cursor: the documented limit (protocol sheet, section 3.1)."""


class DeviceRow(Struct):
    """A device of the account, as the others may know it."""

    device_id: str
    name: str
    last_seen: str


@post(
    "/sync",
    status_code=200,
    scope="user.sync",
    summary="Exchange changes",
    media_type=MediaType.JSON,
    responses=answers(AnySyncResult, "What it lacks, in the form it asked in", writes(409)),
    operation_class=TakesSyncMessage,
    request_max_body_size=MAX_UNPACKED,
)
async def sync(
    request: Request[Any, Any, Any],
    caller: NamedDependency[Caller],
    arrivals: NamedDependency[Arrivals],
    stock: NamedDependency[StockSync],
    accounts: NamedDependency[Accounts],
) -> Response[bytes]:
    """Take what a device sends and answer what it lacks (docs/sync.md).

    A `cursor` says that it is one of ours; else it is a stock client, in either of the documented dialects.
    """
    body = await request.body()
    spend(request, len(body))
    fields = decode_fields(body)
    if "cursor" in fields:
        message = decode_request(fields)
        accounts.claim_once(caller)
        answer = (await arrivals.exchange(sender(caller), message)).body
    else:
        check(request, "sync")
        _check_length(body)
        upload = {name: decode_json(field) for name, field in fields.items()}
        accounts.claim_once(caller)
        answer = await stock.exchange(caller, upload)
    return Response(answer, media_type=MediaType.JSON)


def _check_length(body: bytes) -> None:
    if len(body) > MAX_STOCK_BYTES:
        raise problems.too_large(f"The body is larger than {MAX_STOCK_BYTES:,} bytes")


@get("/events", scope="user.sync", summary="Read the log of one record (kind/key)", responses=reads())
async def list_events(
    record: FromQuery[str], caller: NamedDependency[Caller], database: NamedDependency[Database]
) -> dict[str, list[Event]]:
    kind, _, key = record.partition("/")
    return {"events": LibraryReader(database, caller.account).events_of(kind, key)}


@get("/devices", scope="user.sync", summary="List the account's devices", responses=reads())
async def list_devices(
    caller: NamedDependency[Caller], accounts: NamedDependency[Accounts]
) -> dict[str, list[DeviceRow]]:
    known = accounts.seen(caller.account)
    rows = [DeviceRow(device.device_id, device.name, Instant(device.last_seen).write()) for device in known]
    return {"devices": rows}


def sender(caller: Caller) -> Sender:
    """Return whose device a caller is."""
    return Sender(caller.account, caller.app_id, caller.device_name)


router = Router(
    "/",
    route_handlers=[sync, list_events, list_devices],
    guards=[only_callers],
    security=[{"device": []}],
    tags=["Sync"],
)
