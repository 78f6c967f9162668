"""Clients without numbers: what they only return is no change, and what they never saw they cannot undo."""

from hypothesis import given
from hypothesis import strategies as st

from balados_shared.clients import Memory, act, digest, is_nothing_new, knows_all, report
from balados_shared.edit import like, progress, subscribe, unlike, unsubscribe
from balados_shared.kinds import Like, PlayStatus, Subscription
from balados_shared.record import Dot, Head, Record, merge
from balados_shared.rules import value_of
from balados_shared.times import HOUR, MINUTE, Instant
from support.elsewhere import OTHER, play, subscription
from support.strategies import FEED, ITEM, NOON

CLIENT = "client-web"
DOT = Dot(CLIENT, NOON)
BLANK = Memory()


def row(position: float, *, at: int = 0, played: bool = False) -> PlayStatus:
    """A play status as a client sends it, said `at` milliseconds after noon."""
    return PlayStatus(
        rss_source_feed=FEED, rss_source_item=ITEM, position=position, played=played, updated_at=Instant(NOON + at)
    )


def given_(record: Record) -> Memory:
    """What a client remembers that was given a record."""
    return Memory(given=digest(value_of(record)), vector=record.vector)


def joined(record: Record, incoming: Record | None) -> PlayStatus:
    value = value_of(merge(record, incoming) if incoming else record)
    assert isinstance(value, PlayStatus)
    return value


# Dated rows


def test_a_first_row_is_a_change_that_knows_nothing() -> None:
    said = report(None, row(100), DOT, BLANK)
    assert said == Record.of([Head(CLIENT, NOON, row(100))], {CLIENT: NOON})


def test_a_row_is_merged_by_the_documented_rule() -> None:
    farther_but_older = play(2_400, at=-HOUR)
    assert joined(farther_but_older, report(farther_but_older, row(100), DOT, BLANK)).position == 100
    just_said = play(2_400, at=-MINUTE)
    assert joined(just_said, report(just_said, row(100), DOT, BLANK)).position == 2_400


def test_a_row_that_was_sent_or_given_before_is_no_change() -> None:
    there = play(50, at=MINUTE)
    assert report(there, row(100), DOT, Memory(sent=digest(row(100)))) is None
    assert report(there, row(100), DOT, Memory(given=digest(row(100)))) is None
    assert report(there, row(101), DOT, Memory(sent=digest(row(100)))) is not None


def test_what_comes_back_rounded_is_the_same_row() -> None:
    kept = row(33.7, at=217)
    assert is_nothing_new(digest(row(33)), Memory(given=digest(kept)))


def test_a_mixture_of_what_was_sent_and_given_is_nothing_new() -> None:
    memory = Memory(sent=digest(row(900, played=True)), given=digest(row(0, at=HOUR)))
    assert is_nothing_new(digest(row(0, at=HOUR, played=True)), memory)
    assert not is_nothing_new(digest(row(5, at=HOUR, played=True)), memory)


def test_what_the_record_says_already_needs_no_new_head() -> None:
    assert report(play(100), row(100), DOT, BLANK) is None


def test_a_clients_own_earlier_row_is_merged_with_its_new_one() -> None:
    own = Record.of([Head(CLIENT, NOON - 1, row(900, at=-MINUTE, played=True))], {})
    said = report(own, row(100), DOT, Memory(sent=digest(row(900, at=-MINUTE, played=True))))
    assert said is not None
    assert (joined(own, said).position, joined(own, said).played) == (900, True)
    assert [head.dot for head in merge(own, said).heads] == [DOT]


def test_a_subscription_that_came_back_is_not_said_to_be_gone() -> None:
    both = Subscription(rss_source_feed=FEED, subscribed_at=Instant(NOON), unsubscribed_at=Instant(NOON - 1))
    assert digest(both) == digest(Subscription(rss_source_feed=FEED, subscribed_at=Instant(NOON)))


# Acts without a date


def test_an_act_of_who_knows_all_supersedes_it() -> None:
    there = play(2_400)
    said = act(there, progress(FEED, ITEM, position=100.0), DOT, given_(there), NOON + HOUR, explicit=False)
    assert joined(there, said).position == 100
    assert said is not None
    assert len(merge(there, said).heads) == 1


