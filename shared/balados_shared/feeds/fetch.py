"""Fetching feeds over HTTP. The only place in the feed room that knows httpx.

Law: whatever the network does comes out as a `FeedDocument` or as `FeedUnavailable`, whose text names no URL, and
nothing is kept of a server but what the caller keeps: no cookies, no credentials.

httpx is imported on first use and in a thread: it takes a tenth of a second, which most starts of a program can do
without.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from msgspec import Struct

from balados_shared import __version__
from balados_shared.feeds.errors import FeedUnavailable, Trouble
from balados_shared.feeds.types import FeedDocument
from balados_shared.feeds.unpack import ACCEPTED, Unpackable, unpacker

if TYPE_CHECKING:
    from balados_shared.web import httpx

USER_AGENT = f"Balados/{__version__}"
PER_HOST = 2
"""Requests to one host at a time (DESIGN.md section 6)."""
MAX_REDIRECTS = 5

_ACCEPT = "application/rss+xml, application/atom+xml, application/xml;q=0.9, text/xml;q=0.9, */*;q=0.1"
_PERMANENT = (HTTPStatus.MOVED_PERMANENTLY, HTTPStatus.PERMANENT_REDIRECT)
_HOST = re.compile(rb"[\w.:-]+")
_LAST_PORT = 65_535
_LONGEST_WAIT = 24 * 3600.0


class Limits(Struct, frozen=True, kw_only=True):
    """How long and how much. Times in seconds, the body in bytes, as it comes and unpacked."""

    connect: float = 10.0
    read: float = 10.0
    """The longest silence within an answer."""
    overall: float = 60.0
    """For one fetch with all its redirects; waiting for a turn at the host does not count."""
    body: int = 50 * 1024 * 1024


class Fetcher:
    """Fetches feeds: any number at once, but at most two per host.

    `transport` makes the way on which every request goes, each redirect's too; it may refuse with FeedUnavailable. By
    default it is httpx's own, through the machine's proxy where it has one.
    """

    def __init__(
        self, limits: Limits | None = None, transport: Callable[[], httpx.AsyncBaseTransport] | None = None
    ) -> None:
        self._limits = limits or Limits()
        self._transport = transport
        self._client: httpx.AsyncClient | None = None
        self._opening = asyncio.Lock()
        self._turns: WeakValueDictionary[bytes, asyncio.Semaphore] = WeakValueDictionary()

    async def fetch(self, url: str, *, etag: str | None = None, last_modified: str | None = None) -> FeedDocument:
        """Fetch a feed, or learn that it has not changed since an earlier answer gave this `etag` or `last_modified`.

        Raises FeedUnavailable.
        """
        client = await self._opened()
        request = _request(client, url, {"If-None-Match": etag, "If-Modified-Since": last_modified})
        left, moved_to, for_good = self._limits.overall, None, True
        for _ in range(MAX_REDIRECTS + 1):
            async with self._turn(request.url.raw_host):
                started = time.monotonic()
                response, body = await self._send(client, request, left)
            left -= time.monotonic() - started
            if response.next_request is None:
                return _document(url, moved_to, response, body, asked=etag or last_modified)
            request = _web_only(response.next_request)
            for_good = for_good and response.status_code in _PERMANENT
            moved_to = str(request.url) if for_good else moved_to
        raise FeedUnavailable(Trouble.BROKEN, "The feed's server sends us from one address to the next without end.")

    async def close(self) -> None:
        """Close all connections. The fetcher opens again when it is used again."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _opened(self) -> httpx.AsyncClient:
        async with self._opening:
            if self._client is None:
                self._client = await asyncio.to_thread(_new_client, self._limits, self._transport)
            return self._client

    def _turn(self, host: bytes) -> asyncio.Semaphore:
        return self._turns.setdefault(host, asyncio.Semaphore(PER_HOST))

    async def _send(
        self, client: httpx.AsyncClient, request: httpx.Request, seconds: float
    ) -> tuple[httpx.Response, bytes]:
        """Send one request and read the body of a good answer; a redirect is not followed."""
        from balados_shared.web import httpx

        try:
            async with asyncio.timeout(seconds):
                response = await client.send(request, stream=True)
                try:
                    return response, await self._read(response)
                finally:
                    await response.aclose()
        except (TimeoutError, httpx.TimeoutException):
            raise FeedUnavailable(Trouble.UNREACHABLE, "The feed's server does not answer in time.") from None
        except httpx.ConnectError:
            raise FeedUnavailable(Trouble.UNREACHABLE, "The feed's server cannot be reached.") from None
        except httpx.NetworkError:
            raise FeedUnavailable(Trouble.UNREACHABLE, "The connection to the feed's server broke off.") from None
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError, Unpackable):
            # The middle two: a redirect to what is no URL, or to a host name that no letters can be made of.
            raise FeedUnavailable(Trouble.BROKEN, "The feed's server sent an answer that makes no sense.") from None

    async def _read(self, response: httpx.Response) -> bytes:
        if not response.is_success:
            return b""
        body, most = bytearray(), self._limits.body
        if _announced_length(response) <= most:
            unpack = unpacker(response.headers.get("Content-Encoding", ""))
            async for piece in response.aiter_raw():
                body += unpack(piece, most + 1 - len(body))
                if max(len(body), response.num_bytes_downloaded) > most:
                    break
            else:
                return bytes(body)
        raise FeedUnavailable(Trouble.TOO_LARGE, f"The feed is larger than {_megabytes(most)} MB.")


