"""What an app asks a person for: the self-signed request of `GET /authorize` (protocol sheet, section 2.1).

Law: a request proves only that its sender holds the key that it brings. Where an answer may go stands in the signed
request and is compared letter by letter, so nobody can be led to another place (RFC 9700 section 4.1).
"""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated
from urllib.parse import SplitResult, quote, urlsplit

from msgspec import Meta, Struct

from balados_shared.errors import InvalidInput
from balados_shared.times import DAY, LATEST, SECOND
from balados_shared.tokens import MAX_AHEAD, InvalidToken, check_public_key, peek_at, verified

MAX_LIFETIME = 2 * DAY
"""How long a request may be good for: upstream's page for app makers writes a day."""

LEEWAY = 60 * SECOND
MAX_URL = 2_000

_LOOPBACK = ("127.0.0.1", "localhost", "::1")

_PLACE = re.compile(r"(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[1-9][0-9]*)?", re.ASCII | re.IGNORECASE)
"""A host and a port with nothing that means something where they are written again, as in a policy for browsers."""

_Name = Annotated[str, Meta(min_length=1, max_length=255)]
_Url = Annotated[str, Meta(max_length=MAX_URL)]
_Seconds = Annotated[int, Meta(ge=0, le=LATEST // SECOND)]
_Urls = Annotated[list[_Url], Meta(max_length=10)]


class Authorization(Struct, frozen=True, kw_only=True):
    """What an app asks for. `public_key` is in the form in which keys are stored; `expires` is in milliseconds."""

    app_id: str
    name: str
    url: str | None
    image: str | None
    public_key: str
    scopes: tuple[str, ...]
    redirect_uris: tuple[str, ...]
    expires: int


class _App(Struct, frozen=True):
    name: _Name
    public_key: str
    url: _Url | None = None
    image: _Url | None = None
    redirect_uris: _Urls = []


class _Claims(Struct, frozen=True, rename={"app_id": "iss", "issued": "iat", "expires": "exp"}):
    app_id: _Name
    app: _App
    expires: _Seconds
    issued: _Seconds | None = None
    scopes: Annotated[list[_Name], Meta(max_length=100)] = []
    redirect_uris: _Urls = []


def read_authorization(token: str, now: int) -> Authorization:
    """Return what a request asks for, once it is found good. Raises InvalidInput, which says what is wrong with it."""
    key = check_public_key(peek_at(token, _Claims).app.public_key)
    claims = verified(token, key, _Claims)
    _check_dates(claims, now)
    app = claims.app
    if not all(name.isprintable() and name.strip() for name in (claims.app_id, app.name)):
        raise InvalidToken("its names must be text that can be shown")
    for url in (app.url, app.image):
        if url is not None and _split(url).scheme not in ("http", "https"):
            raise InvalidToken("its addresses must begin with https:// or http://")
    redirects = (*app.redirect_uris, *claims.redirect_uris)
    for uri in redirects:
        check_redirect(uri)
    return Authorization(
        app_id=claims.app_id,
        name=app.name,
        url=app.url,
        image=app.image,
        public_key=key,
        scopes=tuple(dict.fromkeys(claims.scopes)),
        redirect_uris=redirects,
        expires=claims.expires * SECOND,
    )


def check_redirect(uri: str) -> None:
    """Raise InvalidInput for an address to which no answer may be sent.

    Good are `https://`, `http://` on the same machine, and schemes of an app's own, which have a dot (RFC 8252
    section 7.1).
    """
    parts = _split(uri)
    if "#" in uri or "@" in parts.netloc:
        raise InvalidInput("an address to return to must have neither a fragment nor a user name")
    if parts.netloc and not _PLACE.fullmatch(parts.netloc):
        raise InvalidInput("an address to return to must name a host")
    own = "." in parts.scheme
    at_home = parts.scheme == "http" and parts.hostname in _LOOPBACK
    if not (own or at_home or (parts.scheme == "https" and parts.hostname)):
        raise InvalidInput("an address to return to must begin with https://")


def origin_of(uri: str) -> str:
    """Return the origin of a web page that asks for a token, as browsers write it. Raises InvalidInput.

    Only an origin will do: no path, no query, and nothing in it that a browser would write in another way.
    """
    origin = uri.removesuffix("/")
    check_redirect(origin)
    parts = _split(origin)
    default = {"https": 443, "http": 80}.get(parts.scheme)
    plain = origin == f"{parts.scheme}://{parts.netloc}" == origin.lower()
    if not plain or default is None or parts.netloc.endswith((":", f":{default}")):
        raise InvalidInput("this must be the origin of a web page, such as https://balados.app")
    return origin


def answered(redirect_uri: str, answer: Mapping[str, str]) -> str:
    """Return where the browser is sent with an answer. What the app has in its query stays."""
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in answer.items())
    return redirect_uri + ("&" if "?" in redirect_uri else "?") + query


def is_registered(redirect_uri: str, registered: Sequence[str]) -> bool:
    """Whether an answer may go there: letter by letter (RFC 9700 section 4.1.3)."""
    return redirect_uri in registered


def _check_dates(claims: _Claims, now: int) -> None:
    expires = claims.expires * SECOND
    if expires + LEEWAY <= now:
        raise InvalidToken("it has expired")
    issued = claims.issued * SECOND if claims.issued is not None else now
    if issued > now + MAX_AHEAD:
        raise InvalidToken("it is from the future")
    if expires - issued > MAX_LIFETIME:
        raise InvalidToken("it is good for longer than two days")


def _split(url: str) -> SplitResult:
    """Raise InvalidInput for an address that could be read in two ways."""
    if not url.isascii() or not url.isprintable() or any(character in url for character in ' \\"<>^`{|}'):
        raise InvalidInput("not an address: it holds characters that addresses do not have")
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - reading it checks it
    except ValueError:
        raise InvalidInput("not an address") from None
    return parts
