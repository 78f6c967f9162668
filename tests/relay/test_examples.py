"""Every example of the protocol sheet that a relay should follow, against a relay of ours.

What differs on purpose stands in `DEPARTURES`, with the reason; all else must hold to the letter.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from msgspec.structs import replace
from websockets.asyncio.client import connect

from balados_relay.app import create_app, open_relay
from balados_relay.settings import Settings
from support.loopback import Clock, client_of, serving
from support.protocol import Example, differences, load
from support.stage import Origins, Stage

SHEET = load()
EXAMPLES = SHEET.of("relay", "both")

DEPARTURES: dict[str, dict[str, Any]] = {
    # A whole problem document: the member that the sheet names, and what all our refusals say.
    "gen-02": {"response": {"status": 400, "body": {"errors": {"detail": "Bad Request"}}, "body_match": "subset"}},
    # A bare guid is written as an id of two parts, the second of them empty (DESIGN.md section 3).
    "play-04": {"after": {"plays": [{"rss_source_item": "ZXAtMDAwMSw", "position": 61}]}},
    # The newer position stands when an older play is marked as played (DESIGN.md section 3, the hybrid rule).
    "sync-08": {
        "response": {
            "status": 200,
            "body": {
                "changes": {"plays": [{"position": 900, "played": True}]},
                "conflicts": [{"resolution": "remote_wins", "reason": "Local marked as played"}],
            },
            "body_match": "subset",
        }
    },
}
"""What we answer instead, and why."""


def ours(example: Example) -> Any:
    """Return an example as it holds for us."""
    return pytest.param(replace(example, **DEPARTURES.get(example.id, {})), id=example.id)


needs_sheet = pytest.mark.skipif(not EXAMPLES, reason="the protocol sheet is not beside this checkout")


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    clock = Clock()
    settings = Settings(tmp_path / "relay", allow_origins=("https://app.example",), proxy="everybody", public=True)
    async with open_relay(settings, clock) as relay, client_of(create_app(relay), None) as http:
        yield Stage(SHEET, relay, clock, http)


@needs_sheet
@pytest.mark.parametrize("example", [ours(each) for each in EXAMPLES if each.response])
async def test_a_request_is_answered_as_the_sheet_says(
    example: Example, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.set(example)
    origins = Origins(example.given.get("origin_servers", {}))
    monkeypatch.setattr("balados_relay.feeds.pinned.httpx.AsyncHTTPTransport", lambda **_: origins)
    monkeypatch.setattr(stage.relay.feeds, "_resolve", origins.names)
    answer = await send(stage, example)
    wanted = example.response
    assert answer.status_code == wanted["status"], answer.text
    assert not differences(wanted.get("headers", {}), dict(answer.headers))
    if isinstance(wanted.get("body"), str):
        assert answer.text == wanted["body"]
    elif "body" in wanted:
        assert not differences(wanted["body"], answer.json(), exact=wanted["body_match"] == "exact"), answer.text
    if "xml_expect" in wanted:
        assert wanted["xml_expect"]["channel_title"] in answer.text
    assert example.after.pop("outbound_connections", len(origins.asked)) == len(origins.asked)
    await check_after(stage, example)


@needs_sheet
@pytest.mark.parametrize("example", [ours(each) for each in EXAMPLES if each.messages])
async def test_a_live_connection_goes_as_the_sheet_says(example: Example, stage: Stage) -> None:
    await stage.set(example)
    async with serving(create_app(stage.relay)) as url, connect(live_url(url, example), proxy=None) as socket:
        for message in example.messages:
            said = message.get("text") or msgspec.json.encode(message["json"]).decode()
            if message["from"] == "client":
                await socket.send(stage.filled(said, example))
            else:
                assert not differences(message["json"], msgspec.json.decode(await socket.recv()))


def live_url(url: str, example: Example) -> str:
    return url.replace("http", "ws") + str(example.request["path"])


async def send(stage: Stage, example: Example) -> httpx.Response:
    request = example.request
    headers = {name: stage.filled(value, example) for name, value in request.get("headers", {}).items()}
    content = b""
    if "body" in request:
        content = stage.filled(msgspec.json.encode(request["body"]).decode(), example).encode()
    elif "raw_body" in request:
        raw = request["raw_body"]
        content = raw.encode() if isinstance(raw, str) else b"{}".ljust(raw["bytes"])
    path = stage.filled(request["path"], example)
    return await stage.http.request(request["method"], path, content=content, headers=headers)


async def check_after(stage: Stage, example: Example) -> None:
    """Check what an example says of the library after the request."""
    if not example.after:
        return
    library = await stage.library()
    wanted = dict(example.after)
    for name, plural in (("subscriptions", "subscriptions"), ("plays", "play_statuses"), ("likes", "likes")):
        for row in wanted.pop(name, ()):
            assert found(row, library[plural]), (row, library[plural])
    active = {row["rss_source_feed"] for row in library["subscriptions"] if is_active(row)}
    assert not active & set(wanted.pop("absent_active_subscriptions", ()))
    assert wanted.pop("subscription_count", len(active)) == len(active)
    choices = wanted.pop("plays_any_of", [])
    assert not choices or any(found(row, library["play_statuses"]) for rows in choices for row in rows), library[
        "play_statuses"
    ]
    assert wanted.pop("privacy", []) == []
    assert not wanted, f"not checked: {wanted}"


def found(wanted: dict[str, Any], rows: list[dict[str, Any]]) -> bool:
    """Whether a row is there; `active` is told by its dates."""
    told = [{"rss_source_item": None, **row, "active": is_active(row)} for row in rows]
    return any(not differences(wanted, row) for row in told)


def is_active(row: dict[str, Any]) -> bool:
    began = row.get("subscribed_at") or row.get("liked_at")
    ended = row.get("unsubscribed_at") or row.get("unliked_at")
    return ended is None or (began is not None and began > ended)
