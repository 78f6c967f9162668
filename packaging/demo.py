"""What Balados does, shown: a laptop, a phone and a relay at home, as real programs on this machine.

Law: nothing is told that was not checked, so exit status 0 means that all of it was true. Every program is ended by its
process id, and its directory is removed, unless --keep was given.
"""

import argparse
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NoReturn

import httpx
import msgspec
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

CHECKOUT = Path(__file__).resolve().parent.parent
PROGRAMS = Path(sys.executable).parent
OWN_FEEDS = CHECKOUT / "packaging" / "demo-feeds"
REAL_FEEDS = CHECKOUT.parent / "shared" / "corpus" / "podcasts"

PATIENCE = 60.0
"""Seconds that anything may take on a busy machine before the demo gives up."""

BOLD, DIM, GREEN = "1", "2", "32"


class DemoFailed(Exception):
    """What was about to be told is not true."""


# ----- the terminal


def tell(text: str, style: str = "") -> None:
    """Print a paragraph."""
    for line in textwrap.wrap(text, 100, break_on_hyphens=False):
        print(_styled(line, style), flush=True)


def tell_step(title: str) -> None:
    """Print a heading."""
    print("\n" + _styled(title, BOLD), flush=True)


def tell_typed(where: str, command: str, answer: str = "") -> None:
    """Print what somebody types on a machine, and what comes back."""
    print(_styled(f"  {where}$ ", DIM) + _styled(command, GREEN), flush=True)
    for line in answer.splitlines():
        print(f"    {line.rstrip()}", flush=True)


def tell_player(where: str, doing: str, style: str = "") -> None:
    """Print what the player on a machine says or hears."""
    print(_styled(f"  {where}'s player ", DIM) + _styled(doing, style), flush=True)


def _styled(text: str, style: str) -> str:
    return f"\033[{style}m{text}\033[0m" if style and sys.stdout.isatty() and "NO_COLOR" not in os.environ else text


# ----- machines and their programs


