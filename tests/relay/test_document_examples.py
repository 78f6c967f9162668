"""The examples in the API's document are played: each is answered as it says, and no operation goes without one."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from balados_relay.app import create_app, open_relay
from balados_relay.settings import Settings
from balados_shared.http.illustrated import Example, read_examples
from balados_shared.times import Instant
from support.full import full_app
from support.loopback import Clock, client_of
from support.story import play, shape

ELSEWHERE = ("/metadata", "/rss/", "/public/")
"""What is answered from other servers, or from many people's doings."""

STORIES = {name: read_examples(name) for name in ("balados_shared.http", "balados_relay.api")}


@pytest.fixture
def noon() -> Clock:
    return Clock(int(Instant.read("2026-03-01T12:00:00Z")))


async def document(folder: Path) -> dict[str, Any]:
    async with open_relay(Settings(folder)) as relay, client_of(create_app(relay), None) as http:
        told: dict[str, Any] = (await http.get("/schema/openapi.json")).json()
        return told


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
async def test_each_example_is_answered_as_it_says(story: list[Example], tmp_path: Path, noon: Clock) -> None:
    async with open_relay(Settings(tmp_path), noon) as relay, client_of(create_app(relay), None) as http:
        app = await full_app(relay)

        def sign(path: str) -> dict[str, str]:
            token = relay.admin.token if "/admin/" in path else app.token(now=noon.now)
            return {"Authorization": f"Bearer {token}"}

        async for example, answer in play(http, story, sign):
            assert answer.status_code == example.status, (example.operation, answer.text)
            assert shape(answer.json()) == shape(example.response), example.operation


async def test_every_operation_has_examples_of_what_is_sent_and_of_what_comes_back(tmp_path: Path) -> None:
    for path, methods in (await document(tmp_path))["paths"].items():
        for method, operation in methods.items():
            if any(part in path for part in ELSEWHERE) or not path.startswith("/api/v1/"):
                continue
            name = f"{method} {path}"
            answers = [each for status, each in operation["responses"].items() if status < "300"]
            contents = [content for each in answers for content in each.get("content", {}).values()]
            assert any("example" in content for content in contents), name
            for content in operation.get("requestBody", {}).get("content", {}).values():
                assert "example" in content, name


async def test_an_example_that_names_no_operation_does_not_stay_unseen(tmp_path: Path) -> None:
    paths = (await document(tmp_path))["paths"]
    for example in [each for story in STORIES.values() for each in story]:
        method, _, path = example.operation.partition(" ")
        assert method.lower() in paths[path], example.operation


async def test_a_read_document_is_the_one_that_is_shown(tmp_path: Path) -> None:
    async with open_relay(Settings(tmp_path)) as relay, client_of(create_app(relay), None) as http:
        page: httpx.Response = await http.get("/schema")
    assert "Science and nature" in page.text
