"""What all pages share: who is looking, forms of our own only, and errors that a person can read."""

from collections.abc import Sequence

from litestar import Router
from litestar.di import Provide
from litestar.types import ControllerRouterHandler, Guard

from balados_relay.web.csrf import only_own_forms
from balados_relay.web.errors import error_page
from balados_relay.web.forms import form_of
from balados_relay.web.session import LogInFirst, log_in_first, person_of

MAX_FORM = 100_000
"""Bytes of a form."""


def pages(*handlers: ControllerRouterHandler, guards: Sequence[Guard] = ()) -> Router:
    """Put pages behind `guards`. Their functions can ask for the parameters `person` and `form`."""
    return Router(
        "/",
        route_handlers=handlers,
        guards=[only_own_forms, *guards],
        dependencies={"person": Provide(person_of), "form": Provide(form_of)},
        exception_handlers={LogInFirst: log_in_first, Exception: error_page},
        request_max_body_size=MAX_FORM,
        include_in_schema=False,
    )
