"""A paired device that speaks to a relay's whole app, over HTTP and over the live connection."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from balados_relay.app import Relay
from balados_shared.record import Record
from balados_shared.tokens import new_key, public_pem, sign_request
from balados_shared.wire import encode_json, record_fields
from support.strategies import NOON

_numbers = count()


class App:
    """A device of an account, and the key by which it signs."""

    def __init__(self, relay: Relay, device_id: str, app_id: str, user_id: str, key: str) -> None:
        self.relay = relay
        self.device_id = device_id
        self.app_id = app_id
        self.user_id = user_id
        self.key = key

    @classmethod
    async def paired(cls, relay: Relay, account: str = "Ada", device_id: str = "phone") -> "App":
        """Pair a new key with an account."""
        key = new_key()
        paired = await relay.accounts.pair(
            await relay.accounts.invite(account),
            public_pem(key),
            device_id=device_id,
            device_name=device_id.title(),
            source="here",
        )
        return cls(relay, device_id, paired.app_id, paired.user_id, key)

    def token(self, **changes: Any) -> str:
        """Sign a fresh token."""
        wanted: dict[str, Any] = {
            "app_id": self.app_id,
            "user_id": self.user_id,
            "device_id": self.device_id,
            "device_name": self.device_id.title(),
            "now": NOON,
            "token_id": f"t{next(_numbers)}",
        }
        return sign_request(self.key, **wanted | changes)

    def headers(self) -> dict[str, str]:
        """What a signed request carries."""
        return {"Authorization": f"Bearer {self.token()}"}

    def body(self, *records: Record, cursor: str = "", **fields: Any) -> dict[str, Any]:
        """The message of one exchange."""
        lists: dict[str, Any] = {}
        for record in records:
            lists.setdefault(record.name.plural, []).append(record_fields(record))
        return {"device_id": self.device_id, "count": NOON, "cursor": cursor, "runs": ["run"], **lists, **fields}


class Line:
    """An open live connection."""

    def __init__(self, socket: ClientConnection, app: App) -> None:
        self.socket = socket
        self.app = app

    async def hear(self) -> dict[str, Any]:
        message: dict[str, Any] = msgspec.json.decode(await self.socket.recv())
        return message

    async def say(self, *, type: str, **fields: Any) -> dict[str, Any]:
        """Send a message and return what comes next."""
        await self.socket.send(encode_json({"type": type} | fields).decode())
        return await self.hear()

    async def sync(self, *records: Record, cursor: str = "", number: int = 1) -> dict[str, Any]:
        """Do one exchange over the line."""
        return await self.say(type="sync", id=number, **self.app.body(*records, cursor=cursor))

    async def close_code(self) -> int:
        """Wait for the other side to end the line."""
        try:
            while True:
                await self.socket.recv()
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else 1006


@asynccontextmanager
async def line_of(app: App, url: str, token: str | None = None) -> AsyncIterator[Line]:
    """Open a live connection that has shown its token, or another."""
    async with connect(url.replace("http", "ws") + "/api/v1/live", proxy=None) as socket:
        line = Line(socket, app)
        assert (await line.hear())["status"] == "connected"
        assert (await line.say(type="auth", token=token or app.token()))["status"] == "ok"
        yield line
