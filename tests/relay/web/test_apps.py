"""Apps and devices: seen, revoked, and let in by a code, a token or an app password that is shown once."""

import re
from pathlib import Path

import pytest

from balados_relay.accounts.pasted import OFFERED, free_app_id
from balados_relay.accounts.scopes import STOCK
from balados_relay.app import Relay, create_app, open_relay
from balados_relay.settings import Settings
from balados_relay.web.qr import drawn
from balados_shared.tokens import new_key, public_pem
from support.apps import App, line_of
from support.loopback import Clock, serving
from support.visitors import PASSWORD, Visitor, visiting

SHOWN = re.compile(r'<span class="code">([^<]*)</span>')


def secret(visitor: Visitor) -> str:
    """What the page shows to be copied."""
    (found,) = SHOWN.findall(visitor.page.text)
    assert visitor.page.headers["Cache-Control"] == "no-store"
    return str(found)


def account(relay: Relay, name: str = "ada") -> int:
    return relay.accounts.named(name).id


async def statuses(visitor: Visitor, token: str, *paths: str) -> list[int]:
    """What an app with this token is answered."""
    headers = {"Authorization": f"Bearer {token}"}
    return [(await visitor.client.get(f"/api/v1/{path}", headers=headers)).status_code for path in paths]


async def test_only_who_is_logged_in_sees_apps(owned: Relay, visitor: Visitor) -> None:
    answer = await visitor.look("/apps")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/users/log_in")


async def test_the_dashboard_and_every_page_lead_there(ada: Visitor) -> None:
    await ada.look("/dashboard")
    assert ada.page.text.count('href="/apps"') == 2


async def test_each_app_and_device_is_listed_with_what_it_may_do(owned: Relay, ada: Visitor, clock: Clock) -> None:
    await App.paired(owned, "ada", "kitchen")
    await owned.accounts.bearers.issue(
        account(owned), app_id="https://player.example", name="<b>P</b>", url="https://player.example", scopes=STOCK
    )
    await ada.look("/apps")
    for said in ("Kitchen", "app.balados.daemon.kitchen", "<b>P</b>", "https://player.example", "not used yet"):
        assert said in ada.text
    assert "can keep in step with your library" in ada.text
    assert "read and change what you like" in ada.text
    assert "<b>P" not in ada.page.text


async def test_the_last_use_is_shown_at_once(owned: Relay, ada: Visitor) -> None:
    device = await App.paired(owned, "ada")
    await ada.client.get("/api/v1/devices", headers=device.headers())
    await ada.look("/apps")
    assert "last used 1 January 2026" in ada.text


# Revoking


async def test_a_revoked_device_gets_nothing_and_its_line_ends(owned: Relay, clock: Clock) -> None:
    device = await App.paired(owned, "ada")
    async with serving(create_app(owned)) as url, line_of(device, url) as line, visiting(owned) as ada:
        await ada.log_in()
        assert (await ada.client.get("/api/v1/devices", headers=device.headers())).status_code == 200
        await ada.look("/apps")
        answer = await ada.send("/apps/revoke", {"app_id": device.app_id})
        assert (answer.status_code, answer.headers["Location"]) == (303, "/apps?done=app")
        assert await line.close_code() >= 4_000
        assert (await ada.client.get("/api/v1/devices", headers=device.headers())).status_code == 401
        await ada.look("/apps?done=app")
    assert "It is revoked" in ada.text
    assert device.app_id not in ada.text


async def test_nobody_revokes_the_apps_of_another(owned: Relay, ada: Visitor, bob: Visitor) -> None:
    device = await App.paired(owned, "ada")
    await owned.app_passwords.create(account(owned), "gPodder")
    await bob.look("/apps")
    token = bob.token
    for path, fields in (
        ("/apps/revoke", {"app_id": device.app_id}),
        ("/apps/passwords/revoke", {"id": str(owned.app_passwords.list(account(owned))[0].id)}),
    ):
        assert (await bob.send(path, fields | {"_csrf_token": token})).status_code == 404
    assert (await bob.client.get("/api/v1/devices", headers=device.headers())).status_code == 200
    assert len(owned.app_passwords.list(account(owned))) == 1
    await bob.look("/apps")
    assert device.app_id not in bob.text
    assert "gPodder" not in bob.text


@pytest.mark.parametrize("path", ["/apps/revoke", "/apps/passwords/revoke"])
@pytest.mark.parametrize("name", ["", "0", "-1", "x", "1" * 19, "9" * 20, "9" * 5_000, "²", "\0", "../../x"])
async def test_what_is_not_there_cannot_be_revoked(ada: Visitor, path: str, name: str) -> None:
    await ada.look("/apps")
    assert (await ada.send(path, {"app_id": name, "id": name})).status_code == 404


# A device


async def test_the_code_pairs_one_device_with_the_persons_own_account(owned: Relay, bob: Visitor) -> None:
    await bob.look("/apps")
    await bob.send("/apps/pair")
    found = re.fullmatch(r"balados pair http://relay\.example (\w{4}-\w{4})", secret(bob))
    assert found
    key = public_pem(new_key())
    paired = await owned.accounts.pair(found.group(1), key, device_id="a", device_name="A", source="here")
    assert paired.account == account(owned, "bob")
    await bob.look("/apps")
    assert found.group(1) not in bob.page.text


