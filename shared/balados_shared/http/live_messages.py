"""What clients say over a live connection, read, and the documented complaint where it is wrong.

The codes and their order are those of the protocol sheet, section 6.
"""

from typing import Any, NamedTuple

from balados_shared.errors import InvalidInput
from balados_shared.wire import decode_json

Message = dict[str, Any]

LONGEST_POSITION = 10_000_000
"""Seconds."""


class LiveProblem(Exception):
    """An error reply that leaves the connection open."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Play(NamedTuple):
    """What `record_play` says. The ids are text that was not read yet; `position` is in seconds."""

    feed: str
    item: str
    position: float
    played: bool


def read_message(text: str) -> Message:
    """Read a message. Raises LiveProblem."""
    try:
        message = decode_json(text)
    except InvalidInput:
        raise LiveProblem("INVALID_JSON", "Invalid JSON format") from None
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise LiveProblem("INVALID_TYPE", "Message must have a type field")
    return message


def check_auth(message: Message) -> None:
    """Let through only an `auth` with a token. Raises LiveProblem."""
    if message["type"] != "auth" or not isinstance(message.get("token"), str):
        raise LiveProblem("UNAUTHENTICATED", "Authentication required")


def read_play(message: Message, *, fractions: bool) -> Play:
    """Read `record_play`; the documented one knows whole seconds only. Raises LiveProblem."""
    feed, item = message.get("feed"), message.get("item")
    if feed is None or item is None:
        raise LiveProblem("MISSING_FIELDS", "Missing required fields: feed, item")
    if not isinstance(feed, str) or not isinstance(item, str):
        raise LiveProblem("INVALID_ENCODING", "feed and item must be text")
    position, played = message.get("position", 0), message.get("played", False)
    if not _is_position(position, fractions):
        raise LiveProblem("INVALID_POSITION", "position must be a number of seconds, 0 or more")
    if not isinstance(played, bool):
        raise LiveProblem("INVALID_PLAYED", "played must be true or false")
    if message.get("privacy") not in (None, "public", "anonymous", "private"):
        raise LiveProblem("INVALID_PRIVACY", "privacy must be public, anonymous or private")
    return Play(feed, item, position, played)


def _is_position(position: object, fractions: bool) -> bool:
    if isinstance(position, bool) or not isinstance(position, int | float):
        return False
    return 0 <= position <= LONGEST_POSITION and (fractions or isinstance(position, int))
