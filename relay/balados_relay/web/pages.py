"""How a page comes to be: a template, rendered with what it shows, behind headers that let nothing foreign in.

Law: what a page shows is escaped, and no page runs or loads anything that is not from here. A page is for one person
and one moment, so nobody stores it.
"""

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from litestar import MediaType, Request, Response
from litestar.datastructures import Cookie

from balados_relay.web.cookies import VISITOR, cookie
from balados_relay.web.csrf import seed_of, token_for
from balados_relay.web.static_files import static_url

POLICY = {
    "default-src": "'none'",
    "style-src": "'self'",
    "img-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}
"""The Content-Security-Policy of every page."""

_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
}

_VISITOR_BYTES = 32


def page(
    request: Request[Any, Any, Any],
    template: str,
    *,
    status: int = 200,
    policy: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    cookies: list[Cookie] | None = None,
    **context: Any,
) -> Response[str]:
    """Render a template of the folder `templates`.

    Besides what is given in `context`, templates know `person` (None when nobody is logged in) and `csrf`, which every
    form carries as `_csrf_token`. `policy` changes single directives of `POLICY`.
    """
    cookies = list(cookies or [])
    seed = seed_of(request)
    if not seed:
        seed = secrets.token_urlsafe(_VISITOR_BYTES)
        cookies.append(cookie(request, VISITOR, seed))
    shown = {"person": request.state.get("person"), "csrf": token_for(seed), **context}
    return Response(
        _templates.get_template(template).render(shown),
        status_code=status,
        media_type=MediaType.HTML,
        headers={**_HEADERS, "Content-Security-Policy": _written(POLICY | dict(policy or {})), **(headers or {})},
        cookies=cookies,
    )


def see_other(path: str, *, status: int = 303, cookies: list[Cookie] | None = None) -> Response[str]:
    """Send the browser to another page of ours, which it asks for by GET. `path` is never what a stranger chose."""
    headers = {"Location": path, "Cache-Control": "no-store"}
    return Response("", status_code=status, media_type=MediaType.TEXT, headers=headers, cookies=cookies or [])


def _written(policy: Mapping[str, str]) -> str:
    return "; ".join(f"{name} {sources}" for name, sources in policy.items())


def _day(milliseconds: int) -> str:
    """Write a day, as 5 March 2026."""
    moment = datetime.fromtimestamp(milliseconds / 1_000, UTC)
    return f"{moment.day} {moment:%B %Y}"


def _minute(milliseconds: int) -> str:
    """Write a minute, as 5 March 2026, 14:05 UTC."""
    return f"{_day(milliseconds)}, {datetime.fromtimestamp(milliseconds / 1_000, UTC):%H:%M} UTC"


_templates = Environment(
    loader=PackageLoader("balados_relay.web"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.globals["static_url"] = static_url
_templates.filters["day"] = _day
_templates.filters["minute"] = _minute
