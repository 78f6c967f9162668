"""Where a request comes from: its connection says it, or a proxy that was named; nobody else."""

import httpx
import pytest

from balados_shared.http.asgi import Receive, Scope, Send
from support.loopback import serving


async def tell_client(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the address and the scheme that a request is taken to come by."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": f"{scope['client'][0]} {scope['scheme']}".encode()})
        return
    for kind in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{kind}.complete"})


@pytest.mark.parametrize(
    ("trusted", "forwarded", "told"),
    [
        ((), "192.0.2.7", "127.0.0.1 http"),
        (("198.51.100.0/24",), "192.0.2.7", "127.0.0.1 http"),
        (("127.0.0.1",), "192.0.2.7", "192.0.2.7 https"),
        (("127.0.0.0/8",), "203.0.113.66, 192.0.2.7", "192.0.2.7 https"),
    ],
    ids=["none is trusted", "another is trusted", "it is trusted", "what the client itself wrote is not"],
)
async def test_only_a_trusted_proxy_is_believed(trusted: tuple[str, ...], forwarded: str, told: str) -> None:
    headers = {"X-Forwarded-For": forwarded, "X-Forwarded-Proto": "https"}
    async with serving(tell_client, trusted_proxies=trusted) as url, httpx.AsyncClient(trust_env=False) as client:
        assert (await client.get(url, headers=headers)).text == told
