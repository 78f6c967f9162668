"""What it costs to know who signed a request whose token was seen before.

Budget: ≤ 0.1 ms (p50). Measured is what the relay asks, `Accounts.authenticate`, on real files. Beside it stands
the first look at a token, which has to check an RSA signature.
"""

import secrets
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from balados_relay.accounts.service import Accounts
from balados_relay.app import open_relay
from balados_relay.settings import Settings
from benchmarks.measuring import percentile
from benchmarks.report import Figure


async def measure(smoke: bool) -> list[Figure]:
    """Answer the question."""
    times = 100 if smoke else 5_000
    key = generate_private_key(65_537, 2_048)
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    with tempfile.TemporaryDirectory(prefix="balados-bench-") as place:
        async with open_relay(Settings(Path(place, "relay"))) as relay:
            code = await relay.accounts.invite("benchmark")
            paired = await relay.accounts.pair(code, pem, device_id="web", device_name="Web", source="here")
            tokens = [_token(key, paired.app_id, paired.user_id) for _ in range(min(times, 500))]
            first = _each(relay.accounts, tokens)
            again = _each(relay.accounts, tokens[:1] * times)
    return [
        Figure(what="a signed token seen before, p50", value=percentile(again, 50), unit="ms", at_most=0.1),
        Figure(what="a signed token seen before, p99", value=percentile(again, 99), unit="ms"),
        Figure(what="a signed token seen first, p50", value=percentile(first, 50), unit="ms"),
    ]


def _each(accounts: Accounts, tokens: list[str]) -> list[float]:
    return [_milliseconds(lambda token=token: accounts.authenticate(token)) for token in tokens]  # type: ignore[misc]


def _milliseconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) * 1_000


def _token(key: RSAPrivateKey, app_id: str, user_id: str) -> str:
    """Sign a token as stock apps do: RS256, for an hour."""
    now = int(time.time())
    claims = {"iss": app_id, "sub": user_id, "iat": now, "exp": now + 3_600, "jti": secrets.token_urlsafe(9)}
    return jwt.encode(claims, key, "RS256")
