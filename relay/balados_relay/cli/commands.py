"""One function for each command: have it done, print the answer, return the exit status."""

from argparse import Namespace
from typing import Any

from balados_relay.admin import Admin
from balados_relay.cli.operator import operate
from balados_shared.terminal import as_json, line, moment, table

DONE = 0


def up(options: Namespace) -> int:
    """Run the relay in the foreground."""
    from balados_relay.app import run_relay
    from balados_relay.settings import Settings
    from balados_shared.http.logging import configure_logging
    from balados_shared.http.server import run

    configure_logging()
    settings = Settings(options.data_dir, options.host, options.port, tuple(options.trusted_proxy))
    return run(run_relay(settings, lambda url: print(f"ready {url}", flush=True)))


def invite(options: Namespace) -> int:
    """Print a pairing code, alone on the last line."""

    async def directly(admin: Admin) -> dict[str, str]:
        return {"code": await admin.invite(options.name)}

    done = operate(options.data_dir, "POST", "/invite", {"name": options.name}, directly)
    if options.json:
        as_json(done)
        return DONE
    line(f"For {options.name}, once, within 15 minutes: balados pair URL CODE, with this code:")
    print(done["code"])
    return DONE


def accounts(options: Namespace) -> int:
    """List the accounts."""

    async def directly(admin: Admin) -> dict[str, Any]:
        return {"accounts": await admin.accounts()}

    rows = operate(options.data_dir, "GET", "/accounts", {}, directly)["accounts"]
    if options.json:
        as_json(rows)
    elif not rows:
        line("No accounts yet. Make one with: balados-relay invite NAME")
    else:
        cells = [[r["name"], moment(r["created_at"]), str(r["devices"]), str(r["records"])] for r in rows]
        table(["NAME", "SINCE", "DEVICES", "RECORDS"], cells, numbers=[2, 3])
    return DONE


def devices(options: Namespace) -> int:
    """List the devices of an account."""

    async def directly(admin: Admin) -> dict[str, Any]:
        return {"devices": await admin.devices(options.name)}

    rows = operate(options.data_dir, "GET", "/devices", {"name": options.name}, directly)["devices"]
    if options.json:
        as_json(rows)
        return DONE
    cells = [
        [r["name"], r["id"], moment(r["created_at"]), moment(r["last_used_at"]), "revoked" if r["revoked_at"] else ""]
        for r in rows
    ]
    table(["NAME", "ID", "JOINED", "LAST SEEN", ""], cells)
    return DONE


def revoke(options: Namespace) -> int:
    """Revoke a device."""

    async def directly(admin: Admin) -> dict[str, str]:
        return {"revoked": await admin.revoke(options.name, options.device)}

    fields = {"name": options.name, "device": options.device}
    done = operate(options.data_dir, "POST", "/revoke", fields, directly)
    as_json(done) if options.json else line(f"Revoked {done['revoked']}.")
    return DONE
