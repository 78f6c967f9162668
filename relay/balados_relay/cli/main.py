"""`balados-relay`: what can be typed. Exit status: 0 done, 1 refused or failed, 2 wrong usage."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from balados_relay.cli import commands
from balados_relay.settings import DEFAULT_HOST, DEFAULT_PORT, default_data_dir
from balados_shared import __version__
from balados_shared.errors import BaladosError

FAILED = 1

Command = Callable[[argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    options = _parser().parse_args(arguments)
    options.data_dir = options.data_dir or default_data_dir()
    try:
        return int(options.run(options))
    except BaladosError as error:
        print(f"balados-relay: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="balados-relay",
        description="A small server that keeps the podcast libraries of your devices in step.",
        epilog="The data directory can also be given as BALADOS_DATA_DIR.",
    )
    parser.add_argument("--version", action="version", version=f"balados-relay {__version__}")
    add = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    up = _command(add, "up", commands.up, "run the relay until it is stopped", prints=False)
    up.add_argument("--host", default=DEFAULT_HOST, help="address to listen on (%(default)s)")
    up.add_argument("--port", type=_port, default=DEFAULT_PORT, help="port, 0 for a free one (%(default)s)")
    invite = _command(add, "invite", commands.invite, "print a pairing code for somebody's device")
    invite.add_argument("name", metavar="NAME", help="whose library; made if it is new")
    _command(add, "accounts", commands.accounts, "list the accounts")
    devices = _command(add, "devices", commands.devices, "list the devices of an account")
    devices.add_argument("name", metavar="NAME")
    revoke = _command(add, "revoke", commands.revoke, "let a device in no more, from this moment on")
    revoke.add_argument("name", metavar="NAME", help="whose device")
    revoke.add_argument("device", metavar="DEVICE", help="its name or id, as `devices` prints them")
    return parser


def _command(
    add: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, run: Command, text: str, prints: bool = True
) -> argparse.ArgumentParser:
    parser = add.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    parser.add_argument("--data-dir", type=Path, metavar="D", help="where the relay's data lies")
    if prints:
        parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)
    return parser


def _port(text: str) -> int:
    if text.isdigit() and int(text) < 65_536:
        return int(text)
    raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
