"""The settings: password, sessions, export and farewell; people and invitations for the owner."""

import json
import re
from typing import Any

import pytest

from balados_relay.app import Relay
from support.apps import App
from support.loopback import Clock
from support.visitors import PASSWORD, Visitor, visiting

NEW = "another fine password"


def change(old: str = PASSWORD, new: str = NEW, again: str = NEW) -> dict[str, str]:
    return {"old_password": old, "password": new, "password_confirmation": again}


@pytest.mark.parametrize("path", ["/dashboard", "/settings", "/settings/export"])
async def test_only_who_is_logged_in_sees_anything(owned: Relay, visitor: Visitor, path: str) -> None:
    answer = await visitor.look(path)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/users/log_in")


async def test_the_dashboard_says_what_is_here(owned: Relay, ada: Visitor) -> None:
    await ada.look("/dashboard")
    assert "Hello, ada" in ada.text
    assert "No device has synced yet" in ada.text
    assert (await ada.look("/")).headers["Location"] == "/dashboard"


# Password and sessions


async def test_a_new_password_ends_all_other_sessions(owned: Relay, ada: Visitor) -> None:
    async with visiting(owned, "192.0.2.9") as elsewhere:
        await elsewhere.log_in()
        await ada.look("/settings")
        answer = await ada.send("/settings/password", change())
        assert answer.headers["Location"] == "/settings?done=password"
        assert (await elsewhere.look("/dashboard")).status_code == 302
        assert (await elsewhere.log_in()).status_code == 200
        assert (await elsewhere.log_in(password=NEW)).status_code == 303
    await ada.look("/settings?done=password")
    assert "The password is changed" in ada.text


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        (change(old="wrong wrong wrong"), "not your password"),
        (change(again="x"), "not the same"),
        (change(new="short", again="short"), "at least 12"),
    ],
)
async def test_a_password_stays_when_something_is_wrong(ada: Visitor, fields: dict[str, str], why: str) -> None:
    await ada.look("/settings")
    await ada.send("/settings/password", fields)
    assert why in ada.text
    ada.client.cookies.clear()
    assert (await ada.log_in()).status_code == 303


async def test_who_took_over_a_browser_cannot_guess_the_password(ada: Visitor) -> None:
    await ada.look("/settings")
    for _ in range(5):
        await ada.send("/settings/password", change(old="wrong"))
    assert (await ada.send("/settings/password", change())).status_code == 429


async def test_sessions_are_listed_and_ended_one_by_one_or_all(owned: Relay, ada: Visitor) -> None:
    async with visiting(owned) as phone, visiting(owned) as tablet:
        for each, agent in ((phone, "Firefox on an Android phone"), (tablet, "Safari on an iPad")):
            each.client.headers["User-Agent"] = agent
            await each.log_in()
        await ada.look("/settings")
        assert "Firefox on Android" in ada.text
        assert "Safari on iPad" in ada.text
        paths = re.findall(r'action="(/settings/sessions/\d+/end)"', ada.page.text)
        assert len(paths) == 2
        await ada.send(paths[0])
        states = [(await each.look("/dashboard")).status_code for each in (phone, tablet)]
        assert sorted(states) == [200, 302]
        await ada.look("/settings")
        await ada.send("/settings/sessions/end_others")
        assert [(await each.look("/dashboard")).status_code for each in (phone, tablet)] == [302, 302]
    assert (await ada.look("/dashboard")).status_code == 200


async def test_nobody_ends_the_session_of_another(owned: Relay, ada: Visitor, bob: Visitor) -> None:
    await ada.look("/settings")
    sessions = owned.database.read(lambda conn: [row[0] for row in conn.execute("SELECT id FROM sessions")])
    await bob.look("/settings")
    for session in (*sessions, 10**30):
        token = bob.token
        await bob.client.post(f"/settings/sessions/{session}/end", data={"_csrf_token": token})
    assert (await ada.look("/dashboard")).status_code == 200


# People


@pytest.mark.parametrize(
    "path", ["/settings/invitations", "/settings/invitations/take_back", "/settings/people/remove"]
)
async def test_what_is_the_owners_is_not_a_members(bob: Visitor, path: str) -> None:
    await bob.look("/settings")
    assert "ada" not in bob.text
    answer = await bob.send(path, {"password": PASSWORD, "user_id": "x"})
    assert answer.status_code == 403
    assert "Only the owner" in bob.text


