"""Setting up, logging in and out, and registering, as a browser does it."""

import pytest

from balados_relay.app import Relay
from balados_relay.people import passwords
from balados_shared.errors import Refused
from balados_shared.times import DAY, HOUR, MINUTE
from support.apps import App
from support.loopback import Clock
from support.visitors import PASSWORD, Visitor, visiting

WRONG = "That name and password do not go together."


def application(name: str, password: str = PASSWORD, **fields: str) -> dict[str, str]:
    return {"user[username]": name, "user[password]": password, "user[password_confirmation]": password} | fields


# The first owner


async def test_the_setup_code_makes_the_owner_once(relay: Relay, visitor: Visitor) -> None:
    await visitor.look("/")
    assert "no owner yet" in visitor.text
    await visitor.look(f"/setup?code={relay.people.setup_code}")
    assert relay.people.setup_code in visitor.page.text
    answer = await visitor.send("/setup", application("ada", code=relay.people.setup_code))
    assert (answer.status_code, answer.headers["Location"]) == (303, "/dashboard")
    await visitor.look("/settings")
    assert "ada owner" in visitor.text
    for answer in (await visitor.look("/setup"), await visitor.client.get("/setup")):
        assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    with pytest.raises(Refused, match="owner already"):
        await relay.people.make_owner("eve", PASSWORD)


async def test_a_stranger_without_the_code_cannot_take_a_fresh_relay(relay: Relay, visitor: Visitor) -> None:
    await visitor.look("/setup")
    for code in ("", "AAAA-AAAA", "x", "0" * 5_000):
        answer = await visitor.send("/setup", application("eve", code=code))
        assert answer.status_code == 200
        assert "not the setup code" in visitor.text
    for _ in range(6):
        await visitor.send("/setup", application("eve", code="AAAA-AAAA"))
    token = visitor.token
    right = application("eve", code=relay.people.setup_code)
    answer = await visitor.send("/setup", right | {"_csrf_token": token})
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "900")
    assert relay.people.needs_owner()


async def test_a_form_that_cannot_be_keeps_the_code_and_what_was_typed(relay: Relay, visitor: Visitor) -> None:
    await visitor.look("/setup")
    code = relay.people.setup_code
    for form, why in (
        (application("a", code=code), "3 to 30 characters"),
        (application("ada", "short", code=code), "at least 12 characters"),
        (application("ada", code=code) | {"user[password_confirmation]": "x"}, "not the same"),
    ):
        await visitor.send("/setup", form)
        assert why in visitor.text
        assert f'value="{form["user[username]"]}"' in visitor.page.text
    assert (await visitor.send("/setup", application("ada", code=code))).status_code == 303


async def test_an_account_that_devices_were_paired_with_becomes_the_owners(relay: Relay, visitor: Visitor) -> None:
    app = await App.paired(relay, "Ada Lovelace")
    await visitor.look("/setup")
    await visitor.send("/setup", application("ada lovelace", code=relay.people.setup_code))
    (person,) = relay.people.everybody()
    assert (person.user_id, person.name, person.standing) == (app.user_id, "Ada Lovelace", "owner")


# Logging in


async def test_who_logs_in_comes_to_the_page_they_asked_for(owned: Relay, visitor: Visitor) -> None:
    answer = await visitor.look("/settings?done=password&x=%2F%3B%22")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/users/log_in")
    answer = await visitor.log_in("ADA")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/settings?done=password&x=%2F%3B%22")
    await visitor.look("/users/log_in")
    assert visitor.page.headers["Location"] == "/dashboard"


async def test_plain_field_names_do_as_well(owned: Relay, visitor: Visitor) -> None:
    await visitor.look("/users/log_in")
    answer = await visitor.send("/users/log_in", {"username": "ada", "password": PASSWORD})
    assert answer.headers["Location"] == "/dashboard"


@pytest.mark.parametrize(
    "path",
    [
        "//evil.example/x",
        "/\\evil.example",
        "https:evil.example",
        "https://evil.example",
        "/\t/evil",
        "/\r\nX: y",
        "",
        "x",
    ],
)
async def test_nobody_is_sent_to_another_site(owned: Relay, visitor: Visitor, path: str) -> None:
    await visitor.look("/users/log_in")
    quoted = "".join(f"%{byte:02X}" for byte in path.encode())
    visitor.client.cookies.set("balados_return", quoted, domain="relay.example")
    answer = await visitor.send("/users/log_in", {"username": "ada", "password": PASSWORD})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/dashboard")


