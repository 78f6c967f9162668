"""A name server that a test writes. It remembers what it was asked, and can answer differently each time."""

import socket
from collections.abc import Mapping

from balados_shared.feeds.errors import FeedUnavailable, Trouble


class Names:
    """Answers with what the test says, in turn; the last answer stays. Addresses stand for themselves."""

    def __init__(self, known: Mapping[str, list[str]]) -> None:
        self.known = {host: [addresses] for host, addresses in known.items()}
        self.asked: list[str] = []

    async def __call__(self, host: str) -> list[str]:
        self.asked.append(host)
        answers = self.known.get(host)
        if answers is None:
            return _numeric(host)
        return answers.pop(0) if len(answers) > 1 else answers[0]


def _numeric(host: str) -> list[str]:
    """Read an address in any way that the system reads one."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except OSError:
        raise FeedUnavailable(Trouble.UNREACHABLE, "The feed's server cannot be found.") from None
    return [str(address[0]) for *_, address in found]
