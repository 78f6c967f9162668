"""Who sent a request, at the door: the guard of every route that wants a token.

A route says in `scope=…` what its caller must be allowed to do; one that says nothing takes every good token.
"""

from typing import Any

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from balados_relay.accounts.callers import Caller
from balados_relay.accounts.scopes import allows
from balados_relay.accounts.service import Accounts
from balados_shared import problems


async def only_callers(request: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Let in who shows a good token, before anything else of a request is read. Raises Problem 401 or 403."""
    caller = authenticated(request)
    scope = handler.opt.get("scope")
    if scope is not None and not allows(caller.scopes, scope):
        raise problems.forbidden()
    request.state.caller = caller


def authenticated(request: ASGIConnection[Any, Any, Any, Any]) -> Caller:
    """Return who shows a good token. Raises Problem 401."""
    accounts: Accounts = request.app.state.accounts
    return accounts.authenticate(bearer_token(request))


async def caller_of(request: Request[Any, Any, Any]) -> Caller:
    """Return who sent a request, for the routes that `only_callers` guards."""
    caller: Caller = request.state.caller
    return caller


def bearer_token(request: ASGIConnection[Any, Any, Any, Any]) -> str:
    """Return the token that a request carries. Raises Problem 401."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme != "Bearer":
        raise problems.unauthorized()
    return token


def source_of(request: ASGIConnection[Any, Any, Any, Any]) -> str:
    """Return the address that a request comes from."""
    return request.client.host if request.client else ""
