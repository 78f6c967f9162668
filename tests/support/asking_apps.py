"""An app that signs: its key, the request by which it asks a person, and the tokens of its own requests."""

from itertools import count
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from support.loopback import Clock

CALLBACK = "https://player.example/back?from=balados"

KEY = generate_private_key(65_537, 2_048)
OTHER_KEY = generate_private_key(65_537, 2_048)


class SigningApp:
    """An app as the protocol sheet has it (sections 2.1 and 2.3)."""

    def __init__(self, clock: Clock, app_id: str = "org.example.player", key: RSAPrivateKey = KEY) -> None:
        self.app_id = app_id
        self.key = key
        self._clock = clock
        self._numbers = count()

    @property
    def pem(self) -> str:
        return self.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    def request(self, *scopes: str, **changes: Any) -> str:
        """Sign a request for a person's consent."""
        seconds = self._clock.now // 1_000
        claims = {
            "iss": self.app_id,
            "app": {"name": "Example Player", "public_key": self.pem, "url": "https://player.example"},
            "scopes": list(scopes or ("user.sync", "user.plays.read")),
            "redirect_uris": [CALLBACK],
            "iat": seconds,
            "exp": seconds + 86_400,
        }
        return jwt.encode(claims | changes, self.key, "RS256")

    def token(self, user_id: str, **changes: Any) -> str:
        """Sign a request of its own."""
        seconds = self._clock.now // 1_000
        claims = {"iss": self.app_id, "sub": user_id, "iat": seconds, "exp": seconds + 3_600}
        return jwt.encode(claims | changes, self.key, "RS256")
