"""Somebody with a browser: cookies, forms, and the token that each form holds."""

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from html import unescape
from typing import Any

import httpx

from balados_relay.app import Relay, create_app

PASSWORD = "correct horse battery"

_TOKEN = re.compile(r'name="_csrf_token" value="([^"]+)"')


Fields = Mapping[str, str | Sequence[str]]


class Visitor:
    """A browser. `page` is what it shows."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self.page = httpx.Response(200)

    @property
    def text(self) -> str:
        """What the page says, without its marks."""
        return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", self.page.text)))

    @property
    def token(self) -> str:
        """The token in the page's forms."""
        found = _TOKEN.search(self.page.text)
        assert found, "the page has no form"
        return found.group(1)

    async def look(self, path: str, **how: Any) -> httpx.Response:
        """Go to a page, and no further."""
        self.page = await self.client.get(path, **how)
        return self.page

    async def send(self, path: str, fields: Fields | None = None, **how: Any) -> httpx.Response:
        """Send a form of the page, with its token unless another is given."""
        self.page = await self.client.post(path, data={"_csrf_token": self.token, **(fields or {})}, **how)
        return self.page

    async def log_in(self, name: str = "ada", password: str = PASSWORD, **fields: str) -> httpx.Response:
        """Type name and password."""
        await self.look("/users/log_in")
        return await self.send("/users/log_in", {"user[username]": name, "user[password]": password} | fields)


@asynccontextmanager
async def visiting(relay: Relay, address: str = "192.0.2.1", scheme: str = "http") -> AsyncIterator[Visitor]:
    """Open a browser that comes from an address."""
    transport = httpx.ASGITransport(create_app(relay), client=(address, 40_000))
    async with httpx.AsyncClient(transport=transport, base_url=f"{scheme}://relay.example") as client:
        yield Visitor(client)
