"""The API's reference page: everything of the document is on it, and nothing of it comes from elsewhere."""

import re

import httpx
import pytest

from balados_relay.app import Relay, create_app
from support.loopback import client_of


@pytest.fixture
async def page(relay: Relay) -> httpx.Response:
    async with client_of(create_app(relay), None) as client:
        return await client.get("/schema")


@pytest.fixture
async def document(relay: Relay) -> dict[str, dict[str, dict[str, object]]]:
    async with client_of(create_app(relay), None) as client:
        told: dict[str, dict[str, dict[str, object]]] = (await client.get("/schema/openapi.json")).json()
        return told


async def test_every_operation_can_be_read(
    page: httpx.Response, document: dict[str, dict[str, dict[str, object]]]
) -> None:
    assert page.headers["content-type"].startswith("text/html")
    shown = set(re.findall(r'class="method">(\w+)</span> <code>([^<]+)</code>', page.text))
    assert shown == {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    for name in document["components"]["schemas"]:
        assert f"<code>{name}</code>" in page.text


async def test_it_loads_and_runs_nothing_that_is_not_from_here(page: httpx.Response) -> None:
    loaded = re.findall(r'<(?:link|img|script|iframe)[^>]*(?:href|src)="([^"]*)"', page.text)
    assert loaded
    assert all(address.startswith("/static/") for address in loaded)
    assert "<script" not in page.text
    assert "style=" not in page.text
    assert page.headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'")


async def test_every_link_within_leads_somewhere(page: httpx.Response) -> None:
    anchors = re.findall(r'id="([^"]+)"', page.text)
    assert len(set(anchors)) == len(anchors)
    assert set(re.findall(r'href="#([^"]+)"', page.text)) <= set(anchors)
