"""The two content codings we speak, gzip and zstd, behind one small face.

Law: unpacking is lazy and piece by piece, so that a few bytes never become more memory than the caller asked for.
"""

import sys
import zlib
from collections.abc import Callable, Iterator
from typing import Protocol

from balados_shared.errors import InvalidInput

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PIECE = 256 * 1024
"""Unpacked bytes per piece at most."""

ZSTD_LEVEL = 3
GZIP_LEVEL = 4

# RFC 9659: a sender of `Content-Encoding: zstd` must not need a window of more than 8 MiB.
_ZSTD_WINDOW_LOG = 23
# zlib's window size with the flag that says "gzip framing".
_GZIP_WBITS = 31


class Packer(Protocol):
    """Compresses a stream: some bytes in, some bytes out, the rest at `flush`."""

    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...


class _Member(Protocol):
    """One gzip member or zstd frame."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class Unpacker:
    """Decompresses a stream of gzip members (RFC 1952) or zstd frames (RFC 8878)."""

    def __init__(self, new_member: Callable[[], _Member]) -> None:
        self._new_member = new_member
        self._member: _Member | None = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what `data` unpacks to, in pieces of at most `PIECE` bytes. Raises InvalidInput when it is broken.

        The next piece is unpacked when it is asked for; `data` counts as eaten when the iterator has ended.
        """
        while data:
            member = self._member or self._new_member()
            self._member = member
            yield from _unpack(member, data)
            data = member.unused_data if member.eof else b""
            if member.eof:
                self._member = None

    def finish(self) -> None:
        """Say that no data will follow. Raises InvalidInput when the stream broke off."""
        if self._member is not None:
            raise InvalidInput("the compressed body breaks off")


def new_unpacker(coding: str) -> Unpacker | None:
    """Return an unpacker for a content coding, or None when we do not speak it."""
    match coding:
        case "gzip" | "x-gzip":  # RFC 9110 section 8.4.1.3: the two are the same
            return Unpacker(_GzipMember)
        case "zstd":
            return Unpacker(_zstd_frame)
    return None


def new_packer(coding: str) -> Packer:
    """Return a packer for `zstd` or `gzip`."""
    if coding == "zstd":
        return zstd.ZstdCompressor(level=ZSTD_LEVEL)
    return zlib.compressobj(level=GZIP_LEVEL, wbits=_GZIP_WBITS)


def pack(coding: str, data: bytes) -> bytes:
    """Compress a whole body at once."""
    packer = new_packer(coding)
    return packer.compress(data) + packer.flush()


def _unpack(member: _Member, data: bytes) -> Iterator[bytes]:
    try:
        piece = member.decompress(data, PIECE)
        while piece:
            yield piece
            piece = b"" if member.eof else member.decompress(b"", PIECE)
    except (zlib.error, zstd.ZstdError) as error:
        raise InvalidInput("the compressed body is damaged") from error


def _zstd_frame() -> _Member:
    return zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _ZSTD_WINDOW_LOG})


class _GzipMember:
    """zlib's decompressor, which hands back what it had no room for, made to keep it as zstd's does."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(wbits=_GZIP_WBITS)

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def unused_data(self) -> bytes:
        return self._zlib.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._zlib.decompress(self._zlib.unconsumed_tail + data, max_length)
