"""Passwords, as Argon2id hashes (RFC 9106; the cost is that of protocol sheet section 2.6).

Law: every check does the same work, whether or not there is a hash to check against. The work is done in threads, never
more than two at once, since each takes 64 MiB.
"""

import asyncio
import base64

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from balados_shared import problems

AT_ONCE = 2
MAX_WAITING = 50

ARGON2 = PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=1)


class Passwords:
    """Hashes passwords and checks them."""

    def __init__(self, argon2: PasswordHasher | None = None) -> None:
        self._argon2 = argon2 or ARGON2
        self._nobodys = _unreachable_hash(self._argon2)
        self._free = asyncio.Semaphore(AT_ONCE)
        self._asking = 0

    async def hash(self, password: str) -> str:
        """Return the hash of a password, in PHC form. Raises Problem 503 when too many wait."""
        return await self._alone(password)

    async def fits(self, stored: str | None, password: str) -> bool:
        """Whether a password is the one; without a stored hash it takes as long and is not. Raises Problem 503."""
        right = await self._alone(password, stored or self._nobodys)
        return bool(right) and stored is not None

    def is_outdated(self, stored: str) -> bool:
        """Whether a hash was made at another cost than today's."""
        return self._argon2.check_needs_rehash(stored)

    async def _alone(self, password: str, stored: str | None = None) -> str:
        if self._asking >= MAX_WAITING:
            raise problems.unavailable(
                "BUSY", "Too many people log in at this moment. Please try again.", retry_after=5
            )
        self._asking += 1
        try:
            async with self._free:
                return await asyncio.to_thread(self._work, password, stored)
        finally:
            self._asking -= 1

    def _work(self, password: str, stored: str | None) -> str:
        """Hash a password; or, given a hash, return it when the password fits and nothing when it does not."""
        secret = password.encode("utf-8", "surrogatepass")
        if stored is None:
            return self._argon2.hash(secret)
        try:
            self._argon2.verify(stored, secret)
        except (Argon2Error, InvalidHashError):
            return ""
        return stored


def _unreachable_hash(argon2: PasswordHasher) -> str:
    """Return what looks like a hash of today's cost and fits no password that anybody could find."""
    salt, digest = (base64.b64encode(bytes(size)).decode().rstrip("=") for size in (argon2.salt_len, argon2.hash_len))
    cost = f"m={argon2.memory_cost},t={argon2.time_cost},p={argon2.parallelism}"
    return f"$argon2id$v=19${cost}${salt}${digest}"
