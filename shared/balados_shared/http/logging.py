"""One way to log: standard logging to stderr, a line of text or of JSON for each record.

Law: a log holds no secret. What could carry one (headers, query strings, bodies, feed and episode ids, URLs beyond
their host) is never given to a logger, and what slips in through foreign errors is cut out here.
"""

import logging
import os
import re
import sys
from typing import Any

import msgspec

from balados_shared.errors import InvalidInput
from balados_shared.http.request_ids import request_id
from balados_shared.times import Instant

_OURS = ("balados", "balados_daemon", "balados_relay", "balados_shared")

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)(?:[^/\s@]*@)?([^/?#\s'\"]*)[^\s'\"]*")
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]+")
# Base64 of a URL, and JWTs, which are base64 of `{"`.
_ENCODED = re.compile(r"\b(?:aHR0c|eyJ)[\w+/=.-]+")


def configure_logging(level: str | int | None = None) -> None:
    """Send all logs to stderr.

    `BALADOS_LOG` says how (`text`, the default, or `json`), `BALADOS_LOG_LEVEL` from which level on where `level` does
    not (INFO). Of foreign libraries only warnings are shown: below, they report URLs, SQL values and whole frames.
    Raises InvalidInput for a level or a format that does not exist.
    """
    level = level or os.environ.get("BALADOS_LOG_LEVEL") or "INFO"
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_formatter(os.environ.get("BALADOS_LOG") or "text"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    try:
        for name in _OURS:
            logging.getLogger(name).setLevel(level)
    except ValueError as error:
        raise InvalidInput(f"{level} is not a log level; use DEBUG, INFO, WARNING or ERROR") from error


def redact(text: str) -> str:
    """Cut out of a text what may be secret: credentials, tokens, encoded ids, and all of a URL but its host."""
    text = _URL.sub(r"\1\2/…", text)
    text = _BEARER.sub(r"\1 …", text)
    return _ENCODED.sub("…", text)


class TextFormatter(logging.Formatter):
    """For people: time, level, logger, request id, message.

    Further lines are indented, so that no text can pose as a record of its own.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line, its traceback in the lines behind."""
        facts = _facts(record)
        named = f"[{facts['request_id']}] " if "request_id" in facts else ""
        error = "\n" + facts["error"] if "error" in facts else ""
        text = f"{facts['time']} {facts['level']:<7} {facts['logger']} {named}{facts['message']}{error}"
        return "\n    ".join(text.splitlines())


class JsonFormatter(logging.Formatter):
    """For machines: one JSON object in one line.

    It has `time`, `level`, `logger`, `message`, `request_id?`, `error?`, and what a record was given as `fields`.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line of JSON."""
        return msgspec.json.encode(_facts(record) | getattr(record, "fields", {})).decode()


def _formatter(name: str) -> logging.Formatter:
    match name:
        case "text":
            return TextFormatter()
        case "json":
            return JsonFormatter()
    raise InvalidInput("BALADOS_LOG must be text or json")


def _facts(record: logging.LogRecord) -> dict[str, Any]:
    facts = {
        "time": Instant(record.created * 1_000).write(),
        "level": record.levelname,
        "logger": record.name,
        "message": redact(record.getMessage()),
    }
    if name := request_id.get():
        facts["request_id"] = name
    if record.exc_info:
        facts["error"] = redact(_TRACEBACKS.formatException(record.exc_info))
    return facts


_TRACEBACKS = logging.Formatter()
