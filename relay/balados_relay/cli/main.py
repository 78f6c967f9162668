"""`balados-relay`: what can be typed. Exit status: 0 done, 1 refused or failed, 2 wrong usage."""

import argparse
import os
from collections.abc import Sequence
from ipaddress import ip_network

from balados_relay.cli import commands
from balados_relay.cli.passwords import takes_password
from balados_relay.settings import DEFAULT_HOST, DEFAULT_PORT, default_data_dir
from balados_shared import __version__
from balados_shared.commandline import add_command, port, run_command


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    return run_command(_parser(), arguments, default_data_dir)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="balados-relay",
        description="A small server that keeps the podcast libraries of your devices in step.",
        epilog="The data directory can also be given as BALADOS_DATA_DIR.",
    )
    parser.add_argument("--version", action="version", version=f"balados-relay {__version__}")
    add = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    up = add_command(add, "up", commands.up, "run the relay until it is stopped", prints=False)
    up.add_argument("--host", default=DEFAULT_HOST, help="address to listen on (%(default)s)")
    up.add_argument("--port", type=port, default=DEFAULT_PORT, help="port, 0 for a free one (%(default)s)")
    up.add_argument(
        "--trusted-proxy",
        action="append",
        default=[],
        metavar="ADDRESS",
        help="a reverse proxy in front (address or network), believed on where requests come from; may be repeated",
    )
    up.add_argument(
        "--allow-origin",
        action="append",
        default=os.environ.get("BALADOS_ALLOW_ORIGIN", "").split(),
        metavar="ORIGIN",
        help="a web page's origin that may use the API, as https://balados.app, or * for all; may be repeated",
    )
    up.add_argument(
        "--registration",
        choices=["closed", "invited", "open"],
        default=os.environ.get("BALADOS_REGISTRATION", "invited"),
        help="who may register once there is an owner (%(default)s)",
    )
    up.add_argument(
        "--public-url",
        default=os.environ.get("BALADOS_PUBLIC_URL"),
        metavar="URL",
        help="where people reach the relay, for the links it gives them",
    )
    up.add_argument(
        "--proxy",
        choices=["off", "members", "everybody"],
        default=os.environ.get("BALADOS_PROXY", "members"),
        help="whom the relay fetches feeds for (%(default)s)",
    )
    up.add_argument(
        "--public",
        action="store_true",
        default=os.environ.get("BALADOS_PUBLIC", "") == "1",
        help="show everybody what is popular here, as far as people do not keep it private",
    )
    up.add_argument(
        "--fetch-from",
        action="append",
        type=ip_network,
        default=[],
        metavar="NETWORK",
        help="a private address or network that feeds may be fetched from all the same; may be repeated",
    )
    up.add_argument(
        "--fetch-port",
        action="append",
        type=port,
        default=[],
        help="a port that feeds may be fetched from, beside 80 and 443; may be repeated",
    )
    init = add_command(add, "init", commands.init, "make the owner, who looks after the relay in a browser")
    init.add_argument("name", metavar="NAME", help="an account of that name becomes theirs")
    takes_password(init)
    add_command(add, "invite-person", commands.invite_person, "print a link by which a new person can register")
    password = add_command(add, "password", commands.password, "give somebody a new password")
    password.add_argument("name", metavar="NAME")
    takes_password(password)
    invite = add_command(add, "invite", commands.invite, "print a pairing code for somebody's device")
    invite.add_argument("name", metavar="NAME", help="whose library; made if it is new")
    invite.add_argument(
        "--qr", action="store_true", help="also draw it, for the camera of a device; the relay must run"
    )
    app_password = add_command(
        add, "app-password", commands.app_password, "print a password for one client of somebody"
    )
    app_password.add_argument("name", metavar="NAME", help="whose")
    app_password.add_argument("--client", required=True, metavar="TEXT", help="what it is for, to know it again")
    add_command(add, "accounts", commands.accounts, "list the accounts")
    devices = add_command(add, "devices", commands.devices, "list the devices of an account")
    devices.add_argument("name", metavar="NAME")
    revoke = add_command(add, "revoke", commands.revoke, "let a device in no more, from this moment on")
    revoke.add_argument("name", metavar="NAME", help="whose device")
    revoke.add_argument("device", metavar="DEVICE", help="its name or id, as `devices` prints them")
    tidy = add_command(add, "tidy", commands.tidy, "fold, purge and forget what is over, now and not in a few hours")
    tidy.add_argument("jobs", nargs="*", metavar="JOB", help="only this; may be repeated")
    return parser
