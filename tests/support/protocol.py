"""The examples of the protocol sheet, and whether an answer is what one of them says.

The file stands beside the checkout, as the corpus of real feeds does; where it is missing there are no examples.
"""

import re
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from balados_shared.errors import InvalidInput
from balados_shared.times import Instant

FILE = Path(__file__).parents[3] / "shared" / "protocol" / "balados-v1-examples.json"
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Example(Struct, frozen=True):
    """One request and its answer, or the messages of one live connection."""

    id: str
    profile: str
    given: dict[str, Any]
    request: dict[str, Any]
    response: dict[str, Any] = {}
    messages: list[dict[str, Any]] = []
    after: dict[str, Any] = {}
    note: str = ""


class Sheet(Struct, frozen=True):
    """The whole file. `fixtures` are the users, apps, tokens and feeds that the examples speak of."""

    fixtures: dict[str, Any]
    examples: list[Example]

    def of(self, *profiles: str) -> list[Example]:
        """Return the examples of some profiles."""
        return [example for example in self.examples if example.profile in profiles]


def load() -> Sheet:
    """Return the examples; none where the sheet is not there."""
    if not FILE.is_file():
        return Sheet({}, [])
    return msgspec.json.decode(FILE.read_bytes(), type=Sheet)


def differences(wanted: Any, told: Any, *, exact: bool = False, at: str = "$") -> list[str]:
    """Return where an answer is not what an example says.

    Equal times are equal in whatever precision they are written. `exact` allows no member that is not named.
    """
    if isinstance(wanted, dict) and wanted.keys() == {"$match"}:
        return [] if _is_a(wanted["$match"], told) else [f"{at}: {told!r} is no {wanted['$match']}"]
    if isinstance(wanted, dict) and isinstance(told, dict):
        surplus = [f"{at}.{name}: not named" for name in told.keys() - wanted.keys() if exact]
        missing = [f"{at}.{name}: missing" for name in wanted.keys() - told.keys()]
        shared = wanted.keys() & told.keys()
        inner = [differences(wanted[name], told[name], exact=exact, at=f"{at}.{name}") for name in shared]
        return surplus + missing + [each for found in inner for each in found]
    if isinstance(wanted, list) and isinstance(told, list) and len(wanted) == len(told):
        pairs = enumerate(zip(wanted, told, strict=True))
        return [each for n, (a, b) in pairs for each in differences(a, b, exact=exact, at=f"{at}[{n}]")]
    return [] if _same(wanted, told) else [f"{at}: {told!r} instead of {wanted!r}"]


def _is_a(kind: str, told: Any) -> bool:
    match kind:
        case "any":
            return True
        case "string":
            return isinstance(told, str)
        case "int":
            return isinstance(told, int) and not isinstance(told, bool)
        case "uuid":
            return isinstance(told, str) and _UUID.fullmatch(told) is not None
        case "iso8601":
            return _time(told) is not None
    raise AssertionError(f"the sheet knows no {kind}")


def _same(wanted: Any, told: Any) -> bool:
    if isinstance(wanted, bool) or isinstance(told, bool):
        return wanted is told
    time = _time(wanted)
    return bool(wanted == told or (time is not None and time == _time(told)))


def _time(text: Any) -> Instant | None:
    if not isinstance(text, str) or not text[:4].isdigit():
        return None
    try:
        return Instant.read(text)
    except InvalidInput:
        return None