class Machine:
    """A machine of the story: a data directory of its own, and the program that runs on it."""

    def __init__(self, place: Path, name: str, program: str) -> None:
        self.name = name
        self.url = ""
        self._program = program
        self._log = place / f"{name}.log"
        self._data = place / name
        # What is typed is then just what it would be on a machine of one's own.
        self._environment = {**os.environ, "BALADOS_DATA_DIR": str(self._data), "NO_PROXY": "127.0.0.1"}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str) -> None:
        """Start the program and wait until it says that it is ready."""
        said_before = len(self._said())
        command = [str(PROGRAMS / self._program), "up", *options]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=self._environment)
        wait_until(lambda: "ready " in self._said()[said_before:] or self._has_ended(), f"the {self.name} to be ready")
        check(not self._has_ended(), f"{self._program} starts on the {self.name}")
        ready = self._said()[said_before:].splitlines()[0]
        self.url = ready.rpartition("ready ")[2]
        tell_typed(self.name, shlex.join([self._program, *command[1:]]) + " &", ready)

    def stop(self) -> None:
        """End the program, politely first."""
        if self._process is None or self._has_ended():
            return
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def type(self, *command: str) -> str:
        """Type a command; tell it and what it prints. Returns what it prints."""
        found = [str(PROGRAMS / command[0]), *command[1:]]
        done = subprocess.run(found, capture_output=True, text=True, env=self._environment, check=False)
        tell_typed(self.name, shlex.join(command), done.stdout + done.stderr)
        check(done.returncode == 0, f"'{command[1]}' succeeds on the {self.name}")
        return done.stdout

    @property
    def token(self) -> str:
        """What a local program shows to the daemon."""
        return (self._data / "api-token").read_text(encoding="ascii").strip()

    def ask(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        """Ask the daemon's API, as a player does. Returns the decoded answer."""
        answer = httpx.request(
            method,
            f"{self.url}/api/v1{path}",
            json=body,
            params=query,
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=PATIENCE,
            trust_env=False,
        )
        answer.raise_for_status()
        return answer.json()

    def fingerprint(self) -> str:
        """Return the fingerprint of its library."""
        return str(self.ask("GET", "/device/fingerprint")["fingerprint"])

    def _said(self) -> str:
        return self._log.read_text() if self._log.exists() else ""

    def _has_ended(self) -> bool:
        return self._process is not None and self._process.poll() is not None


class Player:
    """A player on a machine: it reports positions to its daemon, and is told of others' over a WebSocket."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._socket: ClientConnection | None = None

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Follow the library for as long as this is open."""
        with connect(f"ws{self._machine.url.removeprefix('http')}/api/v1/live", proxy=None) as self._socket:
            self._socket.recv(PATIENCE)
            for message in ({"type": "auth", "token": self._machine.token}, {"type": "subscribe"}):
                self._socket.send(msgspec.json.encode(message), text=True)
                check(msgspec.json.decode(self._socket.recv(PATIENCE))["status"] == "ok", "the player is let in")
            yield

    def hears(self) -> dict[str, Any]:
        """Wait for the next play status that it is told of."""
        assert self._socket is not None
        while True:
            message = msgspec.json.decode(self._socket.recv(PATIENCE))
            for status in message.get("play_statuses", ()):
                return dict(status)

    def reports(self, episode: dict[str, Any], position: float, state: str) -> None:
        """Report a position in seconds, and tell it."""
        body = {"position": position, "state": state}
        self._machine.ask("PUT", f"/play/{episode['item']}/position", body, feed=episode["feed"])
        said = msgspec.json.encode(body).decode()
        tell_player(self._machine.name, f"says to its daemon: PUT /api/v1/play/<{episode['short']}>/position {said}")


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve a folder of feeds on loopback; give its URL."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            """Write nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


# ----- what must be true


def check(holds: bool, claim: str) -> None:
    """Go on only if a claim holds."""
    if not holds:
        raise DemoFailed(f"this is not true: {claim}")


def wait_until(condition: Callable[[], bool], claim: str) -> float:
    """Wait for a condition that a program brings about. Returns the seconds it took."""
    began = time.perf_counter()
    while not condition():
        if time.perf_counter() - began > PATIENCE:
            raise DemoFailed(f"waited {PATIENCE:.0f} s in vain for {claim}")
        time.sleep(0.02)
    return time.perf_counter() - began


# ----- the story


class Stage:
    """The machines of the story, and what the scenes hand on to each other."""

    def __init__(self, place: Path, running: ExitStack) -> None:
        self.home = Machine(place, "home", "balados-relay")
        self.laptop = Machine(place, "laptop", "balados")
        self.phone = Machine(place, "phone", "balados")
        self.devices = (self.laptop, self.phone)
        for machine in (self.home, *self.devices):
            running.callback(machine.stop)
        self.players = {machine.name: Player(machine) for machine in self.devices}
        self.episode: dict[str, Any] = {}


def show(stage: Stage, feeds: list[str]) -> None:
    """Show one scene after the other."""
    begin_alone(stage, feeds)
    join(stage)
    play_and_pause(stage)
    go_on_without_the_relay(stage)
    come_together(stage)
    explain_and_undo(stage)


def begin_alone(stage: Stage, feeds: list[str]) -> None:
    """Two devices, each with a library of its own."""
    tell_step("1. Each device works alone, without any server")
    stage.laptop.start("--port", "0", "--name", "laptop")
    stage.phone.start("--port", "0", "--name", "phone")
    for feed in feeds[:2]:
        stage.laptop.type("balados", "subscribe", feed)
    stage.phone.type("balados", "subscribe", feeds[2])


def join(stage: Stage) -> None:
    """Both join a relay; the phone looks first."""
    tell_step("2. A relay at home, and both join it: joining merges, nothing is removed")
    stage.home.start("--port", "0")
    code = _code(stage.home.type("balados-relay", "invite", "nina"))
    stage.laptop.type("balados", "pair", stage.home.url, code)
    code = _code(stage.home.type("balados-relay", "invite", "nina"))
    looked = stage.phone.type("balados", "pair", stage.home.url, code, "--dry-run")
    check("Nothing was changed or sent." in looked, "a dry run changes nothing")
    check(len(_subscriptions(stage.phone)) == 1, "the phone has one subscription still")
    stage.phone.type("balados", "pair", stage.home.url, code)
    wait_until(lambda: all(len(_subscriptions(device)) == 3 for device in stage.devices), "three subscriptions on both")
    stage.phone.type("balados", "list")
    tell("Each device has all three now.")


def play_and_pause(stage: Stage) -> None:
    """The laptop plays and pauses; the phone's player hears of it."""
    tell_step("3. The laptop plays, then pauses: the phone's player is told at once")
    feed = _subscriptions(stage.laptop)[-1]["url"]
    listing = stage.laptop.ask("GET", "/device/episodes", feed=feed)
    stage.episode = listing["episodes"][0]
    tell(
        f"“{stage.episode['title']}” of “{listing['title']}”. Each report is on the laptop's disk when it is answered. "
        "While the episode plays on, they go to the relay together, at most every 30 s; a pause goes at once."
    )
    laptop, phone = stage.players["laptop"], stage.players["phone"]
    with phone.listening():
        for position in (1200.0, 1200.4, 1200.8):
            laptop.reports(stage.episode, position, "playing")
            time.sleep(0.4)
        began = time.perf_counter()
        laptop.reports(stage.episode, 1201.2, "paused")
        heard = phone.hears()
        took = 1_000 * (time.perf_counter() - began)
    check(heard["position"] == 1201.2, "the first that the phone's player hears of is the pause")
    tell_player(
        "phone", f"hears of position {heard['position']}, {took:.0f} ms after the laptop's began to say it", BOLD
    )


def go_on_without_the_relay(stage: Stage) -> None:
    """The relay is gone, and both devices are used."""
    tell_step("4. The relay is taken away, and both play on, not knowing of each other")
    stage.home.stop()
    tell_typed("home", "kill %1")
    second = stage.laptop.ask("GET", "/device/episodes", feed=_url(stage, 1))["episodes"][0]
    stage.players["phone"].reports(stage.episode, 1860.0, "paused")
    stage.players["laptop"].reports(stage.episode, 1500.0, "paused")
    stage.players["laptop"].reports(second, 300.0, "paused")
    wait_until(lambda: all(_relay(device)["trouble"] for device in stage.devices), "both to notice that it is gone")
    for device in stage.devices:
        shown = device.type("balados", "status")
        check("not connected" in shown and "waiting  0" not in shown, "what was done waits for the relay")
    check(stage.laptop.fingerprint() != stage.phone.fingerprint(), "the libraries differ")


def come_together(stage: Stage) -> None:
    """The relay is back, and both agree again by themselves."""
    tell_step("5. The relay comes back; nobody does anything")
    stage.home.start("--port", stage.home.url.rsplit(":", 1)[1])
    took = wait_until(lambda: stage.laptop.fingerprint() == stage.phone.fingerprint(), "equal libraries")
    prints = [device.type("balados", "fingerprint") for device in stage.devices]
    check(prints[0] == prints[1], "the fingerprints are equal")
    check(_position(stage.phone, stage.episode) == 1860.0, "the farther of the two positions stands")
    wait_until(lambda: all(not _waiting(device) for device in stage.devices), "nothing to wait any more")
    tell(f"  Both hold the same again {took:.1f} s after the relay was ready.", BOLD)


def explain_and_undo(stage: Stage) -> None:
    """Why it is so, and how to have it otherwise."""
    tell_step("6. Nothing was asked, but everything is told, and can be undone")
    why = stage.laptop.type("balados", "why", stage.episode["short"])
    rule = "said within five minutes of each other: the farther position stands"
    check(rule in why, "`why` names the rule")
    causes = stage.laptop.ask("GET", "/device/why", episode=stage.episode["short"])["causes"]
    decided = [cause for cause in causes if cause["rule"] == "farthest_within_5_minutes"]
    event = max(cause["event"] for cause in decided if cause["event"] is not None)
    stage.laptop.type("balados", "undo", str(event))
    wait_until(lambda: _position(stage.phone, stage.episode) == 1500.0, "the undo to reach the phone")
    check(stage.laptop.fingerprint() == stage.phone.fingerprint(), "both agree after the undo too")
    tell("  The phone is at 25:00 again too, and both hold the same.", BOLD)


def _code(printed: str) -> str:
    return printed.splitlines()[-1]


def _subscriptions(machine: Machine) -> list[dict[str, Any]]:
    return list(machine.ask("GET", "/device/subscriptions")["subscriptions"])


def _url(stage: Stage, number: int) -> str:
    return str(_subscriptions(stage.laptop)[number]["url"])


def _relay(machine: Machine) -> dict[str, Any]:
    return dict(machine.ask("GET", "/device/status")["relay"])


def _waiting(machine: Machine) -> int:
    return int(machine.ask("GET", "/device/status")["waiting"])


def _position(machine: Machine, episode: dict[str, Any]) -> float:
    return float(machine.ask("GET", f"/play/{episode['feed']}/{episode['item']}")["position"])


# ----- the frame


def main() -> int:
    """Show it. Returns 0 if all of it was true."""
    options = _options()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    folder, names = _feeds()
    real = folder == REAL_FEEDS
    tell("Balados: a laptop, a phone and a relay at home, as real programs on this machine.")
    tell(
        f"A small server here gives them these feeds: {', '.join(names)} ({'real ones' if real else 'made for this'})."
    )
    try:
        with _place(keep=options.keep) as place, serving(folder) as url, ExitStack() as running:
            show(Stage(place, running), [f"{url}/{name}" for name in names])
    except DemoFailed as failure:
        print(f"\ndemo: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    tell_step("All of this was checked while it ran.")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="packaging/dev demo", description="Show two devices and a relay at work.")
    parser.add_argument("--keep", action="store_true", help="leave the directories, and say where they are")
    return parser.parse_args()


def _end(number: int, _: object) -> NoReturn:
    """End by a signal as by anything else: the programs are ended, and the directory goes."""
    raise SystemExit(128 + number)


def _feeds() -> tuple[Path, list[str]]:
    """Return a folder and three feeds in it: real ones, where they lie beside the checkout."""
    real = ["bbc-in-our-time.xml", "revolutions-libsyn.xml", "serial-simplecast.xml"]
    if all((REAL_FEEDS / name).is_file() for name in real):
        return REAL_FEEDS, real
    return OWN_FEEDS, ["kettle-and-code.xml", "night-owl.xml", "harbour-radio.xml"]


@contextmanager
def _place(*, keep: bool) -> Iterator[Path]:
    """Give a directory for everything. When the demo fails, the programs' logs are told before it goes."""
    place = Path(tempfile.mkdtemp(prefix="balados-demo-"))
    try:
        yield place
    except (DemoFailed, httpx.HTTPError, WebSocketException, OSError) as error:
        for log in sorted(place.glob("*.log")):
            print(f"\n--- the log of {log.stem}\n{log.read_text()}", file=sys.stderr)
        raise DemoFailed(str(error) or type(error).__name__) from error
    finally:
        if keep:
            tell(f"Left in {place}: one directory for each machine, and the programs' logs.")
        else:
            shutil.rmtree(place)


if __name__ == "__main__":
    sys.exit(main())
