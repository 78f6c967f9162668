"""One function for each command: have it done, print the answer, return the exit status."""

from argparse import Namespace
from typing import Any

from balados_relay.admin import Admin, Invited
from balados_relay.cli.operator import Failed, operate, running_at
from balados_relay.cli.passwords import new_password
from balados_relay.cli.qr import draw
from balados_shared.terminal import as_json, line, moment, table
from balados_shared.times import HOUR

DONE = 0
FAILED = 1


def up(options: Namespace) -> int:
    """Run the relay in the foreground."""
    from balados_relay.app import run_relay
    from balados_relay.settings import WEB_PORTS, Settings
    from balados_shared.http.cors import read_origin
    from balados_shared.http.logging import configure_logging
    from balados_shared.http.server import run

    configure_logging()
    settings = Settings(
        options.data_dir,
        options.host,
        options.port,
        tuple(options.trusted_proxy),
        registration=options.registration,
        public_url=options.public_url,
        allow_origins=tuple(read_origin(origin) for origin in options.allow_origin),
        proxy=options.proxy,
        public=options.public,
        fetch_allow=tuple(str(network) for network in options.fetch_from),
        fetch_ports=(*WEB_PORTS, *options.fetch_port),
    )
    return run(run_relay(settings, _say_ready))


def _say_ready(url: str, setup_code: str | None) -> None:
    owner = f"No owner yet: open {url}/setup?code={setup_code}\n" if setup_code is not None else ""
    print(f"ready {url}\n{owner}", end="", flush=True)


def init(options: Namespace) -> int:
    """Make the owner."""
    password = new_password(options)

    async def directly(admin: Admin) -> dict[str, str]:
        return {"owner": await admin.make_owner(options.name, password)}

    done = operate(options.data_dir, "POST", "/init", {"name": options.name, "password": password}, directly)
    as_json(done) if options.json else line(f"{done['owner']} owns this relay, and can log in.")
    return DONE


def password(options: Namespace) -> int:
    """Give somebody a new password."""
    chosen = new_password(options)

    async def directly(admin: Admin) -> dict[str, str]:
        await admin.set_password(options.name, chosen)
        return {"changed": options.name}

    done = operate(options.data_dir, "POST", "/password", {"name": options.name, "password": chosen}, directly)
    as_json(done) if options.json else line(f"{options.name} has a new password, and is logged out everywhere.")
    return DONE


def invite_person(options: Namespace) -> int:
    """Print an invitation link for a new person, alone on the last line."""

    async def directly(admin: Admin) -> dict[str, str]:
        return {"link": await admin.invite_person()}

    done = operate(options.data_dir, "POST", "/invite_person", {}, directly)
    if options.json:
        as_json(done)
        return DONE
    behind = ", to be put behind the address of this relay" if done["link"].startswith("/") else ""
    line(f"For one new person, once, within 7 days{behind}:")
    print(done["link"])
    return DONE


def invite(options: Namespace) -> int:
    """Print a pairing code, alone on the last line."""
    here = running_at(options.data_dir) or ""
    if options.qr and not here:
        raise Failed("a QR code leads to the running relay; start it first, or leave out --qr")

    async def directly(admin: Admin) -> Invited:
        return await admin.invite(options.name)

    done = operate(options.data_dir, "POST", "/invite", {"name": options.name}, directly)
    if options.json:
        as_json({"code": done["code"]})
        return DONE
    line(f"For {options.name}, once, within 15 minutes: balados pair URL CODE, with this code:")
    if options.qr:
        draw(Invited(**done).command(here))
    print(done["code"])
    return DONE


def app_password(options: Namespace) -> int:
    """Print an app password, alone on the last line."""

    async def directly(admin: Admin) -> dict[str, str]:
        return {"password": await admin.make_app_password(options.name, options.client)}

    fields = {"name": options.name, "client": options.client}
    done = operate(options.data_dir, "POST", "/app_password", fields, directly)
    if options.json:
        as_json(done)
        return DONE
    line(f"For {options.client} to log in as {options.name}; it is shown only now:")
    print(done["password"])
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


def tidy(options: Namespace) -> int:
    """Do the relay's jobs, or some of them, and say what each did."""

    async def directly(admin: Admin) -> dict[str, Any]:
        return {"jobs": await admin.tidy(options.jobs)}

    fields = {"jobs": options.jobs}
    done = operate(options.data_dir, "POST", "/tidy", fields, directly, seconds=HOUR / 1_000)["jobs"]
    if options.json:
        as_json(done)
    else:
        for result in done:
            line(result["told"])
    return DONE if all(result["number"] is not None for result in done) else FAILED
