"""The demo is the first thing that anybody sees: it must run, and it ends with success only if all it shows is true."""

import subprocess
import sys
from pathlib import Path

import pytest

DEMO = Path(__file__).resolve().parents[2] / "packaging" / "demo.py"


@pytest.fixture(scope="module")
def demo() -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, str(DEMO)], capture_output=True, text=True, timeout=240, check=False)


def test_the_demo_shows_what_is_true(demo: "subprocess.CompletedProcess[str]") -> None:
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert demo.stdout.endswith("All of this was checked while it ran.\n")


@pytest.mark.parametrize(
    "told",
    [
        "laptop$ balados subscribe http://127.0.0.1:",
        "Nothing was changed or sent.",
        "Joined nina's library.",
        "phone's player hears of position 1201.2, ",
        "the relay cannot be reached",
        "Both hold the same again ",
        "said within five minutes of each other: the farther position stands",
        "Undone, on all devices.",
    ],
)
def test_the_demo_tells_each_part_of_the_story(demo: "subprocess.CompletedProcess[str]", told: str) -> None:
    assert told in demo.stdout


def test_the_demo_is_plain_text_where_there_is_no_terminal(demo: "subprocess.CompletedProcess[str]") -> None:
    assert "\033" not in demo.stdout
