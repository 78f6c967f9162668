"""All pages of people, put together."""

from litestar.types import ControllerRouterHandler

from balados_relay.web.apps import apps
from balados_relay.web.authorize import consent
from balados_relay.web.doors import doors
from balados_relay.web.home import show_dashboard
from balados_relay.web.router import pages
from balados_relay.web.session import only_owners, only_people
from balados_relay.web.settings import for_everybody, for_owners
from balados_relay.web.static_files import static_file

site: tuple[ControllerRouterHandler, ...] = (
    pages(*doors),
    pages(show_dashboard, *consent, *apps, *for_everybody, guards=[only_people]),
    pages(*for_owners, guards=[only_owners]),
    static_file,
)
"""For `Litestar(route_handlers=…)`."""
