"""How much one connection, and one person, may say (protocol sheet section 6, "Rate").

Law: time is an argument, in seconds of any clock that only goes forward; nothing here waits or speaks.
"""

from collections.abc import Callable

MESSAGES_AT_ONCE, MESSAGES_PER_SECOND = 20, 10
"""What a connection may say: the documented bucket."""

PLAYS_PER_SECOND = 10
"""How many plays a person's clients may record, all together."""

REFUSALS_AT_ONCE, REFUSALS_PER_SECOND = 100, 10
"""How often a connection may be told that it says too much, before it is ended."""

DEVICE_AT_ONCE, DEVICE_PER_SECOND = 2_000, 500
"""What one of our own devices may say. A message costs one, and one more for each `DEVICE_BYTES` of it."""
DEVICE_BYTES = 16 * 1_024

MAX_IDLE_BUCKETS = 1_000


class TokenBucket:
    """Holds at most `capacity` tokens, begins full, and gets `per_second` back."""

    __slots__ = ("_at", "_capacity", "_per_second", "_tokens")

    def __init__(self, capacity: float, per_second: float, now: float) -> None:
        self._capacity = capacity
        self._per_second = per_second
        self._tokens = float(capacity)
        self._at = now

    def take(self, now: float) -> bool:
        """Take a token; False, and nothing is taken, when there is none."""
        self._refill(now)
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def owe(self, now: float, tokens: float) -> float:
        """Take tokens that may not be there yet; return the seconds until they will have come back."""
        self._refill(now)
        self._tokens -= tokens
        return max(0.0, -self._tokens / self._per_second)

    def is_full(self, now: float) -> bool:
        """Whether nothing was taken for long enough that it stands as at the beginning."""
        self._refill(now)
        return self._tokens >= self._capacity

    def _refill(self, now: float) -> None:
        passed = max(0.0, now - self._at)
        self._tokens = min(self._capacity, self._tokens + passed * self._per_second)
        self._at = max(self._at, now)


class PlayLimit:
    """The plays that each account records, over all of its connections."""

    def __init__(self) -> None:
        self._buckets: dict[int, TokenBucket] = {}

    def allows(self, account: int, now: float) -> bool:
        """Count a play; False when there were too many in the last second."""
        bucket = self._buckets.get(account)
        if bucket is None:
            self._forget_idle(now)
            bucket = self._buckets[account] = TokenBucket(PLAYS_PER_SECOND, PLAYS_PER_SECOND, now)
        return bucket.take(now)

    def _forget_idle(self, now: float) -> None:
        if len(self._buckets) >= MAX_IDLE_BUCKETS:
            self._buckets = {of: bucket for of, bucket in self._buckets.items() if not bucket.is_full(now)}


class Flooding(Exception):
    """A connection went on saying too much after it was told so."""


class ConnectionLimit:
    """What one connection may say: like any client at first, like one of our devices once it is known as one."""

    __slots__ = ("_clock", "_device", "_messages", "_plays", "_refusals")

    def __init__(self, plays: PlayLimit, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._plays = plays
        self._messages: TokenBucket | None = TokenBucket(MESSAGES_AT_ONCE, MESSAGES_PER_SECOND, clock())
        self._refusals: TokenBucket | None = None
        self._device: TokenBucket | None = None

    def is_device(self) -> None:
        """From now on this is one of our devices: it is slowed down where others are refused."""
        self._messages = self._refusals = None
        self._device = TokenBucket(DEVICE_AT_ONCE, DEVICE_PER_SECOND, self._clock())

    def allows(self) -> bool:
        """Count a message; False when it is to be refused. Raises Flooding when that was said too often."""
        now = self._clock()
        if self._messages is None or self._messages.take(now):
            return True
        if self._refusals is None:
            self._refusals = TokenBucket(REFUSALS_AT_ONCE, REFUSALS_PER_SECOND, now)
        if not self._refusals.take(now):
            raise Flooding
        return False

    def delay(self, length: int) -> float:
        """Return for how many seconds a device's message of this length has to wait."""
        return self._device.owe(self._clock(), 1 + length / DEVICE_BYTES) if self._device else 0.0

    def allows_play(self, account: int) -> bool:
        """Count a play of an account; False when it is to be refused."""
        return self._plays.allows(account, self._clock())
