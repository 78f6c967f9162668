"""How often somebody may be wrong, with a code or a password, and when they may try again.

Law: a try counts from the moment it begins and is given back when it was right, so that tries at the same time cannot
slip past a limit. Every limit ends by itself: nobody has to be let in again by hand.
"""

from collections import deque
from collections.abc import Mapping
from ipaddress import IPv6Network, ip_address
from typing import NamedTuple

from balados_shared.problems import Problem
from balados_shared.times import MINUTE, SECOND

WINDOW = 15 * MINUTE

_NETWORK_BITS = 64
"""Of an IPv6 address: what one subscriber gets, who can take any address within (RFC 6177)."""


class Counted(NamedTuple):
    """What tries are counted by: a kind of limit, and for example an address."""

    kind: str
    name: str = ""


class Try(NamedTuple):
    """Something that was tried: when (milliseconds), and what it counts for."""

    time: int
    counts: tuple[Counted, ...]


class WrongTries:
    """The wrong tries of the last quarter of an hour. `limits` says how many each kind of count may reach."""

    def __init__(self, limits: Mapping[str, int], message: str) -> None:
        self._limits = limits
        self._message = message
        self._tries: deque[Try] = deque()
        self._times: dict[Counted, deque[int]] = {}

    def begin(self, now: int, *counts: Counted) -> Try:
        """Count a try. Raises Problem 429, which says when to come back, when there were too many."""
        while self._tries and self._tries[0].time <= now - WINDOW:
            self._uncount(self._tries.popleft())
        for count in counts:
            times = self._times.get(count)
            if times is not None and len(times) >= self._limits[count.kind]:
                raise too_many(self._message, wait=times[0] + WINDOW - now)
        begun = Try(now, counts)
        self._tries.append(begun)
        for count in counts:
            self._times.setdefault(count, deque()).append(now)
        return begun

    def take_back(self, begun: Try) -> None:
        """Forget a try that was right, or that came to nothing."""
        if begun in self._tries:
            self._tries.remove(begun)
            self._uncount(begun)

    def _uncount(self, begun: Try) -> None:
        for count in begun.counts:
            self._times[count].remove(begun.time)
            if not self._times[count]:
                del self._times[count]


def network_of(source: str) -> str:
    """Return what an address is counted as: itself, or the network of an IPv6 address."""
    try:
        address = ip_address(source.partition("%")[0])
    except ValueError:
        return source
    if address.version == 4:
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(IPv6Network((address, _NETWORK_BITS), strict=False))


def too_many(message: str, *, wait: int) -> Problem:
    """Not so fast (429). `wait` is in milliseconds."""
    seconds = -(-wait // SECOND)
    headers = {"Retry-After": str(seconds)}
    return Problem(429, "RATE_LIMIT_EXCEEDED", message, headers=headers, retry_after_seconds=seconds)
