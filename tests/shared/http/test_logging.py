"""Logs: one record in one line, with its request's id, and without secrets."""

import json
import logging
import sys
from collections.abc import Iterator

import httpx
import pytest

from balados_shared.errors import InvalidInput
from balados_shared.http.logging import JsonFormatter, TextFormatter, configure_logging, redact, short_path
from balados_shared.http.request_ids import request_id
from support.http_child import HttpChild, wait_until

FEED_ID = "aHR0cHM6Ly9leGFtcGxlLm9yZy9mZWVkP3Rva2VuPWh1bnRlcjI"


@pytest.fixture(autouse=True)
def untouched_root() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def record(message: str, *arguments: object, error: BaseException | None = None) -> logging.LogRecord:
    failure = (type(error), error, error.__traceback__) if error else None
    made = logging.LogRecord("balados.test", logging.WARNING, "here", 1, message, arguments, failure)
    made.created = 1_766_000_000.123
    return made


@pytest.mark.parametrize(
    ("path", "short"),
    [
        ("/", "/"),
        ("/api/v1/sync", "/api/v1/sync"),
        (f"/api/v1/subscriptions/{FEED_ID}", "/api/v1/subscriptions/…"),
        (f"/api/v1/{FEED_ID}", "/api/v1/…"),
        ("/a/b/c/d/e", "/a/b/c/…"),
    ],
)
def test_a_path_is_logged_without_its_ids(path: str, short: str) -> None:
    assert short_path(path) == short


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


def test_a_wrong_level_or_form_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidInput, match="LOUD is not a log level"):
        configure_logging("LOUD")
    monkeypatch.setenv("BALADOS_LOG", "xml")
    with pytest.raises(InvalidInput, match="BALADOS_LOG must be text or json"):
        configure_logging()


def test_the_access_log_names_the_request_and_no_secret(client: httpx.Client, child: HttpChild) -> None:
    client.get(f"/api/v1/subscriptions/{FEED_ID}?token=hunter2", headers={"X-Request-Id": "seen"})
    wait_until(lambda: "[seen]" in child.log)
    line = next(line for line in child.log.splitlines() if "[seen]" in line)
    assert "GET /api/v1/subscriptions/… 404 " in line
    assert "hunter2" not in child.log
    assert FEED_ID not in child.log
