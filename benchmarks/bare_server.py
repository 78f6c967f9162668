"""The machine's own limit: a bare Litestar app on the very server set-up of the programs. `python -m … PORT [FILE]`."""

import sys
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
from litestar import Litestar, Request, Router, WebSocket, get, post, websocket
from litestar.datastructures import State
from litestar.exceptions import WebSocketDisconnect
from litestar.params import JSONBody

from balados_shared.http.plays import PlayBody
from balados_shared.http.server import run, serve
from benchmarks.bare_sqlite import GroupedCommits, bare


@get("/health")
async def health() -> dict[str, str]:
    return {"status": "ok"}


@post("/play", status_code=200)
async def play(data: JSONBody[PlayBody]) -> dict[str, str]:
    """Read the body that a position report has, and do nothing with it."""
    return {"status": "success", "state": data.state}


@post("/store", status_code=200)
async def store(request: Request[Any, Any, State]) -> dict[str, str]:
    """Read a body and commit one small row."""
    msgspec.json.decode(await request.body())
    commits: GroupedCommits = request.app.state.commits
    await commits.write(bare, next(_numbers))
    return {"status": "success"}


_numbers = count()


@websocket("/echo")
async def echo(socket: WebSocket[Any, Any, Any]) -> None:
    """Send back what comes."""
    await socket.accept()
    try:
        while True:
            await socket.send_text(await socket.receive_text())
    except WebSocketDisconnect:
        return


async def _serve(port: int, file: Path | None) -> None:
    routes = Router("/api/v1", route_handlers=[health, play, store, echo])
    state = State({"commits": GroupedCommits(file)} if file else {})
    app: Any = Litestar(route_handlers=[routes], state=state, openapi_config=None, logging_config=None)
    await serve(app, host="127.0.0.1", port=port, on_ready=lambda url: print(f"ready {url}", flush=True))


if __name__ == "__main__":
    sys.exit(run(_serve(int(sys.argv[1]), Path(sys.argv[2]) if sys.argv[2:] else None)))
