"""How much of something may be used within a time, counted in windows that begin with their first use.

Law: what a limit grants is always to be had: within any stretch of its length, that much goes through. What is refused
counts for nothing, so that waiting always helps. Memory is bounded: the windows that began first are forgotten.
"""

from collections.abc import Hashable, Mapping
from typing import NamedTuple

from balados_shared.times import SECOND

MOST_KEYS = 20_000
"""Windows kept for one limit."""


class Limit(NamedTuple):
    """So much within so many seconds."""

    amount: int
    seconds: int


class Standing(NamedTuple):
    """Where somebody stands with a limit: what is left, and the milliseconds until all of it is there again."""

    limit: Limit
    left: int
    wait: int


class Exceeded(Exception):
    """There is not that much left."""

    def __init__(self, standing: Standing) -> None:
        super().__init__()
        self.standing = standing


class _Window:
    """What one key has used since its first use, in milliseconds since 1970."""

    __slots__ = ("began", "used")

    def __init__(self, began: int) -> None:
        self.began = began
        self.used = 0


class Windows:
    """The open windows of all limits, each by its limit and its key."""

    def __init__(self, most_keys: int = MOST_KEYS) -> None:
        self._most_keys = most_keys
        self._windows: dict[Limit, dict[Hashable, _Window]] = {}

    def take(self, limits: Mapping[Hashable, Limit], now: int, amount: int = 1) -> Standing:
        """Use an amount under all limits at once, given by their keys; return the tightest. Raises Exceeded.

        `now` is in milliseconds.
        """
        windows = [(limit, self._window(limit, key, now)) for key, limit in limits.items()]
        for limit, window in windows:
            if window.used + amount > limit.amount:
                raise Exceeded(_standing(limit, window, now))
        for _, window in windows:
            window.used += amount
        return min((_standing(limit, window, now) for limit, window in windows), key=lambda each: each.left)

    def _window(self, limit: Limit, key: Hashable, now: int) -> _Window:
        windows = self._windows.setdefault(limit, {})
        _forget_ended(windows, limit, now)
        if key in windows and not _has_ended(windows[key], limit, now):
            return windows[key]
        windows.pop(key, None)  # so that the windows stand in the order in which they began
        if len(windows) >= self._most_keys:
            del windows[next(iter(windows))]
        windows[key] = _Window(now)
        return windows[key]


def _forget_ended(windows: dict[Hashable, _Window], limit: Limit, now: int) -> None:
    while windows:
        first = next(iter(windows))
        if not _has_ended(windows[first], limit, now):
            return
        del windows[first]


def _has_ended(window: _Window, limit: Limit, now: int) -> bool:
    """Whether a window is over; one that has not begun yet is of a clock that was set back."""
    return not window.began <= now < window.began + limit.seconds * SECOND


def _standing(limit: Limit, window: _Window, now: int) -> Standing:
    return Standing(limit, max(0, limit.amount - window.used), window.began + limit.seconds * SECOND - now)
