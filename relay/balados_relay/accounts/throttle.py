"""How many wrong pairing codes may be tried, and when again.

Law: a try counts from the moment it begins and is given back when it was right, so that tries at the same time cannot
slip past the limit. The limit over all sources also bounds what is remembered.
"""

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from balados_shared.problems import Problem
from balados_shared.times import MINUTE, SECOND

WINDOW = 15 * MINUTE
MAX_FROM_ONE_SOURCE = 10
MAX_IN_ALL = 100


class Try(NamedTuple):
    """A code that was tried: when (milliseconds), and from what address."""

    time: int
    source: str


class WrongTries:
    """The wrong codes of the last quarter of an hour."""

    def __init__(self) -> None:
        self._tries: deque[Try] = deque()

    def begin(self, source: str, now: int) -> Try:
        """Count a try. Raises Problem 429, which says when to come back, when there were too many."""
        while self._tries and self._tries[0].time <= now - WINDOW:
            self._tries.popleft()
        _check(self._tries, MAX_IN_ALL, now)
        _check([each for each in self._tries if each.source == source], MAX_FROM_ONE_SOURCE, now)
        begun = Try(now, source)
        self._tries.append(begun)
        return begun

    def was_right(self, begun: Try) -> None:
        """Take back a try whose code was good."""
        if begun in self._tries:
            self._tries.remove(begun)


def _check(tries: Sequence[Try], limit: int, now: int) -> None:
    if len(tries) >= limit:
        raise too_many("Too many wrong codes. Please try again later.", wait=tries[0].time + WINDOW - now)


def too_many(message: str, *, wait: int) -> Problem:
    """Not so fast (429). `wait` is in milliseconds."""
    seconds = -(-wait // SECOND)
    headers = {"Retry-After": str(seconds)}
    return Problem(429, "RATE_LIMIT_EXCEEDED", message, headers=headers, retry_after_seconds=seconds)
