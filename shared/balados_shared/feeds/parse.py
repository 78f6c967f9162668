"""A feed's bytes become a `ParsedFeed`. The only user of feedparser, which is imported nowhere else.

Law: any bytes are answered with a feed or with `NotAFeed`. Identity is kept: guids and full enclosure URLs come out as
the feed writes them (DESIGN.md section 3). It costs CPU: it is called in a process of its own (`worker`).
"""

import calendar
import io
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urljoin

import feedparser

from balados_shared.errors import InvalidInput
from balados_shared.feeds.errors import NotAFeed
from balados_shared.feeds.media import first_media, media_type, read_duration, read_length
from balados_shared.feeds.mend import mend
from balados_shared.feeds.plain_text import one_line, plain_text, shorten
from balados_shared.feeds.types import ParsedEpisode, ParsedFeed
from balados_shared.ids import EpisodeId
from balados_shared.times import LATEST, SECOND

MAX_EPISODES = 20_000

# What feedparser raises, instead of reporting it, when broken input takes it where nobody has been.
_PARSER_MISTAKES = (ArithmeticError, AssertionError, AttributeError, LookupError, RecursionError, TypeError, ValueError)

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_WEB = re.compile(r"https?://[^/]", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


def parse_feed(body: bytes, url: str) -> ParsedFeed:
    """Read a feed: RSS of any version, Atom, broken or not. `url` is its own, for links that are relative.

    Raises NotAFeed for everything else.
    """
    if not body.strip():
        raise NotAFeed("The feed's server sent nothing.")
    document = _feedparser(mend(body))
    if not (document.entries or (document.get("version") and document.feed)):
        raise NotAFeed("What the feed's server sent is not a feed.")
    episodes = [_episode(entry, url) for entry in document.entries]
    return _feed(document.feed, url, [episode for episode in episodes if _has_a_name(episode)], len(episodes))


def _feedparser(body: bytes) -> Any:
    try:
        # A stream, because feedparser opens bytes that happen to be the name of a file.
        return feedparser.parse(io.BytesIO(body), sanitize_html=False, resolve_relative_uris=False)
    except _PARSER_MISTAKES:
        raise NotAFeed("The feed is too broken to be read.") from None


def _feed(feed: Mapping[str, Any], url: str, episodes: list[ParsedEpisode], found: int) -> ParsedFeed:
    episodes.sort(key=lambda episode: -1 if episode.published is None else episode.published, reverse=True)
    kept = tuple(episodes[:MAX_EPISODES])
    return ParsedFeed(
        title=_prose(feed, "title"),
        description=_prose(feed, "subtitle") or _prose(feed, "summary") or None,
        link=_web_url(_text(feed, "link"), url),
        image=_image(feed, url),
        language=_line(feed, "language") or None,
        author=_author(feed) or None,
        new_feed_url=_web_url(_text(feed, "itunes_new-feed-url"), url),
        episodes=kept,
        left_out=found - len(kept),
    )


def _episode(entry: dict[str, Any], url: str) -> ParsedEpisode:
    reachable = (link for link in entry.get("enclosures", ()) if _web_url(link.get("href"), url))
    enclosure = first_media(reachable) or {}
    return ParsedEpisode(
        guid=_line_kept(_text(entry, "id")) or None,
        enclosure_url=_web_url(enclosure.get("href"), url),
        title=_prose(entry, "title") or _line(entry, "itunes_title"),
        published=_published(entry),
        duration=read_duration(_text(entry, "itunes_duration")),
        enclosure_type=media_type(enclosure) or None,
        enclosure_length=read_length(str(enclosure.get("length") or "")),
        link=_link(entry, url),
        summary=shorten(_summary(entry)) or None,
        image=_image(entry, url),
    )


def _author(feed: Mapping[str, Any]) -> str:
    detail = feed.get("author_detail")
    return (_line(detail, "name") if isinstance(detail, Mapping) else "") or _line(feed, "author")


def _has_a_name(episode: ParsedEpisode) -> bool:
    try:
        EpisodeId.of(episode.guid, episode.enclosure_url)
    except InvalidInput:
        return False
    return True


def _published(entry: dict[str, Any]) -> int | None:
    """Return when the item came out, else when it was changed, in milliseconds; a date out of range is none."""
    # Its own `get` would give the first for the second, with a warning that this will end.
    moment = dict.get(entry, "published_parsed") or dict.get(entry, "updated_parsed")
    if not moment:
        return None
    try:
        milliseconds = calendar.timegm(moment) * SECOND
    except (OverflowError, ValueError):
        return None
    return milliseconds if 0 <= milliseconds <= LATEST else None


def _summary(entry: Mapping[str, Any]) -> str:
    details = [entry.get("summary_detail"), *(entry.get("content") or ()), entry.get("subtitle_detail")]
    texts = (_plain(detail) for detail in details if isinstance(detail, Mapping))
    return next(filter(None, texts), "")


def _link(entry: Mapping[str, Any], url: str) -> str | None:
    link = _text(entry, "link")
    # feedparser takes every guid for a link that does not say it is none; most that are not URLs do not say so.
    return None if link == _text(entry, "id") and not _WEB.match(link) else _web_url(link, url)


def _prose(found: Mapping[str, Any], key: str) -> str:
    """Return a text that a feed may write as plain text or as HTML, in one line of plain text."""
    detail = found.get(f"{key}_detail")
    return _plain(detail if isinstance(detail, Mapping) else {"value": _text(found, key)})


def _plain(detail: Mapping[str, Any]) -> str:
    text = _text(detail, "value")
    return plain_text(text) if "html" in str(detail.get("type")) else one_line(text)


def _image(found: Mapping[str, Any], url: str) -> str | None:
    image = found.get("image")
    href = image.get("href") if isinstance(image, Mapping) else None
    return _web_url(href, url) or _web_url(_text(found, "logo"), url)


def _web_url(written: Any, base: str) -> str | None:
    """Return an absolute http(s) URL, or None. One that is absolute already stays letter by letter."""
    url = _CONTROL.sub("", _unicode(written)).strip()
    if url and not _SCHEME.match(url):
        try:
            url = urljoin(base, url)
        except ValueError:
            return None
    return url if _WEB.match(url) else None


def _line(found: Mapping[str, Any], key: str) -> str:
    return one_line(_text(found, key))


def _line_kept(text: str) -> str:
    """Return a guid in one line, its inner spaces as they are: they are part of the name."""
    return _CONTROL.sub(" ", text).strip()


def _text(found: Mapping[str, Any], key: str) -> str:
    return _unicode(found.get(key))


def _unicode(value: Any) -> str:
    """Return a text that UTF-8 can write; lone surrogates of broken feeds become question marks."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""
