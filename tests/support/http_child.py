"""A program in a child process that serves HTTP: it writes its base URL as the first line of its standard output."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path


class HttpChild:
    """A running program: its base URL, its log so far, and its process. Its warnings are errors."""

    def __init__(self, program: Path, *arguments: str, env: dict[str, str] | None = None) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", str(program), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=env,
        )
        self._lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        assert self.process.stdout
        self.url = self.process.stdout.readline().strip()

    @property
    def port(self) -> int:
        """The port it took."""
        return int(self.url.rsplit(":", 1)[1])

    @property
    def log(self) -> str:
        """What it has written to standard error so far."""
        return "".join(self._lines)

    def wait(self, seconds: float = 5) -> int:
        """Wait for its end; return its exit status."""
        status = self.process.wait(seconds)
        self._reader.join(seconds)
        return status

    def close(self) -> None:
        """End it, however it is."""
        self.process.kill()
        self.wait()
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe:
                pipe.close()

    def _read(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            self._lines.append(line)


def wait_until(condition: Callable[[], bool], seconds: float = 5) -> None:
    """Wait for a condition that another process or thread brings about; fail when it does not come."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the awaited condition did not come"
        time.sleep(0.005)
