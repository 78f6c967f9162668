"""The ways in and out: the first owner, logging in and out, and registering.

Law: who comes in gets a new session, whatever cookies they came with.
"""

from typing import Any

from litestar import Request, Response, get, post
from litestar.di import NamedDependency

from balados_relay.people.person import LoggedIn
from balados_relay.people.service import CLOSED, OPEN, People
from balados_relay.web.cookies import RETURN, SESSION, VISITOR, cookie, forget
from balados_relay.web.forms import Form
from balados_relay.web.pages import page, see_other
from balados_relay.web.session import HOME, browser_of, visitor, way_back
from balados_shared.errors import InvalidInput, Refused

NAME = ("user[username]", "username", "name")
PASSWORD = ("user[password]", "password")
AGAIN = ("user[password_confirmation]", "password_confirmation")
REMEMBER = ("user[remember_me]", "remember_me")

Page = Response[Any]


@get("/")
async def show_start(request: Request[Any, Any, Any], people: NamedDependency[People]) -> Page:
    if await visitor(request):
        return see_other(HOME, status=302)
    return page(request, "start.html", needs_owner=people.needs_owner(), registration=people.registration)


@get("/setup")
async def show_setup(request: Request[Any, Any, Any], people: NamedDependency[People]) -> Page:
    if not people.needs_owner():
        return see_other("/", status=302)
    return page(request, "setup.html", code=request.query_params.get("code", ""), name="", wrong=None)


@post("/setup")
async def set_up(request: Request[Any, Any, Any], form: NamedDependency[Form], people: NamedDependency[People]) -> Page:
    if not people.needs_owner():
        return see_other("/", status=302)
    code, name, password = form.text("code"), form.text(*NAME), form.text(*PASSWORD)
    try:
        entered = await people.set_up(code, name, password, form.text(*AGAIN), browser_of(request))
    except (InvalidInput, Refused) as error:
        return page(request, "setup.html", code=code, name=name, wrong=str(error))
    return await _let_in(request, people, entered)


@get("/users/log_in")
async def show_log_in(request: Request[Any, Any, Any], people: NamedDependency[People]) -> Page:
    if await visitor(request):
        return see_other(way_back(request), status=302, cookies=[forget(request, RETURN)])
    return page(request, "log_in.html", name="", wrong=None, registration=people.registration)


@post("/users/log_in")
async def log_in(request: Request[Any, Any, Any], form: NamedDependency[Form], people: NamedDependency[People]) -> Page:
    name = form.text(*NAME).strip()
    try:
        entered = await people.log_in(name, form.text(*PASSWORD), browser_of(request), remember=form.ticked(*REMEMBER))
    except Refused as error:
        return page(request, "log_in.html", name=name, wrong=str(error), registration=people.registration)
    return await _let_in(request, people, entered)


@get("/users/register")
async def show_registration(request: Request[Any, Any, Any], people: NamedDependency[People]) -> Page:
    if await visitor(request):
        return see_other(HOME, status=302)
    code = request.query_params.get("code", "")
    return page(request, "register.html", code=code, name="", wrong=None, is_open=_may_register(people, code))


@post("/users/register")
async def register(
    request: Request[Any, Any, Any], form: NamedDependency[Form], people: NamedDependency[People]
) -> Page:
    code, name, password = form.text("code"), form.text(*NAME), form.text(*PASSWORD)
    try:
        entered = await people.register(code, name, password, form.text(*AGAIN), browser_of(request))
    except (InvalidInput, Refused) as error:
        is_open = _may_register(people, code)
        return page(request, "register.html", code=code, name=name, wrong=str(error), is_open=is_open)
    return await _let_in(request, people, entered)


@post("/users/log_out")
async def log_out(request: Request[Any, Any, Any], people: NamedDependency[People]) -> Page:
    await people.log_out(request.cookies.get(SESSION, ""))
    return see_other("/", cookies=[forget(request, SESSION), forget(request, RETURN)])


async def _let_in(request: Request[Any, Any, Any], people: People, entered: LoggedIn) -> Page:
    if older := request.cookies.get(SESSION):
        await people.log_out(older)
    cookies = [
        cookie(request, SESSION, entered.token, entered.max_age),
        forget(request, VISITOR),
        forget(request, RETURN),
    ]
    return see_other(way_back(request), cookies=cookies)


def _may_register(people: People, code: str) -> bool:
    """Whether somebody is shown the form: if the code they have is good, is seen only when they send it."""
    return people.registration == OPEN or (people.registration != CLOSED and bool(code))


doors = (show_start, show_setup, set_up, show_log_in, log_in, show_registration, register, log_out)
