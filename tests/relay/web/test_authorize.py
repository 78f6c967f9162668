"""The documented flow whole: an app asks, a person decides, and the answer goes only where it may."""

import asyncio
from urllib.parse import parse_qsl, quote, urlsplit

import httpx
import pytest

from balados_relay.app import Relay
from balados_shared.authorization import read_authorization
from support.asking_apps import CALLBACK, OTHER_KEY, SigningApp
from support.loopback import Clock
from support.visitors import Visitor

ORIGIN = "https://balados.app"
STATE = "a&b=c#d \r\nX: y é"


@pytest.fixture
def app(clock: Clock) -> SigningApp:
    return SigningApp(clock)


def asked(token: str, **more: str) -> str:
    """The path to which an app sends a person."""
    query = {"token": token} | more
    return "/authorize?" + "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())


def fields(token: str, **more: str) -> dict[str, str]:
    return {"token": token, "decision": "approve"} | more


def led_to(answer: httpx.Response) -> tuple[str, dict[str, str]]:
    assert answer.status_code == 303
    parts = urlsplit(answer.headers["Location"])
    return f"{parts.scheme}://{parts.netloc}{parts.path}", dict(parse_qsl(parts.query))


def user_id(relay: Relay) -> str:
    (ada,) = relay.people.everybody()
    return ada.user_id


# An app that signs


async def test_who_is_not_logged_in_logs_in_first_and_comes_back(
    owned: Relay, visitor: Visitor, app: SigningApp
) -> None:
    answer = await visitor.look(asked(app.request()))
    assert (answer.status_code, answer.headers["Location"]) == (302, "/users/log_in")
    entered = await visitor.log_in()
    assert entered.headers["Location"].startswith("/authorize?token=")
    assert (await visitor.look(entered.headers["Location"])).status_code == 200
    assert "Allow Example Player?" in visitor.text


async def test_the_page_says_who_asks_and_for_what(ada: Visitor, app: SigningApp) -> None:
    await ada.look(asked(app.request("user.sync", "user.plays.read", "user.*.read"), redirect_uri=CALLBACK))
    for said in ("Example Player", "https://player.example", "org.example.player", "back to player.example"):
        assert said in ada.text
    for wish in ("keep in step with your library", "read what you play", "read everything of yours"):
        assert wish in ada.text


async def test_consent_lets_the_app_in_and_looking_does_not(owned: Relay, ada: Visitor, app: SigningApp) -> None:
    token, who = app.request("user.sync", "user.plays.read"), user_id(owned)
    await ada.look(asked(token, redirect_uri=CALLBACK, state=STATE))
    before = await ada.client.get("/api/v1/play", headers={"Authorization": f"Bearer {app.token(who)}"})
    assert before.status_code == 401
    place, told = led_to(await ada.send("/authorize", fields(token, redirect_uri=CALLBACK, state=STATE)))
    assert place == "https://player.example/back"
    assert told == {
        "from": "balados",
        "user_id": who,
        "app_id": "org.example.player",
        "scopes": "user.sync user.plays.read",
        "state": STATE,
    }
    signed = {"Authorization": f"Bearer {app.token(who)}"}
    assert (await ada.client.get("/api/v1/play", headers=signed)).status_code == 200
    assert (await ada.client.get("/api/v1/likes", headers=signed)).status_code == 403


async def test_without_an_address_to_return_to_the_page_tells_what_the_app_must_know(
    owned: Relay, ada: Visitor, app: SigningApp
) -> None:
    token = app.request()
    await ada.look(asked(token))
    answer = await ada.send("/authorize", fields(token))
    assert answer.status_code == 200
    assert user_id(owned) in ada.text
    assert "org.example.player" in ada.text


