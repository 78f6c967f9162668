"""The machine's own limit: a bare Litestar app on the very server set-up of the programs. `python -m … PORT`."""

import sys
from typing import Any

from litestar import Litestar, Router, WebSocket, get, post, websocket
from litestar.exceptions import WebSocketDisconnect
from litestar.params import JSONBody

from balados_shared.http.plays import PlayBody
from balados_shared.http.server import run, serve


@get("/health")
async def health() -> dict[str, str]:
    return {"status": "ok"}


@post("/play", status_code=200)
async def play(data: JSONBody[PlayBody]) -> dict[str, str]:
    """Read the body that a position report has, and do nothing with it."""
    return {"status": "success", "state": data.state}


@websocket("/echo")
async def echo(socket: WebSocket[Any, Any, Any]) -> None:
    """Send back what comes."""
    await socket.accept()
    try:
        while True:
            await socket.send_text(await socket.receive_text())
    except WebSocketDisconnect:
        return


async def _serve(port: int) -> None:
    routes = Router("/api/v1", route_handlers=[health, play, echo])
    app: Any = Litestar(route_handlers=[routes], openapi_config=None, logging_config=None)
    await serve(app, host="127.0.0.1", port=port, on_ready=lambda url: print(f"ready {url}", flush=True))


if __name__ == "__main__":
    sys.exit(run(_serve(int(sys.argv[1]))))
