"""A merged feed as RSS 2.0. Pure."""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from email.utils import format_datetime
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from balados_relay.feeds.find import item_of
from balados_relay.feeds.merge import Entry
from balados_shared.times import SECOND

_ITUNES = "http://www.itunes.com/dtds/podcast-1.0.dtd"
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, not even escaped (section 2.2)."""

ElementTree.register_namespace("itunes", _ITUNES)


def write_rss(title: str, home: str, entries: Iterable[Entry], link: Callable[[Entry], str], now: int) -> bytes:
    """Write a feed. `link` gives an entry's enclosure URL, `home` is the web page of it all, `now` in milliseconds."""
    rss = Element("rss", version="2.0")
    channel = SubElement(rss, "channel")
    _say(channel, "title", title)
    _say(channel, "link", home)
    _say(channel, "description", f"{title}, from Balados")
    _say(channel, "language", "en")
    _say(channel, "pubDate", _date(now))
    for entry in entries:
        _add_item(channel, entry, link(entry))
    return bytes(ElementTree.tostring(rss, encoding="utf-8", xml_declaration=True))


def _add_item(channel: Element, entry: Entry, url: str) -> None:
    episode, item = entry.episode, SubElement(channel, "item")
    _say(item, "title", f"{entry.podcast} - {episode.title}")
    # Not the guid of the feed: two feeds may both have an episode "1".
    SubElement(item, "guid", isPermaLink="false").text = item_of(episode)
    _say(item, "link", episode.link)
    _say(item, "description", episode.summary)
    _say(item, "pubDate", None if episode.published is None else _date(episode.published))
    _say(item, f"{{{_ITUNES}}}duration", None if episode.duration is None else str(round(episode.duration)))
    if episode.image:
        SubElement(item, f"{{{_ITUNES}}}image", href=_plain(episode.image))
    SubElement(
        item,
        "enclosure",
        url=url,
        type=_plain(episode.enclosure_type or "audio/mpeg"),
        length=str(episode.enclosure_length or 0),
    )


def _say(parent: Element, name: str, text: str | None) -> None:
    if text:
        SubElement(parent, name).text = _plain(text)


def _plain(text: str) -> str:
    return _NOT_XML.sub(" ", text)


def _date(milliseconds: int) -> str:
    return format_datetime(datetime.fromtimestamp(milliseconds / SECOND, UTC), usegmt=True)