async def test_the_path_asked_for_is_remembered_only_if_it_is_ours(owned: Relay, visitor: Visitor) -> None:
    assert "balados_return" in (await visitor.look("/settings")).headers.get("Set-Cookie", "")
    too_long = await visitor.look("/settings?" + "x" * 5_000)
    assert "balados_return" not in too_long.headers.get("Set-Cookie", "")


async def test_whether_a_name_exists_is_not_told(owned: Relay, visitor: Visitor) -> None:
    await App.paired(owned, "Device")
    said = []
    for name in ("ada", "nobody", "device", "x" * 10_000, "ada\r\nSet-Cookie: a=b", "\x00"):
        answer = await visitor.log_in(name, "not the password")
        assert answer.status_code == 200
        assert "Set-Cookie" not in answer.headers
        said.append(visitor.text)
    assert all(WRONG in text for text in said)
    assert len(set(said)) == 1


async def test_a_name_that_nobody_has_costs_the_same_work(
    owned: Relay, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[bool] = []
    fits = passwords.Passwords._work

    def watched(self: passwords.Passwords, password: str, stored: str | None = None) -> str:
        checked.append(stored is not None)
        return fits(self, password, stored)

    monkeypatch.setattr(passwords.Passwords, "_work", watched)
    for name in ("ada", "nobody"):
        await visitor.log_in(name, "not the password")
    assert checked == [True, True]


async def test_a_guesser_has_to_wait_and_others_do_not(owned: Relay, visitor: Visitor, clock: Clock) -> None:
    for _ in range(5):
        assert (await visitor.log_in(password="wrong")).status_code == 200
    answer = await visitor.log_in()
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "900")
    assert "Please wait" in visitor.text
    async with visiting(owned, "192.0.2.77") as elsewhere:
        assert (await elsewhere.log_in()).status_code == 303
    clock.now += 15 * MINUTE
    assert (await visitor.log_in()).status_code == 303


async def test_who_tries_one_password_on_many_names_has_to_wait(owned: Relay, visitor: Visitor) -> None:
    for number in range(20):
        await visitor.log_in(f"name{number}", "wrong")
    assert (await visitor.log_in("another", "wrong")).status_code == 429


async def test_who_logs_in_often_does_not_have_to_wait(owned: Relay) -> None:
    async with visiting(owned) as visitor:
        for _ in range(8):
            assert (await visitor.log_in()).status_code == 303
            visitor.client.cookies.clear()


# Sessions


async def test_logging_in_gives_a_new_session_whatever_came_with_the_browser(owned: Relay, visitor: Visitor) -> None:
    visitor.client.cookies.set("balados_session", "planted", domain="relay.example")
    answer = await visitor.log_in()
    assert answer.status_code == 303
    first = answer.cookies["balados_session"]
    assert first != "planted"
    async with visiting(owned) as thief:
        thief.client.cookies.set("balados_session", "planted", domain="relay.example")
        assert (await thief.look("/dashboard")).status_code == 302
    await visitor.look("/settings")
    token = visitor.token
    again = await visitor.client.post(
        "/users/log_in", data={"_csrf_token": token, "username": "ada", "password": PASSWORD}
    )
    assert again.cookies["balados_session"] != first
    async with visiting(owned) as thief:
        thief.client.cookies.set("balados_session", first, domain="relay.example")
        assert (await thief.look("/dashboard")).status_code == 302


@pytest.mark.parametrize(("scheme", "secure"), [("http", False), ("https", True)])
async def test_cookies_are_out_of_reach(owned: Relay, scheme: str, secure: bool) -> None:
    async with visiting(owned, scheme=scheme) as visitor:
        answer = await visitor.log_in()
        for header in answer.headers.get_list("Set-Cookie"):
            assert "HttpOnly" in header
            assert "SameSite=lax" in header
            assert "Path=/" in header
            assert ("Secure" in header) is secure


async def test_only_a_hash_of_the_session_is_stored(owned: Relay, visitor: Visitor) -> None:
    token = (await visitor.log_in()).cookies["balados_session"]
    assert len(token) >= 43
    rows = owned.database.read(lambda conn: conn.execute("SELECT * FROM sessions").fetchall())
    assert len(rows) == 1
    assert token not in str(rows)
    assert token.encode() not in rows[0]


async def test_a_session_ends_after_half_a_day_of_doing_nothing(owned: Relay, visitor: Visitor, clock: Clock) -> None:
    answer = await visitor.log_in()
    assert "Max-Age" not in answer.headers.get_list("Set-Cookie")[0]
    for _ in range(5):
        clock.now += 11 * HOUR
        assert (await visitor.look("/dashboard")).status_code == 200
    clock.now += 12 * HOUR
    assert (await visitor.look("/dashboard")).status_code == 302


