"""The relay's feeds against a real server on loopback, with names that the test gives."""

import asyncio
import gzip

import pytest

from balados_relay.feeds.bounds import Bounds
from balados_relay.feeds.cache import FRESH, Cache
from balados_relay.feeds.service import LIMITS, RelayFeeds
from balados_shared import __version__
from balados_shared.feeds.fetch import Limits
from balados_shared.ids import FeedId
from balados_shared.problems import Problem
from support.feed_server import FeedServer
from support.loopback import Clock, until
from support.names import Names

FEED = b"""<rss version="2.0"><channel><title>T</title><item><guid>ep-1</guid></item></channel></rss>"""
SECRET = "s3cr3t"


def at(server: FeedServer, path: str, *, host: str = "feeds.example") -> FeedId:
    return FeedId.of(server.url(path, host=host))


async def refusal(feeds: RelayFeeds, feed: FeedId | str) -> int:
    """Ask for what is refused; return the status."""
    with pytest.raises(Problem) as caught:
        await feeds.document(feed if isinstance(feed, FeedId) else FeedId.of(feed))
    assert SECRET not in caught.value.message
    assert "127.0.0" not in caught.value.message
    return caught.value.status


# Where it goes


async def test_a_feed_comes_from_the_address_that_was_checked(
    server: FeedServer, feeds: RelayFeeds, names: Names
) -> None:
    server.answer("/x.xml", body=FEED)

    document = await feeds.document(at(server, "/x.xml"))

    assert document.body == FEED
    assert names.asked == ["feeds.example"]
    (request,) = server.requests
    assert request.headers["host"] == f"feeds.example:{server.port}"
    assert request.headers["user-agent"] == f"Balados/{__version__}"
    assert not {"authorization", "cookie"} & request.headers.keys()


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.2",
        "127.1.2.3",
        "2130706434",
        "0177.0.0.2",
        "0x7f.0.0.2",
        "127.2",
        "[::ffff:127.0.0.2]",
        "[::1]",
        "0.0.0.0",
        "0",
        "10.0.0.1",
        "169.254.169.254",
        "[64:ff9b::7f00:2]",
        "[fe80::1]",
        "100.64.0.1",
    ],
)
async def test_no_way_to_write_a_private_address_gets_through(server: FeedServer, feeds: RelayFeeds, host: str) -> None:
    assert await refusal(feeds, f"http://{host}:{server.port}/x.xml") == 403
    assert server.requests == []


@pytest.mark.parametrize("host", ["localhost", "localhost.", "sub.localhost", "printer.local"])
async def test_private_names_are_refused_without_asking_anybody(clock: Clock, host: str) -> None:
    names = Names({})
    feeds = RelayFeeds(Bounds(), clock, resolve=names)
    assert await refusal(feeds, f"http://{host}/x.xml") == 403
    assert names.asked == []
    await feeds.close()


async def test_loopback_is_refused_unless_it_is_allowed(server: FeedServer, clock: Clock) -> None:
    server.answer("/x.xml", body=FEED)
    feeds = RelayFeeds(Bounds(ports=[server.port]), clock)
    assert await refusal(feeds, server.url("/x.xml")) == 403
    assert server.requests == []
    await feeds.close()


@pytest.mark.parametrize("addresses", [["93.184.216.34", "10.0.0.1"], ["10.0.0.1", "93.184.216.34"]])
async def test_a_name_with_one_private_address_is_refused(
    server: FeedServer, feeds: RelayFeeds, names: Names, addresses: list[str]
) -> None:
    names.known["mixed.example"] = [addresses]
    assert await refusal(feeds, f"http://mixed.example:{server.port}/") == 403


