"""Both programs against their own OpenAPI documents: whatever is sent, the answer is one that the document tells.

schemathesis makes the requests, good and bad ones, and checks each answer: no status that is not documented (so never
a 500), and headers and a body of the documented form.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import checks

from balados_daemon.app import create_app as daemon_app
from balados_relay.app import create_app as relay_app
from balados_shared.feeds.errors import FeedUnavailable, Trouble
from balados_shared.feeds.fetch import Fetcher
from support.full import full_app
from support.loopback import TOKEN, Clock, open_daemon_at, open_relay_at, serving
from support.strategies import FEED

DOCS = Path(__file__).parents[2] / "docs"

# No document tells of a 500, so the first of these finds every one; 502 and 503 are answers when a test has no network.
CHECKS = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]

fuzzed = settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


Case = schemathesis.Case[Any]


class Served:
    """A program that runs in a thread, with an event loop of its own, and how to sign a request to it."""

    def __init__(self, url: str, sign: Callable[[str], str]) -> None:
        self.url = url
        self.sign = sign
        self._number = 0

    def check(self, case: Case) -> None:
        """Send one request and judge the answer. Every second one names a real feed: chance hardly ever makes one."""
        self._number += 1
        if self._number % 2:
            name_a_feed(case)
        headers = {"Authorization": f"Bearer {self.sign(case.path)}"}
        response = case.call(base_url=self.url, headers=headers)
        case.validate_response(response, checks=CHECKS)


def name_a_feed(case: Case) -> None:
    """Put the id of a feed wherever the request has room for one, so that it gets past the reading of ids."""
    for fields in (case.path_parameters, case.query, case.body):
        if isinstance(fields, dict):
            fields.update({name: str(FEED) for name in ("feed", "rss_source_feed") if name in fields})


Program = Callable[[Path], AbstractAsyncContextManager[Served]]


@asynccontextmanager
async def run_daemon(folder: Path) -> AsyncIterator[Served]:
    async with open_daemon_at(folder, Clock()) as daemon, serving(daemon_app(daemon, TOKEN)) as url:
        await daemon.membership.begin()
        yield Served(url, lambda _: TOKEN)
        await daemon.feeds.close()


@asynccontextmanager
async def run_relay(folder: Path) -> AsyncIterator[Served]:
    async with open_relay_at(folder, Clock()) as relay, serving(relay_app(relay)) as url:
        app = await full_app(relay)
        yield Served(url, lambda path: relay.admin.token if "/admin/" in path else app.token())


@contextmanager
def running(program: Program, folder: Path) -> Iterator[Served]:
    """Run a program in a thread until the tests of this file are done with it."""
    ready, done = threading.Event(), threading.Event()
    served: list[Served] = []

    async def run() -> None:
        async with program(folder) as each:
            served.append(each)
            ready.set()
            await asyncio.to_thread(done.wait)

    thread = threading.Thread(target=partial(asyncio.run, run()))
    thread.start()
    try:
        assert ready.wait(10)
        yield served[0]
    finally:
        done.set()
        thread.join(10)


@pytest.fixture(scope="module")
def no_way_out() -> Iterator[None]:
    """No feed is fetched from anywhere: what is fuzzed are our own answers."""

    async def refuse(*_: object, **__: object) -> None:
        raise FeedUnavailable(Trouble.UNREACHABLE, "The feed's server cannot be reached.")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Fetcher, "fetch", refuse)
        patch.setenv("NO_PROXY", "*")
        yield


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory, no_way_out: None) -> Iterator[Served]:
    with running(run_daemon, tmp_path_factory.mktemp("daemon")) as served:
        yield served


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory, no_way_out: None) -> Iterator[Served]:
    with running(run_relay, tmp_path_factory.mktemp("relay")) as served:
        yield served


@schemathesis.openapi.from_path(DOCS / "openapi-daemon.json").parametrize()
@fuzzed
def test_the_daemon_keeps_to_its_document(case: Case, daemon: Served) -> None:
    daemon.check(case)


@schemathesis.openapi.from_path(DOCS / "openapi-relay.json").parametrize()
@fuzzed
def test_the_relay_keeps_to_its_document(case: Case, relay: Served) -> None:
    relay.check(case)
