"""The shared routes over a real library of one person, without the program that would serve them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from sqlite3 import Connection
from typing import Any

import httpx
from litestar import Litestar, Router
from litestar.di import Provide

from balados_shared.edit import Edit
from balados_shared.http.access import Pace
from balados_shared.http.edge import with_edge
from balados_shared.http.library import ROUTERS
from balados_shared.http.problems import EXCEPTION_HANDLERS
from balados_shared.http.requests import JsonRequest
from balados_shared.kinds import Value
from balados_shared.storage.database import Database
from balados_shared.storage.library import Library
from balados_shared.storage.migrate import Schema
from balados_shared.storage.reader import LibraryReader
from balados_shared.uuids import new_uuid
from support.strategies import NOON

ACCOUNT = 1
USER = "6f1c2a52-6d0e-4b63-9a3b-0a4d0f7f1a01"
SUCCESS = {"status": "success"}


class OwnLibrary(LibraryReader):
    """A library that one device reads and changes. Its clock goes on by a second with each change."""

    user_id = USER
    author = "A"

    def __init__(self, database: Database) -> None:
        super().__init__(database, ACCOUNT)
        self.now = NOON
        self.transactions: list[list[Edit]] = []
        self._ids = count()

    def new_id(self) -> str:
        return new_uuid(self.now, next(self._ids).to_bytes(10, "big"))

    async def change(self, wish: Edit, pace: Pace = Pace.AT_ONCE) -> bool:
        return await self.change_all([wish], pace)

    async def change_all(self, wishes: Sequence[Edit], pace: Pace = Pace.AT_ONCE) -> bool:
        self.now += 1_000
        self.transactions.append(list(wishes))

        def work(connection: Connection) -> bool:
            with Library(connection, ACCOUNT) as library:
                saved = [library.edit(wish, device=self.author, now=self.now) for wish in wishes]
            return any(saved)

        return await self._database.write(work)

    def ranks(self, kind: type[Value]) -> dict[str, str]:
        """Return the ranks of a kind of items, by key."""
        return {value.key: getattr(value, "rank", "") for value in self.values(kind)}


class Routes:
    """A client of the routes, and the library behind them."""

    def __init__(self, http: httpx.AsyncClient, library: OwnLibrary) -> None:
        self.library = library
        self._http = http

    async def send(self, method: str, path: str, body: Any = None, **query: Any) -> httpx.Response:
        return await self._http.request(method, f"/api/v1{path}", json=body, params=query)

    async def ask(self, method: str, path: str, body: Any = None, *, status: int = 200, **query: Any) -> Any:
        """Return what a request that succeeds is answered."""
        answer = await self.send(method, path, body, **query)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def problem(self, method: str, path: str, body: Any = None, **query: Any) -> tuple[int, str]:
        """Return the status and the code of a refusal, which has the documented form."""
        answer = await self.send(method, path, body, **query)
        assert answer.headers["content-type"] == "application/problem+json"
        told = answer.json()
        assert told["status"] == answer.status_code
        assert told["error"] == told["error_code"]
        assert told["message"] == told["detail"]
        return answer.status_code, told["error"]


@asynccontextmanager
async def open_routes(folder: Path) -> AsyncIterator[Routes]:
    """Open a library in a folder, behind the shared routes."""
    database = await Database.open(folder / "library.db", [Schema("library", "balados_shared.storage.schema")])
    try:
        library = OwnLibrary(database)
        app = Litestar(
            [Router("/api/v1", route_handlers=ROUTERS)],
            dependencies={
                "library": Provide(lambda: library, sync_to_thread=False),
                # No library answers what a feed says of itself: the programs ask the feed.
                "feed_metadata": Provide(lambda: None, sync_to_thread=False),
            },
            exception_handlers=EXCEPTION_HANDLERS,
            request_class=JsonRequest,
            openapi_config=None,
            logging_config=None,
        )
        async with httpx.AsyncClient(transport=httpx.ASGITransport(with_edge(app)), base_url="http://test") as http:
            yield Routes(http, library)
    finally:
        await database.close()
