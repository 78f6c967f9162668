"""Joining a relay: a dry run that says exactly what would happen, and the joining itself. Joining merges.

Nothing is sent or stored in a dry run; it reads the relay's library with the code, which stays good (DESIGN.md
section 1, promise 7).
"""

from collections.abc import Callable
from urllib.parse import urlsplit

from msgspec import Struct, field

from balados_daemon.library_service import LibraryService
from balados_daemon.storage.device import Device, Relay
from balados_daemon.sync.line import RelayUnavailable
from balados_daemon.sync.relay_client import RelayHttp, read_fields, succeeded
from balados_shared import __version__
from balados_shared.clock import offset
from balados_shared.errors import InvalidInput
from balados_shared.kinds import Subscription
from balados_shared.record import Record, merge
from balados_shared.rules import value_of
from balados_shared.tokens import new_key, public_pem
from balados_shared.wire import SyncAnswer, decode_answer, encode_json


class Joining(Struct):
    """What joining does to one kind of record, in numbers: here is this device, there the relay."""

    added_here: int = 0
    added_there: int = 0
    changed_here: int = 0
    changed_there: int = 0
    removed_here: int = 0
    removed_there: int = 0


class JoinPlan(Struct):
    """What joining would do, by kind, and the feeds that would be new on either side."""

    kinds: dict[str, Joining] = field(default_factory=dict)
    feeds_here: list[str] = field(default_factory=list)
    feeds_there: list[str] = field(default_factory=list)


class _Paired(Struct):
    """What the relay answers to a good code. `now` is its time in milliseconds."""

    account: str
    user_id: str
    app_id: str
    now: int


class Joined(Struct, frozen=True):
    """A relay that took us in."""

    relay: Relay
    account: str


async def preview(http: RelayHttp, service: LibraryService, code: str) -> JoinPlan:
    """Return what joining would do. Raises SyncTrouble, or Refused for a code that is not valid."""
    plan = JoinPlan()
    seen: set[tuple[str, str]] = set()
    cursor, more = "", True
    while more:
        response = await http.request("POST", "/pair/preview", body=encode_json({"code": code, "cursor": cursor}))
        page = _page(succeeded(response).content)
        for theirs in page.records:
            seen.add((theirs.kind, theirs.key))
            _compare(plan, service.record(theirs.kind, theirs.key), theirs)
        cursor, more = page.cursor, page.more
    _count_unknown_there(plan, service, seen)
    return plan


async def join(http: RelayHttp, url: str, code: str, device: Device, clock: Callable[[], int]) -> Joined:
    """Register this device with a new key of its own. Raises SyncTrouble."""
    key = new_key()
    body = {"code": code, "public_key": public_pem(key), "device_id": device.id, "device_name": device.name}
    sent = clock()
    response = succeeded(await http.request("POST", "/pair", body=encode_json(body)))
    answer = read_fields(response, _Paired)
    relay = Relay(
        url=url.rstrip("/"),
        user_id=answer.user_id,
        app_id=answer.app_id,
        key=key,
        clock_offset=offset(sent, clock(), answer.now),
        paired_at=sent,
        version=__version__,
    )
    return Joined(relay, answer.account)


def check_url(url: str) -> str:
    """Return the relay's address without a trailing slash. Raises InvalidInput."""
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        raise InvalidInput("the relay's address is not a URL") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidInput("the relay's address must begin with http:// or https://")
    return parts.geturl().rstrip("/")  # with its scheme in lower case


def _page(content: bytes) -> SyncAnswer:
    try:
        return decode_answer(content)
    except InvalidInput as error:
        raise RelayUnavailable(f"the relay's answer cannot be read: {error}") from None


def _compare(plan: JoinPlan, ours: Record | None, theirs: Record) -> None:
    """Add up what joining one record does on both sides."""
    counts = plan.kinds.setdefault(theirs.kind, Joining())
    there = value_of(theirs)
    if ours is None:
        counts.added_here += there.present
        if isinstance(there, Subscription) and there.present:
            plan.feeds_here.append(there.title or there.rss_source_feed.url)
        return
    here, after = value_of(ours), value_of(merge(ours, theirs))
    counts.added_here += after.present and not here.present
    counts.added_there += after.present and not there.present
    counts.removed_here += here.present and not after.present
    counts.removed_there += there.present and not after.present
    counts.changed_here += here.present and after.present and here != after
    counts.changed_there += there.present and after.present and there != after


def _count_unknown_there(plan: JoinPlan, service: LibraryService, seen: set[tuple[str, str]]) -> None:
    for kind, key in service.names():
        if (kind, key) not in seen:
            plan.kinds.setdefault(kind, Joining()).added_there += 1
    new = [s for s in service.subscriptions() if (s.kind, s.key) not in seen]
    plan.feeds_there = [subscription.title or subscription.rss_source_feed.url for subscription in new]