async def test_an_invitation_link_lets_one_person_in(owned: Relay, ada: Visitor) -> None:
    await ada.look("/settings")
    await ada.send("/settings/invitations")
    found = re.search(r"http://relay\.example(/users/register\?code=[\w-]+)", ada.page.text)
    assert found
    async with visiting(owned) as carl:
        await carl.look(found.group(1))
        assert "user[password]" in carl.page.text


async def test_an_invitation_can_be_taken_back(owned: Relay, ada: Visitor) -> None:
    await ada.look("/settings")
    await ada.send("/settings/invitations")
    found = re.search(r'name="invitation" value="(\w+)"', ada.page.text)
    assert found
    assert (await ada.send("/settings/invitations/take_back", {"invitation": found.group(1)})).status_code == 303
    assert owned.people.invitations() == []
    await ada.look("/settings")
    token = ada.token
    for wrong, status in ((found.group(1), 404), ("no hex", 400), ("", 404)):
        answer = await ada.send("/settings/invitations/take_back", {"invitation": wrong, "_csrf_token": token})
        assert answer.status_code == status


async def test_the_owner_removes_a_member_with_everything(owned: Relay, ada: Visitor, bob: Visitor) -> None:
    member = next(each for each in owned.people.everybody() if each.name == "bob")
    await ada.look("/settings")
    removal = {"user_id": member.user_id, "password": "wrong"}
    await ada.send("/settings/people/remove", removal)
    assert "not your password" in ada.text
    answer = await ada.send("/settings/people/remove", removal | {"password": PASSWORD})
    assert answer.headers["Location"] == "/settings?done=person"
    assert (await bob.look("/dashboard")).status_code == 302
    assert [each.name for each in owned.people.everybody()] == ["ada"]
    await ada.look("/settings")
    token = ada.token
    for user_id, status in ((member.user_id, 404), ("", 404), ("x" * 1_000, 404)):
        removal = {"user_id": user_id, "password": PASSWORD, "_csrf_token": token}
        assert (await ada.send("/settings/people/remove", removal)).status_code == status


async def test_the_owner_is_not_removed_by_that_way(owned: Relay, ada: Visitor) -> None:
    (owner,) = owned.people.everybody()
    await ada.look("/settings")
    await ada.send("/settings/people/remove", {"user_id": owner.user_id, "password": PASSWORD})
    assert "further down" in ada.text


# Farewell and export


async def test_an_account_goes_when_its_person_wants_it(owned: Relay, bob: Visitor) -> None:
    await bob.look("/settings")
    await bob.send("/settings/delete", {"password": "wrong"})
    assert "not your password" in bob.text
    await bob.send("/settings/delete", {"password": PASSWORD})
    assert "Your account is gone" in bob.text
    assert "Log out" not in bob.text
    assert "balados_session" not in bob.client.cookies
    assert (await bob.log_in("bob")).status_code == 200


async def test_an_owner_of_others_stays(owned: Relay, ada: Visitor, bob: Visitor) -> None:
    await ada.look("/settings")
    await ada.send("/settings/delete", {"password": PASSWORD})
    assert "Remove them first" in ada.text
    assert (await ada.look("/dashboard")).status_code == 200


async def test_the_export_is_one_json_file_with_a_harmless_name(relay: Relay, clock: Clock) -> None:
    await App.paired(relay, 'Ada "Ä"; filename=evil.exe')
    await relay.people.make_owner('Ada "Ä"; filename=evil.exe', PASSWORD)
    async with visiting(relay) as ada:
        await ada.log_in('Ada "Ä"; filename=evil.exe')
        answer = await ada.look("/settings/export")
    name = answer.headers["Content-Disposition"]
    assert 'filename="balados-Ada-filename-evil-exe-2026-01-01.json"' in name
    assert "%22%C3%84%22%3B%20filename%3Devil.exe" in name
    document: dict[str, Any] = json.loads(answer.content)
    assert document["account"]["role"] == "owner"
    assert answer.headers["Cache-Control"] == "no-store"
