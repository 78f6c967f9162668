"""Request bodies: packed or not, whole or in chunks, and what happens to those that are too much."""

import gzip
import json
import random
import socket
import sys
import time
import zlib
from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest

from support.http_child import HttpChild

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MAX_BYTES = 1_000_000
MAX_UNPACKED = 4_000_000
BODY = b'{"position": 41.5}' * 20_000


def chunks(body: bytes, size: int = 1_000) -> Iterator[bytes]:
    return (body[at : at + size] for at in range(0, len(body), size))


def packed_by(coding: str, body: bytes) -> bytes:
    return zstd.compress(body) if coding == "zstd" else gzip.compress(body)


def refusal(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-request-id"]
    return answer.status_code, answer.json()["error"]


def test_a_plain_body_passes_untouched(client: httpx.Client) -> None:
    answer = client.post("/echo", content=BODY).json()
    assert (answer["bytes"], answer["content_length"]) == (len(BODY), str(len(BODY)))


@pytest.mark.parametrize("coding", ["gzip", "zstd", "x-gzip", "GZIP"])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_packed_body_arrives_plain(client: httpx.Client, coding: str, chunked: bool) -> None:
    packed = packed_by(coding, BODY)
    content = chunks(packed, 100) if chunked else packed
    answer = client.post("/echo", content=content, headers={"Content-Encoding": coding}).json()
    assert answer == {
        "bytes": len(BODY),
        "start": BODY[:20].decode(),
        "content_encoding": None,
        "content_length": None,
    }


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_several_members_in_a_row_are_one_body(client: httpx.Client, coding: str) -> None:
    content = packed_by(coding, b"first ") + packed_by(coding, b"") + packed_by(coding, b"second")
    answer = client.post("/echo", content=chunks(content, 7), headers={"Content-Encoding": coding}).json()
    assert answer["start"] == "first second"


@pytest.mark.parametrize("coding", ["gzip", "zstd", "identity"])
def test_an_empty_body_is_empty_in_every_coding(client: httpx.Client, coding: str) -> None:
    assert client.post("/echo", headers={"Content-Encoding": coding}).json()["bytes"] == 0


def test_a_body_of_exactly_the_limits_passes(client: httpx.Client) -> None:
    assert client.post("/echo", content=b"x" * MAX_BYTES).json()["bytes"] == MAX_BYTES
    packed = zstd.compress(b"x" * MAX_UNPACKED)
    answer = client.post("/echo", content=packed, headers={"Content-Encoding": "zstd"})
    assert answer.json()["bytes"] == MAX_UNPACKED


@pytest.mark.parametrize("path", ["/echo", "/ignore", "/nowhere"])
def test_a_declared_length_beyond_the_limit_is_refused_before_the_body(child: HttpChild, path: str) -> None:
    with connect(child) as raw:
        raw.sendall(head("POST", path, "Content-Length: 99000000"))
        status, headers, body = read_answer(raw)
    assert (status, json.loads(body)["error"]) == (413, "PAYLOAD_TOO_LARGE")
    assert headers["connection"] == "close"


def test_a_client_that_sends_all_before_it_reads_still_gets_the_answer(child: HttpChild) -> None:
    with connect(child) as raw:
        raw.sendall(head("POST", "/echo", "Content-Length: 20000000"))
        for _ in range(20):
            raw.sendall(b"x" * 1_000_000)
        status, _, body = read_answer(raw)
        assert (status, json.loads(body)["error"]) == (413, "PAYLOAD_TOO_LARGE")
        assert raw.recv(1) == b"", "the connection ends in order, it is not reset"


def test_a_client_that_asks_first_is_not_told_to_go_on(child: HttpChild) -> None:
    with connect(child) as raw:
        raw.sendall(head("POST", "/echo", "Content-Length: 20000000", "Expect: 100-continue"))
        assert read_answer(raw)[0] == 413


def test_a_stream_beyond_the_limit_is_refused(client: httpx.Client) -> None:
    answer = client.post("/echo", content=chunks(b"x" * (MAX_BYTES + 1), 50_000))
    assert refusal(answer) == (413, "PAYLOAD_TOO_LARGE")
    assert answer.json()["message"] == "The body is larger than 1,000,000 bytes"


def test_an_endless_stream_is_answered_while_it_is_still_sent(child: HttpChild) -> None:
    with connect(child) as raw:
        raw.sendall(head("POST", "/echo", "Transfer-Encoding: chunked"))
        for _ in range(MAX_BYTES // 10_000 + 1):
            raw.sendall(b"2710\r\n" + b"x" * 10_000 + b"\r\n")
        assert read_answer(raw)[0] == 413


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_a_bomb_stops_early_and_costs_little_memory(client: httpx.Client, coding: str) -> None:
    bomb = packed_by(coding, bytes(500_000_000))
    assert len(bomb) < MAX_BYTES
    before = client.get("/peak").json()["bytes"]
    began = time.monotonic()
    answer = client.post("/echo", content=bomb, headers={"Content-Encoding": coding})
    assert refusal(answer) == (413, "PAYLOAD_TOO_LARGE")
    assert answer.json()["message"] == "The body unpacks to more than 4,000,000 bytes"
    assert time.monotonic() - began < 1
    assert client.get("/peak").json()["bytes"] - before < 30_000_000


def test_a_frame_that_asks_for_a_giant_window_is_refused(client: httpx.Client) -> None:
    window: dict[int, int] = {zstd.CompressionParameter.window_log: 27, zstd.CompressionParameter.compression_level: 1}
    packer = zstd.ZstdCompressor(options=window)
    frame = packer.compress(b"small") + packer.flush()
    answer = client.post("/echo", content=frame, headers={"Content-Encoding": "zstd"})
    assert refusal(answer) == (400, "BAD_REQUEST")


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
@pytest.mark.parametrize("keep", [1, 5, 20, -1])
def test_a_truncated_body_is_refused(client: httpx.Client, coding: str, keep: int) -> None:
    packed = packed_by(coding, random.Random(7).randbytes(5_000))
    answer = client.post("/echo", content=packed[:keep], headers={"Content-Encoding": coding})
    assert refusal(answer) == (400, "BAD_REQUEST")
    assert answer.json()["message"] == "The body cannot be read: the compressed body breaks off"


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_a_damaged_body_is_refused(client: httpx.Client, coding: str) -> None:
    for body in (b"not packed at all", packed_by(coding, BODY) + b"garbage behind"):
        answer = client.post("/echo", content=body, headers={"Content-Encoding": coding})
        assert refusal(answer) == (400, "BAD_REQUEST")
        assert answer.json()["message"] == "The body cannot be read: the compressed body is damaged"


def test_raw_deflate_is_not_gzip(client: httpx.Client) -> None:
    answer = client.post("/echo", content=zlib.compress(BODY), headers={"Content-Encoding": "gzip"})
    assert refusal(answer) == (400, "BAD_REQUEST")


@pytest.mark.parametrize("coding", ["br", "deflate", "gzip, zstd", "\u00e9"])
def test_an_unknown_coding_is_refused_and_the_known_ones_are_named(client: httpx.Client, coding: str) -> None:
    answer = client.post("/echo", content=b"x", headers={b"Content-Encoding": coding.encode("latin-1")})
    assert refusal(answer) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert answer.headers["accept-encoding"] == "zstd, gzip"


def test_a_refused_connection_serves_on_when_the_whole_body_was_read(child: HttpChild) -> None:
    with connect(child) as raw:
        raw.sendall(head("POST", "/echo", "Content-Encoding: gzip", "Content-Length: 4") + b"junk")
        status, headers, _ = read_answer(raw)
        assert status == 400
        assert "connection" not in headers
        raw.sendall(head("GET", "/number?n=1"))
        assert read_answer(raw)[0] == 200


def test_a_body_that_nobody_reads_does_no_harm(child: HttpChild) -> None:
    with connect(child) as raw:
        raw.sendall(head("POST", "/ignore", "Content-Encoding: gzip", "Content-Length: 4") + b"junk")
        assert read_answer(raw)[0] == 200
        raw.sendall(head("GET", "/number?n=1"))
        assert read_answer(raw)[0] == 200


def test_a_client_that_leaves_in_the_middle_is_no_error_of_ours(client: httpx.Client, child: HttpChild) -> None:
    before = child.log.count("/echo")
    with connect(child) as raw:
        raw.sendall(head("POST", "/echo", "Content-Length: 100") + b"only the beginning")
        client.get("/number?n=1")
    for _ in range(50):
        client.get("/number?n=1")
    assert child.log.count("/echo") == before + 1
    assert "Traceback" not in child.log


def connect(child: HttpChild) -> closing[socket.socket]:
    return closing(socket.create_connection(("127.0.0.1", child.port), timeout=10))


def head(method: str, path: str, *headers: str) -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: localhost", *headers, "", ""]).encode()


def read_answer(raw: socket.socket) -> tuple[int, dict[str, str], bytes]:
    received = b""
    while b"\r\n\r\n" not in received:
        received += _some(raw)
    start, _, body = received.partition(b"\r\n\r\n")
    first, *lines = start.decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    while len(body) < int(headers["content-length"]):
        body += _some(raw)
    return int(first.split()[1]), headers, body


def _some(raw: socket.socket) -> bytes:
    data = raw.recv(65_536)
    assert data, "the connection ended before the answer was complete"
    return data
