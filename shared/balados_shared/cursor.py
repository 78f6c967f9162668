"""A cursor names a point in a relay's history: the arrival number, and the tag of everything up to there.

Each tag hashes the one before it and the whole record state that arrived, so two histories never share one; a device
whose cursor does not fit the relay's tags starts over (DESIGN.md section 5, "relay lost history"). To a device a
cursor is opaque text.
"""

from hashlib import sha256
from typing import NamedTuple, Self


class Cursor(NamedTuple):
    """Everything up to `revision` of the history tagged `tag`."""

    revision: int
    tag: str

    @classmethod
    def read(cls, text: str) -> Self | None:
        """Read `57.c01d2e…`; the empty text is the start. None for what cannot be a cursor."""
        if text == "":
            return cls(0, "")
        revision, _, tag = text.partition(".")
        if not (revision.isascii() and revision.isdigit() and len(revision) < 16 and tag):
            return None
        return cls(int(revision), tag)

    def write(self) -> str:
        """Return the wire form."""
        return f"{self.revision}.{self.tag}" if self.revision else ""


def next_tag(tag: str, state: bytes) -> str:
    """Tag the history that `tag` names, continued by the arrival of `state` (the record's stored form)."""
    return sha256(tag.encode() + b"\n" + state).hexdigest()[:16]
