"""The relay over HTTP, against a real server on loopback that answers what the test scripts."""

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from balados_daemon.storage.device import Device, Relay
from balados_daemon.sync.line import CursorUnknown, RelayRefused, RelayUnavailable, SyncTrouble
from balados_daemon.sync.relay_client import RelayClient, RelayHttp, live_url
from balados_shared.http.asgi import Receive, Scope, Send
from balados_shared.http.problems import raw_answer
from balados_shared.problems import Problem, unauthorized, unavailable
from balados_shared.tokens import new_key, public_pem, verify_request
from balados_shared.wire import SyncAnswer
from support.loopback import Clock, serving

KEY = new_key()
ANSWER = b'{"synced_at": "2026-01-01T12:00:00.000Z", "cursor": "7.abc"}'
SECRET = "hunter2"


@dataclass
class Server:
    """Answers each request with the next of its script, and the last one for ever; remembers the tokens."""

    script: list[Problem | bytes] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return
        headers: Mapping[bytes, bytes] = dict(scope["headers"])
        self.tokens.append(headers[b"authorization"].decode().removeprefix("Bearer "))
        answer = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        for message in raw_answer(answer) if isinstance(answer, Problem) else _success(answer):
            await send(message)


def _success(body: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    start = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]}
    return start, {"type": "http.response.body", "body": body}


@asynccontextmanager
async def client_of(server: Server, clock: Clock) -> AsyncIterator[RelayClient]:
    async with serving(server) as url, RelayHttp(f"{url}/{SECRET}") as http:
        yield RelayClient(http, relay_at(url), Device("d1", "Phone"), clock)


def relay_at(url: str) -> Relay:
    return Relay(url=url, user_id="u1", app_id="a1", key=KEY, paired_at=0)


async def exchange(client: RelayClient) -> list[SyncAnswer]:
    applied: list[SyncAnswer] = []

    async def apply(answer: SyncAnswer) -> None:
        applied.append(answer)

    await client.exchange(b"{}", apply)
    return applied


def is_good(token: str, now: int) -> bool:
    try:
        verify_request(token, public_pem(KEY), now=now)
    except ValueError:
        return False
    return True


async def test_an_exchange_applies_what_the_relay_answers(clock: Clock) -> None:
    server = Server([ANSWER])
    async with client_of(server, clock) as client:
        assert [answer.cursor for answer in await exchange(client)] == ["7.abc"]
    assert is_good(server.tokens[0], clock.now)


async def test_each_request_has_a_token_of_its_own(clock: Clock) -> None:
    server = Server([ANSWER])
    async with client_of(server, clock) as client:
        await exchange(client)
        await exchange(client)
    assert len(set(server.tokens)) == 2


async def test_a_wrong_clock_learns_the_time_from_the_refusal_and_tries_once_more(clock: Clock) -> None:
    server = Server([unauthorized(), ANSWER])
    async with client_of(server, clock) as client:
        assert len(await exchange(client)) == 1
        await exchange(client)
    now = time.time_ns() // 1_000_000
    assert [is_good(token, now) for token in server.tokens] == [False, True, True], "and it remembers"


async def test_a_right_clock_is_refused_once_and_no_more() -> None:
    server = Server([unauthorized()])
    async with client_of(server, Clock(time.time_ns() // 1_000_000)) as client:
        with pytest.raises(RelayRefused, match="pair it again"):
            await exchange(client)
    assert len(server.tokens) == 1


async def test_a_refusal_that_has_nothing_to_do_with_the_clock_ends_after_the_second_try(clock: Clock) -> None:
    server = Server([unauthorized()])
    async with client_of(server, clock) as client:
        with pytest.raises(RelayRefused):
            await exchange(client)
    assert len(server.tokens) == 2


async def test_a_busy_relay_says_when_to_come_back(clock: Clock) -> None:
    async with client_of(Server([unavailable("BUSY", "later", retry_after=90)]), clock) as client:
        with pytest.raises(RelayUnavailable, match="later") as trouble:
            await exchange(client)
    assert trouble.value.retry_after == 90_000


async def test_another_history_is_told_apart(clock: Clock) -> None:
    async with client_of(Server([Problem(409, "CURSOR_UNKNOWN", "start over")]), clock) as client:
        with pytest.raises(CursorUnknown):
            await exchange(client)


@pytest.mark.parametrize(
    "garbage",
    [b"", b"<html>a captive portal</html>", b"[]", b"null", b"{}", b'{"cursor": 7}', b"\xff\xfe", b"[" * 5_000],
    ids=["empty", "a web page", "a list", "null", "an empty object", "a wrong type", "no text", "a deep nest"],
)
async def test_garbage_is_trouble_and_never_a_crash(clock: Clock, garbage: bytes) -> None:
    async with client_of(Server([garbage]), clock) as client:
        for ask in (exchange(client), client.devices(), client.events("like", "x")):
            with pytest.raises(RelayUnavailable, match="cannot be read"):
                await ask


async def test_a_refusal_without_a_problem_document_is_sorted_by_its_status(clock: Clock) -> None:
    class Bare(Server):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                await send({"type": "http.response.start", "status": 502, "headers": []})
                await send({"type": "http.response.body", "body": b"<h1>Bad gateway</h1>"})

    async with client_of(Bare(), clock) as client:
        with pytest.raises(RelayUnavailable, match="502"):
            await exchange(client)


async def test_what_the_relay_tells_of_devices_and_events_is_read(clock: Clock) -> None:
    row = {"device_id": "d1", "name": "Phone", "last_seen": "2026-01-01T12:00:00.000Z"}
    async with client_of(Server([msgspec.json.encode({"devices": [row]})]), clock) as client:
        assert await client.devices() == {"d1": "Phone"}
    async with client_of(Server([b'{"events": []}']), clock) as client:
        assert await client.events("like", "x") == []


@pytest.mark.parametrize("host", ["127.0.0.1:9", "no-such-host.invalid", "home:x"], ids=["closed", "unknown", "no URL"])
async def test_no_error_holds_the_address(clock: Clock, host: str) -> None:
    async with RelayHttp(f"http://user:{SECRET}@{host}/{SECRET}") as http:
        with pytest.raises(SyncTrouble) as trouble:
            await exchange(RelayClient(http, relay_at(""), Device("d1", "Phone"), clock))
    assert SECRET not in str(trouble.value)
    assert trouble.value.__cause__ is None


async def test_a_refusal_does_not_quote_the_token_or_the_address(clock: Clock) -> None:
    server = Server([Problem(400, "BAD_REQUEST", "device_id is missing")])
    async with client_of(server, clock) as client:
        with pytest.raises(RelayRefused) as trouble:
            await exchange(client)
    assert SECRET not in str(trouble.value)
    assert server.tokens[0] not in str(trouble.value)


@pytest.mark.parametrize(
    ("url", "live"),
    [
        ("http://home:2253", "ws://home:2253/api/v1/live"),
        ("https://example.org/balados/", "wss://example.org/balados/api/v1/live"),
    ],
)
def test_the_live_address_follows_from_the_relays(url: str, live: str) -> None:
    assert live_url(url) == live
