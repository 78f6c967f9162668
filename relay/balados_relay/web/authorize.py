"""`/authorize`: a person decides what an app may do (protocol sheet, sections 2.1 and 2.2).

Two kinds of apps ask. One that signs brings its own key in a request that it signed; what it gets is the user id. A web
page that cannot keep a key opens this in a window of its own and gets a bearer token, by a message to its own origin.

Law: nothing is granted by looking, and an answer goes only where the signed request, or the origin that asks, says.
"""

from typing import Any
from urllib.parse import urlsplit

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from msgspec import Struct

from balados_relay.accounts.pairing import DEVICE_PREFIX
from balados_relay.accounts.scopes import STOCK, described, is_requestable
from balados_relay.accounts.service import Accounts
from balados_relay.web.forms import Form
from balados_relay.web.pages import page
from balados_relay.web.session import Person
from balados_shared.authorization import Authorization, answered, is_registered, origin_of, read_authorization
from balados_shared.errors import InvalidInput
from balados_shared.times import SECOND

MAX_STATE = 2_000

_RESERVED = (DEVICE_PREFIX, "token.")
"""App ids that devices and pasted tokens have."""

Page = Response[Any]


class Question(Struct, frozen=True):
    """What a person is asked: by an app that signs (`app`), or by a web page (`origin`)."""

    app: Authorization | None
    origin: str | None
    redirect_uri: str
    state: str

    @property
    def scopes(self) -> tuple[str, ...]:
        return self.app.scopes if self.app else STOCK


@get("/authorize", bucket="auth")
async def ask(
    request: Request[Any, Any, Any], person: NamedDependency[Person], accounts: NamedDependency[Accounts]
) -> Page:
    given = {name: request.query_params.get(name, "") for name in ("token", "redirect_uri", "response_type", "state")}
    if not given["token"] and not given["redirect_uri"]:
        return _explain(request)
    try:
        question = _read(given, accounts.now())
    except InvalidInput as error:
        return _refuse(request, error)
    return _show(request, person, accounts, question, given)


@post("/authorize", bucket="auth")
async def decide(
    request: Request[Any, Any, Any],
    person: NamedDependency[Person],
    form: NamedDependency[Form],
    accounts: NamedDependency[Accounts],
) -> Page:
    given = {name: form.text(name) for name in ("token", "redirect_uri", "response_type", "state")}
    try:
        question = _read(given, accounts.now())
    except InvalidInput as error:
        return _refuse(request, error)
    if form.text("decision") != "approve":
        return _denied(request, question)
    if question.app is None:
        return await _hand_over(request, person, accounts, question.origin or "")
    await accounts.consent(person.account, question.app)
    if not question.redirect_uri:
        return page(request, "allowed.html", asked=question.app)
    names = {"user_id": person.user_id, "app_id": question.app.app_id, "scopes": " ".join(question.scopes)}
    return _return(question, names)


def _read(given: dict[str, str], now: int) -> Question:
    """Read what is asked. Raises InvalidInput."""
    if len(given["state"]) > MAX_STATE:
        raise InvalidInput("its state is too long")
    if not given["token"]:
        if given["response_type"] != "token":
            raise InvalidInput("it does not say what it wants")
        return Question(None, origin_of(given["redirect_uri"]), "", given["state"])
    app = read_authorization(given["token"], now)
    if app.app_id.startswith(_RESERVED) or "://" in app.app_id:
        raise InvalidInput("its app id is of a kind that apps cannot have")
    if unknown := [scope for scope in app.scopes if not is_requestable(scope)]:
        raise InvalidInput(f"it wants something that does not exist: {unknown[0]}")
    if given["redirect_uri"] and not is_registered(given["redirect_uri"], app.redirect_uris):
        raise InvalidInput("it wants to be answered at an address that is not in its signed request")
    return Question(app, None, given["redirect_uri"], given["state"])


def _show(
    request: Request[Any, Any, Any],
    person: Person,
    accounts: Accounts,
    question: Question,
    given: dict[str, str],
) -> Page:
    app = question.app
    known = accounts.app(person.account, app.app_id) if app else None
    shown: dict[str, Any] = {
        "name": app.name if app else urlsplit(question.origin or "").netloc,
        "site": app.url if app else None,
        "app_id": app.app_id if app else question.origin,
        "wishes": [described(scope) for scope in question.scopes] or ["know that you have an account here"],
        "replaces": app is not None and known is not None and known.public_key != app.public_key,
        "leads_to": _place(question.redirect_uri) if question.redirect_uri else None,
        "fields": {name: value for name, value in given.items() if value},
    }
    return page(request, "authorize.html", policy=_policy(question), **shown)


def _policy(question: Question) -> dict[str, str]:
    """Let the form lead back to the app: browsers hold redirects to this too (CSP 3, `form-action`)."""
    if not question.redirect_uri:
        return {}
    parts = urlsplit(question.redirect_uri)
    source = f"{parts.scheme}://{parts.netloc}" if parts.scheme in ("http", "https") else f"{parts.scheme}:"
    return {"form-action": f"'self' {source}"}


async def _hand_over(request: Request[Any, Any, Any], person: Person, accounts: Accounts, origin: str) -> Page:
    host = urlsplit(origin).netloc
    issued = await accounts.bearers.issue(person.account, app_id=origin, name=host, url=origin, scopes=STOCK)
    seconds = (issued.expires - accounts.now()) // SECOND
    policy = {"script-src": "'self'"}
    return page(request, "handover.html", policy=policy, origin=origin, host=host, issued=issued, expires_in=seconds)


def _denied(request: Request[Any, Any, Any], question: Question) -> Page:
    if question.redirect_uri:
        return _return(question, {"error": "access_denied"})
    return page(request, "not_asked.html", title="Not allowed", message="It was told nothing. You can close this page.")


def _return(question: Question, answer: dict[str, str]) -> Page:
    """Send the browser to the app: to an address that stands in what the app signed, letter by letter."""
    state = {"state": question.state} if question.state else {}
    location = answered(question.redirect_uri, answer | state)
    return Response("", status_code=303, headers={"Location": location, "Cache-Control": "no-store"})


def _refuse(request: Request[Any, Any, Any], error: InvalidInput) -> Page:
    message = f"This app's request cannot be used: {error}. Nothing was allowed."
    return page(request, "not_asked.html", status=400, title="That did not work", message=message)


def _explain(request: Request[Any, Any, Any]) -> Page:
    message = "An app sends you here to ask for your consent. To make a token by hand, or to add a device, go to Apps."
    return page(request, "not_asked.html", status=400, title="No app asks for anything", message=message)


def _place(uri: str) -> str:
    parts = urlsplit(uri)
    return parts.netloc or f"the app ({parts.scheme})"


consent = (ask, decide)
