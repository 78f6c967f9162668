"""Timing: samples in turns, and what to say of them. Times are milliseconds unless a name says otherwise."""

import math
import time
from collections.abc import Awaitable, Callable, Sequence
from statistics import median

Sample = Callable[[], Awaitable[list[float]]]


async def in_turns(rounds: int, **sides: Sample) -> dict[str, list[list[float]]]:
    """Sample each side once a round, so that what else the machine does meets all of them alike."""
    samples: dict[str, list[list[float]]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, sample in sides.items():
            samples[name].append(await sample())
    return samples


def p50(rounds: Sequence[Sequence[float]]) -> float:
    """Return the median over rounds of their medians."""
    return median(percentile(samples, 50) for samples in rounds)


def p99(rounds: Sequence[Sequence[float]]) -> float:
    """Return the median over rounds of their 99th percentiles."""
    return median(percentile(samples, 99) for samples in rounds)


def percentile(samples: Sequence[float], percent: float) -> float:
    """Return the smallest sample that so many per cent do not exceed."""
    return sorted(samples)[math.ceil(len(samples) * percent / 100) - 1]


async def milliseconds(work: Callable[[], Awaitable[object]]) -> float:
    """Return how long something took."""
    begun = time.perf_counter()
    await work()
    return (time.perf_counter() - begun) * 1_000


async def each_timed(works: Sequence[Callable[[], Awaitable[object]]]) -> list[float]:
    """Do one thing after the other; return how long each took."""
    return [await milliseconds(work) for work in works]
