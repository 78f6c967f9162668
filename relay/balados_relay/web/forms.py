"""What a person typed into a form."""

from typing import Any
from urllib.parse import parse_qsl

from litestar import Request

from balados_shared import problems
from balados_shared.errors import InvalidInput

MAX_FIELDS = 200
MEDIA_TYPE = "application/x-www-form-urlencoded"


class Form:
    """The fields of a form, in the order they came."""

    def __init__(self, fields: list[tuple[str, str]]) -> None:
        self._fields = fields

    def text(self, *names: str) -> str:
        """Return the first field that has one of these names; empty when there is none."""
        return next((value for name, value in self._fields if name in names), "")

    def all(self, *names: str) -> list[str]:
        """Return all fields that have one of these names, such as ticked boxes."""
        return [value for name, value in self._fields if name in names]

    def ticked(self, *names: str) -> bool:
        """Whether a box is ticked; a hidden `false` before it is how some programs send one that is not."""
        return any(value not in ("", "false", "0") for value in self.all(*names))


async def read_form(request: Request[Any, Any, Any]) -> Form:
    """Return the form in a request's body. Raises Problem 415, and InvalidInput for one that cannot be read."""
    kind = request.headers.get("content-type", MEDIA_TYPE).partition(";")[0].strip().lower()
    if kind != MEDIA_TYPE:
        raise problems.Problem(415, "UNSUPPORTED_MEDIA_TYPE", f"A form is sent as {MEDIA_TYPE}.")
    try:
        text = (await request.body()).decode()
        return Form(parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS))
    except ValueError:
        raise InvalidInput("This form cannot be read.") from None


async def form_of(request: Request[Any, Any, Any]) -> Form:
    """Return what was typed, for the parameter `form` of a page."""
    return await read_form(request)