def test_a_position_of_who_never_saw_what_stands_does_not_rewind_it() -> None:
    there = play(2_400, at=-HOUR)
    late = act(there, progress(FEED, ITEM, position=100.0), DOT, BLANK, NOON, explicit=False)
    assert joined(there, late).position == 2_400
    farther = act(there, progress(FEED, ITEM, position=3_000.0), DOT, BLANK, NOON, explicit=False)
    assert joined(there, farther).position == 3_000


def test_an_explicit_act_on_what_was_never_spoken_of_takes_effect() -> None:
    there = subscription(at=48 * HOUR)
    gone = act(there, unsubscribe(FEED), DOT, BLANK, NOON, explicit=True)
    assert gone is not None
    assert not value_of(merge(there, gone)).present
    reset = act(
        play(900, played=True), progress(FEED, ITEM, position=0.0, played=False), DOT, BLANK, NOON, explicit=True
    )
    assert (joined(play(900, played=True), reset).position, joined(play(900, played=True), reset).played) == (0, False)


def test_a_late_unsubscription_does_not_end_what_was_subscribed_to_anew() -> None:
    old, anew = subscription(at=-HOUR), subscription(number=NOON + 9, knows={OTHER: NOON})
    gone = act(anew, unsubscribe(FEED), DOT, given_(old), NOON + HOUR, explicit=True)
    assert gone is not None
    assert value_of(merge(anew, gone)).present


def test_a_late_subscription_comes_back() -> None:
    old, gone = subscription(at=-HOUR), subscription(number=NOON + 9, gone=True, knows={OTHER: NOON})
    back = act(gone, subscribe(FEED), DOT, given_(old), NOON + HOUR, explicit=True)
    assert back is not None
    assert value_of(merge(gone, back)).present


def test_what_was_unseen_of_two_heads_stays() -> None:
    seen, unseen = play(900, device="a", at=-HOUR), play(500, device="b", at=-MINUTE)
    both = merge(seen, unseen)
    said = act(both, progress(FEED, ITEM, position=10.0), DOT, given_(seen), NOON, explicit=False)
    assert said is not None
    assert {head.device for head in merge(both, said).heads} == {"b", CLIENT}
    assert joined(both, said).position == 500


def test_an_act_that_changes_nothing_is_none() -> None:
    assert act(play(100), progress(FEED, ITEM, position=100.0), DOT, BLANK, NOON, explicit=False) is None
    assert act(None, unlike(FEED), DOT, BLANK, NOON, explicit=True) is None


def test_likes_are_settled_like_subscriptions() -> None:
    first = act(None, like(FEED), Dot(OTHER, NOON), BLANK, NOON, explicit=True)
    assert first is not None
    gone = act(first, unlike(FEED), DOT, Memory(given=b"something older"), NOON + HOUR, explicit=True)
    assert gone is not None
    liked = value_of(merge(first, gone))
    assert isinstance(liked, Like)
    assert liked.present


positions = st.floats(0, 4_000)
moments = st.integers(-3 * HOUR, 3 * HOUR)


@given(stands=positions, at=moments, played=st.booleans(), says=positions, says_played=st.none() | st.booleans())
def test_no_undated_position_takes_back_what_it_never_saw(
    stands: float, at: int, played: bool, says: float, says_played: bool | None
) -> None:
    there = play(stands, at=at, played=played)
    wish = progress(FEED, ITEM, position=says, played=says_played)
    after = joined(there, act(there, wish, DOT, BLANK, NOON, explicit=False))
    assert after.position >= stands
    assert after.played >= played
    assert after.updated_at <= max(NOON, NOON + at)


@given(stands=positions, at=moments, says=positions, said_at=moments)
def test_a_row_sent_again_changes_nothing(stands: float, at: int, says: float, said_at: int) -> None:
    there, sent = play(stands, at=at), row(says, at=said_at)
    first = report(there, sent, DOT, BLANK)
    after = merge(there, first) if first else there
    again = report(after, sent, Dot(CLIENT, NOON + 1), Memory(sent=digest(sent)))
    assert again is None


@given(stands=positions, at=moments)
def test_who_was_given_a_record_knows_it(stands: float, at: int) -> None:
    there = play(stands, at=at)
    assert knows_all(there, CLIENT, given_(there))
    assert not knows_all(there, CLIENT, BLANK)
