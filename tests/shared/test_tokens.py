"""A request token proves who signed it and when, whatever its header says."""

import base64
import contextlib
import hashlib
import hmac
import json
from collections.abc import Callable
from functools import cache
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from balados_shared.errors import InvalidInput
from balados_shared.tokens import (
    InvalidToken,
    check_public_key,
    new_key,
    peek,
    public_pem,
    sign_request,
    verify_request,
)

NOW = 1_766_000_000_000
SECOND = 1_000
HOUR = 3_600
OURS = new_key()
CLAIMS: dict[str, Any] = {"iss": "app", "sub": "user", "iat": NOW // 1_000, "exp": NOW // 1_000 + 60}


def private(key: Any) -> str:
    text: str = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return text


def public(key: Any) -> str:
    text: str = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return text


@cache
def rsa_key(bits: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65_537, bits)


def signed(claims: dict[str, Any], key: str = OURS, algorithm: str = "EdDSA", **header: Any) -> str:
    return jwt.encode(claims, key, algorithm, headers=header or None)


def part(content: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def by_hand(header: Any, claims: Any, signature: Callable[[bytes], bytes] = lambda _: b"") -> str:
    text = f"{part(header)}.{part(claims)}"
    return f"{text}.{base64.urlsafe_b64encode(signature(text.encode())).rstrip(b'=').decode()}"


def request(**changes: Any) -> str:
    wanted: dict[str, Any] = {
        "app_id": "app",
        "user_id": "user",
        "device_id": "d7k2",
        "device_name": "Küche",
        "now": NOW,
        "token_id": "t1",
    }
    return sign_request(OURS, **wanted | changes)


def test_what_was_signed_is_what_is_claimed() -> None:
    claims = verify_request(request(), public_pem(OURS), now=NOW)
    assert (claims.app_id, claims.user_id, claims.token_id) == ("app", "user", "t1")
    assert (claims.device_id, claims.device_name) == ("d7k2", "Küche")
    assert (claims.issued, claims.lifetime) == (NOW // SECOND, 60 * SECOND)


def test_the_claims_have_their_documented_names() -> None:
    payload = jwt.decode(request(), options={"verify_signature": False})
    assert payload == CLAIMS | {"jti": "t1", "device_id": "d7k2", "device_name": "Küche"}


def test_who_it_is_from_can_be_read_before_it_is_checked() -> None:
    assert peek(request()).user_id == "user"
    assert peek(by_hand({"alg": "none"}, CLAIMS)).app_id == "app"


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (rsa_key(2048), "RS256"),
        (ec.generate_private_key(ec.SECP256R1()), "ES256"),
        (ed25519.Ed25519PrivateKey.generate(), "EdDSA"),
    ],
    ids=["RS256", "ES256", "EdDSA"],
)
def test_each_kind_of_key_is_accepted_with_its_algorithm(key: Any, algorithm: str) -> None:
    token = signed(CLAIMS, private(key), algorithm)
    assert verify_request(token, public(key), now=NOW).app_id == "app"


@pytest.mark.parametrize("algorithm", ["RS384", "RS512", "PS256"])
def test_another_algorithm_of_the_same_key_is_refused(algorithm: str) -> None:
    key = rsa_key(2048)
    with pytest.raises(InvalidToken):
        verify_request(signed(CLAIMS, private(key), algorithm), public(key), now=NOW)


@pytest.mark.parametrize("name", ["none", "None", "NONE", "", None, 0, ["EdDSA"], {"EdDSA": 1}])
def test_an_unsigned_token_is_refused(name: Any) -> None:
    with pytest.raises(InvalidToken):
        verify_request(by_hand({"alg": name, "typ": "JWT"}, CLAIMS), public_pem(OURS), now=NOW)


@pytest.mark.parametrize("pem", [public_pem(OURS), public(rsa_key(2048))], ids=["Ed25519", "RSA"])
def test_a_public_key_is_no_shared_secret(pem: str) -> None:
    def mac(text: bytes) -> bytes:
        return hmac.digest(pem.encode(), text, hashlib.sha256)

    with pytest.raises(InvalidToken):
        verify_request(by_hand({"alg": "HS256", "typ": "JWT"}, CLAIMS, mac), pem, now=NOW)


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_a_header_cannot_choose_another_algorithm_than_the_key_has(algorithm: str) -> None:
    for key in (rsa_key(2048), ec.generate_private_key(ec.SECP256R1()), ed25519.Ed25519PrivateKey.generate()):
        with pytest.raises(InvalidToken):
            verify_request(by_hand({"alg": algorithm}, CLAIMS, lambda _: bytes(64)), public(key), now=NOW)


def test_a_key_inside_the_token_is_not_asked() -> None:
    theirs = new_key()
    inside = jwt.algorithms.OKPAlgorithm.to_jwk(ed25519.Ed25519PrivateKey.generate().public_key(), as_dict=True)
    with pytest.raises(InvalidToken):
        verify_request(signed(CLAIMS, theirs, jwk=inside), public_pem(OURS), now=NOW)


def test_another_key_is_refused() -> None:
    with pytest.raises(InvalidToken):
        verify_request(request(), public_pem(new_key()), now=NOW)


def test_an_unknown_critical_header_is_refused() -> None:
    with pytest.raises(InvalidToken):
        verify_request(signed(CLAIMS, crit=["exp"], exp=1), public_pem(OURS), now=NOW)


def test_a_changed_claim_is_refused() -> None:
    header, _, signature = request().split(".")
    with pytest.raises(InvalidToken):
        verify_request(f"{header}.{part(CLAIMS | {'sub': 'somebody else'})}.{signature}", public_pem(OURS), now=NOW)


@given(st.data())
def test_a_token_with_any_character_changed_is_refused(data: st.DataObject) -> None:
    token = request()
    at = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.characters().filter(lambda character: character != token[at]))
    with pytest.raises(InvalidToken):
        verify_request(token[:at] + other + token[at + 1 :], public_pem(OURS), now=NOW)


