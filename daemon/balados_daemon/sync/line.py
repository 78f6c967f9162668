"""What a line to the relay can do, and how it can fail, sorted by what helps.

SyncTrouble
├── RelayUnavailable   try again later; nothing is lost
├── RelayRefused       trying again will not help; a person must do something
└── CursorUnknown      it is another history; start over
"""

import re
from collections.abc import Awaitable, Callable
from typing import Protocol

from balados_shared.errors import BaladosError
from balados_shared.wire import SyncAnswer

Apply = Callable[[SyncAnswer], Awaitable[None]]

_SECONDS = re.compile("[0-9]{1,9}")


class SyncTrouble(BaladosError):
    """A round that did not go through."""


class RelayUnavailable(SyncTrouble):
    """Try again later. `retry_after` is what the relay asked for, in milliseconds."""

    def __init__(self, message: str, *, retry_after: int = 0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class RelayRefused(SyncTrouble):
    """Trying again will not help: the relay does not know us any more, or does not understand us."""


class CursorUnknown(SyncTrouble):
    """The relay's history is not the one we know: it was emptied, replaced or restored."""


class Line(Protocol):
    """Over which an exchange goes: a request of its own, or the open live connection."""

    async def exchange(self, body: bytes, apply: Apply) -> None:
        """Send a request and have its answer applied, before anything that the relay says later. Raises SyncTrouble."""
        ...


def trouble(status: int, code: str, message: str, retry_after: str | None) -> SyncTrouble:
    """Sort a relay's problem answer. `retry_after` is in seconds (RFC 9110 section 10.2.3; our relays send no date)."""
    if code == "CURSOR_UNKNOWN":
        return CursorUnknown(message)
    if status in (408, 425, 429) or status >= 500:
        return RelayUnavailable(f"the relay answers {status}: {message}", retry_after=_milliseconds(retry_after))
    if status == 401:
        return RelayRefused("the relay does not accept this device any more; pair it again with: balados pair URL CODE")
    return RelayRefused(f"the relay refuses: {message}")


def _milliseconds(retry_after: str | None) -> int:
    return int(retry_after) * 1_000 if retry_after and _SECONDS.fullmatch(retry_after) else 0
