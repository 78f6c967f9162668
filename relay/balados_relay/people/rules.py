"""What a name and a password must be like. Each function says plainly what is wrong."""

import re
from unicodedata import normalize

from balados_shared.errors import InvalidInput

SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 128

# Protocol sheet section 2.6.
_NAME = re.compile(r"[A-Za-z0-9_-]{3,30}", re.ASCII)


def check_name(name: str) -> str:
    """Return the name of a new person. Raises InvalidInput."""
    if not _NAME.fullmatch(name):
        raise InvalidInput("A name has 3 to 30 characters: letters from A to Z, digits, - and _.")
    return name


def check_password(password: str, name: str) -> str:
    """Return a password as it is hashed. `name` is whose it is. Raises InvalidInput."""
    password = as_typed_anywhere(password)
    if len(password) < SHORTEST_PASSWORD:
        raise InvalidInput(
            f"A password needs at least {SHORTEST_PASSWORD} characters; a few words are easy to remember."
        )
    if len(password) > LONGEST_PASSWORD:
        raise InvalidInput(f"A password may have at most {LONGEST_PASSWORD} characters.")
    if password.casefold() == as_typed_anywhere(name).casefold():
        raise InvalidInput("The password must not be the name.")
    return password


def check_same(password: str, again: str) -> None:
    """Raise InvalidInput when a new password was typed in two ways."""
    if password != again:
        raise InvalidInput("The two passwords are not the same.")


def as_typed_anywhere(password: str) -> str:
    """Return a password in one form: keyboards put the same letter together in different ways (NIST SP 800-63B)."""
    return normalize("NFKC", password)
