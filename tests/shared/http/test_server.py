"""Starting and ending a real server: its socket, its signals, its WebSockets."""

import signal
import socket
import struct
import time
from collections.abc import Callable

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection
from websockets.sync.client import connect as connect_websocket

from balados_shared.errors import BaladosError
from balados_shared.http.listening import base_url, listen
from support.http_child import HttpChild, wait_until

Start = Callable[..., HttpChild]
LOOPS = ["uvloop", "asyncio"]


def open_websocket(child: HttpChild, path: str) -> ClientConnection:
    return connect_websocket(child.url.replace("http", "ws") + path, proxy=None, max_size=None)


def begin(child: HttpChild, path: str) -> socket.socket:
    raw = socket.create_connection(("127.0.0.1", child.port), timeout=10)
    raw.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return raw


def get(child: HttpChild, path: str) -> httpx.Response:
    return httpx.get(child.url + path, trust_env=False, timeout=10)


def test_it_answers_with_a_date_and_without_a_server_name(start: Start) -> None:
    answer = get(start(), "/number?n=1")
    assert answer.json() == {"n": 1}
    assert answer.headers.get_list("date")[0].endswith(" GMT")
    assert len(answer.headers.get_list("date")) == 1
    assert "server" not in answer.headers


def test_it_speaks_ipv6_where_the_machine_does(start: Start) -> None:
    try:
        listen("::1", 0).close()
    except BaladosError:
        pytest.skip("this machine has no IPv6 loopback")
    child = start("::1", "0")
    assert child.url.startswith("http://[::1]:")
    assert get(child, "/number?n=1").status_code == 200


def test_a_wildcard_address_is_told_as_one_that_can_be_opened() -> None:
    with listen("0.0.0.0", 0) as listener:
        assert base_url(listener) == f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_a_port_in_use_is_one_clear_sentence(start: Start) -> None:
    first = start()
    second = start("127.0.0.1", str(first.port))
    assert second.wait() == 1
    assert second.log == (
        f"Cannot listen on 127.0.0.1 port {first.port}: it is already in use. "
        "Stop the other program, or choose another port.\n"
    )


@pytest.mark.parametrize(
    ("host", "port", "why"), [("203.0.113.7", 0, "no such address"), ("127.0.0.1", 70_000, "0 to 65535")]
)
def test_an_impossible_address_is_a_clear_sentence(host: str, port: int, why: str) -> None:
    with pytest.raises(BaladosError, match=why):
        listen(host, port)


def test_a_port_is_free_again_at_once(start: Start) -> None:
    first = start()
    client = httpx.Client(trust_env=False)
    client.get(first.url + "/number?n=1")
    first.process.terminate()
    first.wait()
    client.close()
    assert start("127.0.0.1", str(first.port)).port == first.port


def test_a_failed_start_is_the_apps_own_sentence(start: Start) -> None:
    child = start("127.0.0.1", "0", "fail-at-start")
    assert child.wait() == 1
    assert child.log.endswith("Another program uses this data directory.\n")
    assert "Traceback" not in child.log
    assert child.url == "", "it never said that it was ready"


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_server_ends_at_once_and_with_success(start: Start, loop: str, sign: signal.Signals) -> None:
    child = start("127.0.0.1", "0", loop)
    get(child, "/number?n=1")
    began = time.monotonic()
    child.process.send_signal(sign)
    assert child.wait() == 0
    assert time.monotonic() - began < 1
    assert child.log.endswith("closed cleanly\n")


@pytest.mark.parametrize("loop", LOOPS)
def test_it_ends_in_three_seconds_whatever_its_clients_do(start: Start, loop: str) -> None:
    child = start("127.0.0.1", "0", loop)
    with (
        open_websocket(child, "/live") as live,
        open_websocket(child, "/deaf"),
        begin(child, "/hang") as hanging,
        begin(child, "/events") as events,
    ):
        live.send("here")
        assert live.recv(timeout=5) == "here"
        assert events.recv(1)
        began = time.monotonic()
        child.process.terminate()
        with pytest.raises(ConnectionClosed) as closed:
            live.recv(timeout=5)
        assert closed.value.rcvd
        assert closed.value.rcvd.code == 1012, "service restart (RFC 6455, IANA registry)"
        assert child.wait() == 0
        assert time.monotonic() - began < 3
        assert hanging.recv(10_000).startswith(b"HTTP/1.1 503")
    assert "Traceback" not in child.log
    assert "closed cleanly" in child.log


def test_a_request_in_flight_is_finished(start: Start) -> None:
    child = start()
    with socket.create_connection(("127.0.0.1", child.port), timeout=10) as raw:
        raw.sendall(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nha")
        get(child, "/number?n=1")
        child.process.terminate()
        wait_until(lambda: not accepts(child.port))
        raw.sendall(b"lf")
        assert raw.recv(1_000).startswith(b"HTTP/1.1 200")
    assert child.wait() == 0


@pytest.mark.parametrize("loop", LOOPS)
def test_a_second_signal_does_not_wait(start: Start, loop: str) -> None:
    child = start("127.0.0.1", "0", loop)
    with begin(child, "/hang"):
        get(child, "/number?n=1")
        child.process.terminate()
        wait_until(lambda: not accepts(child.port))
        began = time.monotonic()
        child.process.terminate()
        assert child.wait() == 0
        assert time.monotonic() - began < 1


def test_no_websocket_message_is_compressed_and_giants_are_refused(start: Start) -> None:
    child = start()
    with open_websocket(child, "/live") as live:
        assert live.response
        assert "sec-websocket-extensions" not in live.response.headers
        assert live.response.headers["x-request-id"]
        live.send("I am known")
        live.recv(timeout=5)
        live.send("x" * 15_000_000)
        assert len(live.recv(timeout=5)) == 15_000_000
        with pytest.raises(ConnectionClosed):
            live.send("x" * (16 * 1024 * 1024 + 1))
            live.recv(timeout=5)


@pytest.mark.parametrize("pieces", [1, 3])
def test_a_strangers_message_has_at_most_the_documented_length(start: Start, pieces: int) -> None:
    child = start()
    with open_websocket(child, "/live") as live:
        live.send("x" * 65_536)
        assert len(live.recv(timeout=5)) == 65_536
        assert refusal(live, lambda: live.send(["x" * (66_000 // pieces)] * pieces)) == 1009


def test_what_is_too_long_is_refused_before_it_has_all_come(start: Start) -> None:
    child = start()
    with open_websocket(child, "/live") as live:
        begun = struct.pack("!BBQ4s", 0x81, 0xFF, 10_000_000, b"\0\0\0\0") + b"x" * 70_000
        assert refusal(live, lambda: live.socket.sendall(begun)) == 1009


def refusal(live: ClientConnection, say: Callable[[], None]) -> int:
    """Say something and return the code with which the connection is closed for it."""
    with pytest.raises(ConnectionClosed) as closed:
        say()
        live.recv(timeout=5)
    assert closed.value.rcvd
    return closed.value.rcvd.code


def test_nothing_of_a_websocket_url_is_logged(start: Start) -> None:
    child = start()
    with open_websocket(child, "/live?token=hunter2") as live:
        live.send("x")
        live.recv(timeout=5)
    child.process.terminate()
    child.wait()
    assert "hunter2" not in child.log


def accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
