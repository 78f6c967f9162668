"""Durations, lengths, types, short texts: the small readings that a feed is made of."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balados_shared.feeds.media import first_media, read_duration, read_length
from balados_shared.feeds.mend import mend
from balados_shared.feeds.plain_text import SHORT, plain_text, shorten


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("3600", 3600.0),
        (" 61.5 ", 61.5),
        ("1:02", 62.0),
        ("90:00", 5400.0),
        ("01:02:03", 3723.0),
        ("1:02:03.25", 3723.25),
        ("00:00:00", None),
        ("0", None),
        ("", None),
        ("1h 2m", None),
        ("1:2:3:4", None),
        ("-5", None),
        ("nan", None),
        ("inf", None),
        ("1e9", None),
        ("999999999:00:00", None),
        ("٣٠", 30.0),
    ],
)
def test_a_duration_is_read_in_all_its_forms(text: str, seconds: float | None) -> None:
    assert read_duration(text) == seconds


@given(st.text())
def test_any_text_is_a_positive_duration_or_none(text: str) -> None:
    duration = read_duration(text)

    assert duration is None or duration > 0


@pytest.mark.parametrize(("text", "size"), [("10", 10), (" 7 ", 7), ("0", None), ("", None), ("-1", None)])
def test_a_length_is_a_number_above_nothing(text: str, size: int | None) -> None:
    assert read_length(text) == size


@pytest.mark.parametrize(
    ("kind", "url", "plays"),
    [
        ("audio/mpeg", "https://a.org/x", True),
        ("x-audio/mp3", "https://a.org/x", True),
        ("VIDEO/mp4; codecs=x", "https://a.org/x.jpg", True),
        ("text/html", "https://a.org/x.MP3?y=z.html", True),
        ("application/octet-stream", "https://a.org/play.php", True),
        ("", "https://a.org/", True),
        ("", "https://a.org/cover.JPG", False),
        ("image/jpeg", "https://a.org/x", False),
        ("application/pdf", "https://a.org/x", False),
        ("", "https://[", True),
    ],
)
def test_what_plays_is_told_by_type_or_else_by_ending(kind: str, url: str, plays: bool) -> None:
    enclosure = {"type": kind, "href": url}

    assert (first_media([enclosure]) is enclosure) == plays


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>One</p><p>two</p>", "One two"),
        ("un<b>believ</b>able", "unbelievable"),
        ("a&nbsp;b &lt;c&gt; &#8230;", "a b <c> …"),
        ("x<style>p {}</style>y<script>alert()</script>z", "x y z"),
        ("5 < 6 & 7", "5 < 6 & 7"),
        ("kept <![if broken", "kept"),
        ("a <b unclosed", "a"),
    ],
)
def test_html_becomes_one_line_of_text(html: str, text: str) -> None:
    assert plain_text(html).startswith(text)
    assert "\n" not in plain_text(html)


@given(st.text(alphabet="<>![]-/&;#xX ab\n\"'=pscript", max_size=300))
def test_any_markup_becomes_one_line_of_text(html: str) -> None:
    text = plain_text(html)

    assert text == " ".join(text.split())


@given(st.text())
def test_a_short_text_stays_and_a_long_one_is_cut(text: str) -> None:
    assert shorten(text, SHORT) == text or len(shorten(text)) <= SHORT
    assert len(shorten(text * 200)) <= SHORT or not text


def test_a_text_without_spaces_is_cut_all_the_same() -> None:
    assert shorten("語" * 500) == "語" * (SHORT - 1) + "…"


def test_a_well_formed_feed_is_not_changed() -> None:
    body = "<rss><item>&#233; &#x1F600; &amp;#xD800; Ö &lt;podcast:liveItem&gt;</item></rss>".encode()

    assert mend(body) == body


def test_a_live_item_that_is_never_closed_takes_no_episode_with_it() -> None:
    body = b"<podcast:liveItem><title>x</title><item>1</item><podcast:liveItem>y</podcast:liveItem><item>2</item>"

    assert mend(body) == b"<podcast:liveItem><title>x</title><item>1</item><item>2</item>"
