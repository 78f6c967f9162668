"""Ranks: the order of the items of a list, kept so that two devices can insert anywhere without asking each other.

The law (DESIGN.md section 3): a rank is a fraction written in 66 digits whose byte order is their value, so ranks
compare as plain strings (in SQL: the BINARY or "C" collation). It ends in a dot and a tag of the device that made it,
so two devices never make the same one. It never ends in the lowest digit, so between any two there is always room.

    V000.d7k2     the first four digits count: an insert at either end goes one up or down and grows nothing
    V000X.m3p9    between V000 and V001: one digit more for five or six inserts at the same spot
"""

import base64
import hashlib
import re
from bisect import bisect_left
from collections.abc import Hashable, Iterable, Sequence
from typing import TypeVar

from balados_shared.errors import InvalidInput

MAX_LENGTH = 500
"""Longest rank, in characters. The wire takes no longer ones (`kinds.Rank`)."""

_DIGITS = "-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~"
_VALUE = {digit: value for value, digit in enumerate(_DIGITS)}
_BASE = len(_DIGITS)
_LOWEST = _DIGITS[0]
_COUNTER_WIDTH = 4
_FIRST = "V000"

_RANK = re.compile(r"[0-9A-Za-z._~-]*[0-9A-Za-z._~]")
_TAG = re.compile(r"[0-9A-Za-z]{1,7}")

Item = TypeVar("Item", bound=Hashable)


def rank_between(before: str | None, after: str | None, device: str) -> str:
    """Return a rank strictly between two neighbours; None stands for the open end of the list.

    The answer depends on the arguments alone. Raises InvalidInput when a neighbour is no rank, when they are not in
    order, or when this spot is used up (MAX_LENGTH): `rerank` mends such a list.
    """
    for neighbour in (before, after):
        if neighbour is not None and not is_rank(neighbour):
            raise InvalidInput("not a rank: it must be short, of letters, digits and ._~-, and must not end in -")
    if before is not None and after is not None and before >= after:
        raise InvalidInput("nothing fits between ranks that are equal or in the wrong order")
    rank = _between(before, after, _tag(device))
    if len(rank) > MAX_LENGTH:
        raise InvalidInput("too many items were inserted at this spot; the list needs new ranks")
    return rank


def ranks_for(amount: int, device: str) -> list[str]:
    """Return the ranks of a fresh list, in order."""
    return _spread(None, None, amount, _tag(device))


def rerank(old_order: Sequence[tuple[Item, str]], new_order: Iterable[Item], device: str) -> dict[Item, str]:
    """Return the new ranks that bring a list into `new_order`, for as few items as can be.

    `old_order` holds the items with their ranks, in any order. An item that is new, moved, or whose rank is unusable
    (malformed, or equal to another's) gets a new rank; all others stay. Of an item named twice the first place counts.
    Should a spot be used up, the whole list gets fresh ranks.
    """
    tag = _tag(device)
    order = list(dict.fromkeys(new_order))
    kept = _kept(order, {item: rank for item, rank in old_order if is_rank(rank)})
    changed = _fill(order, kept, tag)
    if any(len(rank) > MAX_LENGTH for rank in changed.values()):
        return dict(zip(order, _spread(None, None, len(order), tag), strict=True))
    return changed


def is_rank(text: str) -> bool:
    """Whether this is a rank, ours or foreign, beside which there is room."""
    return len(text) <= MAX_LENGTH and _RANK.fullmatch(text) is not None


def _kept(order: list[Item], ranks: dict[Item, str]) -> dict[Item, str]:
    """Return the most items whose ranks already rise in `order`: a longest increasing subsequence."""
    lowest_ends: list[str] = []  # by length: the lowest rank that ends a rising row of so many items
    ends: list[Item] = []
    previous: dict[Item, Item] = {}
    for item in order:
        if item in ranks:
            length = bisect_left(lowest_ends, ranks[item])
            if length:
                previous[item] = ends[length - 1]
            lowest_ends[length : length + 1] = [ranks[item]]
            ends[length : length + 1] = [item]
    kept = ends[-1:]
    while kept and kept[-1] in previous:
        kept.append(previous[kept[-1]])
    return {item: ranks[item] for item in kept}


def _fill(order: list[Item], kept: dict[Item, str], tag: str) -> dict[Item, str]:
    """Give ranks to each run of items between two kept ones."""
    filled: dict[Item, str] = {}
    run: list[Item] = []
    before: str | None = None
    for item in order:
        if item not in kept:
            run.append(item)
            continue
        filled |= zip(run, _spread(before, kept[item], len(run), tag), strict=True)
        run, before = [], kept[item]
    return filled | dict(zip(run, _spread(before, None, len(run), tag), strict=True))


def _spread(before: str | None, after: str | None, amount: int, tag: str) -> list[str]:
    """Return `amount` rising ranks: counted at an open end, by halves between two neighbours to keep them short."""
    if amount == 0:
        return []
    if before is None or after is None:
        return _count_on(before, after, amount, tag)
    middle = _between(before, after, tag)
    lower = amount // 2
    return [*_spread(before, middle, lower, tag), middle, *_spread(middle, after, amount - lower - 1, tag)]


def _count_on(before: str | None, after: str | None, amount: int, tag: str) -> list[str]:
    ranks: list[str] = []
    for _ in range(amount):
        ranks.append(_between(before, after, tag))
        before, after = (ranks[-1], None) if after is None else (None, ranks[-1])
    return sorted(ranks)


def _between(before: str | None, after: str | None, tag: str) -> str:
    return f"{_fraction(before, after)}.{tag}"


def _fraction(before: str | None, after: str | None) -> str:
    if after is None:
        return (_counter(before, 1) or _middle(before, None)) if before else _FIRST
    if before is None:
        return _counter(after, -1) or _middle("", after)
    return _middle(before, after)


def _counter(rank: str, step: int) -> str | None:
    """Return the counting digits of a rank, one step on, or None when they are used up."""
    number = 0
    for digit in rank[:_COUNTER_WIDTH].ljust(_COUNTER_WIDTH, _LOWEST):
        number = number * _BASE + _VALUE[digit]
    number += step
    if not 0 <= number < _BASE**_COUNTER_WIDTH:
        return None
    return "".join(_DIGITS[number // _BASE**place % _BASE] for place in reversed(range(_COUNTER_WIDTH)))


def _middle(low: str, high: str | None) -> str:
    """Return the shortest fraction between two, near the middle, and no beginning of `high`: a tag may follow it."""
    fraction = ""
    while True:
        place = len(fraction)
        least = _VALUE[low[place]] if place < len(low) else 0
        limit = _BASE if high is None else _VALUE[high[place]]
        if limit - least > 1:
            return fraction + _DIGITS[(least + limit) // 2]
        fraction += _DIGITS[least]
        if least < limit:
            high = None  # one digit below `high`: whatever follows stays below it


def _tag(device: str) -> str:
    """Return a short name of the device: the id itself, or eight characters of its hash, which no short id has."""
    if not device:
        raise InvalidInput("a rank needs the id of the device that makes it")
    if _TAG.fullmatch(device):
        return device
    digest = hashlib.sha256(device.encode("utf-8", "surrogatepass")).digest()
    return base64.b32encode(digest[:5]).decode().lower()
