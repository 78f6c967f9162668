"""Lists: a new order changes only what moved, and two devices that arrange the same list at once lose nothing."""

from hypothesis import given, settings
from hypothesis import strategies as st

from balados_shared.edit import Edit, edit
from balados_shared.ids import EpisodeId
from balados_shared.kinds import PlaylistItem
from balados_shared.record import Dot, Record, merge
from balados_shared.rules import value_of
from balados_shared.wishes import at_place, in_order, put_episode, sorted_items, take_out
from support.strategies import FEED, NOON

EPISODES = [EpisodeId.of(f"guid-{number}", None) for number in range(7)]

orders = st.permutations(EPISODES).flatmap(lambda order: st.integers(0, 7).map(lambda size: order[:size]))


class Device:
    """A playlist as one device has it, without a disk."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.records: dict[str, Record] = {}
        self._number = NOON

    def make(self, edits: list[Edit]) -> None:
        for wish in edits:
            self._number += 1
            after = edit(self.records.get(wish.key), wish, Dot(self.name, self._number), self._number)
            if after is not None:
                self.records[wish.key] = after

    def hear(self, other: "Device") -> None:
        for key, record in other.records.items():
            self.records[key] = merge(self.records[key], record) if key in self.records else record

    @property
    def items(self) -> list[PlaylistItem]:
        values = [value_of(record) for record in self.records.values()]
        return sorted_items([value for value in values if isinstance(value, PlaylistItem) and value.present])

    @property
    def order(self) -> list[str]:
        return [item.rss_source_item for item in self.items]

    def arrange(self, order: list[EpisodeId]) -> None:
        self.make(in_order(self.items, [wish(episode) for episode in order], self.name))


def wish(episode: EpisodeId) -> Edit:
    return put_episode("queue", FEED, episode)


@given(orders, orders)
def test_a_list_comes_into_the_wanted_order_and_loses_nothing(first: list[EpisodeId], second: list[EpisodeId]) -> None:
    device = Device("A")
    device.arrange(first)
    assert device.order == first
    device.arrange(second)
    assert [episode for episode in device.order if episode in second] == second
    assert set(device.order) == {*first, *second}
    assert len({item.rank for item in device.items}) == len(device.items)


@given(orders, orders, orders)
@settings(max_examples=200)
def test_a_playlist_that_two_devices_arrange_at_once_keeps_every_item(
    before: list[EpisodeId], one: list[EpisodeId], other: list[EpisodeId]
) -> None:
    here, there = Device("A"), Device("B")
    here.arrange(before)
    there.hear(here)
    here.arrange(one)
    there.arrange(other)
    here.hear(there)
    there.hear(here)
    assert here.order == there.order
    assert sorted(here.order) == sorted({*before, *one, *other}), "each is there once"


@given(orders, st.sampled_from(EPISODES), st.none() | st.integers(0, 9))
def test_one_item_is_put_at_its_place_and_the_others_stay(
    before: list[EpisodeId], episode: EpisodeId, place: int | None
) -> None:
    device = Device("A")
    device.arrange(before)
    ranks = {item.key: item.rank for item in device.items}
    device.make(at_place(device.items, wish(episode), place, "A"))
    others = [each for each in before if each != episode]
    if place is None:
        assert device.order == (before if episode in before else [*before, episode])
    else:
        assert device.order == [*others[:place], episode, *others[place:]]
    moved = [item for item in device.items if ranks.get(item.key) != item.rank]
    assert len(moved) <= 1


def test_what_was_taken_out_comes_back_at_a_new_place() -> None:
    device = Device("A")
    device.arrange(EPISODES[:3])
    device.make([take_out(device.items[0])])
    assert device.order == EPISODES[1:3]
    device.make(at_place(device.items, wish(EPISODES[0]), None, "A"))
    assert device.order == [*EPISODES[1:3], EPISODES[0]]


def test_an_order_that_is_the_same_is_no_edit() -> None:
    device = Device("A")
    device.arrange(EPISODES)
    assert in_order(device.items, [wish(episode) for episode in EPISODES], "B") == []
    named = put_episode("queue", FEED, EPISODES[2], item_title="Three")
    assert in_order(device.items, [named], "B") == [named]
