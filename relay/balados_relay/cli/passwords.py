"""Passwords, as they come in: typed twice without being seen, or on the standard input from a program."""

import getpass
import sys
from argparse import ArgumentParser, Namespace

from balados_relay.cli.operator import Failed

_LONGEST_LINE = 1_000


def takes_password(parser: ArgumentParser) -> None:
    """Let a command be given a new password."""
    parser.add_argument("--password-stdin", action="store_true", help="read the password from standard input, one line")


def new_password(options: Namespace) -> str:
    """Return the password that was typed. Raises Failed when there is none, or when it was typed in two ways."""
    if options.password_stdin:
        return sys.stdin.readline(_LONGEST_LINE).rstrip("\r\n")
    try:
        password = getpass.getpass("New password: ")
        again = getpass.getpass("Once more: ")
    except EOFError:
        raise Failed("no password was typed") from None
    if password != again:
        raise Failed("the two passwords are not the same")
    return password
