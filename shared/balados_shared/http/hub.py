"""Who is to be woken when a library has news. It carries no news itself: each listener reads what it lacks."""

from collections.abc import Callable

from balados_shared.http.updates import Updates

Wake = Callable[[], None]
"""Returns at once, whatever the listener does about it."""


class Hub:
    """The listeners of this process, by account. Belongs to one event loop."""

    def __init__(self) -> None:
        self._listeners: dict[int, set[Wake]] = {}
        self.updates = Updates()

    def announce(self, account: int) -> None:
        """Wake everybody who listens to this account's library."""
        self.updates.forget(account)
        for wake in self._listeners.get(account, ()):
            wake()

    def add(self, account: int, wake: Wake) -> None:
        """Call `wake` whenever there is news."""
        self._listeners.setdefault(account, set()).add(wake)

    def remove(self, account: int, wake: Wake) -> None:
        """Call it no more."""
        listeners = self._listeners.get(account, set())
        listeners.discard(wake)
        if not listeners:
            self._listeners.pop(account, None)
