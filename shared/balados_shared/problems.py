"""What goes wrong over HTTP, as one exception that carries a whole answer.

The body is RFC 9457 problem details plus the documented `error`, `error_code` and `message`
(protocol sheet, section 3.2), so that both generations of clients can read it.
"""

from typing import Any

from balados_shared.errors import BaladosError


class Problem(BaladosError):
    """An answer other than success.

    `status` is the HTTP status, `code` the documented UPPER_CASE error code, `message` one plain sentence.
    `headers` go with the answer (`Retry-After`, …); `members` are further members of the JSON body.
    """

    def __init__(
        self, status: int, code: str, message: str, *, headers: dict[str, str] | None = None, **members: Any
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}
        self.members = members


def bad_request(message: str, **members: Any) -> Problem:
    """The request cannot be read (400)."""
    return Problem(400, "BAD_REQUEST", message, **members)


def unauthorized() -> Problem:
    """No token or a bad one (401). Always the same words, so that nothing can be learned from them."""
    return Problem(401, "UNAUTHORIZED", "Unauthorized", headers={"WWW-Authenticate": "Bearer"})


def forbidden(message: str = "Insufficient permissions") -> Problem:
    """Known, but not allowed (403)."""
    return Problem(403, "FORBIDDEN", message)


def not_found(message: str) -> Problem:
    """Nothing by that name (404)."""
    return Problem(404, "NOT_FOUND", message)


def conflict(code: str, message: str, **members: Any) -> Problem:
    """It does not fit what is there now (409)."""
    return Problem(409, code, message, **members)


def too_large(message: str) -> Problem:
    """More bytes than we take (413)."""
    return Problem(413, "PAYLOAD_TOO_LARGE", message)


def unavailable(code: str, message: str, *, retry_after: int) -> Problem:
    """Not now (503). `retry_after` is in seconds."""
    return Problem(503, code, message, headers={"Retry-After": str(retry_after)})
