"""The relay's HTTP routes through its whole app: pairing, sync, devices, the log, and the operator."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from balados_relay.app import Relay, create_app
from balados_shared.tokens import new_key, public_pem
from support.apps import App
from support.elsewhere import play, subscription
from support.loopback import Clock, client_of
from support.strategies import FEED, ITEM, NOON


@pytest.fixture
async def client(relay: Relay) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who shows no token of their own accord."""
    async with client_of(create_app(relay), None) as client:
        yield client


@pytest.fixture
async def app(relay: Relay) -> App:
    return await App.paired(relay)


@pytest.fixture
def operator(relay: Relay) -> dict[str, str]:
    return {"Authorization": f"Bearer {relay.admin.token}"}


def problem(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["error_code"]


async def sync(client: httpx.AsyncClient, app: App, *records: Any, **fields: Any) -> httpx.Response:
    return await client.post("/api/v1/sync", json=app.body(*records, **fields), headers=app.headers())


# Pairing


def application(invited: str, **changes: Any) -> dict[str, Any]:
    wanted = {"code": invited, "public_key": public_pem(new_key()), "device_id": "d7k2", "device_name": "Phone"}
    return wanted | changes


async def test_a_code_pairs_once(client: httpx.AsyncClient, relay: Relay) -> None:
    code = await relay.accounts.invite("Ada")
    answer = await client.post("/api/v1/pair", json=application(code))
    assert answer.status_code == 200
    told = answer.json()
    assert (told["account"], told["app_id"], told["now"]) == ("Ada", "app.balados.daemon.d7k2", NOON)
    assert problem(await client.post("/api/v1/pair", json=application(code))) == (400, "INVALID_CODE")


async def test_looking_keeps_the_code(client: httpx.AsyncClient, relay: Relay, app: App) -> None:
    await sync(client, app, subscription())
    code = await relay.accounts.invite("Ada")
    for _ in range(2):
        answer = await client.post("/api/v1/pair/preview", json={"code": code})
        assert [row["rss_source_feed"] for row in answer.json()["subscriptions"]] == [FEED]
    assert (await client.post("/api/v1/pair", json=application(code))).status_code == 200


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"public_key": "no key"}, "BAD_REQUEST"),
        ({"device_id": ""}, "BAD_REQUEST"),
        ({"device_name": "\x00"}, "BAD_REQUEST"),
        ({"code": "AAAA-AAAA"}, "INVALID_CODE"),
        ({"code": 7}, "BAD_REQUEST"),
    ],
    ids=str,
)
async def test_a_bad_application_leaves_the_code_good(
    client: httpx.AsyncClient, relay: Relay, changed: dict[str, Any], code: str
) -> None:
    invited = await relay.accounts.invite("Ada")
    bad = await client.post("/api/v1/pair", json=application(invited, **changed))
    assert problem(bad) == (400, code)
    assert (await client.post("/api/v1/pair", json=application(invited))).status_code == 200


async def test_who_guesses_codes_is_told_when_to_come_back(client: httpx.AsyncClient) -> None:
    for _ in range(10):
        assert problem(await client.post("/api/v1/pair/preview", json={"code": "AAAA-AAAA"}))[0] == 400
    answer = await client.post("/api/v1/pair/preview", json={"code": "AAAA-AAAA"})
    assert problem(answer) == (429, "RATE_LIMIT_EXCEEDED")
    assert answer.headers["Retry-After"] == "900"


# Sync


async def test_a_signed_exchange_is_taken_and_answered(client: httpx.AsyncClient, app: App) -> None:
    answer = await sync(client, app, subscription())
    assert answer.status_code == 200
    assert {"synced_at", "cursor", "more"} <= answer.json().keys()


async def test_a_token_writes_once(client: httpx.AsyncClient, app: App) -> None:
    headers, body = app.headers(), app.body(subscription())
    assert (await client.post("/api/v1/sync", json=body, headers=headers)).status_code == 200
    assert problem(await client.post("/api/v1/sync", json=body, headers=headers)) == (401, "UNAUTHORIZED")


async def test_a_body_that_cannot_be_read_does_not_use_up_the_token(client: httpx.AsyncClient, app: App) -> None:
    headers = app.headers()
    assert problem(await client.post("/api/v1/sync", content=b"{", headers=headers)) == (400, "BAD_REQUEST")
    assert (await client.post("/api/v1/sync", json=app.body(), headers=headers)).status_code == 200


