"""Programs killed at any moment: what was acknowledged is there afterwards, and nothing needs repair."""

import os
import random
import re
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import httpx
from websockets.exceptions import ConnectionClosed

from balados_shared.ids import EpisodeId, FeedId
from support.http_child import wait_until
from support.processes import DaemonProgram, Program, Programs, RelayProgram, pair, wait_until_alike
from support.strace import completed
from support.tools import require_tool, unavailable

FEED = FeedId.of("https://feeds.example/kills.xml")
ITEM = EpisodeId.of("kills", None)
ROUNDS = 200 if os.environ.get("HYPOTHESIS_PROFILE") == "nightly" else 12


class Writer:
    """A player that reports one position after the other, each a second further, and notes which were acknowledged."""

    def __init__(self) -> None:
        self.sent = 0
        self.acknowledged = 0

    def write_until_it_fails(self, daemon: DaemonProgram, *, also_stop: threading.Event) -> None:
        """Report until the daemon is gone, or until it is told to stop."""
        with suppress(httpx.TransportError):
            while not also_stop.is_set():
                self.sent += 1
                answer = daemon.http.put(
                    f"/play/{ITEM}/position", params={"feed": FEED}, json={"position": self.sent, "state": "seeked"}
                )
                assert answer.status_code == 200, answer.text
                self.acknowledged = self.sent


@contextmanager
def killed_soon(victim: Program, seconds: float, done: threading.Event) -> Iterator[None]:
    """Kill a program once some seconds have passed, and then tell the writer."""

    def strike() -> None:
        os.kill(victim.pid, 9)
        done.set()

    timer = threading.Timer(seconds, strike)
    timer.start()
    yield
    timer.join()
    victim.kill()


def position_of(daemon: DaemonProgram) -> float:
    """Where the episode stands, by the documented list."""
    (status,) = daemon.http.get("/play", params={"feed": FEED}).raise_for_status().json()["play_statuses"]
    return float(status["position"])


def integrity(file: Path) -> str:
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        return str(connection.execute("PRAGMA integrity_check").fetchone()[0])


@contextmanager
def hearing(daemon: DaemonProgram) -> Iterator[list[float]]:
    """Listen as a player; give the positions it is told."""
    told: list[float] = []

    def listen() -> None:
        with suppress(ConnectionClosed):
            while True:
                records = player.hear(600).get("play_statuses", [])
                told.extend(record["position"] for record in records)

    with daemon.listening() as player:
        thread = threading.Thread(target=listen)
        thread.start()
        yield told
    thread.join(10)


def play_rounds(programs: Programs, rounds: int) -> None:
    """Kill the writing daemon or the relay again and again; after each time all that was acknowledged must be there."""
    relay, a, b = programs.relay(), programs.daemon("a"), programs.daemon("b")
    pair(relay, a, "anna")
    pair(relay, b, "anna")
    writer, dice = Writer(), random.Random(20260102)
    with hearing(b) as told:
        for _ in range(rounds):
            victim: Program = dice.choice([a, relay])
            done = threading.Event()
            with killed_soon(victim, dice.uniform(0.0, 0.4), done):
                writer.write_until_it_fails(a, also_stop=done)
            victim.start()
            assert writer.acknowledged <= position_of(a) <= writer.sent
        wait_until_alike(a, b, seconds=30)
        last = position_of(a)
        assert last == position_of(b)
        wait_until(lambda: bool(told) and told[-1] == last)
    assert writer.acknowledged > rounds
    _need_no_repair(relay, a, b)


def _need_no_repair(relay: RelayProgram, *daemons: DaemonProgram) -> None:
    for daemon in daemons:
        checked = daemon.cli("doctor", "--json")
        assert (checked.rc, [c for c in checked.json if not c["ok"]]) == (0, [])
        assert integrity(daemon.data_dir / "library.db") == "ok"
        assert "Traceback" not in daemon.log
    assert integrity(relay.data_dir / "relay.db") == "ok"
    assert "Traceback" not in relay.log


def test_a_killed_daemon_or_relay_loses_nothing_that_was_acknowledged(programs: Programs) -> None:
    play_rounds(programs, ROUNDS)


TRACED = "trace=fdatasync,fsync,pwrite64,pwritev,write,writev,sendto,sendmsg"
WRITES_WAL = re.compile(r"pwritev?(64)?\(\d+<[^>]*library\.db-wal>")
SYNCS_WAL = re.compile(r"f(data)?sync\(\d+<[^>]*library\.db-wal>\)\s+= 0")
ANSWERS = re.compile(r'"HTTP/1\.1 200')


def traced_daemon(programs: Programs, file: Path) -> DaemonProgram:
    """Start a daemon whose system calls are written down. Skips where that cannot be."""
    require_tool("strace")
    probe = subprocess.run(["strace", "-o", os.devnull, "true"], capture_output=True, check=False)
    if probe.returncode != 0:
        unavailable("strace may not trace processes here")
    before = ["strace", "-f", "-y", "-s", "64", "-e", "signal=none", "-e", TRACED, "-o", str(file)]
    return programs.daemon("traced", before=before)


def order(calls: list[str]) -> str:
    """Reduce a trace to W (the log is written), S (and is on the disk) and A (an answer leaves), in their order."""
    found: list[str] = []
    for call in calls:
        if WRITES_WAL.search(call) and found[-1:] != ["W"]:
            found.append("W")
        elif SYNCS_WAL.search(call):
            found.append("S")
        elif ANSWERS.search(call):
            found.append("A")
    return "".join(found)


def test_every_acknowledged_position_was_on_the_disk_before_the_answer(programs: Programs, tmp_path: Path) -> None:
    file, writes = tmp_path / "trace", 30
    daemon = traced_daemon(programs, file)
    seen = len(file.read_text().splitlines())
    for position in range(writes):
        answer = daemon.http.put(f"/play/{ITEM}/position", params={"feed": FEED}, json={"position": position})
        assert answer.status_code == 200
    assert daemon.stop() == 0
    calls = list(completed(file.read_text(errors="replace").splitlines()[seen:]))
    assert order(calls).rpartition("A")[0] + "A" == "WSA" * writes


def test_the_proof_tells_an_answer_that_came_too_early() -> None:
    wal, write, sync = "<data/library.db-wal>", "pwrite64(9{}, ...) = 4096", "fdatasync(9{}) = 0"
    early = [write.format(wal), 'write(12<socket>, "HTTP/1.1 200 OK...", 90) = 90', sync.format(wal)]
    assert order(early) == "WAS"
