"""The two programs as a person runs them: real processes, real sockets, real files.

with Programs(tmp_path) as programs:
    relay, a = programs.relay(), programs.daemon("a")
    pair(relay, a, "anna")
    a.http.get("/play")                  # with the owner's token
    with a.listening() as player: ...    # a player on the live connection
    a.cli("status")                      # (rc, stdout, stderr)
    a.kill(); a.start()                  # kill -9, and again on the same port
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, NamedTuple, Self

import httpx
import msgspec
from websockets.sync.client import ClientConnection, connect

from balados_shared.storage.lock import read_announcement
from support.http_child import wait_until

SCRIPTS = Path(sys.executable).parent
START_SECONDS = 20.0
HEAR_SECONDS = 10.0


class Said(NamedTuple):
    """How a command ended and what it said."""

    rc: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        """What it said, read as JSON."""
        return msgspec.json.decode(self.stdout)


def run_cli(program: str, *arguments: object, env: dict[str, str] | None = None) -> Said:
    """Run a command to its end. Its warnings are errors."""
    command = [str(SCRIPTS / program), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=_environment(env), timeout=60, check=False)
    return Said(done.returncode, done.stdout, done.stderr)


class Program:
    """`balados up` or `balados-relay up` on a data directory. `before` is put before its command line (strace)."""

    script: ClassVar[str]
    token_file: ClassVar[str]

    def __init__(
        self, data_dir: Path, *arguments: str, before: Sequence[str] = (), env: dict[str, str] | None = None
    ) -> None:
        self.data_dir = data_dir
        self.url = ""
        self._arguments = arguments
        self._before = before
        self._env = env
        self._log_file = data_dir.with_name(f"{data_dir.name}.log")
        self._process: subprocess.Popen[bytes] | None = None
        self._http: httpx.Client | None = None
        self.start()

    def start(self) -> None:
        """Start it, on a free port or on the one it had, and wait until it is ready."""
        output = self._log_file.with_suffix(".out")
        port = self.url.rpartition(":")[2] or "0"
        command = [str(SCRIPTS / self.script), "up", "--data-dir", str(self.data_dir), "--port", port]
        with output.open("wb") as out, self._log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [*self._before, *command, *self._arguments], stdout=out, stderr=log, env=_environment(self._env)
            )
        process = self._process
        wait_until(lambda: output.read_text().endswith("\n") or process.poll() is not None, START_SECONDS)
        said = output.read_text()
        assert said.startswith("ready http://"), self.log
        self.url = said.splitlines()[0].removeprefix("ready ")

    @property
    def pid(self) -> int:
        """The program itself, also when something is put before it."""
        assert self._process
        return read_pid(self.data_dir) if self._before else self._process.pid

    @property
    def log(self) -> str:
        """What it has written to standard error since it was first started."""
        return self._log_file.read_text()

    @property
    def output(self) -> str:
        """What it has written to standard output since it was last started."""
        return self._log_file.with_suffix(".out").read_text()

    @property
    def token(self) -> str:
        """What its owner's programs show."""
        return (self.data_dir / self.token_file).read_text()

    @property
    def http(self) -> httpx.Client:
        """A client of its API with the owner's token, which believes no environment."""
        if self._http is None:
            self._http = client(self.url, self.token)
        return self._http

    def cli(self, *arguments: object) -> Said:
        """Run one of its commands on its data directory."""
        name, *rest = arguments
        return run_cli(self.script, name, "--data-dir", self.data_dir, *rest)

    def stop(self) -> int:
        """Ask it to end, and return its exit status."""
        return self._end(signal.SIGTERM)

    def interrupt(self) -> int:
        """Press Ctrl-C, and return its exit status."""
        return self._end(signal.SIGINT)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def close(self) -> None:
        """End it, however it is."""
        if self._process is not None and self._process.poll() is None:
            self.kill()
        self._forget_client()

    def _end(self, with_signal: signal.Signals) -> int:
        assert self._process
        if self._process.poll() is None:
            os.kill(self.pid, with_signal)
        status = self._process.wait(START_SECONDS)
        self._forget_client()
        return status

    def _forget_client(self) -> None:
        if self._http is not None:
            self._http.close()
            self._http = None


