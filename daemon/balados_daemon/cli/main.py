"""`balados`: what can be typed, and what the exit status means.

0 done · 1 refused or failed · 2 wrong usage · 3 no daemon runs · 4 (`status`) changes wait longer than a day, or the
relay refuses this device.
"""

import argparse
from collections.abc import Sequence

from balados_daemon.cli import commands
from balados_daemon.cli.client import NoDaemon
from balados_daemon.settings import DEFAULT_PORT, default_data_dir
from balados_shared import __version__
from balados_shared.commandline import Commands, add_command, port, run_command

NO_DAEMON = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    return run_command(_parser(), arguments, default_data_dir, {NoDaemon: NO_DAEMON})


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="balados",
        description="Your podcast library on this device: complete without a network, in step with your other devices.",
        epilog="The data directory can also be given as BALADOS_DATA_DIR.",
    )
    parser.add_argument("--version", action="version", version=f"balados {__version__}")
    add = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_running(add)
    _add_library(add)
    _add_trust(add)
    return parser


def _add_running(add: "Commands[argparse.ArgumentParser]") -> None:
    up = add_command(add, "up", commands.up, "run the daemon until it is stopped", prints=False)
    up.add_argument("--port", type=port, default=DEFAULT_PORT, help="loopback port, 0 for a free one (%(default)s)")
    up.add_argument("--name", default="", help="what this device is called (the machine's name)")
    pair = add_command(add, "pair", commands.pair, "join a relay with a code from: balados-relay invite NAME")
    pair.add_argument("url", metavar="URL", help="the relay's address, e.g. https://relay.example.org")
    pair.add_argument("code", metavar="CODE", help="the pairing code, e.g. K7QF-M2XD")
    pair.add_argument("--dry-run", action="store_true", help="only say what joining would add on both sides")
    add_command(add, "sync", commands.sync, "sync now and say what that did")
    status = add_command(add, "status", commands.status, "say how it stands (exit status 4: something needs you)")
    status.description = (
        "Exit status 4 when changes have waited for longer than a day or the relay refuses this device."
    )
    queue = add_command(add, "queue", commands.queue, "list what waits for the relay")
    queue.add_argument("--retry", action="store_true", help="send again what the relay refused")


def _add_library(add: "Commands[argparse.ArgumentParser]") -> None:
    subscribe = add_command(add, "subscribe", commands.subscribe, "subscribe to a feed")
    subscribe.add_argument("url", metavar="URL")
    unsubscribe = add_command(add, "unsubscribe", commands.unsubscribe, "unsubscribe from a feed")
    unsubscribe.add_argument("url", metavar="URL")
    add_command(add, "list", commands.list_subscriptions, "list what you are subscribed to")
    episodes = add_command(add, "episodes", commands.episodes, "list a feed's episodes with their ids")
    episodes.add_argument("url", metavar="URL")
    episodes.add_argument("--refresh", action="store_true", help="ask the feed even if it was read lately")
    position = add_command(add, "position", commands.position, "set where you are in an episode")
    position.add_argument("episode", metavar="EPISODE", help="the id that `episodes` prints, or its beginning")
    position.add_argument("seconds", metavar="SECONDS", type=_seconds)
    position.add_argument("--played", action="store_true", default=None, help="also mark it as played")


def _add_trust(add: "Commands[argparse.ArgumentParser]") -> None:
    why = add_command(add, "why", commands.why, "say why an episode stands where it does")
    why.add_argument("episode", metavar="EPISODE", help="the id that `episodes` prints, or its beginning")
    undo = add_command(add, "undo", commands.undo, "undo one change")
    undo.add_argument("event", metavar="EVENT", type=int, help="the number that `why` prints")
    undo.add_argument("--force", action="store_true", help="also where it was changed again since")
    held = add_command(add, "held", commands.held, "list mass removals from elsewhere that wait for you")
    choice = held.add_mutually_exclusive_group()
    choice.add_argument("--keep", action="store_true", help="keep these subscriptions, on all devices")
    choice.add_argument("--let-go", action="store_true", help="accept their removal")
    add_command(add, "fingerprint", commands.fingerprint, "print a hash that is equal on devices that hold the same")
    add_command(add, "doctor", commands.doctor, "look at everything that can be wrong")


def _seconds(text: str) -> float:
    """Read 2470, 2470.5 or 41:10 or 1:02:03."""
    try:
        seconds: float = sum(float(part) * 60**place for place, part in enumerate(reversed(text.split(":"))))
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < 10_000_000:
        raise argparse.ArgumentTypeError("a position is seconds, or minutes:seconds")
    return seconds
