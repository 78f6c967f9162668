"""`/settings`: password, sessions, export, farewell; and for the owner the people and their invitations."""

from collections.abc import AsyncIterator
from typing import Any

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Stream

from balados_relay.people.export import export, file_headers
from balados_relay.people.leaving import Leaving
from balados_relay.people.service import People, invitation_link
from balados_relay.settings import Settings
from balados_relay.web.browsers import described
from balados_relay.web.cookies import SESSION, forget
from balados_relay.web.forms import Form
from balados_relay.web.pages import page, see_other
from balados_relay.web.session import Person, browser_of
from balados_shared import problems
from balados_shared.errors import InvalidInput, Refused
from balados_shared.http.paging import LAST_ROW
from balados_shared.storage.database import Database

Page = Response[Any]

_DONE = {
    "password": "The password is changed, and all other browsers are logged out.",
    "session": "That browser is logged out.",
    "sessions": "All other browsers are logged out.",
    "invitation": "The invitation is worth nothing any more.",
    "person": "The account is gone, with everything in it.",
}
"""What is said after something was done. The address only names it, so that nobody can put words into our mouth."""


@get("/settings")
async def show_settings(
    request: Request[Any, Any, Any], person: NamedDependency[Person], people: NamedDependency[People]
) -> Page:
    return _settings(request, person, people, done=_DONE.get(request.query_params.get("done", "")))


@post("/settings/password")
async def change_password(
    request: Request[Any, Any, Any],
    person: NamedDependency[Person],
    form: NamedDependency[Form],
    people: NamedDependency[People],
) -> Page:
    old, new, again = form.text("old_password"), form.text("password"), form.text("password_confirmation")
    try:
        await people.change_password(person, old, new, again, browser_of(request))
    except (InvalidInput, Refused) as error:
        return _settings(request, person, people, wrong={"password": str(error)})
    return see_other("/settings?done=password")


@post("/settings/sessions/{session:int}/end")
async def end_session(session: FromPath[int], person: NamedDependency[Person], people: NamedDependency[People]) -> Page:
    if abs(session) > LAST_ROW or not await people.end_session(person, session):
        raise problems.not_found("There is no such session.")
    return see_other("/settings?done=session")


@post("/settings/sessions/end_others")
async def end_other_sessions(person: NamedDependency[Person], people: NamedDependency[People]) -> Page:
    await people.end_other_sessions(person)
    return see_other("/settings?done=sessions")


@get("/settings/export")
async def export_everything(
    person: NamedDependency[Person], people: NamedDependency[People], database: NamedDependency[Database]
) -> Stream:
    now = people.now()
    document: AsyncIterator[bytes] = export(database, person, now)
    return Stream(document, media_type="application/json", headers=file_headers(person.name, now))


@post("/settings/delete")
async def delete_account(
    request: Request[Any, Any, Any],
    person: NamedDependency[Person],
    form: NamedDependency[Form],
    people: NamedDependency[People],
    leaving: NamedDependency[Leaving],
) -> Page:
    try:
        await leaving.leave(person, form.text("password"), browser_of(request))
    except Refused as error:
        return _settings(request, person, people, wrong={"delete": str(error)})
    request.state.person = None
    return page(request, "gone.html", cookies=[forget(request, SESSION)])


@post("/settings/invitations")
async def invite(
    request: Request[Any, Any, Any],
    person: NamedDependency[Person],
    people: NamedDependency[People],
    settings: NamedDependency[Settings],
) -> Page:
    invitation = invitation_link(settings.public_url or str(request.base_url), await people.invite(person))
    return _settings(request, person, people, invitation=invitation)


@post("/settings/invitations/take_back")
async def take_back_invitation(form: NamedDependency[Form], people: NamedDependency[People]) -> Page:
    try:
        code_hash = bytes.fromhex(form.text("invitation"))
    except ValueError:
        raise InvalidInput("That names no invitation.") from None
    if not await people.take_back_invitation(code_hash):
        raise problems.not_found("There is no such invitation.")
    return see_other("/settings?done=invitation")


@post("/settings/people/remove")
async def remove_person(
    request: Request[Any, Any, Any],
    person: NamedDependency[Person],
    form: NamedDependency[Form],
    people: NamedDependency[People],
    leaving: NamedDependency[Leaving],
) -> Page:
    try:
        await leaving.remove(person, form.text("password"), form.text("user_id"), browser_of(request))
    except Refused as error:
        return _settings(request, person, people, wrong={"people": str(error)})
    return see_other("/settings?done=person")


def _settings(request: Request[Any, Any, Any], person: Person, people: People, **said: Any) -> Page:
    """Show the settings, and what came of the last wish: `done`, `wrong` (by section), `invitation`."""
    shown: dict[str, Any] = {
        "done": None,
        "wrong": {},
        "invitation": None,
        "sessions": [(session, described(session.agent)) for session in people.sessions(person)],
        "everybody": people.everybody() if person.is_owner else [],
        "invitations": people.invitations() if person.is_owner else [],
    }
    return page(request, "settings.html", **shown | said)


for_everybody = (show_settings, change_password, end_session, end_other_sessions, export_everything, delete_account)
for_owners = (invite, take_back_invitation, remove_person)