async def test_who_is_remembered_stays_sixty_days_and_no_longer(owned: Relay, visitor: Visitor, clock: Clock) -> None:
    answer = await visitor.log_in(**{"user[remember_me]": "true"})
    assert f"Max-Age={60 * 24 * 3600}" in answer.headers.get_list("Set-Cookie")[0]
    for _ in range(59):
        clock.now += DAY
        assert (await visitor.look("/dashboard")).status_code == 200
    clock.now += DAY
    assert (await visitor.look("/dashboard")).status_code == 302


async def test_who_logs_out_is_out_even_with_the_old_cookie(owned: Relay, visitor: Visitor) -> None:
    token = (await visitor.log_in()).cookies["balados_session"]
    await visitor.look("/dashboard")
    assert (await visitor.send("/users/log_out")).headers["Location"] == "/"
    assert "balados_session" not in visitor.client.cookies
    visitor.client.cookies.set("balados_session", token, domain="relay.example")
    assert (await visitor.look("/dashboard")).status_code == 302


async def test_a_look_at_log_out_logs_nobody_out(ada: Visitor) -> None:
    assert (await ada.look("/users/log_out")).status_code == 405
    assert (await ada.look("/dashboard")).status_code == 200


# Registering


async def test_an_invitation_makes_one_member(owned: Relay, ada: Visitor) -> None:
    code = await owned.people.invite()
    async with visiting(owned) as bob, visiting(owned) as eve:
        await bob.look(f"/users/register?code={code}")
        await eve.look(f"/users/register?code={code}")
        assert (await bob.send("/users/register", application("bob", code=code))).status_code == 303
        await bob.look("/settings")
        assert "Invite somebody" not in bob.text
        assert (await eve.send("/users/register", application("eve", code=code))).status_code == 200
        assert "not valid" in eve.text


async def test_an_invitation_ends_after_a_week(owned: Relay, visitor: Visitor, clock: Clock) -> None:
    code = await owned.people.invite()
    clock.now += 7 * DAY
    await visitor.look(f"/users/register?code={code}")
    await visitor.send("/users/register", application("bob", code=code))
    assert "not valid" in visitor.text


async def test_a_name_that_is_taken_leaves_the_invitation_good(owned: Relay, visitor: Visitor) -> None:
    await App.paired(owned, "Device")
    code = await owned.people.invite()
    await visitor.look(f"/users/register?code={code}")
    for taken in ("ADA", "device"):
        await visitor.send("/users/register", application(taken, code=code))
        assert "taken" in visitor.text
    assert (await visitor.send("/users/register", application("bob", code=code))).status_code == 303


async def test_without_an_invitation_nobody_registers_unless_it_is_open(owned: Relay, visitor: Visitor) -> None:
    await visitor.look("/users/register")
    assert "only by invitation" in visitor.text
    await visitor.look("/users/log_in")
    await visitor.send("/users/register", application("bob"))
    assert "not valid" in visitor.text
    owned.people.registration = "open"
    await visitor.look("/users/register")
    assert (await visitor.send("/users/register", application("bob"))).status_code == 303


async def test_where_registration_is_closed_an_invitation_is_worth_nothing(owned: Relay, visitor: Visitor) -> None:
    code = await owned.people.invite()
    owned.people.registration = "closed"
    await visitor.look(f"/users/register?code={code}")
    assert "only by invitation" in visitor.text
    await visitor.look("/users/log_in")
    await visitor.send("/users/register", application("bob", code=code))
    assert "not valid" in visitor.text


async def test_before_there_is_an_owner_nobody_registers(relay: Relay, visitor: Visitor) -> None:
    relay.people.registration = "open"
    await visitor.look("/setup")
    await visitor.send("/users/register", application("eve"))
    assert relay.people.needs_owner()


async def test_somebody_who_registers_often_has_to_wait(owned: Relay, visitor: Visitor) -> None:
    owned.people.registration = "open"
    await visitor.look("/users/register")
    for number in range(10):
        token = visitor.token
        assert (
            await visitor.client.post("/users/register", data=application(f"name{number}") | {"_csrf_token": token})
        ).status_code == 303
        visitor.client.cookies.clear()
        await visitor.look("/users/register")
    assert (await visitor.send("/users/register", application("another"))).status_code == 429