class DaemonProgram(Program):
    """A running daemon."""

    script = "balados"
    token_file = "api-token"

    @contextmanager
    def listening(self, **subscribe: Any) -> Iterator["Player"]:
        """Connect a player that has shown the token and follows the library."""
        with live(self.url) as player:
            player.say(type="auth", token=self.token)
            assert player.hear()["status"] == "ok"
            player.say(type="subscribe", **subscribe)
            assert player.hear()["status"] == "ok"
            yield player

    @property
    def status(self) -> dict[str, Any]:
        """What `balados status --json` prints."""
        status: dict[str, Any] = self.http.get("/device/status").raise_for_status().json()
        return status

    @property
    def fingerprint(self) -> str:
        """The hash of all that it holds."""
        return str(self.http.get("/device/fingerprint").raise_for_status().json()["fingerprint"])

    def sync(self) -> httpx.Response:
        """Run one round of sync."""
        return self.http.post("/device/sync")


class RelayProgram(Program):
    """A running relay."""

    script = "balados-relay"
    token_file = "admin-token"

    def invite(self, account: str) -> str:
        """Return a pairing code."""
        return str(self.http.post("/admin/invite", json={"name": account}).raise_for_status().json()["code"])


class Programs:
    """All programs of a test, each in a directory of its own; they end with it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._running: list[Program] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for program in self._running:
            program.close()

    def daemon(
        self, name: str, *arguments: str, before: Sequence[str] = (), env: dict[str, str] | None = None
    ) -> DaemonProgram:
        """Start a daemon that is called `name`."""
        daemon = DaemonProgram(self._directory / name, "--name", name, *arguments, before=before, env=env)
        self._running.append(daemon)
        return daemon

    def relay(self, name: str = "relay", *arguments: str, env: dict[str, str] | None = None) -> RelayProgram:
        """Start a relay."""
        relay = RelayProgram(self._directory / name, *arguments, env=env)
        self._running.append(relay)
        return relay


class Player:
    """The client's side of a live connection."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    def say(self, **message: Any) -> None:
        """Send a message."""
        self.socket.send(msgspec.json.encode(message).decode())

    def hear(self, seconds: float = HEAR_SECONDS) -> dict[str, Any]:
        """Return the next message; fail when none comes."""
        message: dict[str, Any] = msgspec.json.decode(self.socket.recv(timeout=seconds))
        return message

    def hear_record(self, plural: str, seconds: float = HEAR_SECONDS, **fields: Any) -> dict[str, Any]:
        """Return the first record of a kind, among all that is told, that has these fields."""
        end = time.monotonic() + seconds
        while True:
            for record in self.hear(end - time.monotonic()).get(plural, []):
                if fields.items() <= record.items():
                    return dict(record)


@contextmanager
def live(url: str, **options: Any) -> Iterator[Player]:
    """Open a live connection and hear the greeting."""
    address = "ws" + url.removeprefix("http") + "/api/v1/live"
    with connect(address, proxy=None, compression=None, max_size=None, close_timeout=1, **options) as socket:
        player = Player(socket)
        assert player.hear()["status"] == "connected"
        yield player


def read_pid(data_dir: Path) -> int:
    """Return the process that owns a data directory."""
    announced = read_announcement(data_dir)
    assert announced is not None
    return announced.pid


def client(url: str, token: str | None = None) -> httpx.Client:
    """Return a client of the API at a base URL."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.Client(base_url=f"{url}/api/v1", headers=headers, timeout=30, trust_env=False)


def pair(relay: RelayProgram, daemon: DaemonProgram, account: str) -> None:
    """Join a daemon to an account of a relay, and wait until the two have exchanged all they had."""
    body = {"url": relay.url, "code": relay.invite(account)}
    daemon.http.post("/device/pair", json=body).raise_for_status()
    wait_until(lambda: bool(daemon.status["relay"]["synced_at"]) and daemon.status["waiting"] == 0, 10)


def wait_until_alike(*daemons: DaemonProgram, seconds: float = 15) -> str:
    """Wait until the daemons hold the same; return its fingerprint."""

    def alike() -> bool:
        for daemon in daemons:
            daemon.sync()
        return len({daemon.fingerprint for daemon in daemons}) == 1

    wait_until(alike, seconds)
    return daemons[0].fingerprint


def _environment(more: dict[str, str] | None = None) -> dict[str, str]:
    """The environment without what would lead a program to a person's own library, or to a proxy."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("BALADOS_")}
    proxies = {name for name in ours if name.lower().endswith("_proxy")}
    return {k: v for k, v in ours.items() if k not in proxies} | {"PYTHONWARNINGS": "error"} | (more or {})
