"""No form is acted on that is not one of ours, given to this very browser."""

import pytest

from balados_relay.app import Relay
from balados_relay.web.apps import apps
from balados_relay.web.csrf import token_for
from balados_relay.web.doors import doors
from balados_relay.web.settings import for_everybody, for_owners
from support.visitors import PASSWORD, Visitor, visiting

FORMS = sorted(
    path.replace("{session:int}", "1")
    for handler in (*doors, *apps, *for_everybody, *for_owners)
    for path in handler.paths
    if "POST" in handler.http_methods
)


@pytest.mark.parametrize("path", FORMS)
@pytest.mark.parametrize("fields", [{}, {"_csrf_token": ""}, {"_csrf_token": "x"}, {"_csrf_token": "a.b"}], ids=str)
async def test_a_form_without_its_token_does_nothing(ada: Visitor, path: str, fields: dict[str, str]) -> None:
    answer = await ada.client.post(path, data={"password": PASSWORD, **fields})
    assert answer.status_code == 403
    assert "too old or not ours" in answer.text
    assert (await ada.look("/dashboard")).status_code == 200


async def test_the_token_of_somebody_else_does_nothing(owned: Relay, ada: Visitor, bob: Visitor) -> None:
    await ada.look("/settings")
    await bob.look("/settings")
    answer = await ada.send("/settings/delete", {"_csrf_token": bob.token, "password": PASSWORD})
    assert answer.status_code == 403
    async with visiting(owned) as stranger:
        await stranger.look("/users/log_in")
        assert (await stranger.send("/users/log_in", {"_csrf_token": bob.token})).status_code == 403


async def test_a_token_of_no_cookie_does_nothing(owned: Relay, visitor: Visitor) -> None:
    fields = {"_csrf_token": token_for(""), "username": "ada", "password": PASSWORD}
    assert (await visitor.client.post("/users/log_in", data=fields)).status_code == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_another_site_sends_nothing_even_with_the_right_token(ada: Visitor, site: str) -> None:
    await ada.look("/settings")
    answer = await ada.send("/users/log_out", headers={"Sec-Fetch-Site": site})
    assert answer.status_code == 403


@pytest.mark.parametrize("site", ["same-origin", "none"])
async def test_our_own_pages_do(ada: Visitor, site: str) -> None:
    await ada.look("/settings")
    assert (await ada.send("/users/log_out", headers={"Sec-Fetch-Site": site})).status_code == 303


async def test_the_token_never_looks_the_same_twice(ada: Visitor) -> None:
    tokens = set()
    for _ in range(3):
        await ada.look("/settings")
        tokens.add(ada.token)
    assert len(tokens) == 3


@pytest.mark.parametrize("kind", ["text/plain", "application/json", "multipart/form-data; boundary=x"])
async def test_what_is_no_form_is_refused(ada: Visitor, kind: str) -> None:
    answer = await ada.client.post("/users/log_out", content=b"_csrf_token=x", headers={"Content-Type": kind})
    assert answer.status_code == 415


@pytest.mark.parametrize("body", [b"a=%FF", b"\xff=1", b"&".join(b"a=1" for _ in range(300))], ids=["a", "b", "c"])
async def test_a_form_that_cannot_be_read_is_refused(ada: Visitor, body: bytes) -> None:
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    assert (await ada.client.post("/users/log_out", content=body, headers=kind)).status_code == 400


async def test_a_form_that_is_too_long_is_refused(ada: Visitor) -> None:
    assert (await ada.client.post("/users/log_out", data={"a": "x" * 200_000})).status_code == 413
