"""The import rules of pyproject.toml hold, and each of them bites: one forbidden import in a copy breaks it by name."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("shared", "daemon", "relay")

FORBIDDEN = {
    "Daemon and relay never meet": ("daemon/balados_daemon/why.py", "balados_relay.settings"),
    "Shared imports neither program": ("shared/balados_shared/http/hub.py", "balados_daemon.settings"),
    "The core is pure": ("shared/balados_shared/record.py", "time"),
    "The daemon's decisions are pure": ("daemon/balados_daemon/sync/schedule.py", "random"),
    "Storage remembers and does not judge": ("shared/balados_shared/storage/counts.py", "balados_shared.http.hub"),
    "Routes touch no SQL": ("relay/balados_relay/api/sync.py", "balados_relay.storage.accounts"),
    "Only the feed parser knows feedparser": ("shared/balados_shared/feeds/mend.py", "feedparser"),
    "Only tokens knows cryptography": ("relay/balados_relay/accounts/codes.py", "cryptography"),
    "The network is entered by few doors": ("daemon/balados_daemon/episodes.py", "balados_shared.web"),
    "The daemon's rooms point down": ("daemon/balados_daemon/library_service.py", "balados_daemon.sync.engine"),
    "The relay's rooms point down": ("relay/balados_relay/accounts/codes.py", "balados_relay.api.sync"),
    "The command lines ask the programs": ("daemon/balados_daemon/cli/commands.py", "balados_daemon.library_service"),
}
"""For each rule a file and what it must not import."""

IMPURE = {"commandline", "feeds", "http", "storage", "terminal", "web"}
"""What in `shared` may meet the world."""


def contracts() -> list[dict[str, Any]]:
    with (ROOT / "pyproject.toml").open("rb") as file:
        rules: list[dict[str, Any]] = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    return rules


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The three packages, for a test to spoil and to mend again."""
    folder = tmp_path_factory.mktemp("checkout")
    for room in ROOMS:
        shutil.copytree(ROOT / room, folder / room, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def broken_rules(folder: Path) -> set[str]:
    """Run the linter over a copy; return the rules that it finds broken."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--config", str(ROOT / "pyproject.toml")]
    paths = os.pathsep.join(str(folder / room) for room in ROOMS)
    environment = {**os.environ, "PYTHONPATH": paths, "NO_COLOR": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert "Contracts:" in done.stdout, done.stdout + done.stderr
    broken = {name for name in FORBIDDEN if f"\n{name} BROKEN" in done.stdout}
    assert bool(broken) == (done.returncode != 0), done.stdout
    return broken


def test_the_code_keeps_every_rule(copy: Path) -> None:
    assert broken_rules(copy) == set()


def test_every_rule_is_tried() -> None:
    assert {contract["name"] for contract in contracts()} == FORBIDDEN.keys()


@pytest.mark.parametrize("rule", FORBIDDEN)
def test_a_forbidden_import_breaks_the_rule_that_forbids_it(copy: Path, rule: str) -> None:
    file, module = FORBIDDEN[rule]
    spoilt = copy / file
    whole = spoilt.read_text(encoding="utf-8")
    try:
        spoilt.write_text(f"{whole}\nimport {module}\n", encoding="utf-8")
        assert rule in broken_rules(copy)
    finally:
        spoilt.write_text(whole, encoding="utf-8")


def test_a_new_module_of_the_core_is_not_forgotten() -> None:
    (pure,) = (contract["source_modules"] for contract in contracts() if contract["name"] == "The core is pure")
    there = {path.stem for path in (ROOT / "shared/balados_shared").iterdir() if not path.name.startswith("__")}
    assert {f"balados_shared.{name}" for name in there - IMPURE} == set(pure)
