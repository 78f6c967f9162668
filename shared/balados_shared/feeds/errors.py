"""What can go wrong with a feed, in sentences for a person. None of them names the feed's URL: it may hold a secret."""

from enum import StrEnum

from balados_shared.errors import BaladosError


class Trouble(StrEnum):
    """Why a feed could not be fetched, by what the caller can do about it."""

    GONE = "gone"
    FORBIDDEN = "forbidden"
    BUSY = "busy"
    BROKEN = "broken"
    UNREACHABLE = "unreachable"
    TOO_LARGE = "too_large"
    NOT_A_URL = "not_a_url"
    OFF_LIMITS = "off_limits"
    """An address that this program does not go to, whoever asks."""


class FeedUnavailable(BaladosError):
    """The feed could not be fetched. `retry_after` is in seconds, where the server named a time."""

    def __init__(self, kind: Trouble, sentence: str, *, retry_after: float | None = None) -> None:
        super().__init__(sentence)
        self.kind = kind
        self.retry_after = retry_after


class NotAFeed(BaladosError):
    """What was fetched is no feed: a web page, an error message, nothing at all."""


class FeedUnparseable(BaladosError):
    """Reading the feed took too long, or brought the reader down."""
