"""The daemon's end of the live connection, against a scripted WebSocket server on loopback."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from balados_daemon.sync import live
from balados_daemon.sync.line import CursorUnknown, RelayRefused, RelayUnavailable
from balados_daemon.sync.live import LiveLine
from balados_shared.errors import Refused
from balados_shared.wire import SyncAnswer
from support.loopback import until

GREETING = {"status": "connected", "message": "hello"}
WELCOME = {"status": "ok", "message": "Authenticated successfully", "data": {"user_id": "u1"}}
SYNCED_AT = "2026-01-01T12:00:00.000Z"

Script = Callable[[ServerConnection], Awaitable[None]]


def update(after: str, cursor: str) -> dict[str, Any]:
    return {"type": "sync_update", "after": after, "cursor": cursor, "synced_at": SYNCED_AT}


def result(number: int, cursor: str) -> dict[str, Any]:
    return {"type": "sync_result", "id": number, "cursor": cursor, "synced_at": SYNCED_AT}


async def send(socket: ServerConnection, *messages: dict[str, Any]) -> None:
    for message in messages:
        await socket.send(msgspec.json.encode(message).decode())


async def receive(socket: ServerConnection) -> dict[str, Any]:
    message: dict[str, Any] = msgspec.json.decode(await socket.recv())
    return message


@dataclass
class Applied:
    """What a line was told and what it was answered, in the order in which it was applied."""

    cursors: list[str] = field(default_factory=list)

    async def on_update(self, after: str, answer: SyncAnswer) -> None:
        # As the library does, it takes a moment: what comes behind has to wait for its turn.
        await asyncio.sleep(0)
        self.cursors.append(f"{after}>{answer.cursor}")

    async def on_answer(self, answer: SyncAnswer) -> None:
        self.cursors.append(answer.cursor)


@asynccontextmanager
async def line_to(script: Script, applied: Applied) -> AsyncIterator[LiveLine]:
    async def handle(socket: ServerConnection) -> None:
        try:
            await script(socket)
        except ConnectionClosed:
            return

    async with serve(handle, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with connect(f"ws://127.0.0.1:{port}", proxy=None) as socket:
            yield LiveLine(socket, applied.on_update)


@asynccontextmanager
async def running(line: LiveLine) -> AsyncIterator["asyncio.Task[None]"]:
    task = asyncio.create_task(line.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_it_shows_its_token_after_the_greeting() -> None:
    shown: list[dict[str, Any]] = []

    async def script(socket: ServerConnection) -> None:
        await send(socket, GREETING)
        shown.append(await receive(socket))
        await send(socket, WELCOME)

    async with line_to(script, Applied()) as line:
        await line.authenticate("a-token")
    assert shown == [{"type": "auth", "token": "a-token"}]


async def test_a_token_that_is_not_accepted_is_a_refusal() -> None:
    async def script(socket: ServerConnection) -> None:
        await send(socket, GREETING)
        await receive(socket)
        await send(socket, {"status": "error", "error": {"code": "INVALID_TOKEN", "message": "Invalid token"}})

    async with line_to(script, Applied()) as line:
        with pytest.raises(RelayRefused):
            await line.authenticate("a-token")


async def test_a_server_that_never_greets_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "ANSWER_SECONDS", 0.01)

    async def script(socket: ServerConnection) -> None:
        await socket.wait_closed()

    async with line_to(script, Applied()) as line:
        with pytest.raises(TimeoutError):
            await line.authenticate("a-token")


async def test_subscribing_says_where_we_are() -> None:
    asked: list[dict[str, Any]] = []

    async def script(socket: ServerConnection) -> None:
        asked.append(await receive(socket))

    async with line_to(script, Applied()) as line, running(line) as run:
        await line.subscribe("7.abc")
        assert line.subscribed
        await asyncio.wait([run])
    assert asked == [{"type": "subscribe", "cursor": "7.abc"}]


async def test_updates_and_answers_are_applied_in_the_order_in_which_they_come() -> None:
    applied = Applied()

    async def script(socket: ServerConnection) -> None:
        request = await receive(socket)
        await send(socket, update("1.a", "2.b"), result(request["id"], "3.c"), update("3.c", "4.d"))
        await socket.wait_closed()

    async with line_to(script, applied) as line, running(line):
        await line.exchange(b'{"cursor": "2.b"}', applied.on_answer)
        assert applied.cursors[:2] == ["1.a>2.b", "3.c"]
        await until(lambda: applied.cursors[2:] == ["3.c>4.d"])


async def test_an_exchange_is_the_body_with_a_type_and_a_number() -> None:
    asked: list[dict[str, Any]] = []
    applied = Applied()

    async def script(socket: ServerConnection) -> None:
        for _ in range(2):
            asked.append(await receive(socket))
            await send(socket, result(asked[-1]["id"], "1.a"))
        await socket.wait_closed()

    async with line_to(script, applied) as line, running(line):
        await line.exchange(b'{"cursor": "x"}', applied.on_answer)
        await line.exchange(b'{"cursor": "y"}', applied.on_answer)
    assert asked == [{"type": "sync", "id": 1, "cursor": "x"}, {"type": "sync", "id": 2, "cursor": "y"}]


async def test_an_answer_that_nobody_waits_for_is_passed_over() -> None:
    applied = Applied()

    async def script(socket: ServerConnection) -> None:
        request = await receive(socket)
        await send(socket, result(99, "9.x"), {"type": "news"}, {"status": "ok"}, result(request["id"], "1.a"))
        await socket.wait_closed()

    async with line_to(script, applied) as line, running(line):
        await line.exchange(b'{"a":1}', applied.on_answer)
    assert applied.cursors == ["1.a"]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"code": "CURSOR_UNKNOWN", "message": "start over", "status": 409}, CursorUnknown),
        ({"code": "BAD_REQUEST", "message": "no", "status": 400}, RelayRefused),
        ({"code": "BUSY", "message": "later", "status": 503, "Retry-After": "9"}, RelayUnavailable),
    ],
)
async def test_an_error_answer_is_sorted_and_leaves_the_line_open(error: dict[str, Any], kind: type[Exception]) -> None:
    applied = Applied()

    async def script(socket: ServerConnection) -> None:
        request = await receive(socket)
        await send(socket, {"type": "sync_result", "id": request["id"], "status": "error", "error": error})
        await send(socket, result((await receive(socket))["id"], "1.a"))
        await socket.wait_closed()

    async with line_to(script, applied) as line, running(line):
        with pytest.raises(kind) as trouble:
            await line.exchange(b'{"a":1}', applied.on_answer)
        if isinstance(trouble.value, RelayUnavailable):
            assert trouble.value.retry_after == 9_000
        await line.exchange(b'{"a":1}', applied.on_answer)
    assert applied.cursors == ["1.a"]


async def test_what_cannot_be_applied_fails_the_exchange_and_not_the_line() -> None:
    applied = Applied()

    async def refuse(answer: SyncAnswer) -> None:
        raise Refused("not here")

    async def script(socket: ServerConnection) -> None:
        for _ in range(2):
            await send(socket, result((await receive(socket))["id"], "1.a"))
        await socket.wait_closed()

    async with line_to(script, applied) as line, running(line):
        with pytest.raises(Refused):
            await line.exchange(b'{"a":1}', refuse)
        await line.exchange(b'{"a":1}', applied.on_answer)
    assert applied.cursors == ["1.a"]


async def test_a_relay_that_does_not_answer_is_given_up_on_and_the_line_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(live, "ANSWER_SECONDS", 0.01)

    async def script(socket: ServerConnection) -> None:
        await receive(socket)
        await socket.wait_closed()

    applied = Applied()
    async with line_to(script, applied) as line, running(line) as run:
        with pytest.raises(RelayUnavailable, match="does not answer"):
            await line.exchange(b'{"a":1}', applied.on_answer)
        with pytest.raises(RelayUnavailable):
            await run


async def test_a_lost_connection_fails_the_exchanges_that_wait() -> None:
    applied = Applied()

    async def script(socket: ServerConnection) -> None:
        await receive(socket)
        await receive(socket)
        socket.transport.abort()

    async with line_to(script, applied) as line, running(line) as run:
        exchanges = [line.exchange(b'{"a":1}', applied.on_answer) for _ in range(2)]
        outcomes = await asyncio.gather(*exchanges, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [RelayUnavailable, RelayUnavailable]
        with pytest.raises(RelayUnavailable):
            await run
        with pytest.raises(RelayUnavailable):
            await line.exchange(b'{"a":1}', applied.on_answer)


async def test_dropping_the_line_ends_it() -> None:
    async def script(socket: ServerConnection) -> None:
        await socket.wait_closed()

    async with line_to(script, Applied()) as line, running(line) as run:
        line.drop()
        with pytest.raises(RelayUnavailable):
            await run


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        (4401, RelayRefused, "does not accept this device any more"),
        (4409, RelayUnavailable, "another connection of this device"),
        (1012, RelayUnavailable, "ended"),
        (1000, RelayUnavailable, "ended"),
    ],
)
async def test_each_close_code_has_its_meaning(code: int, kind: type[Exception], words: str) -> None:
    async def script(socket: ServerConnection) -> None:
        await socket.close(code, "because")

    async with line_to(script, Applied()) as line:
        with pytest.raises(kind, match=words):
            await line.run()


@pytest.mark.parametrize(
    "garbage",
    ["", "{", "[]", "7", '{"type": 7}', '{"type": "sync_update"}', '{"type": "sync_update", "cursor": []}'],
)
async def test_garbage_ends_the_line_with_a_sentence(garbage: str) -> None:
    async def script(socket: ServerConnection) -> None:
        await socket.send(garbage)
        await socket.wait_closed()

    async with line_to(script, Applied()) as line:
        with pytest.raises(RelayUnavailable, match=r"not understood|cannot be read"):
            await line.run()
