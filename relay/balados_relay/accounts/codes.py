"""Pairing codes such as `K7QF-M2XD`: short enough to read out, long enough not to be guessed in a quarter of an hour.

Eight of 31 characters are 39 bits; `throttle` keeps a guesser to a hundred tries. The alphabet lacks 0, O, 1, I and L,
so a code that a person read off a screen means only one thing.
"""

import hashlib
import re
from unicodedata import normalize

from balados_shared.errors import InvalidInput

ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
RANDOM_BYTES = 16

_LENGTH = 8
_CODE = re.compile(f"[{ALPHABET}]{{{_LENGTH}}}", re.ASCII | re.IGNORECASE)
_BETWEEN = re.compile(r"[\s\u2010-\u2015\u2212-]+")
_MAX_TYPED = 64


def new_code(random: bytes) -> str:
    """Turn 16 random bytes into a code, as it is shown to a person."""
    if len(random) != RANDOM_BYTES:
        raise ValueError(f"a code takes {RANDOM_BYTES} random bytes")
    return shown(spelled(random, _LENGTH))


def spelled(random: bytes, length: int) -> str:
    """Turn random bytes, of which there must be many more than needed, into characters that nobody mistakes."""
    # So many more bits than the text has, that the remainder favours none of them.
    number = int.from_bytes(random)
    return "".join(ALPHABET[number // len(ALPHABET) ** place % len(ALPHABET)] for place in range(length))


def shown(code: str) -> str:
    """Write a code with its dash."""
    return f"{code[:4]}-{code[4:]}"


def read_code(typed: str) -> str:
    """Return the eight characters of a code typed in any case, with spaces or without the dash. Raises InvalidInput."""
    code = without_gaps(typed[:_MAX_TYPED])
    if len(typed) > _MAX_TYPED or not _CODE.fullmatch(code):
        raise InvalidInput("not a pairing code; they look like K7QF-M2XD")
    return code.upper()


def without_gaps(typed: str) -> str:
    """Return what a person typed without the spaces and dashes that are there for the eye."""
    return _BETWEEN.sub("", normalize("NFKC", typed))


def pairing_command(relay: str, code: str) -> str:
    """Return what is typed on a device, or read by it off a QR code, to pair it at the address of a relay."""
    return f"balados pair {relay.rstrip('/')} {code}"


def hash_code(code: str) -> bytes:
    """Return what is stored of a code: SHA-256 over its eight characters."""
    return hashlib.sha256(code.encode()).digest()
