"""Over TLS a pinned request asks for the name, and the certificate must be the name's."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from balados_relay.feeds.bounds import Bounds
from balados_relay.feeds.pinned import PinnedTransport
from support.names import Names

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK"


def certificate(folder: Path, *names: x509.GeneralName) -> Path:
    """Write a self-signed certificate and its key into one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    who, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a test")]), datetime.now(UTC)
    made = (
        x509.CertificateBuilder(who, who, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = folder / "certificate.pem"
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return file


@asynccontextmanager
async def tls_server(file: Path, asked_for: list[str | None]) -> AsyncIterator[int]:
    """Answer every request over TLS; gives the port, and notes the names that were asked for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    context.sni_callback = lambda _, name, __: asked_for.append(name)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(ANSWER)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context) as server:
        yield server.sockets[0].getsockname()[1]


def client(port: int, trusted: Path) -> httpx.AsyncClient:
    bounds = Bounds(["127.0.0.1/32"], [port])
    names = Names({"feeds.example": ["127.0.0.1"]})
    return httpx.AsyncClient(transport=PinnedTransport(bounds, names, ssl.create_default_context(cafile=trusted)))


async def test_the_name_is_asked_for_and_checked(tmp_path: Path) -> None:
    file, asked_for = certificate(tmp_path, x509.DNSName("feeds.example")), list[str | None]()
    async with tls_server(file, asked_for) as port, client(port, file) as fetching:
        assert (await fetching.get(f"https://feeds.example:{port}/")).text == "OK"
    assert asked_for == ["feeds.example"]


async def test_a_certificate_of_the_address_is_not_the_names(tmp_path: Path) -> None:
    file = certificate(tmp_path, x509.IPAddress(ip_address("127.0.0.1")), x509.DNSName("other.example"))
    async with tls_server(file, []) as port, client(port, file) as fetching:
        with pytest.raises(httpx.ConnectError, match="certificate"):
            await fetching.get(f"https://feeds.example:{port}/")


async def test_an_address_that_does_not_answer_is_passed_over(tmp_path: Path) -> None:
    file = certificate(tmp_path, x509.DNSName("feeds.example"))
    async with tls_server(file, []) as port:
        names = Names({"feeds.example": ["127.0.0.3", "127.0.0.1"]})
        trusted = ssl.create_default_context(cafile=file)
        transport = PinnedTransport(Bounds(["127.0.0.0/8"], [port]), names, trusted)
        async with httpx.AsyncClient(transport=transport) as fetching:
            assert (await fetching.get(f"https://feeds.example:{port}/")).status_code == 200
