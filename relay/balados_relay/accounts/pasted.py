"""Tokens that a person makes by hand and pastes into an app.

Law: each has an app id of its own, so that revoking one, or giving the next other scopes, leaves the others alone.
"""

import re
from collections.abc import Callable, Sequence
from itertools import count

from balados_relay.accounts.bearers import Issued
from balados_relay.accounts.names import plain
from balados_relay.accounts.scopes import STOCK
from balados_relay.accounts.service import Accounts
from balados_shared.errors import InvalidInput

MAX_CLIENT = 100

OFFERED = (*STOCK, "user.playlists", "user.collections", "user.privacy", "user.*.read", "user")
"""The scopes that a person can tick."""

_OTHERS = re.compile(r"[^a-z0-9]+")
_MAX_SLUG = 40


async def make_token(accounts: Accounts, account: int, client: str, scopes: Sequence[str]) -> Issued:
    """Make a token for the app that a person calls `client`. Raises InvalidInput."""
    client = plain(client.strip(), "the name of an app", MAX_CLIENT)
    wanted = [scope for scope in OFFERED if scope in scopes]
    if not wanted or len(wanted) != len(set(scopes)):
        raise InvalidInput("choose what the app may do")
    app_id = free_app_id(client, lambda app_id: accounts.app(account, app_id) is not None)
    return await accounts.bearers.issue(account, app_id=app_id, name=client, url=None, scopes=wanted)


def free_app_id(client: str, is_taken: Callable[[str], bool]) -> str:
    """Return the like of `token.my-player`, or the first numbered one that is free."""
    slug = _OTHERS.sub("-", client.lower())[:_MAX_SLUG].strip("-") or "app"
    ids = (f"token.{slug}" if number == 1 else f"token.{slug}.{number}" for number in count(1))
    return next(app_id for app_id in ids if not is_taken(app_id))
