"""Ids (DESIGN.md section 3, protocol sheet section 1): every form that is out there goes in, one form comes out."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balados_shared.errors import InvalidInput
from balados_shared.ids import MAX_ID_LENGTH, EpisodeId, EpisodeName, FeedId

FEED_URL = "https://example.com/feed?q=a~~>?&t=é"
ENCLOSURE = "https://cdn.example.com/1.mp3?a=1,2&b=~~~>"
GUID = "tag:example.com,2024:1"


def plain64(text: str, encoding: str = "utf-8") -> str:
    return base64.b64encode(text.encode(encoding)).decode()


def url64(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


def canonical(text: str) -> str:
    return url64(text).rstrip("=")


@pytest.mark.parametrize(
    "written",
    [
        pytest.param(canonical(FEED_URL), id="canonical"),
        pytest.param(url64(FEED_URL), id="url-safe and padded"),
        pytest.param(plain64(FEED_URL), id="standard alphabet, padded"),
        pytest.param(plain64(FEED_URL).rstrip("="), id="standard alphabet, unpadded"),
        pytest.param(plain64(FEED_URL, "latin-1"), id="a browser's btoa of Latin-1"),
        pytest.param(FEED_URL, id="the URL itself"),
        pytest.param(f" {FEED_URL}\n", id="the URL with blanks around it"),
        pytest.param(plain64(f" {FEED_URL}\n"), id="encoded with blanks around it"),
    ],
)
def test_every_form_of_a_feed_id_is_read_to_one(written: str) -> None:
    feed = FeedId.read(written)
    assert feed == canonical(FEED_URL) == FeedId.of(FEED_URL)
    assert feed.url == FEED_URL
    assert FeedId.read(feed) == feed


def test_the_example_of_the_protocol_sheet() -> None:
    assert FeedId.of("https://example.com/feed.xml") == "aHR0cHM6Ly9leGFtcGxlLmNvbS9mZWVkLnhtbA"


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        pytest.param(canonical(f"g-1,{ENCLOSURE}"), f"g-1,{ENCLOSURE}", id="canonical"),
        pytest.param(url64(f"g-1,{ENCLOSURE}"), f"g-1,{ENCLOSURE}", id="url-safe and padded"),
        pytest.param(plain64(f"g-1,{ENCLOSURE}"), f"g-1,{ENCLOSURE}", id="standard alphabet, padded"),
        pytest.param(plain64(f"g-1,{ENCLOSURE}").rstrip("="), f"g-1,{ENCLOSURE}", id="standard alphabet, unpadded"),
        pytest.param(plain64("gé,https://x.example/é", "latin-1"), "gé,https://x.example/é", id="btoa of Latin-1"),
        pytest.param("g-1", "g-1,", id="raw guid"),
        pytest.param(GUID, f"{GUID},", id="raw guid with a comma"),
        pytest.param("https://example.com/?p=12", "https://example.com/?p=12,https://example.com/?p=12", id="raw URL"),
        pytest.param("episode one (é)", "episode one (é),", id="raw guid that is no base64"),
        pytest.param(canonical(f"{ENCLOSURE},{ENCLOSURE}"), f"{ENCLOSURE},{ENCLOSURE}", id="no guid: the URL twice"),
        pytest.param(canonical(f",{ENCLOSURE}"), f"{ENCLOSURE},{ENCLOSURE}", id="no guid: left empty"),
        pytest.param(canonical(f"{GUID},{ENCLOSURE}"), f"{GUID},{ENCLOSURE}", id="guid with a comma"),
        pytest.param(canonical(f" g-1 ,{ENCLOSURE} "), f"g-1,{ENCLOSURE}", id="blanks around the halves"),
        pytest.param(url64(f" g-1,{ENCLOSURE}"), f"g-1,{ENCLOSURE}", id="blanks and padding"),
    ],
)
def test_every_form_of_an_episode_id_is_read_to_one(written: str, plain: str) -> None:
    item = EpisodeId.read(written)
    assert item == canonical(plain)
    assert EpisodeId.read(item) == item
    assert EpisodeId.read(item, FeedId.of(FEED_URL)) == item


@pytest.mark.parametrize(
    ("plain", "name"),
    [
        pytest.param(f"g,{ENCLOSURE}", EpisodeName("g", ENCLOSURE), id="commas in the URL"),
        pytest.param(f"{GUID},{ENCLOSURE}", EpisodeName(GUID, ENCLOSURE), id="commas in both"),
        pytest.param("g,magnet:x", EpisodeName("g", "magnet:x"), id="no http URL: the last comma"),
        pytest.param("a,b,", EpisodeName("a,b", ""), id="no enclosure"),
    ],
)
def test_an_id_is_split_at_the_last_comma_before_a_url(plain: str, name: EpisodeName) -> None:
    assert EpisodeId.read(canonical(plain)).name == name
    assert EpisodeId.of(*name) == canonical(plain)


def test_the_three_parts_of_an_opml_import_are_known_where_the_feed_is() -> None:
    feed = FeedId.of(FEED_URL)
    item = EpisodeId.read(canonical(f"{FEED_URL},{GUID},"), feed)
    assert item == EpisodeId.of(GUID, None)
    assert EpisodeId.read(item, feed) == item


def test_the_three_parts_of_another_feed_stay_as_they_are() -> None:
    written = canonical(f"{FEED_URL},{GUID},")
    assert EpisodeId.read(written, FeedId.of("https://example.org/")) == written


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param("", id="nothing"),
        pytest.param("   ", id="blanks"),
        pytest.param("not base64!", id="a sentence"),
        pytest.param("aGVsbG8", id="base64 of no URL"),
        pytest.param("A", id="a length that base64 never has"),
        pytest.param("====", id="only padding"),
        pytest.param("https://example.com/\x00", id="null byte"),
        pytest.param(canonical("https://example.com/\n2"), id="newline inside"),
        pytest.param("https://example.com/\ud800", id="half a surrogate pair"),
        pytest.param("https://example.com/" + "x" * MAX_ID_LENGTH, id="endless"),
        pytest.param(canonical("https://example.com/" + "x" * MAX_ID_LENGTH), id="endless, encoded"),
        pytest.param(None, id="null"),
        pytest.param(7, id="a number"),
        pytest.param(b"https://example.com/", id="bytes"),
    ],
)
def test_what_is_no_feed_id_is_refused(bad: object) -> None:
    with pytest.raises(InvalidInput) as caught:
        FeedId.read(bad)
    assert "example" not in str(caught.value)


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param("", id="nothing"),
        pytest.param(" \t", id="blanks"),
        pytest.param(canonical(","), id="a comma"),
        pytest.param("guid\x00", id="null byte"),
        pytest.param("guid\ud800", id="half a surrogate pair"),
        pytest.param("x" * MAX_ID_LENGTH, id="an endless guid"),
        pytest.param(canonical("g,https://example.com/" + "x" * MAX_ID_LENGTH), id="endless, encoded"),
        pytest.param(7, id="a number"),
        pytest.param(["g"], id="a list"),
    ],
)
def test_what_is_no_episode_id_is_refused(bad: object) -> None:
    with pytest.raises(InvalidInput):
        EpisodeId.read(bad)


def test_urls_of_two_thousand_characters_are_fine() -> None:
    url = "https://example.com/" + "é" * 1_980
    assert FeedId.read(FeedId.of(url)).url == url
    assert EpisodeId.read(EpisodeId.of("g", url)).name == ("g", url)


urls = st.sampled_from(["", FEED_URL, ENCLOSURE, "https://b.example/,https://c.example/", "magnet:?x"])
guids = st.text("ab,: \u00a0é/\u200b\u0085", max_size=8) | urls | st.text(max_size=8)
written_ids = st.one_of(
    guids,
    st.tuples(guids, urls).map(",".join).map(canonical),
    st.tuples(guids, urls).map(",".join).map(url64),
    st.tuples(guids, urls).map(",".join).map(plain64),
    st.binary(max_size=40).map(lambda data: base64.b64encode(data).decode()),
    st.text("ABab+/-_=", max_size=12),
)


@given(written_ids)
def test_reading_an_episode_id_is_idempotent_and_raises_only_our_error(text: str) -> None:
    feed = FeedId.of("https://elsewhere.example/")
    try:
        item = EpisodeId.read(text)
    except InvalidInput:
        return
    assert EpisodeId.read(item) == item == EpisodeId.read(text, feed) == EpisodeId.read(item, feed)
    assert EpisodeId.read(item + "=" * (-len(item) % 4)) == item
    assert EpisodeId.of(*item.name) == item


@given(written_ids | st.text())
def test_reading_a_feed_id_is_idempotent_and_raises_only_our_error(text: str) -> None:
    try:
        feed = FeedId.read(text)
    except InvalidInput:
        return
    assert FeedId.read(feed) == feed == FeedId.of(feed.url)
