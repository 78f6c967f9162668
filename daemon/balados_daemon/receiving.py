"""What comes from the relay is stored: records joined, acknowledged rows off the queue, the cursor moved.

Law: all of it in one transaction, so that the cursor never stands for something that is not here (DESIGN.md section 4).
"""

from collections import Counter
from collections.abc import Sequence
from sqlite3 import Connection

from msgspec import Struct
from msgspec.structs import replace

from balados_daemon.storage import device as device_storage
from balados_daemon.storage import held
from balados_daemon.sync.brake import WINDOW, must_brake
from balados_shared.kinds import Subscription
from balados_shared.record import Record, merge
from balados_shared.rules import value_of
from balados_shared.storage import counts, queue, reading
from balados_shared.storage.library import Library, Saved
from balados_shared.storage.queue import Letter
from balados_shared.wire import SyncAnswer


class Received(Struct, frozen=True):
    """What an answer brought: changes made, letters the relay took, letters it refused, removals held.

    `foreign` counts records that know changes under our own device id which we never made.
    """

    changed: int = 0
    taken: int = 0
    refused: int = 0
    held: int = 0
    foreign: int = 0

    def plus(self, other: "Received") -> "Received":
        """Add up two answers."""
        names = self.__struct_fields__
        return Received(*(getattr(self, name) + getattr(other, name) for name in names))


def removals(connection: Connection, account: int, records: Sequence[Record], *, now: int, own: str) -> list[Record]:
    """Return the removals among these records that the mass-removal brake must hold."""
    leaving = [record for record in records if _would_remove(connection, account, record)]
    if not leaving:
        return []
    left_before = held.number_left(connection, account, since=now - WINDOW, own=own)
    subscribed = held.number_subscribed(connection, account)
    leaving_in_all = len(leaving) + held.number(connection, account)
    braked = must_brake(leaving=leaving_in_all, left_before=left_before, subscribed=subscribed)
    return leaving if braked else []


def receive(
    connection: Connection, account: int, answer: SyncAnswer, letters: Sequence[Letter], *, now: int, own: str
) -> Received:
    """Store an answer (or a live update, which has no letters).

    A letter leaves the queue only with an answer whose cursor stands behind it, so not before the last page: a relay
    that falls back to an older copy may forget the letter and still know an earlier cursor.
    """
    records = [_with_held(connection, account, record) for record in answer.records]
    holding = removals(connection, account, records, now=now, own=own)
    for record in holding:
        held.hold(connection, account, record, now)
    aside = {(record.kind, record.key) for record in holding}
    with Library(connection, account) as library:
        saved = library.join_all([r for r in records if (r.kind, r.key) not in aside], now=now)
    taken, refused = _sort_letters(answer, letters)
    if answer.more:
        taken = []
    queue.acknowledge(connection, taken)
    for letter, reason in refused:
        queue.park(connection, letter, error=reason)
    _move_cursor(connection, account, answer)
    counted = counts.load(connection, account, own)
    foreign = sum(record.vector.get(own, 0) > counted for record in answer.records)
    return Received(_number_changed(saved), len(taken), len(refused), len(holding), foreign)


def _would_remove(connection: Connection, account: int, record: Record) -> bool:
    """Whether a subscription that is there would be gone with this."""
    if record.kind != Subscription.kind:
        return False
    here = reading.find(connection, account, record.kind, record.key)
    if here is None or not value_of(here).present:
        return False
    after = merge(here, record)
    return bool(after.heads) and not value_of(after).present


def _with_held(connection: Connection, account: int, record: Record) -> Record:
    """Join what was held of a record with its news, and decide again."""
    before = held.find(connection, account, record.kind, record.key) if record.kind == Subscription.kind else None
    if before is None:
        return record
    held.release(connection, account, before)
    joined = merge(before, record)
    return joined if joined.heads else record


def _sort_letters(answer: SyncAnswer, letters: Sequence[Letter]) -> tuple[list[Letter], list[tuple[Letter, str]]]:
    """Tell what the relay took from what it refused, by place where it could not read a record, else by name."""
    refusals = [verdict for verdict in answer.verdicts if verdict.outcome == "refused"]
    by_place = {verdict.place: verdict.reason for verdict in refusals if verdict.place}
    by_name = {(verdict.kind, verdict.key): verdict.reason for verdict in refusals if not verdict.place}
    taken: list[Letter] = []
    refused: list[tuple[Letter, str]] = []
    counts: Counter[str] = Counter()
    for letter in letters:
        place = f"{letter.plural}[{counts[letter.plural]}]"
        counts[letter.plural] += 1
        reason = by_place.get(place) or by_name.get((letter.kind, letter.key))
        if reason is None:
            taken.append(letter)
        else:
            refused.append((letter, reason))
    return taken, refused


def _move_cursor(connection: Connection, account: int, answer: SyncAnswer) -> None:
    relay = device_storage.load_relay(connection, account)
    if relay is not None:
        went_well = replace(relay, cursor=answer.cursor, synced_at=answer.synced_at, trouble=None, refused=False)
        device_storage.save_relay(connection, account, went_well)


def _number_changed(saved: Sequence[Saved]) -> int:
    return sum(done.revision > 0 for done in saved)
