"""Answers are packed where it pays and where the client wants it, and nowhere else."""

import gzip
import sys

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from balados_shared.http.compression import choose_coding

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        ("", None),
        ("identity", None),
        ("br, deflate", None),
        ("gzip", "gzip"),
        ("X-GZIP", "gzip"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("zstd;q=0.5, gzip;q=0.8", "gzip"),
        ("zstd;q=0.8,gzip;q=0.8", "zstd"),
        ("*", "zstd"),
        ("*;q=0.1, zstd;q=0", "gzip"),
        ("zstd;q=0, gzip;q=0.000", None),
        ("identity, gzip;q=0.5", None),
        ("gzip;q=0.5, identity;q=0.2", "gzip"),
        ("gzip;q=nonsense", None),
        ("gzip ; Q=1.000", "gzip"),
        ("gzipped, zstandard", None),
    ],
)
def test_the_client_chooses(accept: str, coding: str | None) -> None:
    assert choose_coding(accept) == coding


@given(st.text(alphabet="gzipstd*;q=0.1, \t\x00é", max_size=60))
def test_no_accept_encoding_is_too_strange(accept: str) -> None:
    assert choose_coding(accept) in {"zstd", "gzip", None}


def fetch(client: httpx.Client, path: str, accept: str, method: str = "GET") -> tuple[httpx.Response, bytes]:
    with client.stream(method, path, headers={"Accept-Encoding": accept}) as answer:
        return answer, b"".join(answer.iter_raw())


@pytest.mark.parametrize(("accept", "unpack"), [("gzip", gzip.decompress), ("zstd", zstd.decompress)])
@pytest.mark.parametrize("size", [1_000, 50_000, 3_000_000])
def test_json_of_some_size_is_packed(client: httpx.Client, accept: str, unpack: object, size: int) -> None:
    plain = client.get(f"/text?size={size}")
    answer, body = fetch(client, f"/text?size={size}", accept)
    assert answer.headers["content-encoding"] == accept
    assert int(answer.headers["content-length"]) == len(body) < size / 5
    assert callable(unpack)
    assert unpack(body) == plain.content
    assert plain.headers["content-length"] == str(size)


def test_every_answer_that_could_be_packed_varies(client: httpx.Client) -> None:
    for accept in ("identity", "gzip"):
        assert fetch(client, "/text?size=5000", accept)[0].headers["vary"] == "Origin, Accept-Encoding"
    assert fetch(client, "/number?n=1", "gzip")[0].headers["vary"] == "Accept-Encoding"
    assert "vary" not in fetch(client, "/binary", "gzip")[0].headers


def test_a_packed_answer_has_a_weak_etag(client: httpx.Client) -> None:
    assert fetch(client, "/text?size=5000", "zstd")[0].headers["etag"] == 'W/"v1"'
    assert fetch(client, "/text?size=5000", "identity")[0].headers["etag"] == '"v1"'


@pytest.mark.parametrize("path", ["/text?size=999", "/binary", "/empty", "/not-modified"])
def test_what_is_small_or_no_text_is_left_alone(client: httpx.Client, path: str) -> None:
    answer, body = fetch(client, path, "gzip, zstd")
    assert "content-encoding" not in answer.headers
    assert int(answer.headers.get("content-length", 0)) == len(body)


def test_what_is_packed_already_is_left_alone(client: httpx.Client) -> None:
    answer, body = fetch(client, "/encoded", "gzip, zstd")
    assert (answer.headers["content-encoding"], body) == ("br", bytes(5_000))


def test_the_answer_to_head_is_that_of_get_without_packing(client: httpx.Client) -> None:
    answer, body = fetch(client, "/text?size=5000", "gzip", "HEAD")
    assert body == b""
    assert "content-encoding" not in answer.headers


@pytest.mark.parametrize(("accept", "unpack"), [("gzip", gzip.decompress), ("zstd", zstd.decompress)])
@pytest.mark.parametrize("lines", [1, 20_000])
def test_a_stream_is_packed_as_it_comes(client: httpx.Client, accept: str, unpack: object, lines: int) -> None:
    answer, body = fetch(client, f"/stream?lines={lines}", accept)
    assert answer.headers["content-encoding"] == accept
    assert "content-length" not in answer.headers
    assert callable(unpack)
    assert unpack(body) == b"".join(b'{"line":%d}\n' % line for line in range(lines))


def test_an_event_is_not_held_back(client: httpx.Client) -> None:
    with client.stream("GET", "/events", headers={"Accept-Encoding": "gzip"}) as answer:
        assert "content-encoding" not in answer.headers
        assert next(answer.iter_raw()).startswith(b"data: x")


def test_a_problem_is_an_answer_like_any_other(client: httpx.Client) -> None:
    answer, _ = fetch(client, "/nowhere", "gzip")
    assert answer.status_code == 404
    assert answer.headers["vary"] == "Accept-Encoding"
