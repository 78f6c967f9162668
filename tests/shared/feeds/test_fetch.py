"""The fetcher against a real server: what it brings home, what it refuses, and what it never tells."""

import asyncio
import gzip
import logging
import subprocess
import sys
import time
from collections.abc import Callable
from email.utils import formatdate
from pathlib import Path

import pytest

from balados_shared import __version__
from balados_shared.feeds.errors import FeedUnavailable, Trouble
from balados_shared.feeds.fetch import Fetcher, Limits
from support.feed_server import FeedServer

FEED = b"<rss version='2.0'><channel><title>A feed</title></channel></rss>"
SECRET = "s3cr3t-token"


async def trouble(fetcher: Fetcher, url: str) -> FeedUnavailable:
    """Fetch what cannot be fetched; whatever is wrong, the text must not tell where."""
    with pytest.raises(FeedUnavailable) as caught:
        await fetcher.fetch(url)
    assert SECRET not in str(caught.value)
    assert "127.0.0.1" not in str(caught.value)
    return caught.value


async def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Wait for what the server's threads bring about."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - the server lives in threads
            await asyncio.sleep(0.005)


async def test_a_feed_is_fetched_with_its_validators(server: FeedServer, fetcher: Fetcher, tmp_path: Path) -> None:
    (tmp_path / "x.xml").write_bytes(FEED)

    document = await fetcher.fetch(server.url("/x.xml"))

    assert document.body == FEED
    assert document.status == 200
    assert document.url == document.final_url == server.url("/x.xml")
    assert document.moved_to is None
    assert document.etag
    assert document.last_modified
    assert not document.not_modified
    assert server.requests[0].headers["user-agent"] == f"Balados/{__version__}"


@pytest.mark.parametrize("validator", ["etag", "last_modified"])
async def test_what_has_not_changed_is_not_sent_again(
    server: FeedServer, fetcher: Fetcher, tmp_path: Path, validator: str
) -> None:
    (tmp_path / "x.xml").write_bytes(FEED)
    first = await fetcher.fetch(server.url("/x.xml"))

    again = await fetcher.fetch(server.url("/x.xml"), **{validator: getattr(first, validator)})

    assert again.not_modified
    assert again.status == 304
    assert again.body == b""
    assert again.etag == first.etag


async def test_a_changed_feed_is_sent_although_we_have_an_older_one(
    server: FeedServer, fetcher: Fetcher, tmp_path: Path
) -> None:
    (tmp_path / "x.xml").write_bytes(FEED)

    document = await fetcher.fetch(server.url("/x.xml"), etag='"older"')

    assert document.body == FEED


async def test_not_modified_is_no_answer_to_who_has_nothing(server: FeedServer, fetcher: Fetcher) -> None:
    server.answer("/x.xml", status=304)

    assert (await trouble(fetcher, server.url("/x.xml"))).kind is Trouble.BROKEN


async def test_an_etag_that_cannot_be_sent_back_is_forgotten(server: FeedServer, fetcher: Fetcher) -> None:
    server.answer("/x.xml", headers={"ETag": '"\xe9t\xe9"'}, body=FEED)

    assert (await fetcher.fetch(server.url("/x.xml"))).etag is None
    await fetcher.fetch(server.url("/x.xml"), etag='"été"\r\nX-Injected: 1')
    assert "if-none-match" not in server.requests[1].headers


async def test_a_temporary_redirect_is_followed_but_the_feed_stays_where_it_was(
    server: FeedServer, fetcher: Fetcher
) -> None:
    server.redirect("/old.xml", "/new.xml", status=302)
    server.answer("/new.xml", body=FEED)

    document = await fetcher.fetch(server.url("/old.xml"))

    assert document.url == server.url("/old.xml")
    assert document.final_url == server.url("/new.xml")
    assert document.moved_to is None


@pytest.mark.parametrize("status", [301, 308])
async def test_a_permanent_redirect_says_where_the_feed_lives_now(
    server: FeedServer, fetcher: Fetcher, status: int
) -> None:
    server.redirect("/old.xml", "/new.xml", status=status)
    server.redirect("/new.xml", "/mirror.xml", status=307)
    server.answer("/mirror.xml", body=FEED)

    document = await fetcher.fetch(server.url("/old.xml"))

    assert document.moved_to == server.url("/new.xml")
    assert document.final_url == server.url("/mirror.xml")


