"""Reaching the operator functions: over the API while the relay runs, else on its files, locked meanwhile."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from msgspec import to_builtins

from balados_relay.admin import Admin
from balados_relay.settings import Settings
from balados_shared.errors import BaladosError
from balados_shared.storage.errors import DataDirectoryInUse
from balados_shared.storage.lock import DataDirectoryLock, read_announcement
from balados_shared.storage.token_file import read_token
from balados_shared.web import httpx


class Failed(BaladosError):
    """The relay said no; the text is its answer."""


def running_at(data_dir: Path) -> str | None:
    """Return the URL at which the relay answers on this machine; None when it does not run."""
    announced = read_announcement(data_dir)
    return announced.url if announced is not None else None


def operate(
    data_dir: Path,
    method: str,
    path: str,
    fields: dict[str, Any],
    directly: Callable[[Admin], Any],
    *,
    seconds: float = 60,
) -> Any:
    """Ask the running relay, which may take `seconds`; if none runs, do it `directly`. Returns plain data."""
    url = running_at(data_dir)
    if url is not None:
        return _ask(data_dir, url, method, path, fields, seconds)
    try:
        with DataDirectoryLock(data_dir):
            return asyncio.run(_do(Settings(data_dir), directly))
    except DataDirectoryInUse:
        raise Failed("the relay is just starting; try again") from None


def _ask(data_dir: Path, url: str, method: str, path: str, fields: dict[str, Any], seconds: float) -> Any:
    headers = {"Authorization": f"Bearer {read_token(data_dir / 'admin-token')}"}
    how: dict[str, Any] = {"params": fields} if method == "GET" else {"json": fields}
    try:
        address = f"{url}/api/v1/admin{path}"
        answer = httpx.request(method, address, headers=headers, timeout=seconds, trust_env=False, **how)
    except httpx.TransportError:
        raise Failed("the relay runs but does not answer") from None
    if answer.is_success:
        return answer.json()
    problem = answer.json() if "json" in answer.headers.get("content-type", "") else {}
    raise Failed(problem.get("message") or f"the relay answers {answer.status_code}")


async def _do(settings: Settings, directly: Callable[[Admin], Awaitable[Any]]) -> Any:
    from balados_relay.app import open_relay

    async with open_relay(settings) as relay:
        return to_builtins(await directly(relay.admin))
