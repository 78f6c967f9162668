"""The relay's edge: who may read its answers in a browser, how much it takes, and what it says to caches."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from balados_relay.app import Relay, create_app, open_relay
from balados_relay.settings import Settings
from support.apps import App
from support.loopback import Clock, client_of

HOME, OTHER = "https://balados.app", "https://evil.example"
ASKING = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}


@pytest.fixture
async def shared(tmp_path: Path, clock: Clock) -> AsyncIterator[Relay]:
    """A relay whose API a page may use."""
    async with open_relay(Settings(tmp_path / "relay", allow_origins=(HOME,)), clock) as relay:
        yield relay


@pytest.fixture
async def client(shared: Relay) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(create_app(shared), None) as client:
        yield client


async def test_a_page_of_an_allowed_origin_may_read_answers_and_refusals(
    client: httpx.AsyncClient, shared: Relay
) -> None:
    app = await App.paired(shared)
    good = await client.get("/api/v1/devices", headers={**app.headers(), "Origin": HOME})
    refused = await client.get("/api/v1/likes", headers={"Origin": HOME})
    nowhere = await client.get("/api/v1/nowhere", headers={"Origin": HOME})
    too_much = await client.post("/api/v1/sync", content=b"x" * 10_000_001, headers={"Origin": HOME})
    assert [each.status_code for each in (good, refused, nowhere, too_much)] == [200, 401, 404, 413]
    for answer in (good, refused, nowhere, too_much):
        assert answer.headers["Access-Control-Allow-Origin"] == HOME
        assert "RateLimit-Remaining" in answer.headers["Access-Control-Expose-Headers"]
        assert "Access-Control-Allow-Credentials" not in answer.headers
        assert "Origin" in answer.headers["Vary"]


async def test_a_preflight_is_answered_without_a_token(client: httpx.AsyncClient) -> None:
    answer = await client.options("/api/v1/sync", headers={"Origin": HOME, **ASKING})
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["Access-Control-Allow-Origin"] == HOME
    assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
    assert "PATCH" in answer.headers["Access-Control-Allow-Methods"]
    assert answer.headers["Vary"] == "Origin"


@pytest.mark.parametrize("origin", [OTHER, "https://balados.app.evil.example", "http://balados.app", "null", ""])
async def test_a_page_of_another_origin_is_told_nothing(client: httpx.AsyncClient, origin: str) -> None:
    preflight = await client.options("/api/v1/sync", headers={"Origin": origin, **ASKING})
    answer = await client.get("/api/v1/health", headers={"Origin": origin})
    for each in (preflight, answer):
        assert not [name for name in each.headers if name.startswith("access-control-")]
        assert "Origin" in each.headers["Vary"]


async def test_pages_for_people_are_not_shared(client: httpx.AsyncClient) -> None:
    answer = await client.get("/users/log_in", headers={"Origin": HOME})
    assert "Access-Control-Allow-Origin" not in answer.headers


async def test_by_default_no_origin_is_let_in(relay: Relay) -> None:
    async with client_of(create_app(relay), None) as client:
        answer = await client.get("/api/v1/health", headers={"Origin": HOME})
    assert "Access-Control-Allow-Origin" not in answer.headers


async def test_all_origins_are_let_in_when_that_was_chosen(tmp_path: Path, clock: Clock) -> None:
    settings = Settings(tmp_path, allow_origins=("*",))
    async with open_relay(settings, clock) as relay, client_of(create_app(relay), None) as client:
        answer = await client.get("/api/v1/health", headers={"Origin": OTHER})
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


# Bodies


async def test_a_body_beyond_the_documented_limit_is_refused(client: httpx.AsyncClient, shared: Relay) -> None:
    app = await App.paired(shared)
    big = b'{"code":"' + b"x" * 1_000_000 + b'"}'
    for path in ("/pair", "/admin/invite"):
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {shared.admin.token}"}
        answer = await client.post(f"/api/v1{path}", content=big, headers=headers)
        assert (answer.status_code, answer.json()["error"]) == (413, "PAYLOAD_TOO_LARGE"), path
    ours = app.body(padding="x" * 2_000_000)
    assert (await client.post("/api/v1/sync", json=ours, headers=app.headers())).status_code == 200


async def test_a_stock_sync_beyond_the_documented_limit_is_refused(client: httpx.AsyncClient, shared: Relay) -> None:
    app = await App.paired(shared)
    answer = await client.post("/api/v1/sync", json={"padding": "x" * 1_000_000}, headers=app.headers())
    assert answer.status_code == 413


async def test_who_only_reads_sends_nothing(client: httpx.AsyncClient) -> None:
    answer = await client.request("GET", "/api/v1/health", content=b"{}")
    assert (answer.status_code, answer.json()["error"]) == (413, "PAYLOAD_TOO_LARGE")


# Headers


async def test_every_answer_is_what_its_type_says(client: httpx.AsyncClient) -> None:
    for path in ("/api/v1/health", "/api/v1/nowhere", "/users/log_in", "/nowhere"):
        answer = await client.get(path)
        assert answer.headers.get_list("X-Content-Type-Options") == ["nosniff"]
        assert len(answer.headers.get_list("Referrer-Policy")) == 1
        assert "Strict-Transport-Security" not in answer.headers


async def test_what_a_caller_was_told_is_not_stored(client: httpx.AsyncClient, shared: Relay) -> None:
    app = await App.paired(shared)
    for headers in (app.headers(), {"Authorization": "Bearer wrong"}):
        assert (await client.get("/api/v1/devices", headers=headers)).headers["Cache-Control"] == "no-store"
    assert "Cache-Control" not in (await client.get("/api/v1/health")).headers


async def test_over_tls_browsers_are_told_to_stay_there(shared: Relay) -> None:
    transport = httpx.ASGITransport(create_app(shared))
    async with httpx.AsyncClient(transport=transport, base_url="https://relay.example") as client:
        answer = await client.get("/api/v1/health")
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
