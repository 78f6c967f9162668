"""What an app may ask for, and where an answer may go."""

import base64
import hashlib
import hmac
from typing import Any

import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as new_curve_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from balados_shared.authorization import Authorization, answered, check_redirect, origin_of, read_authorization
from balados_shared.errors import InvalidInput
from balados_shared.times import DAY, HOUR, MINUTE
from support.strategies import NOON

RSA = generate_private_key(65_537, 2_048)
SECONDS = NOON // 1_000
CALLBACK = "https://player.example/back?from=balados"


def pem(key: Any) -> str:
    text: str = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return text


def request(key: Any = RSA, algorithm: str = "RS256", **changes: Any) -> str:
    app = {"name": "Example Player", "public_key": pem(key), "url": "https://player.example"}
    claims = {
        "iss": "org.example.player",
        "app": app | changes.pop("app", {}),
        "scopes": ["user.sync"],
        "redirect_uris": [CALLBACK],
        "iat": SECONDS,
        "exp": SECONDS + 86_400,
    }
    return jwt.encode(claims | changes, key, algorithm)


def refusal(token: str, now: int = NOON) -> str:
    with pytest.raises(InvalidInput) as refused:
        read_authorization(token, now)
    return str(refused.value)


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [(RSA, "RS256"), (new_curve_key(SECP256R1()), "ES256"), (Ed25519PrivateKey.generate(), "EdDSA")],
    ids=["RS256", "ES256", "EdDSA"],
)
def test_a_request_signed_with_its_own_key_is_read(key: Any, algorithm: str) -> None:
    asked = read_authorization(request(key, algorithm), NOON)
    assert asked == Authorization(
        app_id="org.example.player",
        name="Example Player",
        url="https://player.example",
        image=None,
        public_key=pem(key),
        scopes=("user.sync",),
        redirect_uris=(CALLBACK,),
        expires=NOON + DAY,
    )


def test_another_keys_signature_is_refused() -> None:
    other = generate_private_key(65_537, 2_048)
    assert "signature" in refusal(request(other, app={"public_key": pem(RSA)}))


def test_an_unsigned_request_and_one_signed_with_the_public_key_are_refused() -> None:
    claims = jwt.decode(request(), options={"verify_signature": False})
    assert refusal(jwt.encode(claims, "", "none"))
    head, body, _ = request().split(".")
    assert refusal(f"{head}.{body}.")
    header = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').rstrip(b"=").decode()
    mac = hmac.digest(pem(RSA).encode(), f"{header}.{body}".encode(), hashlib.sha256)
    assert refusal(f"{header}.{body}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}")


def test_dates_are_kept() -> None:
    token = request(exp=SECONDS + 3_600)
    assert read_authorization(token, NOON + HOUR + MINUTE - 1_000)
    assert "expired" in refusal(token, NOON + HOUR + MINUTE)
    assert "future" in refusal(request(iat=SECONDS + 120))
    assert "two days" in refusal(request(exp=SECONDS + 3 * 86_400))
    claims = jwt.decode(request(), options={"verify_signature": False})
    del claims["exp"]
    assert refusal(jwt.encode(claims, RSA, "RS256"))


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": ""},
        {"iss": "a\nb"},
        {"app": {"name": ""}},
        {"app": {"name": "x" * 256}},
        {"app": {"name": "  "}},
        {"app": {"name": "\u202eevil"}},
        {"app": {"public_key": "no key"}},
        {"app": {"url": "javascript:alert(1)"}},
        {"app": {"image": "data:text/html,x"}},
        {"scopes": "user"},
        {"scopes": ["user"] * 101},
        {"redirect_uris": [CALLBACK] * 11},
        {"redirect_uris": ["http://player.example/"]},
    ],
    ids=str,
)
def test_what_cannot_be_is_refused(changes: dict[str, Any]) -> None:
    assert refusal(request(**changes))


def test_a_short_key_is_refused() -> None:
    assert "2048" in refusal(request(app={"public_key": pem(generate_private_key(65_537, 1_024))}))


@given(st.text(max_size=100) | st.binary(max_size=100).map(lambda raw: raw.decode("latin-1")))
def test_no_text_is_more_than_refused(text: str) -> None:
    assert refusal(text)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.dictionaries(st.text(), x)))
def test_no_claims_are_more_than_refused(claims: Any) -> None:
    assert refusal(jwt.api_jws.encode(msgspec.json.encode(claims), RSA, "RS256"))


@pytest.mark.parametrize(
    "uri",
    [
        "https://player.example",
        "https://player.example:8443/a/b?c=d&e=%2F",
        "http://127.0.0.1:4000/back",
        "http://localhost/back",
        "http://[::1]:4000/",
        "https://192.0.2.1/",
        "https://[2001:db8::1]:8443/",
        "org.example.player:/back",
        "org.example.player://host/back",
    ],
)
def test_where_answers_may_go(uri: str) -> None:
    check_redirect(uri)


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "player.example",
        "//player.example/",
        "http://player.example/",
        "http://localhost.evil.example/",
        "https://user@player.example/",
        "https://player.example@evil.example/",
        "https://player.example/#fragment",
        "https://player.example\\@evil.example/",
        "https://player.example/ x",
        "https://player.example/\r\nSet-Cookie: a=b",
        "https://pl\u0430yer.example/",
        "https://player.example:port/",
        "https:///nowhere",
        "https://player.example;script-src/",
        "https://player.example,default-src/",
        "https://'unsafe-inline'/",
        "https://*/",
        "https://*.example/",
        "https://%65vil.example/",
        "https://player.example:/",
        "https://player.example:0443/",
        "org.example.player://host;script-src/",
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
    ],
)
def test_where_no_answer_may_go(uri: str) -> None:
    with pytest.raises(InvalidInput):
        check_redirect(uri)


@pytest.mark.parametrize("uri", ["https://balados.app", "https://balados.app/", "http://localhost:5173"])
def test_an_origin_is_taken_as_browsers_write_it(uri: str) -> None:
    assert origin_of(uri) == uri.removesuffix("/")


@pytest.mark.parametrize(
    "uri",
    [
        "https://balados.app/path",
        "https://balados.app?x",
        "https://BALADOS.app",
        "https://balados.app:443",
        "https://balados.app:",
        "http://balados.app",
        "org.example.player:",
        "org.example.player://host",
        "*",
        "null",
        "",
    ],
)
def test_what_is_no_origin_gets_no_token(uri: str) -> None:
    with pytest.raises(InvalidInput):
        origin_of(uri)


def test_an_answer_is_added_to_what_the_app_has_in_its_query() -> None:
    answer = {"user_id": "u 1", "state": "a&b=c#d\r\né"}
    assert answered(CALLBACK, answer) == f"{CALLBACK}&user_id=u%201&state=a%26b%3Dc%23d%0D%0A%C3%A9"
    assert answered("org.example.player:/back", {"state": "x"}) == "org.example.player:/back?state=x"
