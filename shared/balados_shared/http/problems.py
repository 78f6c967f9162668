"""Whatever goes wrong in a request becomes one problem document (RFC 9457 and protocol sheet section 3.2).

Law: the client learns what it can do about it and nothing of our insides; what it cannot help is logged with the
request id. Nothing of the request is logged.
"""

import logging
import re
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, SerializationException, ValidationException
from litestar.types import ExceptionHandlersMap

from balados_shared.errors import InvalidInput, Refused
from balados_shared.http.asgi import Message
from balados_shared.problems import Problem, bad_request
from balados_shared.storage.errors import DiskFull, StorageError

MEDIA_TYPE = "application/problem+json"

_log = logging.getLogger(__name__)

# Codes of the protocol sheet, where they are not simply the phrase of the status.
_CODES = {413: "PAYLOAD_TOO_LARGE", 422: "VALIDATION_ERROR", 429: "RATE_LIMIT_EXCEEDED", 500: "INTERNAL_ERROR"}

# Litestar ends some sentences with the requested URL, which may hold a secret.
_URL_TAIL = re.compile(r" for (?:(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|path|url) )+\S+$")


def answer(_: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Answer a request that failed: an exception handler of Litestar."""
    problem = problem_of(error)
    log_failure(problem, error)
    return Response(
        content=document(problem), status_code=problem.status, media_type=MEDIA_TYPE, headers=problem.headers
    )


EXCEPTION_HANDLERS: ExceptionHandlersMap = {Exception: answer}
"""For `Litestar(exception_handlers=…)`. One handler for all, so that none is forgotten."""


def document(problem: Problem) -> bytes:
    """Return the JSON body of a problem, for both generations of clients (protocol sheet section 3.2)."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.message,
        "error": problem.code,
        "error_code": problem.code,
        "message": problem.message,
    }
    return msgspec.json.encode(body | problem.members)


def raw_answer(problem: Problem) -> tuple[Message, Message]:
    """Return the whole answer as ASGI messages, for the layers around the app."""
    content = document(problem)
    headers = {"content-type": MEDIA_TYPE, "content-length": str(len(content)), **problem.headers}
    encoded = [(key.lower().encode(), value.encode()) for key, value in headers.items()]
    return (
        {"type": "http.response.start", "status": problem.status, "headers": encoded},
        {"type": "http.response.body", "body": content, "more_body": False},
    )


def problem_of(error: Exception) -> Problem:
    """Return what the client is told about an error."""
    match error:
        case Problem():
            return error
        case InvalidInput():
            return bad_request(str(error), errors=_phoenix_errors(400))
        case Refused():
            return Problem(422, "VALIDATION_ERROR", str(error))
        case DiskFull():
            return Problem(507, "STORAGE_ERROR", str(error))
        case StorageError():
            return Problem(503, "STORAGE_ERROR", str(error))
        case HTTPException() if error.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
            return _problem_of_framework(error)
        case _:
            return Problem(500, "INTERNAL_ERROR", "Internal server error", errors=_phoenix_errors(500))


def _problem_of_framework(error: HTTPException) -> Problem:
    """Translate what Litestar itself refuses: no such route, a wrong method, a body that does not fit."""
    status = error.status_code
    phrase = HTTPStatus(status).phrase
    members: dict[str, Any] = {}
    if status == HTTPStatus.NOT_FOUND or isinstance(error.__cause__, SerializationException):
        members["errors"] = _phoenix_errors(status)
    code = _CODES.get(status) or phrase.upper().replace(" ", "_")
    return Problem(status, code, _sentence(error), headers=error.headers, **members)


def _sentence(error: HTTPException) -> str:
    """Say what is wrong, and for invalid input where: `position: Expected `float`, got `str``."""
    if isinstance(error, ValidationException) and isinstance(error.extra, list):
        return "; ".join(_field_error(each) for each in error.extra)
    return _URL_TAIL.sub("", error.detail)


def _field_error(extra: dict[str, str]) -> str:
    field, message = extra.get("key"), extra.get("message", "Invalid value")
    return f"{field}: {message}" if field else message


def _phoenix_errors(status: int) -> dict[str, str]:
    """Return the `errors` member of the documented server's framework pages (protocol sheet section 3.1)."""
    return {"detail": HTTPStatus(status).phrase}


def log_failure(problem: Problem, error: Exception) -> None:
    """Write down what the client cannot help."""
    if problem.status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return
    if isinstance(error, StorageError):
        _log.error("%s", problem.message)
    elif not isinstance(error, Problem):
        _log.error("A request failed unexpectedly", exc_info=error)