async def test_who_denies_lets_nobody_in(owned: Relay, ada: Visitor, app: SigningApp) -> None:
    token = app.request()
    await ada.look(asked(token, redirect_uri=CALLBACK, state="s"))
    for decision in ("deny", "", "x"):
        answer = await ada.client.post(
            "/authorize",
            data=fields(token, redirect_uri=CALLBACK, state="s", decision=decision, _csrf_token=ada.token),
        )
        _, told = led_to(answer)
        assert told == {"from": "balados", "error": "access_denied", "state": "s"}
    assert owned.accounts.apps(1) == []


@pytest.mark.parametrize(
    "redirect_uri",
    [
        "https://player.example/back",
        "https://player.example/back?from=balados&x=y",
        "https://player.example/back?from=balados/",
        "https://player.example/back?from=balados%00",
        "https://PLAYER.example/back?from=balados",
        "https://player.example.evil.example/back?from=balados",
        "https://player.example@evil.example/back?from=balados",
        "https://evil.example/?https://player.example/back?from=balados",
        "//evil.example",
        "/dashboard",
        "javascript:alert(1)",
        CALLBACK + "#x",
        CALLBACK + "\r\nSet-Cookie: a=b",
        " " + CALLBACK,
    ],
)
async def test_an_address_that_was_not_signed_is_no_way_out(
    owned: Relay, ada: Visitor, app: SigningApp, redirect_uri: str
) -> None:
    token = app.request()
    await ada.look(asked(token))
    good = ada.token
    for answer in (
        await ada.look(asked(token, redirect_uri=redirect_uri)),
        await ada.client.post("/authorize", data=fields(token, redirect_uri=redirect_uri, _csrf_token=good)),
    ):
        assert answer.status_code == 400
        assert "Location" not in answer.headers
    assert owned.accounts.apps(1) == []


@pytest.mark.parametrize(
    ("scopes", "says"),
    [(("user.everything",), "does not exist"), (("user.sync user",), "does not exist"), (("x.*",), None)],
)
async def test_what_nobody_can_allow_is_not_asked(
    ada: Visitor, app: SigningApp, scopes: tuple[str, ...], says: str | None
) -> None:
    answer = await ada.look(asked(app.request(*scopes)))
    assert answer.status_code == (400 if says else 200)
    assert (says or "x.*") in ada.text


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "x" * 20_000])
async def test_a_request_that_cannot_be_read_is_said_so(ada: Visitor, token: str) -> None:
    answer = await ada.look(asked(token))
    assert (answer.status_code, "Location" in answer.headers) == (400, False)


@pytest.mark.parametrize("app_id", ["app.balados.daemon.d7k2", "token.web", "https://balados.app"])
async def test_no_app_takes_the_id_of_a_device_or_a_page(ada: Visitor, clock: Clock, app_id: str) -> None:
    assert (await ada.look(asked(SigningApp(clock, app_id).request()))).status_code == 400


async def test_a_new_key_under_a_known_id_is_told_and_ends_the_old_one(
    owned: Relay, ada: Visitor, app: SigningApp, clock: Clock
) -> None:
    await ada.look(asked(app.request()))
    await ada.send("/authorize", fields(app.request()))
    old = app.token(user_id(owned))
    assert owned.accounts.authenticate(old)
    told: list[str] = []
    owned.accounts.on_revoked.append(lambda _, app_id: told.append(app_id))
    newer = SigningApp(clock, key=OTHER_KEY)
    await ada.look(asked(newer.request()))
    assert "with another key" in ada.text
    await ada.send("/authorize", fields(newer.request()))
    assert told == ["org.example.player"]
    headers = {"Authorization": f"Bearer {old}"}
    assert (await ada.client.get("/api/v1/play", headers=headers)).status_code == 401
    assert owned.accounts.authenticate(newer.token(user_id(owned)))


async def test_the_old_key_ends_even_if_who_consented_goes_away(owned: Relay, app: SigningApp, clock: Clock) -> None:
    told = asyncio.Event()
    owned.accounts.on_revoked.append(lambda *_: told.set())
    await owned.accounts.consent(1, read_authorization(app.request(), clock.now))
    newer = read_authorization(SigningApp(clock, key=OTHER_KEY).request(), clock.now)
    asking = asyncio.create_task(owned.accounts.consent(1, newer))
    await asyncio.sleep(0)
    asking.cancel()
    await asyncio.wait_for(told.wait(), 5)
    assert asking.cancelled()


