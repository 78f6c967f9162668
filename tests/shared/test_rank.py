"""Ranks (DESIGN.md section 3): always room between two neighbours, and one order on every device."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from msgspec import ValidationError, convert

from balados_shared.errors import InvalidInput
from balados_shared.kinds import Rank
from balados_shared.rank import MAX_LENGTH, is_rank, rank_between, ranks_for, rerank

DIGITS = "-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~"
DEVICES = ["d7k2", "m3p9", "z", "a phone, of Zoë's"]

devices = st.one_of(st.sampled_from(DEVICES), st.text(min_size=1, max_size=100))
# Few digits, so that neighbours share long beginnings and lie close together.
ranks = st.one_of(st.text("-.V~", min_size=1, max_size=8), st.text(DIGITS, min_size=1, max_size=12)).filter(is_rank)
neighbours = st.lists(ranks, min_size=2, max_size=2, unique=True).map(lambda pair: (min(pair), max(pair)))


@given(neighbours, devices)
def test_between_two_neighbours_there_is_always_room(pair: tuple[str, str], device: str) -> None:
    low, high = pair
    assert low < rank_between(low, high, device) < high


@given(ranks, devices)
def test_there_is_always_room_before_the_first_and_after_the_last(rank: str, device: str) -> None:
    assert rank_between(None, rank, device) < rank < rank_between(rank, None, device)


@given(neighbours, devices)
def test_what_is_made_can_be_a_neighbour_and_is_taken_by_the_wire(pair: tuple[str, str], device: str) -> None:
    made = rank_between(*pair, device)
    assert is_rank(made)
    assert convert(made, Rank) == made


@given(neighbours)
def test_the_order_of_strings_is_the_order_of_their_bytes(pair: tuple[str, str]) -> None:
    assert pair[0].encode() < pair[1].encode()


@given(st.one_of(st.none(), ranks), neighbours, st.lists(devices, min_size=2, max_size=4, unique=True))
def test_devices_that_insert_at_the_same_place_never_make_the_same_rank(
    end: str | None, pair: tuple[str, str], at_once: list[str]
) -> None:
    places = [pair, (end, None), (None, end)]
    for before, after in places:
        made = sorted(rank_between(before, after, device) for device in at_once)
        for low, high in itertools.pairwise(made):
            assert low < rank_between(low, high, at_once[0]) < high


@given(neighbours, neighbours)
def test_devices_never_make_the_same_rank_at_different_places_either(
    one: tuple[str, str], other: tuple[str, str]
) -> None:
    assert rank_between(*one, "d7k2") != rank_between(*other, "k2")


def test_long_or_odd_device_ids_become_a_short_suffix() -> None:
    assert rank_between(None, None, "d7k2") == "V000.d7k2"
    made = [rank_between(None, None, device) for device in ("x" * 100, "x" * 99, "a.b", "ü")]
    assert len(set(made)) == 4
    assert {len(rank) for rank in made} == {13}


def test_a_device_named_like_the_suffix_of_another_gets_its_own() -> None:
    suffix = rank_between(None, None, "a phone").rpartition(".")[2]
    assert rank_between(None, None, suffix) != rank_between(None, None, "a phone")


@given(st.text(), ranks, st.booleans())
def test_what_is_no_rank_is_refused_as_invalid_input_only(text: str, rank: str, first: bool) -> None:
    pair = (text, rank) if first else (rank, text)
    if is_rank(text) and pair[0] < pair[1]:
        assert pair[0] < rank_between(*pair, "d7k2") < pair[1]
    else:
        with pytest.raises(InvalidInput):
            rank_between(*pair, "d7k2")


@pytest.mark.parametrize("text", ["", "-", "V-", "V 0", "V000.d7k2\n", "é", "V" * (MAX_LENGTH + 1)])
def test_malformed_ranks_are_refused_at_both_ends(text: str) -> None:
    assert not is_rank(text)
    with pytest.raises(InvalidInput):
        rank_between(text, None, "d7k2")
    with pytest.raises(InvalidInput):
        rank_between(None, text, "d7k2")


def test_a_rank_needs_a_device() -> None:
    with pytest.raises(InvalidInput):
        rank_between(None, None, "")


@given(st.text(DIGITS, max_size=6))
def test_every_rank_is_one_that_the_wire_takes(text: str) -> None:
    try:
        convert(text, Rank)
    except ValidationError:
        assert not is_rank(text)
    else:
        assert is_rank(text) or text.endswith("-")


def test_a_thousand_inserts_at_either_end_grow_nothing() -> None:
    first = last = rank_between(None, None, "d7k2")
    for _ in range(1_000):
        first, last = rank_between(None, first, "d7k2"), rank_between(last, None, "d7k2")
    assert len(first) == len(last) == len("V000.d7k2")


@pytest.mark.parametrize("moves_low", [(False,), (True,), (True, False), (True, True, False)])
def test_a_thousand_inserts_at_one_spot_stay_well_below_the_limit(moves_low: tuple[bool, ...]) -> None:
    """Each insert goes beside the one before: always after the same item, always before it, or in turns."""
    low, high = ranks_for(2, "d7k2")
    for step in range(1_000):
        made = rank_between(low, high, DEVICES[step % 3])
        low, high = (made, high) if moves_low[step % len(moves_low)] else (low, made)
    assert len(made) <= 220


def test_a_used_up_spot_is_invalid_input_and_reranking_mends_it() -> None:
    low, high = ranks_for(2, "d7k2")
    with pytest.raises(InvalidInput, match="too many"):
        for _ in range(10_000):
            low = rank_between(low, high, "d7k2")
    mended = rerank([("a", low), ("b", high)], ["a", "new", "b"], "d7k2")
    assert mended == dict(zip(["a", "new", "b"], ranks_for(3, "d7k2"), strict=True))


@pytest.mark.parametrize("end", ["----.a", "~~~~.a"])
def test_past_the_last_counter_there_is_still_room(end: str) -> None:
    first = last = end
    for _ in range(100):
        first, last = rank_between(None, first, "a"), rank_between(last, None, "a")
        assert first < end < last


@given(st.integers(0, 300), devices)
def test_a_fresh_list_rises_and_is_short(amount: int, device: str) -> None:
    made = ranks_for(amount, device)
    assert len(made) == amount
    assert all(low < high for low, high in itertools.pairwise(made))
    assert all(len(rank) <= 13 for rank in made)


# --- rerank ---

lists = st.lists(st.integers(0, 30), unique=True, max_size=20)
old_lists = lists.flatmap(
    lambda items: st.lists(st.text("-V~", max_size=3), min_size=len(items), max_size=len(items)).map(
        lambda texts: list(zip(items, texts, strict=True))
    )
)


@given(old_lists, st.lists(st.integers(0, 30), max_size=20), devices)
def test_reranking_brings_any_list_into_the_new_order(old: list[tuple[int, str]], new: list[int], device: str) -> None:
    after = dict(old) | rerank(old, new, device)
    made = [after[item] for item in dict.fromkeys(new)]
    assert all(is_rank(rank) for rank in made)
    assert all(low < high for low, high in itertools.pairwise(made))


@given(st.permutations(range(7)))
def test_reranking_changes_as_few_items_as_can_be(new: list[int]) -> None:
    old = list(zip(range(7), ranks_for(7, "d7k2"), strict=True))
    longest = max(
        size for size in range(1, 8) if any(list(row) == sorted(row) for row in itertools.combinations(new, size))
    )
    assert len(rerank(old, new, "m3p9")) == 7 - longest


@given(lists)
def test_an_unchanged_list_gets_no_new_rank(items: list[int]) -> None:
    old = list(zip(items, ranks_for(len(items), "d7k2"), strict=True))
    assert rerank(old, items, "m3p9") == {}
    assert rerank(old[::-1], items[::2], "m3p9") == {}


def test_only_the_moved_item_gets_a_new_rank() -> None:
    old = list(zip("abcde", ranks_for(5, "d7k2"), strict=True))
    assert rerank(old, list("eabcd"), "m3p9").keys() == {"e"}
    assert rerank(old, list("bcade"), "m3p9").keys() == {"a"}
    assert rerank(old, list("abxcde"), "m3p9").keys() == {"x"}


def test_a_long_run_put_between_two_items_gets_short_ranks() -> None:
    old = [(-1, "V000.d7k2"), (-2, "V001.d7k2")]
    made = rerank(old, [-1, *range(1_000), -2], "m3p9")
    assert len(made) == 1_000
    assert max(map(len, made.values())) <= 13


def test_items_of_equal_rank_are_told_apart() -> None:
    old = [("a", "V000.x"), ("b", "V000.x")]
    made = rerank(old, ["a", "b"], "m3p9")
    assert len(made) == 1
    after = dict(old) | made
    assert after["a"] < after["b"]


# --- random edits by several devices against a plain list ---


class EditedList(RuleBasedStateMachine):
    """The model is a Python list; the system under test is a bag of (item, rank), sorted by rank to be read."""

    def __init__(self) -> None:
        super().__init__()
        self.model: list[int] = []
        self.rank_of: dict[int, str] = {}
        self.names = itertools.count()

    @rule(at=st.integers(0, 100), device=st.sampled_from(DEVICES))
    def insert(self, at: int, device: str) -> None:
        self.put(next(self.names), at % (len(self.model) + 1), device)

    @precondition(lambda self: self.model)
    @rule(at=st.integers(0, 100), to=st.integers(0, 100), device=st.sampled_from(DEVICES))
    def move(self, at: int, to: int, device: str) -> None:
        item = self.model.pop(at % len(self.model))
        self.put(item, to % (len(self.model) + 1), device)

    @precondition(lambda self: self.model)
    @rule(at=st.integers(0, 100))
    def remove(self, at: int) -> None:
        del self.rank_of[self.model.pop(at % len(self.model))]

    @rule(at=st.integers(0, 100), who=st.lists(st.sampled_from(DEVICES), unique=True, min_size=2))
    def insert_at_once(self, at: int, who: list[str]) -> None:
        """Several devices insert at one place before they hear of each other: the model takes their order."""
        place = at % (len(self.model) + 1)
        before, after = self.gap(place)
        made = sorted((rank_between(before, after, device), next(self.names)) for device in who)
        self.rank_of |= {item: rank for rank, item in made}
        self.model[place:place] = [item for _, item in made]

    @rule(data=st.data(), device=st.sampled_from(DEVICES))
    def send_the_whole_list(self, data: st.DataObject, device: str) -> None:
        self.model = list(data.draw(st.permutations(self.model)))
        self.rank_of |= rerank(list(self.rank_of.items()), self.model, device)

    @invariant()
    def the_ranks_tell_the_order(self) -> None:
        assert sorted(self.rank_of, key=self.rank_of.__getitem__) == self.model
        assert len(set(self.rank_of.values())) == len(self.model)

    def put(self, item: int, place: int, device: str) -> None:
        before, after = self.gap(place)
        self.rank_of[item] = rank_between(before, after, device)
        self.model.insert(place, item)

    def gap(self, place: int) -> tuple[str | None, str | None]:
        order = [self.rank_of[item] for item in self.model]
        return (order[place - 1] if place else None), (order[place] if place < len(order) else None)


TestEditedList = EditedList.TestCase
