"""Feed and episode ids: every form that is out there goes in, one form comes out.

The canonical form is unpadded base64url (RFC 4648 section 5) of UTF-8 text: of the feed URL for a feed, and of
`guid,enclosure_url` for an episode (DESIGN.md section 3; the forms read are those of protocol sheet section 1).
An id encodes a URL, and a URL may hold a secret: ids do not belong in logs or error messages.
"""

import base64
import binascii
import re
from functools import lru_cache
from typing import Any, NamedTuple, Self

from balados_shared.errors import InvalidInput

MAX_ID_LENGTH = 12_000

_BASE64 = re.compile(r"[A-Za-z0-9+/_-]+={0,2}\Z")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:.")
_HTTP_URL = re.compile(r"https?://[^/\s]", re.IGNORECASE)


class FeedId(str):
    """A feed, named by its URL in canonical form."""

    __slots__ = ()

    @classmethod
    def of(cls, url: str) -> Self:
        """Name the feed at this URL. Raises InvalidInput when it is no URL."""
        url = url.strip()
        if not _SCHEME.match(url) or _CONTROL.search(url):
            raise InvalidInput("not a feed URL")
        return cls(_encode(url))

    @classmethod
    def read(cls, text: Any) -> Self:
        """Read a feed id: base64 in any of the four flavours, or the URL itself."""
        if not isinstance(text, str):
            raise InvalidInput("a feed id must be text")
        return cls(_read_feed(text.strip()))

    @property
    def url(self) -> str:
        """The feed's URL."""
        return _decode(self)


class EpisodeName(NamedTuple):
    """What an episode id says. An unknown enclosure URL is empty."""

    guid: str
    enclosure_url: str


class EpisodeId(str):
    """An episode of some feed, named by its guid and enclosure URL in canonical form."""

    __slots__ = ()

    @classmethod
    def of(cls, guid: str | None, enclosure_url: str | None) -> Self:
        """Name an episode; without a guid the enclosure URL stands for it."""
        guid, enclosure_url = (guid or "").strip(), (enclosure_url or "").strip()
        if not (guid or enclosure_url):
            raise InvalidInput("an episode needs a guid or an enclosure URL")
        plain = f"{guid or enclosure_url},{enclosure_url}"
        if _CONTROL.search(plain):
            raise InvalidInput("an episode id must not hold control characters")
        return cls(_encode(plain))

    @classmethod
    def read(cls, text: Any, feed: FeedId | None = None) -> Self:
        """Read an episode id: the canonical form, its padded or standard base64, a raw guid, or a raw enclosure URL.

        With `feed` the three-part form `feed_url,guid,` that upstream's OPML import makes is known too.
        A raw guid has no enclosure; the feed tells it later (DESIGN.md section 3, `alias`).
        """
        if not isinstance(text, str):
            raise InvalidInput("an episode id must be text")
        if feed is None and _is_canonical_episode(text):
            return cls(text)
        plain = _read_plain_episode(text.strip())
        if plain is None:
            raw = text.strip()
            return cls.of(raw, raw if _HTTP_URL.match(raw) else None)
        if feed is not None and plain.endswith(",") and plain.startswith(own := f"{feed.url},"):
            plain = plain[len(own) :]
        return cls.of(*_split(plain))

    @property
    def name(self) -> EpisodeName:
        """The guid and the enclosure URL."""
        return _split(_decode(self))


def _encode(text: str) -> str:
    try:
        encoded = base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()
    except UnicodeEncodeError:
        raise InvalidInput("an id must be valid Unicode text") from None
    if len(encoded) > MAX_ID_LENGTH:
        raise InvalidInput(f"an id may have at most {MAX_ID_LENGTH} characters")
    return encoded


def _decode(canonical: str) -> str:
    return base64.urlsafe_b64decode(canonical + "=" * (-len(canonical) % 4)).decode()


@lru_cache(maxsize=1_024)
def _read_feed(text: str) -> str:
    if _SCHEME.match(text):
        return FeedId.of(text)
    raw = _from_base64(text)
    if raw is None:
        raise InvalidInput("neither a web address nor a feed id (base64url of the feed's URL)")
    try:
        return FeedId.of(raw.decode())
    except UnicodeDecodeError:
        # Old clients encoded with a browser's btoa, which knows Latin-1 only.
        return FeedId.of(raw.decode("latin-1"))


def _is_canonical_episode(text: str) -> bool:
    """Tell our own form fast: a first sync reads a hundred thousand of them."""
    if len(text) > MAX_ID_LENGTH:
        return False
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        plain = raw.decode()
    except ValueError:
        return False
    if not plain.isprintable() or plain != plain.strip() or " ," in plain or ", " in plain:
        return False  # the slow way strips both halves
    return plain.find(",") > 0 and base64.urlsafe_b64encode(raw).rstrip(b"=") == text.encode()


def _read_plain_episode(text: str) -> str | None:
    """Return the decoded text, or None when this is no encoded id but a raw guid or URL."""
    raw = _from_base64(text)
    if raw is None:
        return None
    try:
        plain = raw.decode()
    except UnicodeDecodeError:
        plain = raw.decode("latin-1")
        # Any run of letters decodes to some Latin-1; only a URL in it tells an id from a raw guid.
        if "://" not in plain:
            return None
    return plain if "," in plain and not _CONTROL.search(plain) else None


def _from_base64(text: str) -> bytes | None:
    if len(text) > MAX_ID_LENGTH + 2 or not _BASE64.match(text):
        return None
    text = text.rstrip("=").replace("+", "-").replace("/", "_")
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error:
        return None


def _split(plain: str) -> EpisodeName:
    """Split at the last comma with an http(s) URL behind it, else at the last comma: both halves may hold commas."""
    commas = [match.start() for match in re.finditer(",", plain)]
    if not commas:
        return EpisodeName(plain, "")
    at = next((comma for comma in reversed(commas) if _HTTP_URL.match(plain, comma + 1)), commas[-1])
    return EpisodeName(plain[:at], plain[at + 1 :])
