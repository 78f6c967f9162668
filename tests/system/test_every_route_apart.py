"""Property: no request of account X ever returns or changes a byte of account Y, whatever route it takes.

The requests are made from the relay's OpenAPI document, and for its pages from the table of its routes, so a new route
is tested from its first day. X has a token with every scope and is logged in, and knows all names that Y uses (feeds,
episodes, playlists, ids) but nothing that Y says.
"""

import asyncio
import hashlib
import os
import re
import sqlite3
import threading
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from itertools import count
from pathlib import Path
from sqlite3 import Connection
from typing import Any, TypeVar
from urllib.parse import urlencode

import msgspec
import pytest
from argon2 import PasswordHasher
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from litestar import Litestar
from litestar.routes import HTTPRoute

from balados_relay.app import create_app
from balados_relay.people import passwords
from balados_relay.storage import accounts as storage
from balados_relay.storage import people
from balados_relay.web.cookies import SESSION
from balados_relay.web.csrf import FIELD, token_for
from balados_relay.web.forms import MEDIA_TYPE
from balados_shared.edit import subscribe
from balados_shared.feeds.errors import FeedUnavailable, Trouble
from balados_shared.feeds.fetch import Fetcher
from balados_shared.ids import FeedId
from balados_shared.storage.library import Library
from balados_shared.times import MINUTE
from support import marked
from support.apps import App
from support.asking import Answer, Asker, Document, Operation, Request
from support.loopback import Clock, open_relay_at, serving
from support.strategies import NOON

SEQUENCES = 500 if os.environ.get("HYPOTHESIS_PROFILE") == "nightly" else 30
OWN_FEED = FeedId.of("https://feeds.example/of-x.xml")
ODD_IDS = (
    "%00",
    "%2e%2e",
    "%2e%2e%2f%2e%2e%2f",
    "..%2F..%2Fy",
    "..%5c..%5c",
    "%2f",
    "%252e%252e%252f",
    "%c0%ae%c0%ae%c0%af",
    "%ed%a0%80",
    "%ff%fe",
    "%F0%9F%98%80",
    "%0d%0aSet-Cookie:%20a=b",
    "%3Fa=b%23c",
    "a" * 15_000,
    "=",
    "-",
    "'%20OR%201=1--",
    "%25",
    "{}",
    "999999999999999999999999",
    "-999999999999999999999999",
    "-1",
    "٣".encode().hex("%").join(("%", "")),
    f"{marked.FEED}==",
    f"{marked.FEED}%3D%3D",
    marked.FEED.replace("-", "+").replace("_", "%2F"),
    f"%20{marked.FEED}",
    f"{marked.FEED}%00",
    f"{marked.FEED}%2f{marked.ITEM}",
    f"..%2f{marked.PLAYLIST}",
    marked.PLAYLIST.upper(),
)
_numbers = count()

T = TypeVar("T")


