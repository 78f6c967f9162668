"""Bodies are unpacked piece by piece, and no further than is wanted."""

import gzip
import zlib

import pytest

from balados_shared.feeds.unpack import Unpackable, unpacker

TEXT = b"<rss>" * 1_000


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("", TEXT),
        ("identity", TEXT),
        ("gzip", gzip.compress(TEXT)),
        (" GZIP", gzip.compress(TEXT)),
        ("deflate", zlib.compress(TEXT)),
    ],
    ids=["none", "identity", "gzip", "GZIP", "deflate"],
)
def test_a_body_comes_out_as_it_was(encoding: str, packed: bytes) -> None:
    unpack = unpacker(encoding)
    assert b"".join(unpack(packed[at : at + 7], len(TEXT)) for at in range(0, len(packed), 7)) == TEXT


def test_a_bomb_gives_no_more_than_was_wanted() -> None:
    unpack = unpacker("gzip")
    assert len(unpack(gzip.compress(bytes(50_000_000)), 1_000)) == 1_000


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "nonsense"])
def test_an_unknown_packing_is_refused(encoding: str) -> None:
    with pytest.raises(Unpackable):
        unpacker(encoding)


def test_what_is_not_packed_as_it_says_is_refused() -> None:
    with pytest.raises(Unpackable):
        unpacker("gzip")(TEXT, len(TEXT))