async def test_five_redirects_are_followed_and_a_sixth_is_not(server: FeedServer, fetcher: Fetcher) -> None:
    for number in range(6):
        server.redirect(f"/{number}", f"/{number + 1}")
    server.answer("/6", body=FEED)

    assert (await fetcher.fetch(server.url("/1"))).body == FEED
    assert (await trouble(fetcher, server.url("/0"))).kind is Trouble.BROKEN


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "http://[broken", "http:///", "http://xn--\x81/", "http:-"]
)
async def test_a_redirect_off_the_web_is_not_followed(server: FeedServer, fetcher: Fetcher, target: str) -> None:
    server.redirect("/x.xml", target)

    assert (await trouble(fetcher, server.url("/x.xml"))).kind in (Trouble.BROKEN, Trouble.UNREACHABLE)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, Trouble.FORBIDDEN),
        (403, Trouble.FORBIDDEN),
        (404, Trouble.GONE),
        (410, Trouble.GONE),
        (429, Trouble.BUSY),
        (503, Trouble.BUSY),
        (300, Trouble.BROKEN),
        (418, Trouble.BROKEN),
        (500, Trouble.BROKEN),
    ],
)
async def test_each_refusal_says_what_kind_it_is(
    server: FeedServer, fetcher: Fetcher, status: int, kind: Trouble
) -> None:
    server.answer("/x.xml", status=status)

    error = await trouble(fetcher, server.url(f"/x.xml?token={SECRET}", user=f"me:{SECRET}"))

    assert error.kind is kind
    assert error.retry_after is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("120", 120), ("0", 0), ("99999999999999999999", 86_400), ("soon", None), ("-5", None), ("٣", None)],
)
async def test_a_busy_server_may_say_when_to_come_back(
    server: FeedServer, fetcher: Fetcher, text: str, seconds: float | None
) -> None:
    server.answer("/x.xml", status=429, headers={"Retry-After": text.encode().decode("latin-1")})

    assert (await trouble(fetcher, server.url("/x.xml"))).retry_after == seconds


@pytest.mark.parametrize(("later", "seconds"), [(90, 90), (-90, 0), (10**6, 86_400)])
async def test_a_date_to_come_back_is_read_by_the_servers_own_clock(
    server: FeedServer, fetcher: Fetcher, later: float, seconds: float
) -> None:
    server.answer("/x.xml", status=503, headers={"Retry-After": formatdate(time.time() + later, usegmt=True)})

    assert (await trouble(fetcher, server.url("/x.xml"))).retry_after == pytest.approx(seconds, abs=3)


async def test_a_body_without_end_is_cut_off(server: FeedServer) -> None:
    server.endless("/big.xml")
    fetcher = Fetcher(Limits(body=1024 * 1024))

    assert (await trouble(fetcher, server.url("/big.xml"))).kind is Trouble.TOO_LARGE

    await fetcher.close()


async def test_a_body_that_is_announced_too_large_is_not_begun(server: FeedServer, fetcher: Fetcher) -> None:
    server.answer("/big.xml", headers={"Content-Length": "60000000"}, body=b"a beginning")

    assert (await trouble(fetcher, server.url("/big.xml"))).kind is Trouble.TOO_LARGE


async def test_the_limit_counts_what_a_compressed_body_unpacks_to(server: FeedServer) -> None:
    server.answer("/x.xml", headers={"Content-Encoding": "gzip"}, body=gzip.compress(FEED))
    server.answer("/bomb.xml", headers={"Content-Encoding": "gzip"}, body=gzip.compress(bytes(3_000_000)))
    fetcher = Fetcher(Limits(body=1024 * 1024))

    assert (await fetcher.fetch(server.url("/x.xml"))).body == FEED
    assert (await trouble(fetcher, server.url("/bomb.xml"))).kind is Trouble.TOO_LARGE

    await fetcher.close()


async def test_a_body_that_says_gzip_and_is_not_is_broken(server: FeedServer, fetcher: Fetcher) -> None:
    server.answer("/x.xml", headers={"Content-Encoding": "gzip"}, body=FEED)

    assert (await trouble(fetcher, server.url("/x.xml"))).kind is Trouble.BROKEN


async def test_half_a_body_is_not_a_feed(server: FeedServer, fetcher: Fetcher) -> None:
    server.hang_up("/x.xml")

    assert (await trouble(fetcher, server.url("/x.xml"))).kind is Trouble.BROKEN


@pytest.mark.parametrize("limits", [Limits(read=0.1), Limits(overall=0.1)])
async def test_a_server_that_does_not_answer_is_given_up(server: FeedServer, limits: Limits) -> None:
    server.hold("/slow.xml")
    fetcher = Fetcher(limits)

    assert (await trouble(fetcher, server.url("/slow.xml"))).kind is Trouble.UNREACHABLE

    await fetcher.close()


