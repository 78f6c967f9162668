"""`/api/v1/admin/…`: what `balados-relay` commands ask of the running relay, with the token from its data directory."""

import hmac
from typing import Any

from litestar import Router, get, post
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import FromQuery, JSONBody
from msgspec import Struct

from balados_relay.admin import AccountRow, Admin, GrantRow
from balados_relay.api.callers import bearer_token
from balados_shared import problems
from balados_shared.http.documented import reads, writes


class InviteBody(Struct):
    """Whose library a new code opens."""

    name: str


class RevokeBody(Struct):
    """A device of an account, by its id or its name."""

    name: str
    device: str


@post("/invite", status_code=200, summary="Make a pairing code", responses=writes())
async def invite(data: JSONBody[InviteBody], admin: NamedDependency[Admin]) -> dict[str, str]:
    return {"code": await admin.invite(data.name)}


@get("/accounts", summary="List the accounts", responses=reads())
async def list_accounts(admin: NamedDependency[Admin]) -> dict[str, list[AccountRow]]:
    return {"accounts": await admin.accounts()}


@get("/devices", summary="List the devices of an account", responses=reads(404))
async def list_devices(name: FromQuery[str], admin: NamedDependency[Admin]) -> dict[str, list[GrantRow]]:
    return {"devices": await admin.devices(name)}


@post("/revoke", status_code=200, summary="Let a device in no more", responses=writes(404, 409))
async def revoke(data: JSONBody[RevokeBody], admin: NamedDependency[Admin]) -> dict[str, str]:
    return {"revoked": await admin.revoke(data.name, data.device)}


async def only_the_operator(request: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Let the operator in, before anything else of a request is read. Raises Problem 401."""
    admin: Admin = request.app.state.admin
    if not hmac.compare_digest(bearer_token(request).encode(), admin.token.encode()):
        raise problems.unauthorized()


router = Router(
    "/admin",
    route_handlers=[invite, list_accounts, list_devices, revoke],
    guards=[only_the_operator],
    tags=["Operator"],
    security=[{"operator": []}],
)
