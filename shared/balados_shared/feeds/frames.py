"""What a program and its feed reader say to each other over pipes: messages in MessagePack, each behind its length.

Law: one question, one answer, in turn. The reader is of the same version, so the messages need no compatibility.
"""

import struct
from typing import BinaryIO

import msgspec

from balados_shared.feeds.types import ParsedFeed

LENGTH = struct.Struct(">I")
"""The frame header: how many bytes follow."""


class Question(msgspec.Struct, frozen=True, array_like=True):
    """Please read this feed."""

    body: bytes
    url: str


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """The feed, or why it is none: one of the two."""

    feed: ParsedFeed | None = None
    trouble: str = ""


def pack(message: Question | Answer) -> bytes:
    """Return a message as one frame."""
    body = msgspec.msgpack.encode(message)
    return LENGTH.pack(len(body)) + body


def read_question(stream: BinaryIO) -> Question | None:
    """Read one question from a blocking stream; None at its end."""
    header = stream.read(LENGTH.size)
    if len(header) < LENGTH.size:
        return None
    return msgspec.msgpack.decode(stream.read(*LENGTH.unpack(header)), type=Question)


def unpack_answer(body: bytes) -> Answer:
    """Read an answer from the bytes behind its header."""
    return msgspec.msgpack.decode(body, type=Answer)
