"""`/apps`: what may speak for a person, and how more is let in.

Law: a secret is in the answer to the form that made it and nowhere else, so it cannot be looked at again.
"""

from typing import Any

from litestar import Request, Response, get, post
from litestar.di import NamedDependency

from balados_relay.accounts.app_passwords import AppPasswords
from balados_relay.accounts.codes import pairing_command
from balados_relay.accounts.pasted import OFFERED, make_token
from balados_relay.accounts.scopes import STOCK, described, in_plain_words
from balados_relay.accounts.service import Accounts
from balados_relay.settings import Settings
from balados_relay.web.forms import Form
from balados_relay.web.pages import page, see_other
from balados_relay.web.qr import drawn
from balados_relay.web.session import Person
from balados_shared import problems
from balados_shared.errors import InvalidInput
from balados_shared.http.paging import row_number

Page = Response[Any]

_MAX_DIGITS = 20

_DONE = {
    "app": "It is revoked: it gets nothing any more, and its open connections are ended.",
    "password": "The app password is worth nothing any more.",
}


@get("/apps")
async def show_apps(
    request: Request[Any, Any, Any],
    person: NamedDependency[Person],
    accounts: NamedDependency[Accounts],
    app_passwords: NamedDependency[AppPasswords],
) -> Page:
    done = _DONE.get(request.query_params.get("done", ""))
    return await _apps(request, person, accounts, app_passwords, done=done)


@post("/apps/revoke")
async def revoke(
    form: NamedDependency[Form], person: NamedDependency[Person], accounts: NamedDependency[Accounts]
) -> Page:
    if not await accounts.revoke_app(person.account, form.text("app_id")):
        raise problems.not_found("There is no such app or device.")
    return see_other("/apps?done=app")


@post("/apps/pair")
async def add_device(
    request: Request[Any, Any, Any],
    person: NamedDependency[Person],
    accounts: NamedDependency[Accounts],
    app_passwords: NamedDependency[AppPasswords],
    settings: NamedDependency[Settings],
) -> Page:
    code = await accounts.invite(person.name)
    command = pairing_command(settings.public_url or str(request.base_url), code)
    pairing = {"code": code, "command": command, "picture": drawn(command)}
    return await _apps(request, person, accounts, app_passwords, pairing=pairing)


@post("/apps/passwords")
async def make_password(
    request: Request[Any, Any, Any],
    person: NamedDependency[Person],
    form: NamedDependency[Form],
    accounts: NamedDependency[Accounts],
    app_passwords: NamedDependency[AppPasswords],
) -> Page:
    said: dict[str, Any] = {}
    try:
        said["password"] = await app_passwords.create(person.account, form.text("client"))
    except InvalidInput as error:
        said["wrong"] = {"password": _sentence(error)}
    return await _apps(request, person, accounts, app_passwords, **said)


@post("/apps/passwords/revoke")
async def revoke_password(
    form: NamedDependency[Form], person: NamedDependency[Person], app_passwords: NamedDependency[AppPasswords]
) -> Page:
    if not await app_passwords.revoke(person.account, _number(form.text("id"))):
        raise problems.not_found("There is no such app password.")
    return see_other("/apps?done=password")


@post("/apps/tokens")
async def make_app_token(
    request: Request[Any, Any, Any],
    person: NamedDependency[Person],
    form: NamedDependency[Form],
    accounts: NamedDependency[Accounts],
    app_passwords: NamedDependency[AppPasswords],
) -> Page:
    client, scopes = form.text("client"), form.all("scope")
    said: dict[str, Any] = {}
    try:
        said["issued"] = await make_token(accounts, person.account, client, scopes)
    except InvalidInput as error:
        said |= {"wrong": {"token": _sentence(error)}, "client": client, "ticked": scopes}
    return await _apps(request, person, accounts, app_passwords, **said)


async def _apps(
    request: Request[Any, Any, Any], person: Person, accounts: Accounts, app_passwords: AppPasswords, **said: Any
) -> Page:
    """Show apps and devices, and what came of the last wish: `done`, `wrong` (by section), or what was made."""
    await accounts.save_uses()
    shown: dict[str, Any] = {
        "done": None,
        "wrong": {},
        "pairing": None,
        "password": None,
        "issued": None,
        "client": "",
        "ticked": STOCK,
        "apps": [(grant, in_plain_words(grant.scopes.split())) for grant in accounts.apps(person.account)],
        "passwords": app_passwords.list(person.account),
        "offered": [(scope, described(scope)) for scope in OFFERED],
    }
    return page(request, "apps.html", **shown | said)


def _number(text: str) -> int:
    """Return the number of a row; 0, which none has, for what is not one."""
    return row_number(int(text)) if text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS else 0


def _sentence(error: InvalidInput) -> str:
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}."


apps = (show_apps, revoke, add_device, make_password, revoke_password, make_app_token)
