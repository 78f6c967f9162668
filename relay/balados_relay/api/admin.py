"""`/api/v1/admin/…`: what `balados-relay` commands ask of the running relay, with the token from its data directory."""

import hmac
from typing import Any

from litestar import Request, Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery, JSONBody
from msgspec import Struct

from balados_relay.admin import AccountRow, Admin, GrantRow
from balados_shared import problems


class InviteBody(Struct):
    """Whose library a new code opens."""

    name: str


class RevokeBody(Struct):
    """A device of an account, by its id or its name."""

    name: str
    device: str


@post("/invite", status_code=200, summary="Make a pairing code")
async def invite(data: JSONBody[InviteBody], admin: NamedDependency[Admin]) -> dict[str, str]:
    return {"code": await admin.invite(data.name)}


@get("/accounts", summary="List the accounts")
async def list_accounts(admin: NamedDependency[Admin]) -> dict[str, list[AccountRow]]:
    return {"accounts": await admin.accounts()}


@get("/devices", summary="List the devices of an account")
async def list_devices(name: FromQuery[str], admin: NamedDependency[Admin]) -> dict[str, list[GrantRow]]:
    return {"devices": await admin.devices(name)}


@post("/revoke", status_code=200, summary="Let a device in no more")
async def revoke(data: JSONBody[RevokeBody], admin: NamedDependency[Admin]) -> dict[str, str]:
    return {"revoked": await admin.revoke(data.name, data.device)}


async def admin_of(request: Request[Any, Any, Any], whole_admin: NamedDependency[Admin]) -> Admin:
    """Let the operator through. Raises Problem 401."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme != "Bearer" or not hmac.compare_digest(token.encode(), whole_admin.token.encode()):
        raise problems.unauthorized()
    return whole_admin


router = Router("/admin", route_handlers=[invite, list_accounts, list_devices, revoke], tags=["Operator"])
