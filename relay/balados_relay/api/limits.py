"""How often the API may be asked (protocol sheet, section 3.3), and what each answer says of it.

A route belongs to a bucket: the one it names (`bucket=…`), else that of its scope. Signed requests count for their app
and, more widely, for their account, so that one noisy app does not lock out the others; those of strangers count for
their address. The documented limits are for clients without cursors; our devices have a budget of bytes (DESIGN.md
section 4).
"""

from collections.abc import Callable, Hashable
from typing import Any

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.datastructures import MutableScopeHeaders
from litestar.types import Message, Scope

from balados_relay.accounts.callers import Caller
from balados_relay.accounts.throttle import network_of, too_many
from balados_relay.api.callers import source_of
from balados_relay.api.windows import Exceeded, Limit, Standing, Windows
from balados_shared.problems import Problem
from balados_shared.times import SECOND

READING, WRITING = Limit(100, 60), Limit(30, 60)

BUCKETS = {
    "sync": Limit(30, 60),
    "metadata": Limit(20, 60),
    "auth": Limit(10, 60),
    "refresh": Limit(100, 3_600),
    "proxy": Limit(60, 60),
    "public": Limit(60, 60),
    "rss": Limit(10, 60),
    "gateway": Limit(60, 60),
    "user.plays.write": Limit(60, 60),
    **{
        f"user.{family}.{access}": limit
        for family in ("subscriptions", "likes", "privacy", "collections", "playlists")
        for access, limit in (("read", READING), ("write", WRITING))
    },
    "user.plays.read": READING,
}
"""Requests in a window, by bucket."""

BY_ADDRESS = frozenset({"auth", "proxy", "public"})
"""Buckets that count by address even when a request is signed."""

APPS_OF_AN_ACCOUNT = 4
"""How many apps of one account may use all that is theirs at the same time."""

DEVICE_BYTES = Limit(256_000_000, 3_600)
"""What one of our own devices may send; a first sync of 100,000 records is a sixth of it."""

MIN_BYTES = 1_000
"""What a request counts at least, since it costs something even when it says nothing."""

_SAYS_TOO_MANY = "Too many requests. Please try again later."
_STANDING = "balados.limit"


class Limits:
    """The counts of all buckets. `clock` gives milliseconds."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._windows = Windows()

    def of_app(self, bucket: str, account: int, app_id: str) -> Standing:
        """Count a request of an app. Raises Exceeded."""
        limit = BUCKETS[bucket]
        wide = Limit(limit.amount * APPS_OF_AN_ACCOUNT, limit.seconds)
        keys: dict[Hashable, Limit] = {(bucket, account, app_id): limit, (bucket, account): wide}
        return self._windows.take(keys, self._clock())

    def of_address(self, bucket: str, address: str) -> Standing:
        """Count a request that comes from an address. Raises Exceeded."""
        return self._windows.take({(bucket, network_of(address)): BUCKETS[bucket]}, self._clock())

    def spend(self, caller: Caller, size: int) -> None:
        """Count the bytes that a device of ours sends. Raises Problem 429."""
        key = ("bytes", caller.account, caller.app_id)
        try:
            self._windows.take({key: DEVICE_BYTES}, self._clock(), max(size, MIN_BYTES))
        except Exceeded as exceeded:
            raise _refusal(exceeded.standing) from None


async def limit_request(request: Request[Any, Any, Any]) -> None:
    """Count a request for the bucket of its route. Raises Problem 429. For `Litestar(before_request=…)`."""
    said = request.route_handler.opt
    bucket: str = said.get("bucket", said.get("scope", ""))
    # A scope may have no limit; a bucket that is named has one, or the route is wrong.
    if "bucket" in said or bucket in BUCKETS:
        check(request, bucket)


def check(request: ASGIConnection[Any, Any, Any, Any], bucket: str) -> None:
    """Count a request for a bucket, and note for its answer what is left. Raises Problem 429."""
    limits: Limits = request.app.state.limits
    caller: Caller | None = request.state.get("caller")
    try:
        if caller is None or bucket in BY_ADDRESS:
            standing = limits.of_address(bucket, source_of(request))
        else:
            standing = limits.of_app(bucket, caller.account, caller.app_id)
    except Exceeded as exceeded:
        request.scope["state"][_STANDING] = exceeded.standing
        raise _refusal(exceeded.standing) from None
    request.scope["state"][_STANDING] = standing


def spend(request: ASGIConnection[Any, Any, Any, Any], size: int) -> None:
    """Count the bytes that a device of ours sends. Raises Problem 429."""
    limits: Limits = request.app.state.limits
    limits.spend(request.state.caller, size)


async def tell_limits(message: Message, scope: Scope) -> None:
    """Say on an answer how its bucket stands. For `Litestar(before_send=…)`.

    The headers are those of draft-ietf-httpapi-ratelimit-headers-07, the form that clients know.
    """
    standing: Standing | None = scope["state"].get(_STANDING)
    if standing is None or message["type"] != "http.response.start":
        return
    headers = MutableScopeHeaders(message)
    headers["RateLimit-Limit"] = str(standing.limit.amount)
    headers["RateLimit-Remaining"] = str(standing.left)
    headers["RateLimit-Reset"] = str(_seconds(standing.wait))
    headers["RateLimit-Policy"] = f"{standing.limit.amount};w={standing.limit.seconds}"


def _refusal(standing: Standing) -> Problem:
    return too_many(_SAYS_TOO_MANY, wait=standing.wait)


def _seconds(milliseconds: int) -> int:
    """Round up: who comes back then finds the window over."""
    return -(-milliseconds // SECOND)
