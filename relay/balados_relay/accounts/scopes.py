"""What an app may do: the names it asks for, and which of them open what (protocol sheet, section 2.4).

Law: what was granted decides, never what a token says of itself.
"""

from collections.abc import Iterable

_FAMILIES = ("subscriptions", "plays", "likes", "playlists", "collections", "privacy")

DEFINED: frozenset[str] = frozenset(
    [
        *("*", "*.read", "*.write", "user", "user.read", "user.write", "user.sync"),
        *(f"user.{family}{access}" for family in _FAMILIES for access in ("", ".read", ".write")),
    ]
)

ADMINISTRATION = "user"
"""Who may list and revoke other apps: `user` and what covers it."""

LONGEST = 100


def is_requestable(scope: str) -> bool:
    """Whether an app may ask for a scope: a defined name, or a pattern."""
    return scope in DEFINED or (len(scope) <= LONGEST and scope.isascii() and _is_pattern(scope))


def allows(granted: Iterable[str], required: str) -> bool:
    """Whether any of the granted scopes opens what `required` names."""
    return any(_satisfies(scope, required) for scope in granted)


def _is_pattern(scope: str) -> bool:
    letters = scope.replace("*", "a").replace(".", "a").replace("_", "a")
    return (".*" in scope or scope.startswith("*.")) and letters.isalnum()


def _satisfies(granted: str, required: str) -> bool:
    if granted in ("*", required) or required.startswith(f"{granted}."):
        return True
    if granted.startswith("*.") and required.endswith(granted[1:]):
        return True
    if granted.endswith(".*") and required.startswith(granted[:-1]):
        return True
    before, star, behind = granted.partition(".*")
    return bool(star) and required.startswith(f"{before}.") and required.endswith(behind)