async def test_the_picture_holds_the_command_and_obeys_the_policy(ada: Visitor) -> None:
    await ada.look("/apps")
    page = (await ada.send("/apps/pair")).text
    assert drawn(secret(ada)) in page
    assert "style=" not in page
    assert "<script" not in page
    policy = ada.page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


async def test_the_command_names_the_address_that_people_use(tmp_path: Path, clock: Clock) -> None:
    async with open_relay(Settings(tmp_path, public_url="https://pods.example/"), clock) as relay:
        await relay.people.make_owner("ada", PASSWORD)
        async with visiting(relay) as ada:
            await ada.log_in()
            await ada.look("/apps")
            await ada.send("/apps/pair")
            assert secret(ada).startswith("balados pair https://pods.example ")


# A token


async def test_a_token_works_until_it_is_revoked_and_is_shown_once(owned: Relay, ada: Visitor) -> None:
    await ada.look("/apps")
    ticked = re.findall(r'name="scope" value="([^"]+)" checked', ada.page.text)
    assert tuple(ticked) == STOCK
    await ada.send("/apps/tokens", {"client": " My Player ", "scope": STOCK})
    token = secret(ada)
    assert await statuses(ada, token, "play", "likes", "privacy") == [200, 200, 403]
    await ada.look("/apps")
    assert token not in ada.page.text
    assert "My Player" in ada.text
    await ada.send("/apps/revoke", {"app_id": "token.my-player"})
    assert await statuses(ada, token, "play") == [401]


async def test_a_token_may_do_what_was_ticked_and_no_more(ada: Visitor) -> None:
    await ada.look("/apps")
    await ada.send("/apps/tokens", {"client": "Reader", "scope": "user.*.read"})
    token = secret(ada)
    assert await statuses(ada, token, "play", "likes", "apps") == [200, 200, 403]
    headers = {"Authorization": f"Bearer {token}"}
    written = await ada.client.post("/api/v1/play", headers=headers, json={})
    assert written.status_code == 403


async def test_two_tokens_for_one_name_do_not_touch_each_other(owned: Relay, ada: Visitor) -> None:
    tokens = []
    for scope in ("user.plays", "user.likes"):
        await ada.look("/apps")
        await ada.send("/apps/tokens", {"client": "Player", "scope": scope})
        tokens.append(secret(ada))
    assert await statuses(ada, tokens[0], "play", "likes") == [200, 403]
    assert await statuses(ada, tokens[1], "play", "likes") == [403, 200]
    await ada.send("/apps/revoke", {"app_id": "token.player"})
    assert await statuses(ada, tokens[0], "play") == [401]
    assert await statuses(ada, tokens[1], "likes") == [200]


@pytest.mark.parametrize(
    ("client", "scopes", "why"),
    [
        ("Player", [], "Choose what the app may do."),
        ("Player", ["*"], "Choose what the app may do."),
        ("Player", ["user.sync", "user.nothing"], "Choose what the app may do."),
        ("", ["user.sync"], "must have 1 to 100 characters"),
        ("x" * 101, ["user.sync"], "must have 1 to 100 characters"),
        ("a\x1b[1m", ["user.sync"], "must have 1 to 100 characters"),
    ],
)
async def test_no_token_is_made_when_something_is_wrong(
    owned: Relay, ada: Visitor, client: str, scopes: list[str], why: str
) -> None:
    await ada.look("/apps")
    await ada.send("/apps/tokens", {"client": client, "scope": scopes})
    assert why in ada.text
    assert owned.accounts.apps(account(owned)) == []


@pytest.mark.parametrize(
    ("client", "taken", "app_id"),
    [
        ("My Player", (), "token.my-player"),
        ("My Player", ("token.my-player",), "token.my-player.2"),
        ("--", (), "token.app"),
        ("Ünïcode ☃", (), "token.n-code"),
        ("x" * 100, (), "token." + "x" * 40),
    ],
)
def test_the_id_of_a_token_is_made_of_its_name(client: str, taken: tuple[str, ...], app_id: str) -> None:
    assert free_app_id(client, taken.__contains__) == app_id


def test_nothing_offered_is_everything_without_a_name() -> None:
    assert "*" not in OFFERED
    assert set(STOCK) <= set(OFFERED)


# App passwords


async def test_an_app_password_is_shown_once_and_works_until_it_is_revoked(owned: Relay, ada: Visitor) -> None:
    await ada.look("/apps")
    await ada.send("/apps/passwords", {"client": "gPodder"})
    password = secret(ada)
    assert (await owned.app_passwords.check("ada", password, "here")).client == "gPodder"
    await ada.look("/apps")
    assert password not in ada.page.text
    assert "gPodder made 1 January 2026, last used 1 January 2026" in ada.text
    (row,) = owned.app_passwords.list(account(owned))
    answer = await ada.send("/apps/passwords/revoke", {"id": str(row.id)})
    assert answer.headers["Location"] == "/apps?done=password"
    assert owned.app_passwords.list(account(owned)) == []


async def test_an_app_password_needs_a_name(owned: Relay, ada: Visitor) -> None:
    await ada.look("/apps")
    await ada.send("/apps/passwords", {"client": " "})
    assert "The name of a client must have 1 to 100 characters" in ada.text
    assert owned.app_passwords.list(account(owned)) == []


async def test_an_app_password_does_not_open_the_pages(ada: Visitor) -> None:
    await ada.look("/apps")
    await ada.send("/apps/passwords", {"client": "gPodder"})
    password = secret(ada)
    ada.client.cookies.clear()
    await ada.log_in(password=password)
    assert "do not go together" in ada.text
