"""The scopes that a token names itself, as the documented live connection wants them (protocol sheet section 6).

Law: they can only take away from what was granted, so they are read where nobody's word is needed for that.
"""

from base64 import urlsafe_b64decode

import msgspec
from msgspec import Struct


class _Claims(Struct):
    scopes: list[str] | None = None


def claimed_scopes(token: str) -> list[str] | None:
    """Return the scopes that a signed token names, which was found good before; None when it names none."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    payload = parts[1] + "=" * (-len(parts[1]) % 4)
    try:
        return msgspec.json.decode(urlsafe_b64decode(payload), type=_Claims).scopes
    except (ValueError, msgspec.DecodeError):
        return []
