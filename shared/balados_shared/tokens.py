"""The short-lived token that an app signs for each request (protocol sheet section 2.3), and the keys for it.

Law: the type of the registered key decides the algorithm, never the token's header, so a token cannot choose how it is
checked (RFC 8725 section 3.1). Time is `now`, in milliseconds: PyJWT's own checks read the wall clock and are not used.
The cryptography is imported at the first use, because it takes a tenth of a second and many daemons never need it.
"""

from functools import cache, lru_cache
from typing import TYPE_CHECKING, Annotated, NamedTuple, TypeVar

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from balados_shared.errors import InvalidInput
from balados_shared.times import DAY, LATEST, MINUTE, SECOND

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
    from jwt.api_jws import PyJWS

    PublicKey = EllipticCurvePublicKey | Ed25519PublicKey | RSAPublicKey

MAX_TOKEN_LENGTH = 8_192
MAX_LIFETIME = DAY
MAX_AHEAD = MINUTE
"""How far in the future a token may be dated."""

_MAX_PEM_LENGTH = 8_192
_MIN_RSA_BITS, _MAX_RSA_BITS = 2_048, 8_192

_Text = Annotated[str, Meta(min_length=1, max_length=255)]
_Seconds = Annotated[int, Meta(ge=0, le=LATEST // SECOND)]

T = TypeVar("T")

_WIRE = {
    "app_id": "iss",
    "user_id": "sub",
    "issued": "iat",
    "expires": "exp",
    "not_before": "nbf",
    "token_id": "jti",
    "audience": "aud",
}


class InvalidToken(InvalidInput):
    """A request token that proves nothing."""


class Claims(Struct, frozen=True, kw_only=True, rename=_WIRE, omit_defaults=True):
    """What a token claims, under the names of this project. Times are in seconds, as RFC 7519 has them."""

    app_id: _Text
    user_id: _Text
    issued: _Seconds
    expires: _Seconds
    not_before: _Seconds = 0
    token_id: _Text | None = None
    device_id: _Text | None = None
    device_name: _Text | None = None
    audience: Raw | UnsetType = UNSET

    @property
    def lifetime(self) -> int:
        """How long the token is good for, in milliseconds."""
        return (self.expires - self.issued) * SECOND


class Peeked(Struct, frozen=True, rename=_WIRE):
    """What an unverified token says of its sender: good for looking up the key, and for nothing else."""

    app_id: _Text
    user_id: _Text


def new_key() -> str:
    """Make an Ed25519 private key, as PKCS #8 PEM. Draws on the system's randomness: no caller can make it twice."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    pem, pkcs8, plain = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return Ed25519PrivateKey.generate().private_bytes(pem, pkcs8, plain).decode()


def public_pem(private_pem: str) -> str:
    """Return the public half of an Ed25519 private key, as SPKI PEM. Raises InvalidInput."""
    return _pem(_private_key(private_pem).public_key())


def check_public_key(pem: str) -> str:
    """Return a public key in the one form in which it is stored (SPKI PEM).

    Raises InvalidInput, which says what is wrong, for all but Ed25519, P-256, and RSA of 2,048 to 8,192 bits.
    """
    return _pem(_verifier(pem).key)


def sign_request(
    private_pem: str,
    *,
    app_id: str,
    user_id: str,
    device_id: str,
    device_name: str,
    now: int,
    token_id: str,
    lifetime_s: int = 60,
) -> str:
    """Sign a token that is good from `now` for `lifetime_s` seconds. Raises InvalidInput when the key is unreadable."""
    issued = now // SECOND
    claims = Claims(
        app_id=app_id,
        user_id=user_id,
        issued=issued,
        expires=issued + lifetime_s,
        token_id=token_id,
        device_id=device_id,
        device_name=device_name,
    )
    return _jws().encode(msgspec.json.encode(claims), _private_key(private_pem), "EdDSA")


def peek(token: str) -> Peeked:
    """Read who a token says it is from, without any check. Raises InvalidToken."""
    return _read(_payload(token, None), Peeked)


def verify_request(token: str, public_pem: str, *, now: int, leeway_s: int = 60) -> Claims:
    """Return what a token claims, once its signature, dates and lifetime are found good. Raises InvalidToken."""
    try:
        verifier = _verifier(public_pem)
    except InvalidInput as error:
        raise InvalidToken(str(error)) from None
    claims = _read(_payload(token, verifier), Claims)
    _check_dates(claims, now, leeway_s * SECOND)
    if claims.audience is not UNSET:
        raise InvalidToken("the token is meant for somebody else")
    return claims


def peek_at(token: str, kind: type[T]) -> T:
    """Read claims of a token without any check. Raises InvalidToken."""
    return _read(_payload(token, None), kind)


def verified(token: str, public_pem: str, kind: type[T]) -> T:
    """Return claims of a token that this key signed, with no dates checked.

    Raises InvalidToken, and InvalidInput for an unusable key.
    """
    return _read(_payload(token, _verifier(public_pem)), kind)


class _Verifier(NamedTuple):
    key: "PublicKey"
    algorithm: str


@lru_cache(maxsize=1_024)
def _verifier(pem: str) -> _Verifier:
    """Parse a public key, and say which algorithm its type allows."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    key = _public_key(pem)
    if isinstance(key, ed25519.Ed25519PublicKey):
        return _Verifier(key, "EdDSA")
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return _Verifier(key, "ES256")
    if not isinstance(key, rsa.RSAPublicKey):
        raise InvalidInput("the key must be Ed25519, P-256 or RSA")
    if not _MIN_RSA_BITS <= key.key_size <= _MAX_RSA_BITS:
        raise InvalidInput(f"an RSA key must have {_MIN_RSA_BITS} to {_MAX_RSA_BITS} bits, not {key.key_size}")
    return _Verifier(key, "RS256")


def _public_key(pem: str) -> "PublicKeyTypes":
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    if len(pem) > _MAX_PEM_LENGTH or not pem.isascii():
        raise InvalidInput("not a public key in PEM form")
    try:
        return load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise InvalidInput("not a public key in PEM form, or of a kind that is not known") from None


def _private_key(pem: str) -> "Ed25519PrivateKey":
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # TypeError: it is encrypted
        raise InvalidInput("not a private key in PEM form") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise InvalidInput("the private key must be Ed25519")
    return key


def _pem(key: "PublicKey") -> str:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@cache
def _jws() -> "PyJWS":
    """Return the signature layer of PyJWT alone: it has no clock, and knows no algorithm but ours."""
    from jwt.api_jws import PyJWS

    return PyJWS(algorithms=["EdDSA", "ES256", "RS256"])


def _payload(token: str, verifier: _Verifier | None) -> bytes:
    """Return the signed bytes of a token, checked unless there is no verifier."""
    jws = _jws()
    from jwt.exceptions import PyJWTError

    if len(token) > MAX_TOKEN_LENGTH or not token.isascii():
        raise InvalidToken("not a token")
    try:
        if verifier is None:
            payload: bytes = jws.decode_complete(token, options={"verify_signature": False})["payload"]
        else:
            payload = jws.decode(token, verifier.key, [verifier.algorithm])
    except PyJWTError:
        raise InvalidToken("not a token, or its signature is wrong") from None
    return payload


def _read(payload: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(payload, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InvalidToken("a claim of the token is missing or malformed") from None


def _check_dates(claims: Claims, now: int, leeway: int) -> None:
    """All but the claims is in milliseconds."""
    if claims.expires * SECOND + leeway <= now:
        raise InvalidToken("the token has expired")
    if max(claims.issued * SECOND, claims.not_before * SECOND) > now + MAX_AHEAD:
        raise InvalidToken("the token is from the future")
    if not 0 < claims.lifetime <= MAX_LIFETIME:
        raise InvalidToken("the token lives too long")
