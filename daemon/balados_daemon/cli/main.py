"""`balados`: what can be typed, and what the exit status means.

0 done · 1 refused or failed · 2 wrong usage · 3 no daemon runs · 4 (`status`) changes wait longer than a day, or the
relay refuses this device.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from balados_daemon.cli import commands
from balados_daemon.cli.client import NoDaemon
from balados_daemon.settings import DEFAULT_PORT, default_data_dir
from balados_shared import __version__
from balados_shared.errors import BaladosError

FAILED, WRONG_USAGE, NO_DAEMON = 1, 2, 3

Command = Callable[[argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    options = _parser().parse_args(arguments)
    options.data_dir = options.data_dir or default_data_dir()
    try:
        return int(options.run(options))
    except NoDaemon as error:
        return _complain(error, NO_DAEMON)
    except BaladosError as error:
        return _complain(error, FAILED)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return FAILED


def _complain(error: BaladosError, status: int) -> int:
    print(f"balados: {error}", file=sys.stderr)
    return status


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


def _add_running(add: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    up = _command(add, "up", commands.up, "run the daemon until it is stopped", prints=False)
    up.add_argument("--port", type=_port, default=DEFAULT_PORT, help="loopback port, 0 for a free one (%(default)s)")
    up.add_argument("--name", default="", help="what this device is called (the machine's name)")
    pair = _command(add, "pair", commands.pair, "join a relay with a code from: balados-relay invite NAME")
    pair.add_argument("url", metavar="URL", help="the relay's address, e.g. https://relay.example.org")
    pair.add_argument("code", metavar="CODE", help="the pairing code, e.g. K7QF-M2XD")
    pair.add_argument("--dry-run", action="store_true", help="only say what joining would add on both sides")
    _command(add, "sync", commands.sync, "sync now and say what that did")
    status = _command(add, "status", commands.status, "say how it stands (exit status 4: something needs you)")
    status.description = (
        "Exit status 4 when changes have waited for longer than a day or the relay refuses this device."
    )
    queue = _command(add, "queue", commands.queue, "list what waits for the relay")
    queue.add_argument("--retry", action="store_true", help="send again what the relay refused")


def _add_library(add: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    subscribe = _command(add, "subscribe", commands.subscribe, "subscribe to a feed")
    subscribe.add_argument("url", metavar="URL")
    unsubscribe = _command(add, "unsubscribe", commands.unsubscribe, "unsubscribe from a feed")
    unsubscribe.add_argument("url", metavar="URL")
    _command(add, "list", commands.list_subscriptions, "list what you are subscribed to")
    episodes = _command(add, "episodes", commands.episodes, "list a feed's episodes with their ids")
    episodes.add_argument("url", metavar="URL")
    episodes.add_argument("--refresh", action="store_true", help="ask the feed even if it was read lately")
    position = _command(add, "position", commands.position, "set where you are in an episode")
    position.add_argument("episode", metavar="EPISODE", help="the id that `episodes` prints, or its beginning")
    position.add_argument("seconds", metavar="SECONDS", type=_seconds)
    position.add_argument("--played", action="store_true", default=None, help="also mark it as played")


def _add_trust(add: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    why = _command(add, "why", commands.why, "say why an episode stands where it does")
    why.add_argument("episode", metavar="EPISODE", help="the id that `episodes` prints, or its beginning")
    undo = _command(add, "undo", commands.undo, "undo one change")
    undo.add_argument("event", metavar="EVENT", type=int, help="the number that `why` prints")
    undo.add_argument("--force", action="store_true", help="also where it was changed again since")
    held = _command(add, "held", commands.held, "list mass removals from elsewhere that wait for you")
    choice = held.add_mutually_exclusive_group()
    choice.add_argument("--keep", action="store_true", help="keep these subscriptions, on all devices")
    choice.add_argument("--let-go", action="store_true", help="accept their removal")
    _command(add, "fingerprint", commands.fingerprint, "print a hash that is equal on devices that hold the same")
    _command(add, "doctor", commands.doctor, "look at everything that can be wrong")


def _command(
    add: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, run: Command, text: str, prints: bool = True
) -> argparse.ArgumentParser:
    parser = add.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    parser.add_argument("--data-dir", type=Path, metavar="D", help="where the library lies")
    if prints:
        parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)
    return parser


def _port(text: str) -> int:
    if text.isdigit() and int(text) < 65_536:
        return int(text)
    raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")


def _seconds(text: str) -> float:
    """Read 2470, 2470.5 or 41:10 or 1:02:03."""
    try:
        seconds: float = sum(float(part) * 60**place for place, part in enumerate(reversed(text.split(":"))))
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < 10_000_000:
        raise argparse.ArgumentTypeError("a position is seconds, or minutes:seconds")
    return seconds