@pytest.mark.parametrize("path", ["/sync", "/events?record=x", "/devices"])
@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer x.y.z", "Basic YTpi", "Bearer ü"])
async def test_without_a_good_token_nothing_is_told(client: httpx.AsyncClient, path: str, header: str | None) -> None:
    headers = [(b"Authorization", header.encode())] if header is not None else []
    method = "POST" if path == "/sync" else "GET"
    assert problem(await client.request(method, f"/api/v1{path}", headers=headers)) == (401, "UNAUTHORIZED")


async def test_a_clock_that_fell_behind_is_told_with_a_time_to_come_back(
    client: httpx.AsyncClient, app: App, clock: Clock
) -> None:
    clock.now += 3 * 24 * 3_600_000
    await client.post(
        "/api/v1/sync",
        json=app.body(subscription()),
        headers={"Authorization": f"Bearer {app.token(now=clock.now)}"},
    )
    clock.now = NOON
    answer = await sync(client, app)
    assert problem(answer) == (503, "RELAY_CLOCK_BEHIND")
    assert int(answer.headers["Retry-After"]) > 0


# Devices and the log


async def test_devices_that_have_synced_are_listed_the_last_seen_first(
    client: httpx.AsyncClient, relay: Relay, app: App, clock: Clock
) -> None:
    laptop = await App.paired(relay, device_id="laptop")
    await sync(client, app)
    clock.now += 1_000
    await sync(client, laptop)
    rows = (await client.get("/api/v1/devices", headers=app.headers())).json()["devices"]
    assert [(row["device_id"], row["name"]) for row in rows] == [("laptop", "Laptop"), ("phone", "Phone")]
    assert rows[1]["last_seen"] == "2026-01-01T12:00:00.000Z"


async def test_the_log_of_a_record_is_that_of_the_callers_account(
    client: httpx.AsyncClient, relay: Relay, app: App
) -> None:
    stranger = await App.paired(relay, "Bob", "bobs")
    await sync(client, app, play(60))
    await sync(client, stranger, play(90))
    record = {"record": f"play_status/{FEED}/{ITEM}"}
    for who, position in ((app, 60), (stranger, 90)):
        events = (await client.get("/api/v1/events", params=record, headers=who.headers())).json()["events"]
        assert [event["after"]["position"] for event in events] == [position]


@pytest.mark.parametrize("record", ["play_status/none", "no_such_kind/x", "", "/", "x"])
async def test_a_record_that_is_not_there_has_an_empty_log(client: httpx.AsyncClient, app: App, record: str) -> None:
    answer = await client.get("/api/v1/events", params={"record": record}, headers=app.headers())
    assert (answer.status_code, answer.json()) == (200, {"events": []})


# The operator


async def test_the_operator_invites_lists_and_revokes(
    client: httpx.AsyncClient, operator: dict[str, str], app: App
) -> None:
    client.headers.update(operator)
    assert (await client.post("/api/v1/admin/invite", json={"name": "Bob"})).json()["code"]
    accounts = (await client.get("/api/v1/admin/accounts")).json()["accounts"]
    assert [(row["name"], row["devices"]) for row in accounts] == [("Ada", 1), ("Bob", 0)]
    devices = (await client.get("/api/v1/admin/devices", params={"name": "ada"})).json()["devices"]
    assert [(row["name"], row["revoked_at"]) for row in devices] == [("Phone", None)]
    revoked = await client.post("/api/v1/admin/revoke", json={"name": "Ada", "device": "Phone"})
    assert revoked.json() == {"revoked": app.app_id}
    client.headers.pop("Authorization")
    assert problem(await sync(client, app)) == (401, "UNAUTHORIZED")


async def test_the_operator_is_told_what_is_not_there(client: httpx.AsyncClient, operator: dict[str, str]) -> None:
    client.headers.update(operator)
    assert problem(await client.get("/api/v1/admin/devices", params={"name": "Eve"})) == (404, "NOT_FOUND")
    body = {"name": "Eve", "device": "x"}
    assert problem(await client.post("/api/v1/admin/revoke", json=body)) == (404, "NOT_FOUND")
    assert problem(await client.post("/api/v1/admin/invite", json={"name": ""})) == (400, "BAD_REQUEST")


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/invite"), ("GET", "/accounts"), ("GET", "/devices?name=Ada"), ("POST", "/revoke")],
)
async def test_a_devices_token_is_no_operators(client: httpx.AsyncClient, app: App, method: str, path: str) -> None:
    for headers in ({}, app.headers(), {"Authorization": "Bearer x"}):
        answer = await client.request(method, f"/api/v1/admin{path}", headers=headers)
        assert problem(answer) == (401, "UNAUTHORIZED")


async def test_the_health_check_asks_for_no_token(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/v1/health")).json()["ok"] is True
