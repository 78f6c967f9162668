"""Finding secrets where they must not be: as they are, in a URL, or in base64 within something longer."""

import base64
import re
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

PATTERNS = {
    "a signed token": re.compile(r"eyJ[\w-]{8,}"),
    "an Authorization header": re.compile(r"(?i)\b(?:bearer|basic)\s+(?!…)\S"),
    "a cookie": re.compile(r"balados_(?:session|visitor|return)\s*[=:]"),
    "a form's token": re.compile(r"_csrf_token\W{1,3}\w"),
    "the id of a feed": re.compile(r"aHR0c"),
    "a URL beyond its host": re.compile(r"https?://[^\s/\"]*(?:@|/[^\s\"…])"),
}


def traces(text: str, secrets: dict[str, str]) -> list[str]:
    """Return the names of the secrets, and of what looks like one, that stand in a text."""
    known = [name for name, secret in secrets.items() if any(form in text for form in forms_of(secret))]
    return known + [name for name, pattern in PATTERNS.items() if pattern.search(text)]


def forms_of(secret: str) -> Iterator[str]:
    """Yield how a secret can look. It has at least eight characters, so that none is found by chance."""
    assert len(secret) >= 8, "too short to look for"
    yield from (secret, quote(secret), quote(secret, safe=""), quote_plus(secret))
    for shift in range(3):
        # The letters of base64 that stand for the secret alone, wherever in a text it begins.
        encoded = base64.b64encode(b"\0" * shift + secret.encode()).decode()
        inner = encoded[(shift * 8 + 5) // 6 : (shift + len(secret.encode())) * 8 // 6]
        yield inner
        yield inner.replace("+", "-").replace("/", "_")
