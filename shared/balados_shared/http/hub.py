"""Who is to be woken when a library has news. It carries no news itself: each listener reads what it lacks."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class Hub:
    """The listeners of this process, by account. Belongs to one event loop."""

    def __init__(self) -> None:
        self._listeners: dict[int, set[asyncio.Event]] = {}

    def announce(self, account: int) -> None:
        """Wake everybody who listens to this account's library."""
        for news in self._listeners.get(account, ()):
            news.set()

    @contextmanager
    def listening(self, account: int) -> Iterator[asyncio.Event]:
        """Give an event that is set whenever there is news."""
        news = asyncio.Event()
        listeners = self._listeners.setdefault(account, set())
        listeners.add(news)
        try:
            yield news
        finally:
            listeners.discard(news)
            if not listeners:
                self._listeners.pop(account, None)
