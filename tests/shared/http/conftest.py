"""A real server in a child process, one for each test file, or one of a test's own; and the shared routes."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import httpx
import pytest

from support.http_child import HttpChild
from support.routes import Routes, open_routes

PROGRAM = Path(__file__).with_name("program.py")


@pytest.fixture
def start() -> Iterator[Callable[..., HttpChild]]:
    """Start a child program of one's own; it ends with the test."""
    children: list[HttpChild] = []

    def start_one(*arguments: str) -> HttpChild:
        children.append(HttpChild(PROGRAM, *(arguments or ("127.0.0.1", "0"))))
        return children[-1]

    yield start_one
    for child in children:
        child.close()


@pytest.fixture(scope="module")
def child() -> Iterator[HttpChild]:
    """A child program that the tests of one file share."""
    child = HttpChild(PROGRAM, "127.0.0.1", "0")
    yield child
    child.close()


@pytest.fixture
def client(child: HttpChild) -> Iterator[httpx.Client]:
    """A client of the shared child that asks for no compression and believes no environment."""
    headers = {"Accept-Encoding": "identity"}
    with httpx.Client(base_url=child.url, headers=headers, timeout=10, trust_env=False) as client:
        yield client


@pytest.fixture
async def routes(tmp_path: Path) -> AsyncIterator[Routes]:
    """The routes of an empty library."""
    async with open_routes(tmp_path) as routes:
        yield routes
