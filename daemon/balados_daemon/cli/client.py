"""Asking the running daemon: found by the note in its lock file, with the token that only its owner can read."""

from pathlib import Path
from types import TracebackType
from typing import Any, Self

from balados_shared.errors import BaladosError
from balados_shared.storage.lock import read_announcement
from balados_shared.storage.token_file import read_token
from balados_shared.web import httpx


class NoDaemon(BaladosError):
    """No daemon runs on this data directory."""

    def __init__(self, data_dir: Path) -> None:
        super().__init__(f"no daemon runs here ({data_dir}). Start it with: balados up")


class Failed(BaladosError):
    """The daemon said no; the text is its answer."""


class Client:
    """A connection to the daemon of a data directory. Use as a context manager. Raises NoDaemon."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        announced = read_announcement(data_dir)
        if announced is None or announced.url is None:
            raise NoDaemon(data_dir)
        token = read_token(data_dir / "api-token")
        self._http = httpx.Client(
            base_url=f"{announced.url}/api/v1",
            headers={"Authorization": f"Bearer {token}"},
            timeout=600,
            trust_env=False,
            verify=False,  # plain HTTP on loopback: loading certificates would only cost 0.1 s
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self._http.close()

    def get(self, path: str, **query: Any) -> Any:
        """Ask for something."""
        return self._ask("GET", path, params=query)

    def post(self, path: str, body: Any = None) -> Any:
        """Have something done."""
        return self._ask("POST", path, json=body)

    def put(self, path: str, body: Any, **query: Any) -> Any:
        """Set something."""
        return self._ask("PUT", path, json=body, params=query)

    def delete(self, path: str) -> Any:
        """Take something away."""
        return self._ask("DELETE", path)

    def _ask(self, method: str, path: str, **arguments: Any) -> Any:
        try:
            response = self._http.request(method, path, **arguments)
        except httpx.TransportError:
            raise NoDaemon(self._data_dir) from None
        if response.is_success:
            return response.json()
        problem = response.json() if "json" in response.headers.get("content-type", "") else {}
        raise Failed(problem.get("message") or f"the daemon answers {response.status_code}")