class Served:
    """A relay with Y's marked library, in a thread with an event loop of its own."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self._file = folder / "relay" / "relay.db"
        self._ready, self._done = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=partial(asyncio.run, self._run(folder)))
        self._thread.start()
        assert self._ready.wait(20)
        self.asker = Asker(self.url)
        answer = self.asker.send(Request("GET", "/schema/openapi.json", None, None), {})
        self.document = Document(msgspec.json.decode(answer.body))
        self.pages = self._pages()
        self.operations = [*self.document.operations, *self.pages]

    async def _run(self, folder: Path) -> None:
        try:
            async with open_relay_at(folder, self.clock) as self.relay:
                app = create_app(self.relay)
                self.routes = routes_of(app)
                async with serving(app) as self.url:
                    await self._serve()
        finally:
            self._ready.set()  # who waits for what did not start is told so

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.y = await self._settle_y()
        self._ready.set()
        await asyncio.to_thread(self._done.wait)

    async def _settle_y(self) -> App:
        y = await App.paired(self.relay, marked.NAME, "device-of-y")
        await self.relay.database.write(self._fill_y)
        return y

    def _fill_y(self, connection: Connection) -> None:
        account = storage.find_account(connection, marked.NAME)
        assert account
        self.account = account.id
        connection.execute("DELETE FROM invites")  # a new code takes away all that are over
        (grant,) = storage.list_grants(connection, account.id)
        marked.fill(connection, account.id, grant.app_id)
        people.set_password(connection, account.id, marked.SECRET)
        people.set_role(connection, account.id, "owner")

    def _pages(self) -> list[Operation]:
        """Return all routes that no document tells of, with every field that any form has."""
        told = {operation.path for operation in self.document.operations}
        pages = [(method, path) for method, path in self.routes if path not in told]
        x = self.new_x()
        texts = [self.ask(x, Request("GET", path, None, None)).text for method, path in pages if method == "GET"]
        fields = sorted({field for text in texts for field in re.findall(r'name="(\w+)"', text)} - {FIELD})
        form = {"type": "object", "properties": {field: {"type": "string"} for field in fields}, "required": fields}
        return [_page(method, path, form) for method, path in pages]

    def new_x(self) -> App:
        """Pair an app of X with every scope, and a library of its own."""
        return self._call(self._new_x())

    async def _new_x(self) -> App:
        x = await App.paired(self.relay, f"x{next(_numbers)}", "device-of-x")

        def prepare(connection: Connection) -> None:
            connection.execute(
                "UPDATE grants SET scopes = '*' WHERE app_id = ? AND account <> ?", (x.app_id, self.account)
            )
            with Library(connection, account_of(connection, x)) as library:
                library.edit(subscribe(OWN_FEED, title="X's own"), device=x.device_id, now=NOON)

        await self.relay.database.write(prepare)
        return x

    def ask(self, x: App, request: Request) -> Answer:
        """Send a request with a fresh token, some minutes after the last one, so that no limit stops it."""
        self.clock.now += 10 * MINUTE
        if request.target.startswith("/api/"):
            return self.asker.send(request, {"Authorization": f"Bearer {x.token(now=self.clock.now)}"})
        cookie = self._call(self._log_in(x))
        if request.method == "POST":
            own = b"&" + urlencode({FIELD: token_for(cookie)}).encode()
            request = request._replace(body=(request.body or b"") + own, media_type=MEDIA_TYPE)
        return self.asker.send(request, {"Cookie": f"{SESSION}={cookie}"})

    async def _log_in(self, x: App) -> str:
        """Start a session, since the last one may have been ended; return what its cookie holds."""
        cookie, now = f"session-{next(_numbers)}", self.clock.now

        def start(connection: Connection) -> None:
            account, token = account_of(connection, x), hashlib.sha256(cookie.encode()).digest()
            people.add_session(connection, account, token, agent="", remembered=False, now=now, expires=now + MINUTE)

        await self.relay.database.write(start)
        return cookie

    def save_uses(self) -> None:
        """Write down now what Y itself used, which the relay does some time later."""
        self._call(self.relay.accounts.save_uses())

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    def rows_of_y(self) -> dict[str, list[Any]]:
        with closing(sqlite3.connect(f"file:{self._file}?mode=ro", uri=True)) as connection:
            return marked.rows_of(connection, self.account)

    def names_of_y(self) -> list[str]:
        """What Y calls things, and what names Y: all that an attacker could know."""
        with closing(sqlite3.connect(f"file:{self._file}?mode=ro", uri=True)) as connection:
            revision, tag = connection.execute(
                "SELECT revision, tag FROM libraries WHERE account = ?", (self.account,)
            ).fetchone()
        ids = [marked.FEED, marked.URL, marked.ITEM, marked.GUID, marked.PLAYLIST, marked.COLLECTION, marked.NAME]
        names = [self.y.user_id, self.y.app_id, self.y.device_id, f"{revision}.{tag}", f"0.{tag}", str(self.account)]
        return [
            *map(str, ids),
            *names,
            "queue",
            "1",
            f"subscription/{marked.FEED}",
            f"like/{marked.FEED}/{marked.ITEM}",
        ]

    def close(self) -> None:
        self._done.set()
        self._thread.join(20)


def routes_of(app: Any) -> list[tuple[str, str]]:
    """Return every method and path of an app, found behind its layers."""
    while not isinstance(app, Litestar):
        app = app._app
    http = [route for route in app.routes if isinstance(route, HTTPRoute)]
    return sorted((method, route.path_format) for route in http for method in route.methods - {"OPTIONS"})


def _page(method: str, path: str, form: Mapping[str, Any]) -> Operation:
    parameters = tuple((name, "path", True, {"type": "string"}) for name in re.findall(r"\{(\w+)\}", path))
    posts = method == "POST"
    return Operation(method, path, parameters, MEDIA_TYPE if posts else None, form if posts else {})


def account_of(connection: Connection, app: App) -> int:
    ((account,),) = connection.execute("SELECT id FROM accounts WHERE user_id = ?", (app.user_id,))
    return int(account)


async def refuse(*_: object, **__: object) -> None:
    """No feed is fetched from anywhere: what is asked for are our own answers."""
    raise FeedUnavailable(Trouble.UNREACHABLE, "The feed's server cannot be reached.")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "ARGON2", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        patch.setattr(Fetcher, "fetch", refuse)
        served = Served(tmp_path_factory.mktemp("relay"))
        yield served
        served.close()


class Watch:
    """Looks at every answer for what is Y's, and at the end for what of Y's has changed."""

    def __init__(self, served: Served, marks: Sequence[str]) -> None:
        self._served = served
        self._forms = [form for mark in marks for form in marked.forms(mark)] + [f"{marked.SECONDS:.0f}"]
        self._before = served.rows_of_y()
        self.statuses: set[int] = set()

    def ask(self, x: App, request: Request) -> None:
        answer = self._served.ask(x, request)
        self.statuses.add(answer.status)
        assert answer.status < 500 or answer.status in OUTSIDE, (request, answer.text)
        found = [form for form in self._forms if form in answer.text]
        assert not found, (request, answer.text)

    def check(self) -> None:
        assert self._served.rows_of_y() == self._before


OUTSIDE = (502, 503, 504)
"""What an answer says of other servers, of which there are none here."""

SECRETS = (marked.SECRET,)
EVERYTHING = (marked.SECRET, marked.NAME)


class Knowing:
    """Fills in names of Y: the feed and the episode where they belong, and one name after the other elsewhere."""

    def __init__(self, names: Sequence[str], turn: int) -> None:
        self._names = names
        self._turn = turn

    def text(self, name: str, schema: Mapping[str, Any]) -> str:
        if name in ("feed", "rss_source_feed", "feedUrl"):
            return str(marked.FEED)
        if name in ("item", "rss_source_item", "episodeId"):
            return str(marked.ITEM)
        if schema.get("format") == "date-time" or name.endswith("_at"):
            return "2030-01-01T00:00:00.000Z"
        return self._names[self._turn % len(self._names)]

    def number(self, name: str, schema: Mapping[str, Any]) -> float:
        return max(float(schema.get("minimum", 1)), 1.0)

    def wants(self, name: str) -> bool:
        return self._turn % 3 != 0

    def one_of(self, choices: Sequence[Any]) -> Any:
        return choices[self._turn % len(choices)]


class Drawn:
    """Fills in what hypothesis draws, often from a list of words."""

    def __init__(self, data: st.DataObject, words: Sequence[str]) -> None:
        self._data = data
        self._text = st.sampled_from([*words, "2030-01-01T00:00:00.000Z", "", "x", "0", "*", "public"]) | st.text(
            max_size=9
        )

    def text(self, name: str, schema: Mapping[str, Any]) -> str:
        return self._data.draw(self._text).encode("utf-8", "replace").decode()

    def number(self, name: str, schema: Mapping[str, Any]) -> float:
        return self._data.draw(st.sampled_from([0.0, 1.0, 2.5, -1.0, 2.0**53, float(schema.get("minimum", 7))]))

    def wants(self, name: str) -> bool:
        return self._data.draw(st.booleans())

    def one_of(self, choices: Sequence[Any]) -> Any:
        return self._data.draw(st.sampled_from(list(choices)))


def test_the_marks_are_found_in_every_form_that_an_answer_may_have(served: Served) -> None:
    y = served.y
    seen = served.ask(
        y, Request("POST", "/api/v1/sync", b'{"device_id": "new", "count": 1, "cursor": ""}', "application/json")
    )
    served.save_uses()
    assert seen.status == 200
    assert marked.SECRET in seen.text
    assert f"{marked.SECONDS:.0f}" in seen.text
    in_base64 = [form for form in marked.forms(marked.SECRET) if form in marked.SECRET_FEED]
    assert in_base64
    rows = served.rows_of_y()
    assert {name for name, found in rows.items() if not found} <= marked.NOT_OF_A_RELAY


def test_no_route_shows_or_changes_anything_of_y_to_who_knows_all_names(served: Served) -> None:
    names, watch = served.names_of_y(), Watch(served, SECRETS)
    asked = set()
    for operation in served.operations:
        x = served.new_x()
        for turn in range(len(names)):
            watch.ask(x, served.document.request(operation, Knowing(names, turn)))
            asked.add(operation.name)
    watch.check()
    assert {200, 400, 401, 404} <= watch.statuses
    assert len(asked) >= 35
    assert "POST /settings/sessions/{session}/end" in asked


@settings(max_examples=SEQUENCES, suppress_health_check=list(HealthCheck))
@given(data=st.data(), knows=st.booleans())
def test_no_sequence_of_requests_shows_or_changes_anything_of_y(
    served: Served, data: st.DataObject, knows: bool
) -> None:
    """One X knows the names that Y uses; whoever does not know them never sees them either."""
    words = served.names_of_y() if knows else [str(OWN_FEED), "https://feeds.example/of-x.xml", "queue", "own"]
    x, watch = served.new_x(), Watch(served, SECRETS if knows else EVERYTHING)
    operations = st.sampled_from(served.operations)
    for operation in data.draw(st.lists(operations, min_size=1, max_size=8)):
        watch.ask(x, served.document.request(operation, Drawn(data, words)))
    watch.check()


def with_parameters(operations: Sequence[Operation]) -> list[Operation]:
    return [operation for operation in operations if operation.path_parameters]


def test_tricks_in_the_ids_of_paths_are_answered_and_find_nothing_of_y(served: Served) -> None:
    x, watch = served.new_x(), Watch(served, SECRETS)
    operations = with_parameters(served.operations)
    assert len(operations) >= 4
    for operation in operations:
        for parameter in operation.path_parameters:
            for turn, odd in enumerate(ODD_IDS):
                request = served.document.request(operation, Knowing([str(marked.FEED)], turn), **{parameter: odd})
                watch.ask(x, request)
    watch.check()
    assert {200, 400, 404} & watch.statuses
