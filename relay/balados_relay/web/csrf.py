"""Whether a form that comes in is one that we gave to this browser.

Law: no form is acted on unless it holds a token made of a cookie that other sites can neither read nor guess. The token
looks different on each page, so that a compressed answer does not give it away piece by piece (BREACH).
"""

import hashlib
import hmac
import secrets

from litestar import Request
from litestar.handlers import BaseRouteHandler

from balados_relay.web.cookies import SESSION, VISITOR, Connection
from balados_relay.web.forms import read_form
from balados_shared import problems

FIELD = "_csrf_token"

_SALT_BYTES = 16
_OURS = (None, "same-origin", "none")
_HARMLESS = ("GET", "HEAD", "OPTIONS")


async def only_own_forms(connection: Connection, _: BaseRouteHandler) -> None:
    """Refuse a form that does not come from one of our pages, as a guard. Raises Problem 403."""
    if not isinstance(connection, Request) or connection.method in _HARMLESS:
        return
    form = await read_form(connection)
    if connection.headers.get("sec-fetch-site") not in _OURS or not _fits(form.text(FIELD), seed_of(connection)):
        raise problems.forbidden("This form is too old or not ours. Please go back, reload the page and try again.")


def seed_of(connection: Connection) -> str:
    """Return the cookie that a browser's forms are bound to; empty when it has none."""
    return connection.cookies.get(SESSION) or connection.cookies.get(VISITOR) or ""


def token_for(seed: str) -> str:
    """Return a token for a form of the browser whose cookie this is."""
    salt = secrets.token_hex(_SALT_BYTES)
    return f"{salt}.{_mac(salt, seed)}"


def _fits(token: str, seed: str) -> bool:
    salt, _, mac = token.partition(".")
    return bool(seed) and hmac.compare_digest(mac.encode(), _mac(salt, seed).encode())


def _mac(salt: str, seed: str) -> str:
    return hmac.new(seed.encode(), salt.encode(), hashlib.sha256).hexdigest()
