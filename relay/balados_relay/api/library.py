"""The library of whoever calls: the routes that a daemon serves too, for apps that have no numbers of their own."""

from litestar import Router
from litestar.di import NamedDependency, Provide

from balados_relay.accounts.callers import Caller
from balados_relay.api.callers import only_callers
from balados_relay.sync.clients import ClientLibrary, Libraries
from balados_shared.http.library import ROUTERS


async def callers_library(caller: NamedDependency[Caller], libraries: NamedDependency[Libraries]) -> ClientLibrary:
    """Return the caller's library, for the parameter `library` of the shared routes."""
    return libraries.of(caller)


router = Router(
    "/",
    route_handlers=ROUTERS,
    guards=[only_callers],
    dependencies={"library": Provide(callers_library)},
    security=[{"device": []}],
)
