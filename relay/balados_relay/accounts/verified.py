"""Tokens whose signature was already checked, so that a request costs a look-up instead of a signature.

Law: this remembers only that a key signed a token. Whether that key may still speak is asked anew each time, so
nothing here has to be forgotten when it is revoked.
"""

import hashlib
from typing import NamedTuple

from balados_shared.times import SECOND
from balados_shared.tokens import Claims

MAX_TOKENS = 10_000


class Verified(NamedTuple):
    """What a token claims, and the public key that it was checked with."""

    claims: Claims
    public_key: str


class VerifiedTokens:
    """The last tokens that were found good, by their SHA-256, until they expire."""

    def __init__(self, limit: int = MAX_TOKENS) -> None:
        self._limit = limit
        self._tokens: dict[bytes, Verified] = {}

    def get(self, token: str, now: int) -> Verified | None:
        """Return what is known of a token. `now` is in milliseconds."""
        digest = _digest(token)
        known = self._tokens.get(digest)
        if known is None or known.claims.expires * SECOND > now:
            return known
        del self._tokens[digest]
        return None

    def put(self, token: str, verified: Verified) -> None:
        """Remember a token, and forget the one known longest when there are too many."""
        if len(self._tokens) >= self._limit:
            del self._tokens[next(iter(self._tokens))]
        self._tokens[_digest(token)] = verified


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
