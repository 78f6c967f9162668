"""Names become addresses, in threads of their own: a slow name server must not take those of the rest of the relay."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from balados_shared.feeds.errors import FeedUnavailable, Trouble

AT_ONCE = 8

Resolve = Callable[[str], Awaitable[Sequence[str]]]
"""Gives all addresses of a host name, as text. Raises FeedUnavailable when there are none."""


class Resolver:
    """Asks the system, which also reads every way to write an IPv4 address (`127.1`, `0x7f000001`, `2130706433`)."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="resolver")

    async def __call__(self, host: str) -> list[str]:
        """Return the addresses of a host. Raises FeedUnavailable."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, _addresses, host)
        except (OSError, UnicodeError):
            raise FeedUnavailable(Trouble.UNREACHABLE, "The feed's server cannot be found.") from None

    def close(self) -> None:
        """Ask no more; what is being asked ends by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _addresses(host: str) -> list[str]:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))
