"""The way on which the relay fetches: each request goes to an address that was checked, and to no other.

Law: a name is resolved once for each request, and what was resolved is what is dialled. Were the name looked up again
to connect, its owner could answer the check with one address and the connection with another. TLS still asks for the
name and checks the certificate against it, and `Host` still says it.
"""

import ssl
from ipaddress import IPv6Address

from balados_relay.feeds.bounds import Address, Bounds
from balados_relay.feeds.resolve import Resolve
from balados_shared.web import httpx

TRIED = 3
"""Addresses of one name that are tried, until one can be connected to."""

_PORTS = {"http": 80, "https": 443}


class PinnedTransport(httpx.AsyncBaseTransport):
    """Sends requests within bounds. Raises FeedUnavailable for what lies outside."""

    def __init__(self, bounds: Bounds, resolve: Resolve, verify: ssl.SSLContext | None = None) -> None:
        self._bounds = bounds
        self._resolve = resolve
        # No connection is used twice: under one address there may be many names, and TLS checks but the first.
        limits = httpx.Limits(max_keepalive_connections=0)
        self._inner = httpx.AsyncHTTPTransport(verify=verify or httpx.create_ssl_context(), limits=limits)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request to the first of the name's addresses that answers."""
        host = request.url.raw_host.decode("ascii").strip("[]")
        self._bounds.check_name(host, request.url.port or _PORTS[request.url.scheme])
        addresses = self._bounds.checked(await self._resolve(host))[:TRIED]
        for address in addresses[:-1]:
            try:
                return await self._inner.handle_async_request(_pinned(request, host, address))
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
        return await self._inner.handle_async_request(_pinned(request, host, addresses[-1]))

    async def aclose(self) -> None:
        """Close all connections."""
        await self._inner.aclose()


def _pinned(request: httpx.Request, host: str, address: Address) -> httpx.Request:
    literal = f"[{address}]" if isinstance(address, IPv6Address) else str(address)
    return httpx.Request(
        request.method,
        request.url.copy_with(host=literal),
        headers=request.headers,
        stream=request.stream,
        extensions={**request.extensions, "sni_hostname": host.rstrip(".")},
    )
