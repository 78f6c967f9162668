"""Reading feeds: one small feed for each rule, and then any bytes at all."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from balados_shared.feeds.errors import NotAFeed
from balados_shared.feeds.parse import parse_feed
from balados_shared.feeds.types import ParsedEpisode, ParsedFeed
from balados_shared.ids import EpisodeId

URL = "https://feeds.example.org/shows/one.xml?key=secret"

HEAD = (
    '<rss version="2.0" xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd"'
    ' xmlns:content="http://purl.org/rss/1.0/modules/content/"'
    ' xmlns:podcast="https://podcastindex.org/namespace/1.0"><channel>'
)
TAIL = "</channel></rss>"
MEDIA = '<enclosure url="https://m.example.org/1.mp3" type="audio/mpeg" length="10"/>'


def feed(channel: str) -> ParsedFeed:
    """Read an RSS feed with this in its channel."""
    return parse_feed((HEAD + channel + TAIL).encode(), URL)


def episode(item: str) -> ParsedEpisode:
    """Read the only item of a feed."""
    (only,) = feed(f"<title>T</title><item>{item}</item>").episodes
    return only


def test_a_feed_tells_what_it_is() -> None:
    parsed = feed(
        "<title>Q&amp;amp;A &amp; more</title><link>/home</link><description>&lt;p&gt;All &lt;b&gt;about&lt;/b&gt;"
        " it&lt;/p&gt;</description><language>de</language><itunes:author>Ann</itunes:author>"
        '<itunes:image href="cover.jpg"/><itunes:new-feed-url>https://new.example.org/f</itunes:new-feed-url>'
    )

    assert parsed == ParsedFeed(
        title="Q&A & more",
        description="All about it",
        link="https://feeds.example.org/home",
        image="https://feeds.example.org/shows/cover.jpg",
        language="de",
        author="Ann",
        new_feed_url="https://new.example.org/f",
    )


def test_an_episode_tells_what_it_is() -> None:
    parsed = episode(
        "<title>One</title><guid>g-1</guid><link>https://e.example.org/1</link>"
        "<pubDate>Thu, 01 Jan 2026 12:00:00 +0100</pubDate><itunes:duration>1:02:03</itunes:duration>"
        '<itunes:image href="https://e.example.org/1.jpg"/><description>Short notes</description>'
        '<enclosure url="https://m.example.org/1.mp3" type="Audio/MPEG" length="123"/>'
    )

    assert parsed == ParsedEpisode(
        guid="g-1",
        enclosure_url="https://m.example.org/1.mp3",
        title="One",
        published=1_767_265_200_000,
        duration=3_723.0,
        enclosure_type="audio/mpeg",
        enclosure_length=123,
        link="https://e.example.org/1",
        summary="Short notes",
        image="https://e.example.org/1.jpg",
    )


@pytest.mark.parametrize(
    "url",
    [
        "HTTPS://M.example.org/a%20b/../c.mp3?x=1&y=,#t",
        "https://op3.dev/e/m.example.org//1.mp3",
        "https://m.example.org/ä b.mp3",
    ],
)
def test_an_url_in_full_is_kept_letter_by_letter(url: str) -> None:
    assert episode(f'<enclosure url=" {url.replace("&", "&amp;")} "/>').enclosure_url == url


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("1.mp3", "https://feeds.example.org/shows/1.mp3"),
        ("/a/1.mp3", "https://feeds.example.org/a/1.mp3"),
        ("//m.example.org/1.mp3", "https://m.example.org/1.mp3"),
    ],
)
def test_a_relative_enclosure_is_found_from_the_feeds_own_url(written: str, meant: str) -> None:
    assert episode(f'<enclosure url="{written}" type="audio/mpeg"/>').enclosure_url == meant


@pytest.mark.parametrize("url", ["", "javascript:alert(1)", "magnet:?xt=1", "http://", "//[", "file:///etc/passwd"])
def test_what_cannot_be_fetched_is_no_enclosure(url: str) -> None:
    assert episode(f'<guid>g</guid><enclosure url="{url}" type="audio/mpeg"/>').enclosure_url is None


def test_the_first_enclosure_that_plays_is_the_episode() -> None:
    parsed = episode(
        '<enclosure url="https://e.example.org/cover.jpg" type="image/jpeg"/>'
        '<enclosure url="" type="audio/mpeg"/>'
        '<enclosure url="https://e.example.org/a.mp4" type="video/mp4"/>' + MEDIA
    )

    assert parsed.enclosure_url == "https://e.example.org/a.mp4"


@pytest.mark.parametrize("guid", ["two  spaces", "a,b", "https://e.example.org/?p=1&amp;q=2", "ünï", "relative/path"])
def test_a_guid_is_kept_as_it_is(guid: str) -> None:
    assert episode(f"<guid>\n  {guid}\n</guid>").guid == guid.replace("&amp;", "&")


def test_a_guid_over_two_lines_makes_a_name_all_the_same() -> None:
    assert episode("<guid>one\ntwo</guid>").guid == "one two"


@pytest.mark.parametrize("guid", ["", "<guid></guid>", "<guid>  </guid>"])
def test_without_a_guid_the_enclosure_is_the_name(guid: str) -> None:
    parsed = episode(guid + MEDIA)

    assert (parsed.guid, parsed.enclosure_url) == (None, "https://m.example.org/1.mp3")


def test_what_has_no_name_is_left_out_and_counted() -> None:
    parsed = feed(
        "<item><title>nothing</title></item>"
        f"<item><guid>{'x' * 20_000}</guid></item>"
        '<item><enclosure url="https://e.example.org/cover.jpg" type="image/jpeg"/></item>'
        "<item><guid>g</guid></item>"
    )

    assert [each.guid for each in parsed.episodes] == ["g"]
    assert parsed.left_out == 3


def test_the_newest_comes_first_and_what_has_no_date_last_in_its_own_order() -> None:
    dates = {
        "u1": "",
        "old": "2025-01-01",
        "u2": "some day",
        "new": "2026-01-01",
        "same1": "2025-06-01",
        "same2": "2025-06-01",
    }
    items = [f"<item><guid>{guid}</guid><pubDate>{date}</pubDate></item>" for guid, date in dates.items()]

    assert [each.guid for each in feed("".join(items)).episodes] == ["new", "same1", "same2", "old", "u1", "u2"]


@pytest.mark.parametrize(
    "date",
    [
        "Thu, 01 Jan 1824 00:00:00 GMT",
        "gestern",
        "",
        "Thu, 99 Foo 2026 25:61:00 GMT",
        "Mon, 01 Jan 0001",
    ],
)
def test_a_date_that_is_none_is_none(date: str) -> None:
    assert episode(f"<guid>g</guid><pubDate>{date}</pubDate>").published is None


def test_a_live_item_changes_neither_the_feed_nor_its_episodes() -> None:
    live = (
        "<podcast:liveItem status='live'><title>Live!</title><guid>live</guid>"
        "<link>https://l.example.org</link></podcast:liveItem>"
    )
    item = f"<item><title>One</title><guid>g</guid>{live}{MEDIA}</item>"

    parsed = feed(f"<title>The show</title>{live}{item}{live}")

    assert parsed.title == "The show"
    assert [(each.guid, each.title) for each in parsed.episodes] == [("g", "One")]


def test_the_summary_is_plain_and_short() -> None:
    notes = "<p>Hello,<br>you!</p><script>alert('x')</script><p>&eacute;t&eacute; &amp; more</p>" + "<p>word</p>" * 500

    summary = episode(f"<guid>g</guid><content:encoded><![CDATA[{notes}]]></content:encoded>").summary

    assert summary is not None
    assert summary.startswith("Hello, you! été & more word word")
    assert len(summary) <= 400
    assert summary.endswith("word…")


def test_a_guid_is_a_link_only_when_it_is_an_url() -> None:
    assert episode("<guid>g-1</guid>").link is None
    assert episode("<guid>https://e.example.org/1</guid>").link == "https://e.example.org/1"
    assert episode("<guid>g</guid><link>/notes/1</link>").link == "https://feeds.example.org/notes/1"


def test_plain_text_that_looks_like_markup_is_not_touched() -> None:
    assert episode("<title>1 &lt; 2 &gt; 0</title><guid>g</guid>").title == "1 < 2 > 0"


def test_a_truncated_feed_gives_what_arrived() -> None:
    body = (HEAD + f"<title>Ö</title><item><guid>1</guid>{MEDIA}</item><item><guid>2</guid><title>Ö").encode()[:-1]

    parsed = parse_feed(body, URL)

    assert parsed.title == "Ö"
    assert [each.guid for each in parsed.episodes] == ["1", "2"]


def test_an_impossible_letter_costs_only_itself() -> None:
    parsed = feed("<title>a&#xD800;b&#99999999;c&#65;</title><item><guid>g</guid></item>")

    assert parsed.title == "a\ufffdb\ufffdcA"
    assert len(parsed.episodes) == 1


def test_latin_1_that_says_it_is_utf_8_is_read() -> None:
    assert parse_feed((HEAD + "<title>Café</title>" + TAIL).encode("latin-1"), URL).title == "Café"


def test_atom_is_read_too() -> None:
    parsed = parse_feed(
        b"""<feed xmlns="http://www.w3.org/2005/Atom"><title>A</title><entry><id>urn:1</id><title>One</title>
        <updated>2026-01-01T00:00:00Z</updated>
        <link rel="enclosure" type="audio/ogg" href="1.ogg" length="7"/><link href="/one"/></entry></feed>""",
        URL,
    )

    assert parsed.title == "A"
    assert parsed.episodes == (
        ParsedEpisode(
            guid="urn:1",
            enclosure_url="https://feeds.example.org/shows/1.ogg",
            title="One",
            published=1_767_225_600_000,
            enclosure_type="audio/ogg",
            enclosure_length=7,
            link="https://feeds.example.org/one",
        ),
    )


def test_a_feed_that_is_empty_as_yet_is_a_feed() -> None:
    assert feed("<title>Soon</title>") == ParsedFeed(title="Soon")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" \n",
        b"{}",
        b'{"error": "no"}',
        b"<!doctype html><html><head><title>Hello</title></head><body><p>Hi</p></body></html>",
        b"<rss></rss>",
        b"<opml version='2.0'><body/></opml>",
        b"ID3\x03\x00\x00",
        b"/etc/passwd",
        b"https://feeds.example.org/",
    ],
)
def test_what_is_no_feed_is_said_to_be_none(body: bytes) -> None:
    with pytest.raises(NotAFeed) as caught:
        parse_feed(body, URL)

    assert "secret" not in str(caught.value)


SAMPLE = (
    HEAD
    + "<title>T</title><itunes:image href='x'/><item><title>Ä &amp; <![CDATA[<b>]]></title><guid isPermaLink='true'>g"
    + f"</guid><pubDate>Thu, 01 Jan 2026 12:00:00 GMT</pubDate><itunes:duration>1:02</itunes:duration>{MEDIA}"
    + "<podcast:liveItem><title>L</title></podcast:liveItem>"
    + "<description>&lt;p&gt;x&lt;/p&gt; &#8230;</description></item>"
    + TAIL
).encode()

SCRAPS = [
    b"<",
    b"&",
    b"]]>",
    b"<![",
    b"<!--",
    b"<!DOCTYPE x [",
    b"&#xDFFF;",
    b"\xff",
    b"\x00",
    b"<item>",
    b"</channel>",
]
SCRAPS += [
    b'xml:base="//["',
    b"<image>",
    b"<podcast:liveItem>",
    b"<pubDate>-1",
    b"<?xml version='1.0' encoding='utf-7'?>",
]


@st.composite
def mangled(draw: st.DrawFn) -> bytes:
    """Draw a feed with pieces cut out and scraps put in."""
    body = SAMPLE
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(body)))
        end = min(len(body), start + draw(st.integers(0, 40)))
        body = body[:start] + draw(st.sampled_from(SCRAPS) | st.binary(max_size=8)) + body[end:]
    return body


@given(st.binary(max_size=200) | mangled())
def test_any_bytes_are_a_feed_that_can_be_stored_or_no_feed(body: bytes) -> None:
    try:
        parsed = parse_feed(body, URL)
    except NotAFeed:
        return
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(parsed), type=ParsedFeed) == parsed
    for each in parsed.episodes:
        EpisodeId.of(each.guid, each.enclosure_url)
