"""Why an episode stands where it does, told from two logs."""

from typing import Any

from balados_daemon.why import causes
from balados_shared.storage.log import Event
from support.strategies import NOON

NAMES = {"p": "Phone", "l": "Laptop"}


def event(device: str, number: int, *, at: int = 0, **changed: Any) -> Event:
    fields: dict[str, Any] = {
        "event": number,
        "kind": "play_status",
        "key": "f/i",
        "revision": number,
        "device": device,
        "number": number,
        "time": NOON + at,
        "arrived": NOON + at + 5,
        "outcome": "applied",
        "rule": "only",
        "before": {"position": 0.0, "updated_at": "2026-01-01T11:00:00.000Z"},
        "after": {"position": 60.0, "updated_at": "2026-01-01T12:00:00.000Z"},
    }
    return Event(**fields | changed)


def test_a_change_says_who_when_and_from_what_to_what() -> None:
    (cause,) = causes([event("p", 1)], [], NAMES)
    assert cause.device_name == "Phone"
    assert cause.at == "2026-01-01T12:00:00.000Z"
    assert cause.arrived_at == "2026-01-01T12:00:00.005Z"
    assert cause.changes == {"position": (0.0, 60.0)}, "the date is not a change of its own"


def test_the_first_change_of_all_came_from_nothing() -> None:
    (cause,) = causes([event("p", 1, before=None)], [], NAMES)
    assert cause.changes == {"position": (None, 60.0)}


def test_changes_are_in_the_order_in_which_they_were_made_and_not_in_which_they_came() -> None:
    told = causes([event("p", 1, at=10), event("l", 2, at=0)], [], NAMES)
    assert [cause.device for cause in told] == ["l", "p"]


def test_a_change_that_lost_at_the_relay_is_told_without_a_number_to_undo() -> None:
    lost = event("l", 7, at=1, outcome="superseded", rule="known_and_replaced")
    told = causes([event("p", 1)], [lost], NAMES)
    assert [(cause.event, cause.outcome) for cause in told] == [(1, "applied"), (None, "superseded")]
    assert told[1].reason == "a later change knew this one and replaced it"


def test_what_both_logs_know_is_told_once_as_it_is_known_here() -> None:
    here = event("l", 7, outcome="merged", rule="newest")
    told = causes([here], [event("l", 7, event=99, outcome="superseded", rule="known_and_replaced")], NAMES)
    assert [(cause.event, cause.outcome) for cause in told] == [(7, "merged")]


def test_what_the_relay_simply_applied_and_is_folded_here_is_not_told_as_lost() -> None:
    assert causes([event("p", 1)], [event("l", 7)], NAMES) != []
    assert [cause.device for cause in causes([event("p", 1)], [event("l", 7)], NAMES)] == ["p"]


def test_a_device_without_a_name_and_a_rule_without_words_are_told_as_they_are() -> None:
    (cause,) = causes([event("x9", 1, rule="from_the_future")], [], NAMES)
    assert (cause.device_name, cause.rule, cause.reason) == ("x9", "from_the_future", "")


def test_a_stretch_of_playing_is_one_change_with_its_number_of_reports() -> None:
    (cause,) = causes([event("p", 1, reports=120)], [], NAMES)
    assert cause.reports == 120
