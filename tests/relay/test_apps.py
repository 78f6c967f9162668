"""`/api/v1/apps` and `/api/v1/auth/refresh`."""

from collections.abc import AsyncIterator
from urllib.parse import quote

import httpx
import pytest

from balados_relay.app import Relay, create_app
from balados_relay.storage import apps as storage
from balados_relay.storage.accounts import Grant
from support.apps import App, line_of
from support.asking_apps import SigningApp
from support.loopback import Clock, client_of, serving


@pytest.fixture
async def client(relay: Relay) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(create_app(relay), None) as client:
        yield client


@pytest.fixture
async def device(relay: Relay) -> App:
    return await App.paired(relay)


@pytest.fixture
async def manager(relay: Relay, device: App, clock: Clock) -> SigningApp:
    """An app that may manage the others."""
    return await allowed(relay, SigningApp(clock, "org.example.manager"), "user")


async def allowed(relay: Relay, app: SigningApp, scopes: str, account: int = 1) -> SigningApp:
    grant = Grant(account, app.app_id, app.pem, "Name", relay.clock(), name="Name", scopes=scopes)
    await relay.database.write(lambda connection: storage.put_grant(connection, grant))
    return app


def signed(app: SigningApp, device: App) -> dict[str, str]:
    return {"Authorization": f"Bearer {app.token(device.user_id)}"}


async def test_apps_and_devices_are_listed_in_the_documented_shape(
    client: httpx.AsyncClient, device: App, manager: SigningApp
) -> None:
    apps = (await client.get("/api/v1/apps", headers=signed(manager, device))).json()["apps"]
    assert {app["app_id"]: app["scopes"] for app in apps} == {
        "org.example.manager": ["user"],
        device.app_id: ["user.sync"],
    }
    documented = "id app_id app_name app_url app_image scopes last_used_at inserted_at updated_at"
    assert all(app.keys() == set(documented.split()) for app in apps)


async def test_an_app_is_revoked_once(client: httpx.AsyncClient, device: App, manager: SigningApp) -> None:
    path = f"/api/v1/apps/{device.app_id}"
    answer = await client.delete(path, headers=signed(manager, device))
    assert answer.json() == {"status": "success", "message": "App authorization revoked"}
    assert (await client.get("/api/v1/devices", headers=device.headers())).status_code == 401
    again = await client.delete(path, headers=signed(manager, device))
    assert (again.status_code, again.json()["message"]) == (404, "App not found or already revoked")


@pytest.mark.parametrize("scopes", ["user.sync", "user.*", "*.write", "user.plays user.likes", ""])
async def test_only_who_may_manage_lists_and_revokes_others(
    client: httpx.AsyncClient, relay: Relay, device: App, clock: Clock, scopes: str
) -> None:
    app = await allowed(relay, SigningApp(clock), scopes)
    assert (await client.get("/api/v1/apps", headers=signed(app, device))).status_code == 403
    assert (await client.delete(f"/api/v1/apps/{device.app_id}", headers=signed(app, device))).status_code == 403
    assert (await client.delete(f"/api/v1/apps/{app.app_id}", headers=signed(app, device))).status_code == 200
    assert (await client.get("/api/v1/apps", headers=signed(app, device))).status_code == 401


@pytest.mark.parametrize(
    "app_id", ["https://balados.app", "http://localhost:5173", "a//b/../c", "a b%2F", "a?b#c", "x/apps/y", "é"]
)
async def test_an_app_is_found_by_whatever_id_it_has(relay: Relay, device: App, app_id: str) -> None:
    issued = await relay.accounts.bearers.issue(1, app_id=app_id, name="x", url=None, scopes=["user.sync"])
    headers = {"Authorization": f"Bearer {issued.token}"}
    async with serving(create_app(relay)) as url, httpx.AsyncClient(base_url=url, headers=headers) as client:
        path = f"/api/v1/apps/{quote(app_id, safe='')}"
        assert (await client.delete(path + "x")).status_code == 403
        assert (await client.delete(path)).status_code == 200
        assert (await client.delete(path)).status_code == 401


async def test_nobody_revokes_the_apps_of_another_account(
    client: httpx.AsyncClient, relay: Relay, device: App, manager: SigningApp
) -> None:
    other = await App.paired(relay, "Bo", "laptop")
    answer = await client.delete(f"/api/v1/apps/{other.app_id}", headers=signed(manager, device))
    assert answer.status_code == 404
    assert relay.accounts.authenticate(other.token())


async def test_what_a_token_says_of_its_scopes_opens_nothing(
    client: httpx.AsyncClient, relay: Relay, device: App, clock: Clock
) -> None:
    app = await allowed(relay, SigningApp(clock), "user.subscriptions.read")
    headers = {"Authorization": f"Bearer {app.token(device.user_id, scopes=['*'])}"}
    assert (await client.get("/api/v1/subscriptions", headers=headers)).status_code == 200
    for method, path in (("GET", "/play"), ("POST", "/sync"), ("GET", "/apps"), ("POST", "/subscriptions")):
        body: dict[str, str] | None = {} if method == "POST" else None
        assert (await client.request(method, f"/api/v1{path}", json=body, headers=headers)).status_code == 403


async def test_who_signs_is_told_that_it_may(client: httpx.AsyncClient, device: App, manager: SigningApp) -> None:
    answer = await client.post("/api/v1/auth/refresh", headers=signed(manager, device))
    assert answer.json() == {
        "status": "success",
        "user_id": device.user_id,
        "app_id": "org.example.manager",
        "scopes": ["user"],
        "expires_in": 3_600,
        "message": "Authorization valid. Create new JWT with fresh expiration.",
    }


async def test_who_shows_what_renews_a_token_gets_a_new_one(
    client: httpx.AsyncClient, relay: Relay, device: App
) -> None:
    issued = await relay.accounts.bearers.issue(1, app_id="https://a.example", name="a", url=None, scopes=["user.sync"])
    told = (await client.post("/api/v1/auth/refresh", json={"refresh_token": issued.refresh_token})).json()
    assert told.keys() == {"access_token", "refresh_token", "expires_in", "token_type"}
    assert told["token_type"] == "Bearer"
    assert relay.accounts.authenticate(told["access_token"])


@pytest.mark.parametrize("body", [None, b"", b"{", b"[]", b'{"refresh_token": 7}', b'{"refresh_token": "x"}'])
async def test_who_shows_nothing_good_gets_the_one_401(client: httpx.AsyncClient, body: bytes | None) -> None:
    answer = await client.post("/api/v1/auth/refresh", content=body)
    assert answer.status_code in ((400, 401) if body == b"{" else (401,))


async def test_a_bearers_live_connection_ends_with_its_app(relay: Relay, device: App, clock: Clock) -> None:
    issued = await relay.accounts.bearers.issue(1, app_id="https://a.example", name="a", url=None, scopes=["user.sync"])
    async with serving(create_app(relay)) as url, line_of(device, url, issued.token) as line:
        await relay.accounts.revoke_app(1, "https://a.example")
        assert await line.close_code() == 4401
