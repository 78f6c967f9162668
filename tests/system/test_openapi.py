"""The committed OpenAPI documents are what the programs serve, and say all that they must."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "packaging" / "openapi.py"
PROGRAMS = ["daemon", "relay"]


def document(program: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((ROOT / "docs" / f"openapi-{program}.json").read_text(encoding="utf-8"))
    return read


def operations(program: str) -> list[tuple[str, dict[str, Any]]]:
    paths = document(program)["paths"]
    return [(f"{method} {path}", each) for path, methods in paths.items() for method, each in methods.items()]


def test_the_committed_documents_are_what_is_served() -> None:
    done = subprocess.run([sys.executable, SCRIPT, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}run: python packaging/openapi.py"


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_operation_says_what_it_is_for_and_how_it_can_refuse(program: str) -> None:
    for name, operation in operations(program):
        assert operation["summary"], name
        assert operation["tags"], name
        refusals = {status: each for status, each in operation["responses"].items() if status >= "400"}
        assert refusals or name.endswith("/health"), name
        for status, refusal in refusals.items():
            assert refusal["description"], (name, status)
            assert refusal["content"].keys() == {"application/problem+json"}, (name, status)


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_operation_that_takes_a_body_describes_it(program: str) -> None:
    bodies = [operation["requestBody"] for _, operation in operations(program) if "requestBody" in operation]
    assert bodies
    for body in bodies:
        assert body["required"]
        assert set(body["content"]) == {"application/json"}


@pytest.mark.parametrize("program", PROGRAMS)
def test_no_two_operations_have_one_name(program: str) -> None:
    ids = [operation["operationId"] for _, operation in operations(program)]
    assert len(set(ids)) == len(ids)
