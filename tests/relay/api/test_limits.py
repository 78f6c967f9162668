"""How often the relay may be asked, through its whole app."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from balados_relay.api import limits
from balados_relay.api.windows import Exceeded, Limit
from balados_relay.app import Relay, create_app
from support.apps import App
from support.full import full_app
from support.loopback import Clock, client_of


@pytest.fixture
async def client(relay: Relay) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(create_app(relay), None) as client:
        yield client


async def ask(client: httpx.AsyncClient, app: App, method: str = "GET", path: str = "/likes") -> httpx.Response:
    body: dict[str, Any] | None = {} if method == "POST" else None
    token = app.token(now=app.relay.clock())
    return await client.request(method, f"/api/v1{path}", json=body, headers={"Authorization": f"Bearer {token}"})


async def test_the_31st_sync_of_a_burst_is_told_how_long_to_wait(
    client: httpx.AsyncClient, relay: Relay, clock: Clock
) -> None:
    app = await full_app(relay, "web")
    for left in reversed(range(30)):
        answer = await ask(client, app, "POST", "/sync")
        assert (answer.status_code, answer.headers["RateLimit-Remaining"]) == (200, str(left))
        clock.now += 100
    refused = await ask(client, app, "POST", "/sync")
    assert refused.status_code == 429
    assert refused.headers["Retry-After"] == refused.headers["RateLimit-Reset"] == "57"
    assert refused.headers["RateLimit-Limit"] == "30"
    assert refused.headers["RateLimit-Remaining"] == "0"
    assert refused.headers["RateLimit-Policy"] == "30;w=60"
    assert refused.json()["error"] == refused.json()["error_code"] == "RATE_LIMIT_EXCEEDED"
    assert refused.json()["message"] == "Too many requests. Please try again later."
    assert refused.json()["retry_after_seconds"] == 57
    clock.now += 57_000
    assert (await ask(client, app, "POST", "/sync")).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "limit"),
    [
        ("GET", "/subscriptions", 100),
        ("POST", "/subscriptions", 30),
        ("GET", "/play", 100),
        ("POST", "/play", 60),
        ("GET", "/likes", 100),
        ("POST", "/likes", 30),
        ("GET", "/privacy", 100),
        ("GET", "/collections", 100),
        ("POST", "/collections", 30),
    ],
)
async def test_every_answer_tells_the_documented_limit(
    client: httpx.AsyncClient, relay: Relay, method: str, path: str, limit: int
) -> None:
    answer = await ask(client, await full_app(relay, "web"), method, path)
    assert answer.status_code in {200, 400, 422}
    assert answer.headers["RateLimit-Limit"] == str(limit)
    assert answer.headers["RateLimit-Remaining"] == str(limit - 1)


async def test_one_noisy_app_does_not_lock_out_the_others(
    client: httpx.AsyncClient, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(limits.BUCKETS, "user.likes.read", Limit(3, 60))
    noisy, quiet = await full_app(relay, "noisy"), await full_app(relay, "quiet")
    assert [(await ask(client, noisy)).status_code for _ in range(20)] == [200] * 3 + [429] * 17
    assert (await ask(client, quiet)).status_code == 200
    assert (await ask(client, await full_app(relay, "web", "Bob"))).status_code == 200


async def test_an_account_cannot_multiply_its_limit_by_apps(
    client: httpx.AsyncClient, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(limits.BUCKETS, "user.likes.read", Limit(1, 60))
    apps = [await full_app(relay, f"web{number}") for number in range(6)]
    assert [(await ask(client, app)).status_code for app in apps] == [200] * 4 + [429] * 2


async def test_reading_and_writing_are_counted_apart(
    client: httpx.AsyncClient, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(limits.BUCKETS, "user.likes.read", Limit(1, 60))
    app = await full_app(relay, "web")
    assert [(await ask(client, app)).status_code for _ in range(2)] == [200, 429]
    assert (await ask(client, app, "POST")).status_code == 400


async def test_our_devices_have_a_budget_of_bytes_instead(
    client: httpx.AsyncClient, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "DEVICE_BYTES", Limit(40 * limits.MIN_BYTES, 3_600))
    app = await App.paired(relay)
    statuses = []
    for _ in range(41):
        answer = await client.post("/api/v1/sync", json=app.body(), headers=app.headers())
        statuses.append(answer.status_code)
    assert statuses == [200] * 40 + [429]
    assert answer.headers["Retry-After"] == "3600"
    assert "RateLimit-Limit" not in answer.headers


async def test_a_refused_stranger_learns_nothing_of_limits(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/v1/likes")
    assert answer.status_code == 401
    assert "RateLimit-Limit" not in answer.headers


async def test_addresses_of_one_network_count_as_one(relay: Relay, clock: Clock) -> None:
    counts = limits.Limits(clock)
    for number in range(10):
        counts.of_address("auth", f"2001:db8:1:2::{number:x}")
    with pytest.raises(Exceeded):
        counts.of_address("auth", "2001:db8:1:2:ffff::1")
    assert counts.of_address("auth", "2001:db8:1:3::1").left == 9
    assert counts.of_address("auth", "192.0.2.1").left == 9