@pytest.mark.parametrize(
    ("later", "good"),
    [(-60_000, True), (-60_001, False), (0, True), (119_999, True), (120_000, False), (10**9, False)],
)
def test_a_token_is_good_from_a_minute_before_its_time_to_a_minute_after(later: int, good: bool) -> None:
    if good:
        assert verify_request(request(), public_pem(OURS), now=NOW + later)
    else:
        with pytest.raises(InvalidToken):
            verify_request(request(), public_pem(OURS), now=NOW + later)


@pytest.mark.parametrize(
    "change",
    [
        {"exp": None},
        {"iat": None},
        {"sub": None},
        {"iss": None},
        {"iss": 7},
        {"sub": ["user"]},
        {"iss": ""},
        {"iss": "a" * 256},
        {"jti": "j" * 256},
        {"device_name": "n" * 256},
        {"jti": 7},
        {"exp": "1766000060"},
        {"exp": True},
        {"exp": 10**30},
        {"exp": CLAIMS["iat"] + 24 * HOUR + 1},
        {"exp": CLAIMS["iat"]},
        {"iat": -1},
        {"iat": CLAIMS["iat"] + 61, "exp": CLAIMS["exp"] + 61},
        {"nbf": CLAIMS["iat"] + 61},
        {"aud": "another relay"},
        {"aud": None, "nbf": "soon"},
    ],
    ids=str,
)
def test_claims_that_are_missing_malformed_or_out_of_bounds_are_refused(change: dict[str, Any]) -> None:
    claims = {name: claim for name, claim in (CLAIMS | change).items() if claim is not None}
    with pytest.raises(InvalidToken):
        verify_request(signed_raw(claims), public_pem(OURS), now=NOW)


def signed_raw(claims: Any) -> str:
    """Sign what PyJWT itself would refuse to sign."""
    return jwt.api_jws.PyJWS().encode(json.dumps(claims).encode(), OURS, "EdDSA")


def test_a_day_is_the_longest_life() -> None:
    claims = CLAIMS | {"exp": CLAIMS["iat"] + 24 * HOUR}
    assert verify_request(signed(claims), public_pem(OURS), now=NOW).lifetime == 24 * HOUR * SECOND


