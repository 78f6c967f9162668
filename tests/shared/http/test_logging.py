"""Logs: one record in one line, with its request's id, and without secrets."""

import json
import logging
import sys
from collections.abc import Iterator

import httpx
import pytest

from balados_shared.errors import InvalidInput
from balados_shared.http.logging import JsonFormatter, TextFormatter, configure_logging, redact
from balados_shared.http.request_ids import request_id
from support.http_child import HttpChild, wait_until

LOGGERS = ["root", "balados", "balados_daemon", "balados_relay", "balados_shared"]
FEED_ID = "aHR0cHM6Ly9leGFtcGxlLm9yZy9mZWVkP3Rva2VuPWh1bnRlcjI"


@pytest.fixture(autouse=True)
def untouched_root() -> Iterator[None]:
    root = logging.getLogger()
    handlers = root.handlers[:]
    levels = {name: logging.getLogger(name).level for name in LOGGERS}
    yield
    root.handlers[:] = handlers
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def record(message: str, *arguments: object, error: BaseException | None = None) -> logging.LogRecord:
    failure = (type(error), error, error.__traceback__) if error else None
    made = logging.LogRecord("balados.test", logging.WARNING, "here", 1, message, arguments, failure)
    made.created = 1_766_000_000.123
    return made


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("GET https://u:hunter2@example.org:8443/feed?hunter2 failed", "GET https://example.org:8443/… failed"),
        ("'https://example.org?hunter2'", "'https://example.org/…'"),
        ("Authorization: Bearer hunter2.hunter2-x", "Authorization: Bearer …"),
        ("basic aHVudGVyMg==", "basic …"),
        (f"feed {FEED_ID} is gone", "feed … is gone"),
        ("token eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4In0.c2ln", "token …"),
        ("nothing to hide: 41:10 of 52:00", "nothing to hide: 41:10 of 52:00"),
    ],
)
def test_secrets_that_slip_in_are_cut_out(text: str, safe: str) -> None:
    assert redact(text) == safe


def test_a_text_line_has_time_level_logger_id_and_message() -> None:
    request_id.set("r-1")
    line = TextFormatter().format(record("%d feeds", 3))
    assert line == "2025-12-17T19:33:20.123Z WARNING balados.test [r-1] 3 feeds"


def test_no_text_can_pose_as_a_record_of_its_own() -> None:
    line = TextFormatter().format(record("title: %s", "x\n2025-12-17T19:33:20.123Z ERROR forged\rmore"))
    assert all(each.startswith("    ") for each in line.splitlines()[1:])
    assert len(line.splitlines()) == 3


def test_a_json_line_is_one_object_in_one_line() -> None:
    request_id.set("r-2")
    line = JsonFormatter().format(record("two\nlines", error=RuntimeError("bad https://example.org/hunter2")))
    facts = json.loads(line)
    assert "\n" not in line
    assert (facts["message"], facts["request_id"], facts["level"]) == ("two\nlines", "r-2", "WARNING")
    assert "RuntimeError: bad https://example.org/…" in facts["error"]


def test_logs_go_to_stderr_in_the_wanted_form(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BALADOS_LOG", "json")
    configure_logging("INFO")
    logging.getLogger("balados.test").info("ready")
    logging.getLogger("httpx").info("HTTP Request: GET …")
    logging.getLogger("balados.test").debug("not this one")
    captured = capsys.readouterr()
    assert [json.loads(line)["message"] for line in captured.err.splitlines()] == ["ready"]
    assert captured.out == ""
    assert sys.stderr


def test_of_foreign_libraries_only_warnings_are_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BALADOS_LOG_LEVEL", "DEBUG")
    configure_logging()
    logging.getLogger("balados_relay.any").debug("ours")
    logging.getLogger("aiosqlite").info("INSERT hunter2")
    logging.getLogger("aiosqlite").warning("slow")
    lines = capsys.readouterr().err.splitlines()
    assert [(line.split()[1], line.split()[-1]) for line in lines] == [("DEBUG", "ours"), ("WARNING", "slow")]


def test_what_a_record_knows_stands_in_members_of_its_own() -> None:
    made = record("GET /x 200")
    made.fields = {"status": 200}
    assert json.loads(JsonFormatter().format(made))["status"] == 200


def test_a_wrong_level_or_form_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidInput, match="LOUD is not a log level"):
        configure_logging("LOUD")
    monkeypatch.setenv("BALADOS_LOG", "xml")
    with pytest.raises(InvalidInput, match="BALADOS_LOG must be text or json"):
        configure_logging()


def test_the_access_log_names_the_route_and_no_secret(client: httpx.Client, child: HttpChild) -> None:
    client.get("/fail/invalid?token=hunter2", headers={"X-Request-Id": "seen"})
    client.get(f"/hunter2/{FEED_ID}?token=hunter2", headers={"X-Request-Id": "lost"})
    wait_until(lambda: "[lost]" in child.log)
    lines = [line.partition("[")[2] for line in child.log.splitlines() if "balados.access" in line]
    assert lines[0].startswith("seen] GET /fail/{how} 400 ")
    assert lines[1].startswith("lost] GET - 404 ")
    assert "hunter2" not in child.log
    assert FEED_ID not in child.log


def test_a_failure_of_ours_is_logged_as_a_warning(client: httpx.Client, child: HttpChild) -> None:
    client.get("/fail/bug", headers={"X-Request-Id": "broken"})
    wait_until(lambda: "balados.access [broken]" in child.log)
    line = next(line for line in child.log.splitlines() if "balados.access [broken]" in line)
    assert " WARNING " in line
    assert "GET /fail/{" in line
