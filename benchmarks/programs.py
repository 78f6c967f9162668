"""The real programs, as processes: a daemon, a relay, and the bare server beside them."""

import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from benchmarks.client import Api

SECONDS_TO_START = 30
SECONDS_TO_STOP = 30


class Program(Struct):
    """A running program: its process, where it answers, and how long it took until its ready line, in seconds."""

    process: "subprocess.Popen[str]"
    url: str
    data_dir: Path
    started_s: float

    @property
    def pid(self) -> int:
        return self.process.pid

    def stop(self) -> None:
        """End it as a person would, and see that it ends well."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(SECONDS_TO_STOP)
        if self.process.stdout:
            self.process.stdout.close()
        if status:
            raise RuntimeError(f"{self.process.args!r} ended with status {status}")


@contextmanager
def daemon(data_dir: Path, *, port: int = 0) -> Iterator[Program]:
    """Run a daemon on a data directory."""
    with _running([*_script("balados"), "up", "--port", str(port), "--data-dir", str(data_dir)], data_dir) as program:
        yield program


@contextmanager
def relay(data_dir: Path, *, port: int = 0) -> Iterator[Program]:
    """Run a relay on a data directory."""
    command = [*_script("balados-relay"), "up", "--port", str(port), "--data-dir", str(data_dir)]
    with _running(command, data_dir) as program:
        yield program


@contextmanager
def bare_server(*, port: int = 0, store: Path | None = None) -> Iterator[Program]:
    """Run the bare Litestar app on the same server set-up; with a `store` it can also commit rows to that file."""
    command = [sys.executable, "-m", "benchmarks.bare_server", str(port), *([str(store)] if store else [])]
    with _running(command, Path()) as program:
        yield program


async def api_of(program: Program) -> Api:
    """Connect to a daemon as a player does."""
    return await Api.connect(program.url, (program.data_dir / "api-token").read_text().strip())


async def invite(program: Program) -> str:
    """Ask a relay for a pairing code."""
    operator = await Api.connect(program.url, (program.data_dir / "admin-token").read_text().strip())
    code = (await operator.post("/admin/invite", {"name": "benchmark"}))["code"]
    operator.close()
    return str(code)


async def pair(device: Api, to: Program, *, url: str | None = None) -> None:
    """Let a device join a relay, at `url` where it is reached by another way."""
    await device.post("/device/pair", {"url": url or to.url, "code": await invite(to)})


def free_port() -> int:
    """Return a port that nobody has at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _script(name: str) -> list[str]:
    return [str(Path(sys.executable).with_name(name))]


@contextmanager
def _running(command: list[str], data_dir: Path) -> Iterator[Program]:
    begun = time.perf_counter()
    with tempfile.TemporaryFile() as log:  # a request is logged, as it would be; but not on this terminal
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        assert process.stdout
        line = process.stdout.readline().split()
        if not line or line[0] != "ready":
            status = process.wait(SECONDS_TO_START)
            log.seek(0)
            raise RuntimeError(f"{command!r} did not start (status {status})\n{log.read().decode(errors='replace')}")
    program = Program(process, line[1], data_dir, time.perf_counter() - begun)
    try:
        yield program
    except BaseException:
        process.kill()
        process.wait()
        raise
    program.stop()