def test_what_an_app_adds_of_its_own_does_no_harm() -> None:
    assert verify_request(signed(CLAIMS | {"scopes": ["user"]}), public_pem(OURS), now=NOW).token_id is None


@pytest.mark.parametrize(
    "pem",
    [
        public(rsa_key(1024)),
        public(ec.generate_private_key(ec.SECP384R1())),
        public(ec.generate_private_key(ec.SECP256K1())),
        public(ed448.Ed448PrivateKey.generate()),
        OURS,
        private(rsa_key(2048)),
        "",
        "ü",
        "\ud800",
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        "x" * 100_000,
    ],
    ids=["RSA 1024", "P-384", "secp256k1", "Ed448", "private", "RSA private", "none", "ü", "surrogate", "rubbish", "x"],
)
def test_weak_and_unknown_keys_are_refused(pem: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        check_public_key(pem)
    assert "BEGIN" not in str(refusal.value)
    with pytest.raises(InvalidToken):
        verify_request(request(), pem, now=NOW)


def test_a_weak_key_is_told_how_long_it_must_be() -> None:
    with pytest.raises(InvalidInput, match="2048 to 8192 bits, not 1024"):
        check_public_key(public(rsa_key(1024)))


def test_a_public_key_is_kept_in_one_form() -> None:
    pem = public_pem(OURS)
    assert check_public_key(f"  my key\n{pem}\n\n") == pem == check_public_key(pem.replace("\n", "\r\n"))


@pytest.mark.parametrize("pem", ["", "rubbish", public_pem(OURS), private(rsa_key(2048))])
def test_a_private_key_that_is_none_is_refused_in_words(pem: str) -> None:
    with pytest.raises(InvalidInput, match="private key"):
        public_pem(pem)


any_text = st.text(st.characters(codec=None, categories=None))
any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
parts = st.binary().map(lambda raw: base64.urlsafe_b64encode(raw).rstrip(b"=").decode())
headers = st.fixed_dictionaries({}, optional={"alg": st.just("EdDSA") | any_json, "b64": any_json, "crit": any_json})
claim_sets = st.fixed_dictionaries({}, optional=dict.fromkeys(("iss", "sub", "iat", "exp", "jti"), any_json))
tokens = (
    any_text
    | st.tuples(parts, parts, parts).map(".".join)
    | st.tuples(headers | any_json, claim_sets | any_json).map(lambda both: by_hand(*both))
)


@given(tokens)
def test_arbitrary_text_is_an_invalid_token_and_nothing_else(token: str) -> None:
    with pytest.raises(InvalidToken):
        verify_request(token, public_pem(OURS), now=NOW)
    with contextlib.suppress(InvalidToken):
        peek(token)


@given(claim_sets | any_json)
def test_arbitrary_claims_well_signed_are_an_invalid_token_and_nothing_else(claims: Any) -> None:
    with pytest.raises(InvalidToken):
        verify_request(signed_raw(claims), public_pem(OURS), now=NOW)


@pytest.mark.parametrize("payload", [b"[" * 100_000, b"\xff", b'{"iss": "\\ud800"}', b"", b"{" * 5_000])
def test_payloads_that_break_parsers_are_an_invalid_token(payload: bytes) -> None:
    token = jwt.api_jws.PyJWS().encode(payload, OURS, "EdDSA")
    for check in (peek, lambda text: verify_request(text, public_pem(OURS), now=NOW)):
        with pytest.raises(InvalidToken):
            check(token)


def test_a_deeply_nested_header_is_an_invalid_token() -> None:
    header = base64.urlsafe_b64encode(b"[" * 5_000).rstrip(b"=").decode()
    with pytest.raises(InvalidToken):
        peek(f"{header}.{part(CLAIMS)}.AAAA")


def test_a_number_with_thousands_of_digits_is_an_invalid_token() -> None:
    with pytest.raises(InvalidToken):
        peek(f"{base64.urlsafe_b64encode(b'1' * 5_000).decode().rstrip('=')}.{part(CLAIMS)}.AAAA")
