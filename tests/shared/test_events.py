"""Events (DESIGN.md sections 1.6 and 4): what a join did, by which rule, and what the sender is told."""

from typing import Any

import pytest
from hypothesis import given
from msgspec.structs import replace

from balados_shared.events import REASONS, STRETCH_GAP, describe, differences, plays_on, verdict
from balados_shared.kinds import Like, PlayStatus
from balados_shared.record import Head, Record, merge
from balados_shared.times import Instant
from support.strategies import FEED, ITEM, NOON, several


def status(device: str = "A", number: int = 1, at: int = 0, **fields: Any) -> Head:
    known = {"position": 0.0, "played": False} | fields
    value = PlayStatus(rss_source_feed=FEED, rss_source_item=ITEM, updated_at=Instant(NOON + at), **known)
    return Head(device, number, value)


A1, B1 = status("A"), status("B", at=1, position=9.0)


@pytest.mark.parametrize(
    ("before", "incoming", "outcome", "rule"),
    [
        pytest.param(None, Record.of([A1], {}), "applied", "only", id="the first"),
        pytest.param(None, Record.of([A1, B1], {}), "merged", "newest", id="a conflict from elsewhere"),
        pytest.param(Record.of([A1], {}), Record.of([B1], {"A": 1}), "applied", "only", id="it knew what was here"),
        pytest.param(Record.of([A1], {}), Record.of([B1], {}), "merged", "newest", id="made apart"),
        pytest.param(
            Record.of([B1], {"A": 1}), Record.of([A1], {}), "superseded", "known_and_replaced", id="known and replaced"
        ),
        pytest.param(Record.of([A1], {}), Record.of([A1], {}), "applied", "only", id="a repeat"),
    ],
)
def test_a_join_is_described(before: Record | None, incoming: Record, outcome: str, rule: str) -> None:
    after = merge(before, incoming) if before else incoming
    change = describe(before, incoming, after)
    assert (change.outcome, change.rule) == (outcome, rule)
    told = verdict(change)
    assert (told is None) == (outcome == "applied" or after == incoming)
    if told is not None:
        assert (told.kind, told.key, told.reason) == ("play_status", f"{FEED}/{ITEM}", REASONS[rule])


def test_two_states_that_claim_to_have_replaced_each_other_change_nothing() -> None:
    here, incoming = Record.of([A1], {"B": 1}), Record.of([B1], {"A": 1})
    change = describe(here, incoming, merge(here, incoming))
    assert (change.after, change.outcome, change.changed) == (here, "refused", False)
    told = verdict(change)
    assert told is not None
    assert told.rule == "contradiction"


@given(several(2))
def test_every_join_can_be_described_and_every_verdict_has_a_reason(states: list[Record]) -> None:
    before, incoming = states
    change = describe(before, incoming, merge(before, incoming))
    told = verdict(change)
    assert change.by in incoming.heads
    assert told is None or told.reason == REASONS[told.rule]


def test_differences_name_the_fields_that_differ() -> None:
    assert differences({"a": 1, "b": 2}, {"a": 1, "c": 3}) == {"b": (2, None), "c": (None, 3)}
    assert differences(None, {"a": 1}) == {"a": (None, 1)}


LAST = status(position=100.0)


@pytest.mark.parametrize(
    ("new", "on"),
    [
        pytest.param(status(number=2, at=30_000, position=130.0), True, id="plays on"),
        pytest.param(status(number=2, at=30_000, position=220.0), True, id="at four times the speed"),
        pytest.param(status(number=2, at=30_000, position=220.1), False, id="faster than anyone listens: a seek"),
        pytest.param(status(number=2, at=30_000, position=70.0), False, id="a rewind"),
        pytest.param(status(number=2, at=30_000, position=100.0), False, id="it stands still"),
        pytest.param(status(number=2, at=STRETCH_GAP, position=130.0), True, id="the longest silence"),
        pytest.param(status(number=2, at=STRETCH_GAP + 1, position=130.0), False, id="a longer silence"),
        pytest.param(status(number=2, at=0, position=100.0), False, id="no time has passed"),
        pytest.param(status("B", 2, 30_000, position=130.0), False, id="another device"),
        pytest.param(status(number=2, at=30_000, position=130.0, played=True), False, id="it was finished"),
        pytest.param(Head("A", 2, Like(rss_source_feed=FEED, liked_at=Instant(NOON + 30_000))), False, id="no play"),
    ],
)
def test_a_stretch_of_playing(new: Head, on: bool) -> None:
    assert plays_on(LAST, new) is on


def test_no_fields_no_differences() -> None:
    assert differences({"a": None}, {}) == {}
    assert plays_on(LAST, replace(LAST, number=2)) is False
