"""Work that many want at the same time is done once: who wants the same waits for the same."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Shared(Generic[T]):
    """Work that is under way, by its name."""

    def __init__(self) -> None:
        self._under_way: dict[str, asyncio.Task[T]] = {}

    async def of(self, name: str, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Wait for a piece of work, and begin it if nobody has. It goes on when a waiter leaves."""
        if name not in self._under_way:
            task = self._under_way[name] = asyncio.create_task(work())
            task.add_done_callback(lambda done: self._forget(name, done))
        return await asyncio.shield(self._under_way[name])

    async def cancel(self) -> None:
        """End all of it."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _forget(self, name: str, done: asyncio.Task[T]) -> None:
        del self._under_way[name]
        if not done.cancelled():
            done.exception()  # it may be that nobody is left to hear it