async def test_a_revoked_app_can_be_allowed_again(owned: Relay, ada: Visitor, app: SigningApp) -> None:
    for _ in range(2):
        await ada.look(asked(app.request()))
        await ada.send("/authorize", fields(app.request()))
        assert owned.accounts.authenticate(app.token(user_id(owned)))
        await owned.accounts.revoke_app(1, app.app_id)


async def test_a_form_of_another_site_allows_nothing(owned: Relay, ada: Visitor, app: SigningApp) -> None:
    token = app.request()
    await ada.look(asked(token))
    good = ada.token
    for data, headers in (
        (fields(token), {}),
        (fields(token, _csrf_token="x.y"), {}),
        (fields(token, _csrf_token=good), {"Sec-Fetch-Site": "cross-site"}),
    ):
        assert (await ada.client.post("/authorize", data=data, headers=headers)).status_code == 403
    assert owned.accounts.apps(1) == []


async def test_consent_is_for_ones_own_library_only(owned: Relay, ada: Visitor, bob: Visitor, app: SigningApp) -> None:
    await bob.look(asked(app.request()))
    await bob.send("/authorize", fields(app.request()))
    (whose,) = [person.user_id for person in owned.people.everybody() if person.name == "ada"]
    headers = {"Authorization": f"Bearer {app.token(whose)}"}
    assert (await bob.client.get("/api/v1/play", headers=headers)).status_code == 401


# A web page that cannot sign


async def test_a_page_that_asks_gets_a_token_by_a_message_to_its_own_origin(owned: Relay, ada: Visitor) -> None:
    path = f"/authorize?redirect_uri={quote(ORIGIN, safe='')}&response_type=token"
    await ada.look(path)
    assert "Allow balados.app?" in ada.text
    wish = {"redirect_uri": ORIGIN, "response_type": "token", "decision": "approve"}
    answer = await ada.send("/authorize", wish)
    assert answer.status_code == 200
    assert f'data-origin="{ORIGIN}"' in answer.text
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
    assert "Cross-Origin-Opener-Policy" not in answer.headers
    assert answer.headers["Cache-Control"] == "no-store"
    token = answer.text.partition('data-token="')[2].partition('"')[0]
    headers = {"Authorization": f"Bearer {token}"}
    for path in ("/api/v1/subscriptions", "/api/v1/play", "/api/v1/likes"):
        assert (await ada.client.get(path, headers=headers)).status_code == 200
    assert (await ada.client.post("/api/v1/sync", json={}, headers=headers)).status_code == 200
    assert (await ada.client.get("/api/v1/apps", headers=headers)).status_code == 403


async def test_the_script_speaks_to_no_other_origin(ada: Visitor) -> None:
    script = (await ada.look("/static/handover.js")).text
    assert 'type: "oauth_callback"' in script
    assert "postMessage(message, handover.origin)" in script
    assert '"*"' not in script


@pytest.mark.parametrize(
    "origin", ["https://balados.app/x", "http://balados.app", "https://a@b", "*", "null", "javascript:x"]
)
async def test_what_is_no_origin_gets_nothing(owned: Relay, ada: Visitor, origin: str) -> None:
    assert (await ada.look(f"/authorize?redirect_uri={quote(origin, safe='')}&response_type=token")).status_code == 400
    await ada.look("/settings")
    wish = {"redirect_uri": origin, "response_type": "token", "decision": "approve"}
    assert (await ada.send("/authorize", wish)).status_code == 400
    assert owned.accounts.apps(1) == []


async def test_nobody_asked(ada: Visitor) -> None:
    assert (await ada.look("/authorize")).status_code == 400
    assert "No app asks" in ada.text
