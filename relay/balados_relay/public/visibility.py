"""What of a library may be shown to everybody. Pure (protocol sheet, section 8.3, the intended rule).

Law: the setting of the episode decides, else that of its feed, else that of everything, else it is public. What cannot
be read is private.
"""

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

PUBLIC, ANONYMOUS, PRIVATE = "public", "anonymous", "private"

_TELLING_NAMES = re.compile(
    r"auth|token|key|secret|pass|sig|user|uid|mail|code|session|member|subscriber", re.IGNORECASE
)
_RANDOM = re.compile(
    r"(?=[A-Za-z]*\d)(?=\d*[A-Za-z])[A-Za-z0-9]{16,}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE
)
"""Sixteen or more letters and digits mixed, or a UUID: what no person made up."""


def level_of(levels: Mapping[str, str], feed: str, item: str = "") -> str:
    """Return who may see what was done with a feed or an episode. `levels` are settings by key (`feed/item`)."""
    for key in (f"{feed}/{item}", f"{feed}/", "/"):
        if key in levels:
            return levels[key] if levels[key] in (PUBLIC, ANONYMOUS) else PRIVATE
    return PUBLIC


def is_personal(url: str) -> bool:
    """Whether a feed's URL looks like one that was made for a single listener, and lets in whoever has it.

    It is a guess, and errs on the side of silence: a password, a telling parameter, or a random piece anywhere.
    """
    try:
        parts = urlsplit(url)
        parameters = parse_qsl(parts.query, keep_blank_values=True)
    except ValueError:
        return True
    if "@" in parts.netloc or any(_TELLING_NAMES.search(name) for name, _ in parameters):
        return True
    return _RANDOM.search(f"{parts.path}?{parts.query}") is not None
