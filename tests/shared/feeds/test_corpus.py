"""Real feeds, good and bad: each is read without a crash, and gives as many episodes as its item count promises."""

import csv
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from balados_shared.feeds.errors import NotAFeed
from balados_shared.feeds.parse import parse_feed

REPOSITORY = Path(__file__).parents[3]
CORPUS = REPOSITORY.parent / "shared" / "corpus"
DEMO_FEEDS = REPOSITORY / "packaging" / "demo-feeds"
URL = "https://feeds.example.org/shows/feed.xml"

NO_FEED = {
    "broken/document-moved.html.xml": "a web page",
    "broken/empty.xml": "nothing",
    "broken/gzip-bytes-as-xml.xml": "compressed bytes",
    "broken/json-error-as-feed.xml": "JSON",
    "broken/xxe-external-file.xml": "other XML",
}
NAMELESS = {
    "podcasts/dave-winer-grateful-dead-rss092.xml": 7,  # RSS 0.92 knows no guids, and 7 items are texts only
    "broken/lucasdelirium-mismatched-html.xml": 1,  # an excerpt: neither guid nor enclosure
    "broken/the-dig-raw-ampersand-truncated.xml": 1,  # the item at the cut has no id yet
    "broken/utf8-declared-as-latin1.xml": 1,  # its only entry has a title and nothing else
}
"""Items that cannot be named, by file: they are left out."""

TITLES = {
    "podcasts/podverse-test-feed.xml": "Podverse - Test Feed",  # has live items with titles of their own
    "broken/cut-inside-a-utf8-letter-fa.xml": "رادیو دال | Radio Daal",
    "broken/utf8-declared-as-latin1.xml": "테스트 피드",
    "broken/rocket-radio-merge-conflict.xml": "Rocket Radio",
}


def items_by_file() -> dict[str, int]:
    """Return the number of items of each feed, as the manifest says; nothing where there is no corpus."""
    if not CORPUS.is_dir():
        return {}
    with (CORPUS / "MANIFEST.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return {row["path"]: int(row["items"]) for row in rows if row["kind"] in ("podcasts", "music-blogs", "broken")}


ITEMS = items_by_file()
needs_corpus = pytest.mark.skipif(not ITEMS, reason="the corpus of real feeds is not beside this checkout")


@needs_corpus
def test_the_manifest_names_every_feed_of_the_corpus() -> None:
    there = [file for folder in ("podcasts", "music-blogs", "broken") for file in (CORPUS / folder).iterdir()]

    assert {file.relative_to(CORPUS).as_posix() for file in there} == set(ITEMS)


@needs_corpus
@pytest.mark.parametrize("path", [path for path in ITEMS if path not in NO_FEED])
def test_a_real_feed_gives_all_its_episodes(path: str) -> None:
    parsed = parse_feed((CORPUS / path).read_bytes(), URL)

    assert len(parsed.episodes) == ITEMS[path] - NAMELESS.get(path, 0)
    assert parsed.left_out == NAMELESS.get(path, 0)
    assert parsed.title == TITLES.get(path, parsed.title)


@needs_corpus
@pytest.mark.parametrize("path", NO_FEED)
def test_what_is_no_feed_is_said_to_be_none(path: str) -> None:
    with pytest.raises(NotAFeed):
        parse_feed((CORPUS / path).read_bytes(), URL)


@needs_corpus
@pytest.mark.parametrize("path", [path for path in ITEMS if not path.startswith("broken/")])
def test_guids_and_enclosures_come_out_as_a_plain_xml_parser_sees_them(path: str) -> None:
    body = (CORPUS / path).read_bytes()
    try:
        items = list(ET.fromstring(body).iter("item"))
    except ET.ParseError:
        pytest.skip("not well-formed, so a plain XML parser sees nothing")
    guids = {(item.findtext("guid") or "").strip() for item in items}
    urls = {enclosure.get("url", "").strip() for item in items for enclosure in item.iter("enclosure")}

    episodes = parse_feed(body, URL).episodes if items else ()

    assert {each.guid for each in episodes if each.guid} == guids - {""}
    found = {each.enclosure_url for each in episodes if each.enclosure_url}
    # What is relative in the feed was resolved against the URL it is given here.
    assert {url for url in found if not url.startswith("https://feeds.example.org/")} <= urls


@pytest.mark.parametrize(
    ("name", "episodes", "with_guid"), [("night-owl", 8, 8), ("harbour-radio", 6, 0), ("kettle-and-code", 5, 5)]
)
def test_the_demo_feeds_are_whole(name: str, episodes: int, with_guid: int) -> None:
    body = (DEMO_FEEDS / f"{name}.xml").read_bytes()
    ET.fromstring(body)

    parsed = parse_feed(body, URL)

    assert len(parsed.episodes) == episodes
    assert parsed.left_out == 0
    assert sum(each.guid is not None for each in parsed.episodes) == with_guid
    for each in parsed.episodes:
        assert each.enclosure_url is not None
        assert each.enclosure_url.startswith("https://media.example.org/")
        assert each.duration
        assert each.published
        assert each.summary