async def test_a_name_that_changes_after_the_check_is_not_followed(
    server: FeedServer, feeds: RelayFeeds, names: Names
) -> None:
    server.answer("/x.xml", body=FEED)
    names.known["rebinding.example"] = [["127.0.0.1"], ["127.0.0.2"]]

    assert (await feeds.document(at(server, "/x.xml", host="rebinding.example"))).body == FEED

    assert names.asked == ["rebinding.example"]
    assert await refusal(feeds, at(server, "/y.xml", host="rebinding.example")) == 403
    assert [request.path for request in server.requests] == ["/x.xml"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_to_a_private_address_is_refused(server: FeedServer, feeds: RelayFeeds, status: int) -> None:
    server.redirect("/x.xml", f"http://127.0.0.2:{server.port}/inside", status=status)
    assert await refusal(feeds, at(server, "/x.xml")) == 403
    assert [request.path for request in server.requests] == ["/x.xml"]


@pytest.mark.parametrize("target", ["http://169.254.169.254/latest", "http://localhost:6379/", "//[::1]/", "http://0/"])
async def test_no_redirect_leads_inside(server: FeedServer, feeds: RelayFeeds, target: str) -> None:
    server.redirect("/x.xml", target)
    assert await refusal(feeds, at(server, "/x.xml")) == 403


@pytest.mark.parametrize("target", ["file:///etc/passwd", "gopher://feeds.example/", "ftp://feeds.example/"])
async def test_a_redirect_off_the_web_is_not_followed(server: FeedServer, feeds: RelayFeeds, target: str) -> None:
    server.redirect("/x.xml", target)
    assert await refusal(feeds, at(server, "/x.xml")) == 502
    assert len(server.requests) == 1


async def test_redirects_are_followed_five_times(server: FeedServer, feeds: RelayFeeds, names: Names) -> None:
    for number in range(6):
        server.redirect(f"/{number}", f"/{number + 1}")
    server.answer("/6", body=FEED)
    assert (await feeds.document(at(server, "/1"))).body == FEED
    assert len(names.asked) == 6, "every hop is checked anew"
    assert await refusal(feeds, at(server, "/0")) == 502


@pytest.mark.parametrize(
    "url",
    [
        "http://feeds.example@127.0.0.2:{port}/",
        "http://feeds.example:80@127.0.0.2:{port}/",
        "http://127.0.0.2:{port}#@feeds.example/",
        "http://127.0.0.2:{port}\\@feeds.example/",
    ],
)
async def test_a_name_before_the_host_deceives_nobody(server: FeedServer, feeds: RelayFeeds, url: str) -> None:
    assert await refusal(feeds, url.format(port=server.port)) in (403, 502)
    assert server.requests == []


@pytest.mark.parametrize("url", ["ftp://feeds.example/x", "file:///etc/passwd", "gopher://feeds.example/", "http://"])
async def test_only_the_web_is_fetched(feeds: RelayFeeds, url: str) -> None:
    assert await refusal(feeds, url) == 403


async def test_other_ports_are_refused(feeds: RelayFeeds) -> None:
    assert await refusal(feeds, "http://feeds.example:22/") == 403


async def test_the_machines_proxy_is_not_asked(
    server: FeedServer, feeds: RelayFeeds, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    server.answer("/x.xml", body=FEED)
    assert (await feeds.document(at(server, "/x.xml"))).body == FEED


# How much, and how long


async def test_a_body_without_end_is_cut_off(server: FeedServer, clock: Clock, names: Names) -> None:
    server.endless("/x.xml")
    bounds = Bounds(["127.0.0.1/32"], [server.port])
    feeds = RelayFeeds(bounds, clock, resolve=names, limits=Limits(body=1_000_000))
    assert await refusal(feeds, at(server, "/x.xml")) == 502
    await feeds.close()


async def test_a_bomb_is_not_unpacked(server: FeedServer, feeds: RelayFeeds) -> None:
    bomb = gzip.compress(bytes(LIMITS.body + 1))
    server.answer("/x.xml", headers={"Content-Encoding": "gzip"}, body=bomb)
    server.answer("/y.xml", headers={"Content-Encoding": "gzip, gzip"}, body=gzip.compress(bomb))
    assert await refusal(feeds, at(server, "/x.xml")) == 502
    assert await refusal(feeds, at(server, "/y.xml")) == 502


async def test_a_server_that_does_not_answer_is_left(server: FeedServer, clock: Clock, names: Names) -> None:
    server.hold("/x.xml")
    bounds = Bounds(["127.0.0.1/32"], [server.port])
    feeds = RelayFeeds(bounds, clock, resolve=names, limits=Limits(overall=0.1))
    assert await refusal(feeds, at(server, "/x.xml")) == 502
    server.release()
    await feeds.close()


@pytest.mark.parametrize("status", [400, 404, 429, 500, 503])
async def test_an_answer_that_is_not_good_is_a_bad_gateway(server: FeedServer, feeds: RelayFeeds, status: int) -> None:
    server.answer(f"/{SECRET}.xml", status=status)
    assert await refusal(feeds, at(server, f"/{SECRET}.xml")) == 502


# Keeping


async def test_many_who_want_a_feed_cause_one_request(server: FeedServer, feeds: RelayFeeds) -> None:
    server.hold("/x.xml", body=FEED)
    waiting = [asyncio.create_task(feeds.document(at(server, "/x.xml"))) for _ in range(5)]
    await until(lambda: len(server.requests) == 1)
    waiting.pop().cancel()
    server.release()
    assert {document.body for document in await asyncio.gather(*waiting)} == {FEED}
    assert len(server.requests) == 1


async def test_a_feed_is_kept_for_five_minutes_and_then_asked_for_anew(
    server: FeedServer, feeds: RelayFeeds, clock: Clock
) -> None:
    server.answer("/x.xml", headers={"ETag": '"1"'}, body=FEED)
    await feeds.document(at(server, "/x.xml"))
    clock.now += FRESH - 1
    await feeds.document(at(server, "/x.xml"))
    assert len(server.requests) == 1

    clock.now += 1
    server.answer("/x.xml", status=304)
    assert (await feeds.document(at(server, "/x.xml"))).body == FEED
    assert [request.headers.get("if-none-match") for request in server.requests] == [None, '"1"']

    clock.now += FRESH - 1
    await feeds.document(at(server, "/x.xml"))
    assert len(server.requests) == 2


async def test_a_failure_is_not_kept(server: FeedServer, feeds: RelayFeeds) -> None:
    server.answer("/x.xml", status=503)
    assert await refusal(feeds, at(server, "/x.xml")) == 502
    server.answer("/x.xml", body=FEED)
    assert (await feeds.document(at(server, "/x.xml"))).body == FEED


async def test_a_feed_is_read_once(server: FeedServer, feeds: RelayFeeds) -> None:
    server.answer("/x.xml", body=FEED)
    first = await feeds.parsed(at(server, "/x.xml"))
    assert (first.title, [episode.guid for episode in first.episodes]) == ("T", ["ep-1"])
    assert await feeds.parsed(at(server, "/x.xml")) is first


async def test_what_is_no_feed_is_a_bad_gateway(server: FeedServer, feeds: RelayFeeds) -> None:
    server.answer("/x.xml", body=b"<html><body>hello</body></html>")
    for _ in range(2):
        with pytest.raises(Problem) as caught:
            await feeds.parsed(at(server, "/x.xml"))
        assert caught.value.status == 502


async def test_the_longest_unused_makes_room(server: FeedServer, clock: Clock, names: Names) -> None:
    for name in "abc":
        server.answer(f"/{name}", body=FEED + b" " * 10_000)
    cache = Cache(max_bytes=25_000)
    feeds = RelayFeeds(Bounds(["127.0.0.1/32"], [server.port]), clock, resolve=names, cache=cache)
    for path in ("/a", "/b", "/a", "/c", "/a", "/b"):
        await feeds.document(at(server, path))
        assert cache.bytes <= 25_000
    assert [request.path for request in server.requests] == ["/a", "/b", "/c", "/b"]
    await feeds.close()
