"""Write docs/openapi-daemon.json and docs/openapi-relay.json as the programs serve them; `--check` only compares."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from balados_daemon import app as daemon_app
from balados_daemon.settings import Settings as DaemonSettings
from balados_relay import app as relay_app
from balados_relay.settings import Settings as RelaySettings
from balados_shared.http.asgi import App

DOCS = Path(__file__).resolve().parent.parent / "docs"
TOKEN = "any"

Open = Callable[[Path], AbstractAsyncContextManager[App]]


@asynccontextmanager
async def daemon(folder: Path) -> AsyncIterator[App]:
    """A daemon's app on an empty folder."""
    async with daemon_app.open_daemon(DaemonSettings(folder)) as opened:
        yield daemon_app.create_app(opened, TOKEN)


@asynccontextmanager
async def relay(folder: Path) -> AsyncIterator[App]:
    """A relay's app on an empty folder."""
    async with relay_app.open_relay(RelaySettings(folder)) as opened:
        yield relay_app.create_app(opened)


PROGRAMS: dict[str, Open] = {"daemon": daemon, "relay": relay}


async def served(program: Open) -> str:
    """Return a program's document, so that a change of it can be read line by line."""
    with TemporaryDirectory() as folder:
        async with program(Path(folder)) as app:
            headers = {"Authorization": f"Bearer {TOKEN}"}
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
                answer = await client.get("/schema/openapi.json", headers=headers)
    return json.dumps(answer.raise_for_status().json(), indent=2, ensure_ascii=False) + "\n"


async def main() -> int:
    """Do it; return the exit status."""
    stale = []
    for name, program in PROGRAMS.items():
        file, document = DOCS / f"openapi-{name}.json", await served(program)
        if file.is_file() and file.read_text(encoding="utf-8") == document:
            continue
        stale.append(file.name)
        if "--check" not in sys.argv:
            file.write_text(document, encoding="utf-8")
    print(f"changed: {', '.join(stale)}" if stale else "up to date")
    return int(bool(stale) and "--check" in sys.argv)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
