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
    # So many more bits than the code has, that the remainder favours none of them.
    number = int.from_bytes(random)
    characters = [ALPHABET[number // len(ALPHABET) ** place % len(ALPHABET)] for place in range(_LENGTH)]
    return shown("".join(characters))


def shown(code: str) -> str:
    """Write a code with its dash."""
    return f"{code[:4]}-{code[4:]}"


def read_code(typed: str) -> str:
    """Return the eight characters of a code typed in any case, with spaces or without the dash. Raises InvalidInput."""
    code = _BETWEEN.sub("", normalize("NFKC", typed[:_MAX_TYPED]))
    if len(typed) > _MAX_TYPED or not _CODE.fullmatch(code):
        raise InvalidInput("not a pairing code; they look like K7QF-M2XD")
    return code.upper()


def hash_code(code: str) -> bytes:
    """Return what is stored of a code: SHA-256 over its eight characters."""
    return hashlib.sha256(code.encode()).digest()
