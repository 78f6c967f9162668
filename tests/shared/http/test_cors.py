"""Origins as they are configured, and answers that say themselves who may read them."""

import httpx
import pytest

from balados_shared.errors import InvalidInput
from balados_shared.http.asgi import Receive, Scope, Send
from balados_shared.http.cors import Cors, read_origin


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://balados.app", "https://balados.app"),
        (" HTTPS://Balados.App/ ", "https://balados.app"),
        ("http://localhost:5173", "http://localhost:5173"),
        ("http://[::1]:5173", "http://[::1]:5173"),
        ("*", "*"),
    ],
)
def test_an_origin_is_read_as_browsers_write_it(text: str, origin: str) -> None:
    assert read_origin(text) == origin


@pytest.mark.parametrize(
    "text", ["", "balados.app", "null", "https://balados.app/path", "https://*.app", "ftp://a.example", "a\nb"]
)
def test_what_is_no_origin_is_told(text: str) -> None:
    with pytest.raises(InvalidInput, match="an origin is like"):
        read_origin(text)


async def test_what_a_route_says_itself_stands() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"access-control-allow-origin", b"*")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    transport = httpx.ASGITransport(Cors(app, ["https://balados.app"]))
    async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
        answer = await client.get("/api/v1/x", headers={"Origin": "https://balados.app"})
    assert answer.headers.get_list("Access-Control-Allow-Origin") == ["*"]
