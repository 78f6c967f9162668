"""One round of sync: push what is queued, pull to the relay's head, page by page.

Safe to stop anywhere and run again: pushing twice is harmless, and the cursor moves in the transaction that stores what
it passed (DESIGN.md section 4).
"""

from collections.abc import Callable, Sequence

from balados_daemon.library_service import LibraryService
from balados_daemon.receiving import Received
from balados_daemon.sync.line import CursorUnknown, Line, RelayUnavailable
from balados_daemon.sync.membership import Membership
from balados_shared.clock import offset
from balados_shared.storage.queue import Letter
from balados_shared.wire import MAX_PUSH, SyncAnswer, encode_request

MAX_BODY = 8_000_000
"""Bytes of records in one request; a relay takes 10 MB."""


class Round:
    """A round over one line. `clock` is this device's own, in milliseconds."""

    def __init__(self, service: LibraryService, membership: Membership, line: Line, clock: Callable[[], int]) -> None:
        self._service = service
        self._membership = membership
        self._line = line
        self._clock = clock
        self._received = Received()
        self._reading = False
        self._more = True

    async def run(self, *, everything: bool = False) -> Received:
        """Run until nothing is left to push or pull. `everything` also sends what the schedule still gathers.

        Between two pages nothing is pushed, since it would stay in the queue until the last one (`receiving.receive`).
        Raises SyncTrouble; what was exchanged until then stands.
        """
        started_over = False
        while self._more:
            letters = [] if self._reading else _fitting(self._service.letters(limit=MAX_PUSH, everything=everything))
            try:
                await self._exchange(letters, everything=everything)
            except CursorUnknown as error:
                if started_over:
                    raise RelayUnavailable(f"the relay does not know its own history: {error}") from None
                started_over = True
                await self._membership.start_over(self._clock())
        return self._received

    async def _exchange(self, letters: Sequence[Letter], *, everything: bool) -> None:
        sent = self._clock()

        async def apply(answer: SyncAnswer) -> None:
            await self._membership.learn_offset(self._new_offset(sent, answer))
            received = await self._service.receive(answer, letters)
            self._received = self._received.plus(received)
            self._reading = answer.more
            self._more = answer.more or bool(self._service.letters(limit=1, everything=everything))
            if answer.clone or received.foreign:
                await self._membership.take_new_id()
            else:
                await self._membership.was_heard()

        try:
            await self._line.exchange(self._request(letters), apply)
        except RelayUnavailable as trouble:
            await self._service.postpone(letters, str(trouble))
            raise

    def _request(self, letters: Sequence[Letter]) -> bytes:
        device, relay = self._membership.device, self._membership.relay
        frame = {
            "device_id": device.id,
            "count": self._service.count(),
            "cursor": relay.cursor if relay else "",
            "runs": device.runs,
        }
        return encode_request(frame, [(letter.plural, letter.state) for letter in letters])

    def _new_offset(self, sent: int, answer: SyncAnswer) -> int:
        """Return how much our corrected clock is still off."""
        known = self._service.clock_offset
        return offset(sent + known, self._clock() + known, answer.synced_at)


def _fitting(letters: Sequence[Letter]) -> list[Letter]:
    """Take as many letters as fit into one body, at least one."""
    size = 0
    fitting: list[Letter] = []
    for letter in letters:
        size += len(letter.state)
        if fitting and size > MAX_BODY:
            break
        fitting.append(letter)
    return fitting
