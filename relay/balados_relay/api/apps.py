"""`/api/v1/apps` and `/api/v1/auth/refresh`: what may speak for an account (protocol sheet, sections 2.5 and 3.4)."""

from typing import Any
from urllib.parse import unquote
from uuid import NAMESPACE_URL, uuid5

from litestar import Request, Router, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Struct

from balados_relay.accounts.callers import Caller
from balados_relay.accounts.scopes import ADMINISTRATION, allows
from balados_relay.accounts.service import Accounts
from balados_relay.api.callers import authenticated, only_callers
from balados_relay.api.limits import check
from balados_relay.storage.accounts import Grant
from balados_shared import problems
from balados_shared.http.documented import reads, writes
from balados_shared.times import SECOND, Instant
from balados_shared.wire import decode_json


class AppRow(Struct, frozen=True):
    """An app or a device that may speak for the account."""

    id: str
    app_id: str
    app_name: str
    app_url: str | None
    app_image: str | None
    scopes: list[str]
    last_used_at: str | None
    inserted_at: str
    updated_at: str


class Revoked(Struct, frozen=True):
    """What became of the wish to revoke."""

    status: str
    message: str


class StillGood(Struct, frozen=True):
    """That the app's key is still good: it signs its next token itself."""

    status: str
    user_id: str
    app_id: str
    scopes: list[str]
    expires_in: int
    message: str


class Renewed(Struct, frozen=True):
    """A new token in the place of an old one. `expires_in` is in seconds."""

    access_token: str
    refresh_token: str
    expires_in: int
    token_type: str = "Bearer"


@get(
    "/apps",
    scope=ADMINISTRATION,
    bucket="auth",
    summary="List the apps and devices of the account",
    responses=reads(),
)
async def list_apps(caller: NamedDependency[Caller], accounts: NamedDependency[Accounts]) -> dict[str, list[AppRow]]:
    await accounts.save_uses()
    return {"apps": [_row(grant) for grant in accounts.apps(caller.account)]}


@delete("/apps/{app_id:path}", status_code=200, bucket="auth", summary="Let an app in no more", responses=writes(404))
async def revoke_app(
    request: Request[Any, Any, Any],
    app_id: FromPath[str],
    caller: NamedDependency[Caller],
    accounts: NamedDependency[Accounts],
) -> Revoked:
    """Revoke an app from this moment on; any app may revoke itself."""
    app_id = _named(request)
    if app_id != caller.app_id and not allows(caller.scopes, ADMINISTRATION):
        raise problems.forbidden()
    accounts.claim_once(caller)
    if not await accounts.revoke_app(caller.account, app_id):
        raise problems.not_found("App not found or already revoked")
    return Revoked("success", "App authorization revoked")


@post(
    "/auth/refresh",
    status_code=200,
    summary="Ask whether the key is still good, or renew a bearer token",
    responses=writes(429),
)
async def refresh(request: Request[Any, Any, Any], accounts: NamedDependency[Accounts]) -> StillGood | Renewed:
    """Answer in the shape of who asks: one that signs is told that it may; one with a `refresh_token` gets a token."""
    if "authorization" in request.headers:
        request.state.caller = caller = authenticated(request)
        check(request, "refresh")
        message = "Authorization valid. Create new JWT with fresh expiration."
        return StillGood("success", caller.user_id, caller.app_id, list(caller.scopes), 3_600, message)
    check(request, "refresh")
    body = decode_json(await request.body() or b"null")
    token = body.get("refresh_token") if isinstance(body, dict) else None
    if not isinstance(token, str):
        raise problems.unauthorized()
    issued = await accounts.bearers.renew(token)
    return Renewed(issued.token, issued.refresh_token, (issued.expires - accounts.now()) // SECOND)


def _named(request: Request[Any, Any, Any]) -> str:
    """Return the app id in the path, as it was sent: that of a web page is its origin, with two slashes in it."""
    raw = request.scope.get("raw_path") or request.scope["path"].encode()
    return unquote(raw.partition(b"/apps/")[2].decode("ascii", "replace"))


def _row(grant: Grant) -> AppRow:
    made = Instant(grant.created).write()
    return AppRow(
        id=str(uuid5(NAMESPACE_URL, f"balados:app:{grant.account}:{grant.app_id}")),
        app_id=grant.app_id,
        app_name=grant.name or grant.device_name,
        app_url=grant.url,
        app_image=grant.image,
        scopes=grant.scopes.split(),
        last_used_at=Instant(grant.last_used).write() if grant.last_used is not None else None,
        inserted_at=made,
        updated_at=made,
    )


router = Router(
    "/",
    route_handlers=[
        Router("/", route_handlers=[list_apps, revoke_app], guards=[only_callers], security=[{"device": []}]),
        refresh,
    ],
    tags=["Apps"],
)