async def test_nobody_listening_is_unreachable(server: FeedServer, fetcher: Fetcher) -> None:
    url = server.url(f"/{SECRET}")
    server.close()

    assert (await trouble(fetcher, url)).kind is Trouble.UNREACHABLE


@pytest.mark.parametrize(
    "url",
    [
        "",
        "no url",
        "file:///etc/passwd",
        "ftp://example.org/x.xml",
        "http://",
        "http:///x.xml",
        "http://127.0.0.1:99999999/x.xml",
        "http://exa mple.org/",
        "http://[half/x.xml",
        "http://xn--a.invalid/",
        "http://example.org/\x00",
        "http://\ud800.org/",
    ],
)
async def test_what_is_no_web_address_is_said_to_be_none(fetcher: Fetcher, url: str) -> None:
    assert (await trouble(fetcher, url)).kind is Trouble.NOT_A_URL


@pytest.mark.parametrize("host", ["a" * 70 + ".invalid", "a..b", "nowhere.invalid"])
async def test_a_host_that_does_not_exist_is_unreachable(fetcher: Fetcher, host: str) -> None:
    assert (await trouble(fetcher, f"http://{host}/{SECRET}")).kind is Trouble.UNREACHABLE


async def test_a_login_in_the_url_is_used(server: FeedServer, fetcher: Fetcher) -> None:
    server.answer("/x.xml", body=FEED)

    await fetcher.fetch(server.url("/x.xml", user="me:pass"))

    assert server.requests[0].headers["authorization"] == "Basic bWU6cGFzcw=="


async def test_cookies_are_not_kept(server: FeedServer, fetcher: Fetcher) -> None:
    server.answer("/x.xml", headers={"Set-Cookie": "track=me; Path=/"}, body=FEED)

    await fetcher.fetch(server.url("/x.xml"))
    await fetcher.fetch(server.url("/x.xml"))

    assert "cookie" not in server.requests[1].headers


async def test_a_host_gets_two_requests_at_a_time(server: FeedServer, fetcher: Fetcher) -> None:
    server.hold("/slow.xml", body=FEED)
    server.answer("/quick.xml", body=FEED)

    waiting = [asyncio.create_task(fetcher.fetch(server.url("/slow.xml"))) for _ in range(5)]
    await until(lambda: len(server.requests) == 2)
    # Another host does not wait for this one; had the third request been sent, it would have come before these.
    await fetcher.fetch(server.url("/quick.xml", host="localhost"))
    await fetcher.fetch(server.url("/quick.xml", host="localhost"))
    held = [request.path for request in server.requests].count("/slow.xml")
    server.release()

    assert held == 2
    assert [document.body for document in await asyncio.gather(*waiting)] == [FEED] * 5


async def test_waiting_for_a_turn_at_the_host_is_not_counted_as_slow(server: FeedServer) -> None:
    server.hold("/slow.xml")
    server.answer("/last.xml", body=FEED)
    fetcher = Fetcher(Limits(overall=0.5))

    slow = [asyncio.create_task(fetcher.fetch(server.url("/slow.xml"))) for _ in range(4)]
    await until(lambda: len(server.requests) == 2)
    # Two after two they use up their half second, so this one waits longer than it may take itself.
    last = await fetcher.fetch(server.url("/last.xml"))

    assert last.body == FEED
    assert all(isinstance(each, FeedUnavailable) for each in await asyncio.gather(*slow, return_exceptions=True))
    await fetcher.close()


async def test_a_redirect_between_two_busy_hosts_cannot_lock_them(server: FeedServer, fetcher: Fetcher) -> None:
    server.answer("/end.xml", body=FEED)
    server.redirect("/there.xml", server.url("/end.xml", host="localhost"))
    server.redirect("/back.xml", server.url("/end.xml", host="127.0.0.1"))
    urls = [server.url("/there.xml"), server.url("/back.xml", host="localhost")] * 6

    async with asyncio.timeout(20):
        documents = await asyncio.gather(*(fetcher.fetch(url) for url in urls))

    assert {document.body for document in documents} == {FEED}


async def test_no_log_tells_where_a_feed_is(
    server: FeedServer, fetcher: Fetcher, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.answer("/x.xml", body=FEED)

    await fetcher.fetch(server.url(f"/x.xml?token={SECRET}", user=f"me:{SECRET}"))

    assert SECRET not in caplog.text
    assert "127.0.0.1" not in caplog.text


def test_the_http_client_is_not_imported_before_it_is_used() -> None:
    code = "import sys, balados_shared.feeds.fetch as f; f.Fetcher(); assert 'httpx' not in sys.modules"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
