"""`/api/v1/admin/…`: what `balados-relay` commands ask of the running relay, with the token from its data directory."""

import hmac
from typing import Any

from litestar import Router, get, post
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import FromQuery, JSONBody
from msgspec import Struct

from balados_relay.admin import AccountRow, Admin, GrantRow, Invited
from balados_relay.api.callers import bearer_token
from balados_relay.maintenance import Result
from balados_shared import problems
from balados_shared.http.documented import reads, writes


class InviteBody(Struct):
    """Whose library a new code opens."""

    name: str


class AppPasswordBody(Struct):
    """Whose password, and for which client."""

    name: str
    client: str


class RevokeBody(Struct):
    """A device of an account, by its id or its name."""

    name: str
    device: str


class PasswordBody(Struct):
    """A person, and the password to log in with."""

    name: str
    password: str


class TidyBody(Struct):
    """The names of jobs; none means all."""

    jobs: list[str] = []


@post("/init", status_code=200, summary="Make the owner", responses=writes(422))
async def make_owner(data: JSONBody[PasswordBody], admin: NamedDependency[Admin]) -> dict[str, str]:
    return {"owner": await admin.make_owner(data.name, data.password)}


@post("/password", status_code=200, summary="Give an account a new password", responses=writes(404, 422))
async def set_password(data: JSONBody[PasswordBody], admin: NamedDependency[Admin]) -> dict[str, str]:
    await admin.set_password(data.name, data.password)
    return {"changed": data.name}


@post("/invite_person", status_code=200, summary="Invite a new person", responses=writes())
async def invite_person(admin: NamedDependency[Admin]) -> dict[str, str]:
    return {"link": await admin.invite_person()}


@post("/invite", status_code=200, summary="Make a pairing code", responses=writes())
async def invite(data: JSONBody[InviteBody], admin: NamedDependency[Admin]) -> Invited:
    return await admin.invite(data.name)


@post("/app_password", status_code=200, summary="Make an app password", responses=writes(404))
async def make_app_password(data: JSONBody[AppPasswordBody], admin: NamedDependency[Admin]) -> dict[str, str]:
    return {"password": await admin.make_app_password(data.name, data.client)}


@get("/accounts", summary="List the accounts", responses=reads())
async def list_accounts(admin: NamedDependency[Admin]) -> dict[str, list[AccountRow]]:
    return {"accounts": await admin.accounts()}


@get("/devices", summary="List the devices of an account", responses=reads(404))
async def list_devices(name: FromQuery[str], admin: NamedDependency[Admin]) -> dict[str, list[GrantRow]]:
    return {"devices": await admin.devices(name)}


@post("/revoke", status_code=200, summary="Let a device in no more", responses=writes(404, 409))
async def revoke(data: JSONBody[RevokeBody], admin: NamedDependency[Admin]) -> dict[str, str]:
    return {"revoked": await admin.revoke(data.name, data.device)}


@post("/tidy", status_code=200, summary="Do the relay's jobs now", responses=writes())
async def tidy(data: JSONBody[TidyBody], admin: NamedDependency[Admin]) -> dict[str, list[Result]]:
    """Fold the log, purge, and forget what is over; or only the jobs that are named."""
    return {"jobs": await admin.tidy(data.jobs)}


async def only_the_operator(request: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Let the operator in, before anything else of a request is read. Raises Problem 401."""
    admin: Admin = request.app.state.admin
    if not hmac.compare_digest(bearer_token(request).encode(), admin.token.encode()):
        raise problems.unauthorized()


router = Router(
    "/admin",
    route_handlers=[
        make_owner,
        set_password,
        invite_person,
        invite,
        make_app_password,
        list_accounts,
        list_devices,
        revoke,
        tidy,
    ],
    guards=[only_the_operator],
    tags=["Operator"],
    security=[{"operator": []}],
)
