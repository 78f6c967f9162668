"""What an app may do: the names it asks for, and which of them open what (protocol sheet, section 2.4).

Law: what was granted decides, never what a token says of itself.
"""

from collections.abc import Iterable

_FAMILIES = {
    "subscriptions": "what you subscribe to",
    "plays": "what you play and how far you are",
    "likes": "what you like",
    "playlists": "your playlists",
    "collections": "your collections",
    "privacy": "who may see what you do",
}

DEFINED: frozenset[str] = frozenset(
    [
        *("*", "*.read", "*.write", "user", "user.read", "user.write", "user.sync"),
        *(f"user.{family}{access}" for family in _FAMILIES for access in ("", ".read", ".write")),
    ]
)

ADMINISTRATION = "user"
"""Who may list and revoke other apps: `user` and what covers it."""

STOCK = ("user.sync", "user.subscriptions", "user.plays", "user.likes")
"""What balados.app uses, which cannot ask for scopes itself."""

LONGEST = 100


def is_requestable(scope: str) -> bool:
    """Whether an app may ask for a scope: a defined name, or a pattern."""
    return scope in DEFINED or (len(scope) <= LONGEST and scope.isascii() and _is_pattern(scope))


def allows(granted: Iterable[str], required: str) -> bool:
    """Whether any of the granted scopes opens what `required` names."""
    return any(_satisfies(scope, required) for scope in granted)


def described(scope: str) -> str:
    """Say in plain words what a scope opens, as the end of "It could …"."""
    if scope in _WHOLE:
        return _WHOLE[scope]
    family, _, access = scope.removeprefix("user.").partition(".")
    if scope not in DEFINED or family not in _FAMILIES:
        return f"do all that “{scope}” stands for"
    return f"{_VERBS[access]} {_FAMILIES[family]}"


def in_plain_words(scopes: Iterable[str]) -> list[str]:
    """Say what scopes open together, without what another of them covers already."""
    kept: list[str] = []
    for scope in scopes:
        if not allows(kept, scope):
            kept = [other for other in kept if not allows([scope], other)] + [scope]
    return list(dict.fromkeys(described(scope) for scope in kept))


_VERBS = {"": "read and change", "read": "read", "write": "change"}

_WHOLE = {
    "*": "read and change everything of yours, and manage your apps",
    "user": "read and change everything of yours, and manage your apps",
    "user.*": "read and change everything of yours",
    "user.sync": "keep in step with your library: read and change all of it",
    **dict.fromkeys(["*.read", "user.read", "user.*.read"], "read everything of yours"),
    **dict.fromkeys(["*.write", "user.write", "user.*.write"], "change everything of yours"),
}


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
