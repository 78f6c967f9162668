"""`/dashboard`: what is here."""

from typing import Any

from litestar import Request, Response, get
from litestar.di import NamedDependency

from balados_relay.accounts.service import Accounts
from balados_relay.people.overview import totals
from balados_relay.web.pages import page
from balados_relay.web.session import Person
from balados_shared.storage.database import Database

SHOWN = {
    "subscription": "podcasts",
    "play_status": "episodes played",
    "like": "likes",
    "playlist": "playlists",
    "collection": "collections",
}


@get("/dashboard")
async def show_dashboard(
    request: Request[Any, Any, Any],
    person: NamedDependency[Person],
    accounts: NamedDependency[Accounts],
    database: NamedDependency[Database],
) -> Response[Any]:
    found = await totals(database, person.account)
    counts = [(title, found.get(kind, 0)) for kind, title in SHOWN.items()]
    return page(request, "dashboard.html", counts=counts, devices=accounts.seen(person.account))