def _new_client(limits: Limits, transport: Callable[[], httpx.AsyncBaseTransport] | None) -> httpx.AsyncClient:
    from balados_shared.web import httpx

    # These write whole request URLs to the log at INFO and DEBUG, and a feed's URL may hold a secret.
    for talkative in ("httpx", "httpcore"):
        logging.getLogger(talkative).setLevel(logging.WARNING)
    return httpx.AsyncClient(
        headers={"User-Agent": USER_AGENT, "Accept": _ACCEPT, "Accept-Encoding": ACCEPTED},
        timeout=httpx.Timeout(limits.read, connect=limits.connect, pool=None),
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        transport=transport() if transport else None,
        # Of the environment: a proxy would go round the transport, and .netrc would add passwords.
        trust_env=transport is None,
    )


def _request(client: httpx.AsyncClient, url: str, validators: dict[str, str | None]) -> httpx.Request:
    from balados_shared.web import httpx

    headers = {name: value for name, value in validators.items() if value and _fits_a_header(value)}
    try:
        request = client.build_request("GET", url.strip(), headers=headers)
    except (httpx.InvalidURL, ValueError):
        raise _not_a_url() from None
    if not _is_web(request):
        raise _not_a_url()
    return request


def _web_only(request: httpx.Request) -> httpx.Request:
    if not _is_web(request):
        raise FeedUnavailable(Trouble.BROKEN, "The feed's server sends us to an address that is not on the web.")
    return request


def _is_web(request: httpx.Request) -> bool:
    url = request.url
    return (
        url.scheme in ("http", "https") and _HOST.fullmatch(url.raw_host) is not None and (url.port or 0) <= _LAST_PORT
    )


def _not_a_url() -> FeedUnavailable:
    return FeedUnavailable(Trouble.NOT_A_URL, "This is not the web address of a feed.")


def _document(
    url: str, moved_to: str | None, response: httpx.Response, body: bytes, *, asked: str | None
) -> FeedDocument:
    """Return what a final answer says. Raises FeedUnavailable when it is not a good one."""
    not_modified = response.status_code == HTTPStatus.NOT_MODIFIED and asked is not None
    if not (response.is_success or not_modified):
        raise _refusal(response)
    return FeedDocument(
        url=url,
        final_url=str(response.url),
        moved_to=moved_to,
        status=response.status_code,
        etag=_validator(response, "ETag"),
        last_modified=_validator(response, "Last-Modified"),
        body=body,
        not_modified=not_modified,
    )


def _refusal(response: httpx.Response) -> FeedUnavailable:
    status = response.status_code
    match status:
        case HTTPStatus.NOT_FOUND | HTTPStatus.GONE:
            return FeedUnavailable(Trouble.GONE, "There is no feed at this address any more.")
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            return FeedUnavailable(Trouble.FORBIDDEN, "The feed's server does not let us in. Is the login still valid?")
        case HTTPStatus.TOO_MANY_REQUESTS | HTTPStatus.SERVICE_UNAVAILABLE:
            busy = "The feed's server is busy and asks to come back later."
            return FeedUnavailable(Trouble.BUSY, busy, retry_after=_retry_after(response))
        case _:
            return FeedUnavailable(Trouble.BROKEN, f"The feed's server answered with an error (HTTP status {status}).")


def _retry_after(response: httpx.Response) -> float | None:
    """Read Retry-After (RFC 9110 section 10.2.3) as seconds from now, at most a day; None when there is none.

    A date is compared with the server's own clock where it tells its time: ours may be wrong.
    """
    text = response.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text), _LONGEST_WAIT)
    then, now = _http_date(text), _http_date(response.headers.get("Date", "")) or time.time()
    return None if then is None else min(max(then - now, 0.0), _LONGEST_WAIT)


def _http_date(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None


def _announced_length(response: httpx.Response) -> int:
    text = response.headers.get("Content-Length", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0


def _validator(response: httpx.Response, name: str) -> str | None:
    """Return an ETag or Last-Modified that can be sent back as it is."""
    value: str | None = response.headers.get(name)
    return value if value and _fits_a_header(value) else None


def _fits_a_header(value: str) -> bool:
    return value.isascii() and value.isprintable()


def _megabytes(size: int) -> str:
    return f"{size / 1024 / 1024:g}"
