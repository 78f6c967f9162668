"""What the two command lines have in common: how a command is declared, and how an error becomes an exit status."""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from balados_shared.errors import BaladosError

FAILED = 1
INTERRUPTED = 130

Command = Callable[[argparse.Namespace], int]
Commands = argparse._SubParsersAction  # no public name


def add_command(
    add: "Commands[argparse.ArgumentParser]", name: str, run: Command, text: str, *, prints: bool = True
) -> argparse.ArgumentParser:
    """Declare a command; those that print something can print JSON."""
    parser = add.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    parser.add_argument("--data-dir", type=Path, metavar="D", help="where the data lies")
    if prints:
        parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)
    return parser


def port(text: str) -> int:
    """Read a port number, 0 for any."""
    if text.isdigit() and int(text) < 65_536:
        return int(text)
    raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")


def run_command(
    parser: argparse.ArgumentParser,
    arguments: Sequence[str] | None,
    default_data_dir: Callable[[], Path],
    statuses: Mapping[type[BaladosError], int] | None = None,
) -> int:
    """Run what was typed and return its exit status. `statuses` names errors that have one of their own."""
    options = parser.parse_args(arguments)
    options.data_dir = options.data_dir or default_data_dir()
    try:
        return int(options.run(options))
    except BaladosError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return (statuses or {}).get(type(error), FAILED)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        return FAILED
