"""Everything of one account as one JSON document (docs/export.md), piece by piece.

Law: it holds all that the person has put here or caused, and nothing by which somebody could act for them. It is never
in memory as a whole: changes that come in meanwhile may be in one part of it and not in another.
"""

import re
from collections.abc import AsyncIterator, Callable
from functools import partial
from sqlite3 import Connection
from typing import Any
from urllib.parse import quote

from balados_relay.people.person import Person
from balados_relay.storage import accounts, people
from balados_relay.storage.accounts import Grant
from balados_shared.kinds import ALL
from balados_shared.storage import log, reading
from balados_shared.storage.database import Database
from balados_shared.times import Instant
from balados_shared.wire import encode_json

VERSION = 1
BATCH = 500

Place = Any
"""Where in its index a part of the document goes on."""


async def export(database: Database, person: Person, now: int) -> AsyncIterator[bytes]:
    """Yield the document of one account, in pieces of some hundred records. `now` is in milliseconds."""
    facts = await database.scan(lambda connection: _facts(connection, person, now))
    yield encode_json(facts)[:-1] + b',"records":{'
    for number, kind in enumerate(ALL):
        yield b"," * (number > 0) + encode_json(kind.plural) + b":["
        async for piece in _pieces(database, partial(_records, account=person.account, kind=kind.kind), ""):
            yield piece
        yield b"]"
    yield b'},"log":['
    between = b""
    for kind in ALL:
        async for piece in _pieces(database, partial(_lines, account=person.account, kind=kind.kind), ("", 0)):
            yield between + piece
            between = b","
    yield b"]}\n"


def file_headers(name: str, now: int) -> dict[str, str]:
    """Return the headers that make a browser save the document as `balados-NAME-DATE.json` (RFC 6266)."""
    day = Instant(now).write()[:10]
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", name)
    whole = quote(f"balados-{name}-{day}.json", safe="")
    disposition = f"attachment; filename=\"balados-{plain}-{day}.json\"; filename*=UTF-8''{whole}"
    return {"Content-Disposition": disposition, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


async def _pieces(
    database: Database, question: Callable[..., list[tuple[Place, bytes]]], start: Place
) -> AsyncIterator[bytes]:
    """Yield the answers to a question, many at a time with commas between, asked again from where the last ended."""
    between = b""
    while found := await database.scan(partial(question, after=start)):
        yield between + b",".join(text for _, text in found)
        between = b","
        start = found[-1][0]


def _records(connection: Connection, *, account: int, kind: str, after: str) -> list[tuple[Place, bytes]]:
    found = reading.states(connection, account, kind, after=after, limit=BATCH)
    return [(key, state.encode()) for key, state in found]


def _lines(connection: Connection, *, account: int, kind: str, after: tuple[str, int]) -> list[tuple[Place, bytes]]:
    found = log.of_kind(connection, account, kind, after=after, limit=BATCH)
    return [((event.key, event.event), encode_json(event)) for event in found]


def _facts(connection: Connection, person: Person, now: int) -> dict[str, Any]:
    """Return everything but the library. Hashes of secrets are left out, and so are public keys."""
    login = people.get_login(connection, person.account)
    return {
        "format": "balados-export",
        "version": VERSION,
        "exported_at": Instant(now),
        "account": {
            "name": person.name,
            "user_id": person.user_id,
            "role": person.role,
            "created_at": Instant(login.created) if login else None,
        },
        "devices": [
            {
                "device_id": each.device_id,
                "name": each.name,
                "app_id": each.app_id,
                "last_seen": Instant(each.last_seen),
            }
            for each in accounts.list_counters(connection, person.account)
        ],
        "apps": [_app(grant) for grant in accounts.list_grants(connection, person.account)],
        "app_passwords": [_dated(row) for row in people.list_app_passwords(connection, person.account)],
        "sessions": [
            {"agent": each.agent, "created": Instant(each.created), "last_seen": Instant(each.last_seen)}
            for each in people.list_sessions(connection, person.account, now)
        ],
        "shares": [_dated(row) for row in people.list_shares(connection, person.account)],
    }


def _app(grant: Grant) -> dict[str, Any]:
    return _dated(
        {
            "app_id": grant.app_id,
            "name": grant.name,
            "device_name": grant.device_name,
            "url": grant.url,
            "image": grant.image,
            "scopes": grant.scopes.split(),
            "created": grant.created,
            "last_used": grant.last_used,
            "revoked_at": grant.revoked_at,
        }
    )


def _dated(row: dict[str, Any]) -> dict[str, Any]:
    """Write the numbers of a row as times."""
    return {name: Instant(value) if isinstance(value, int) else value for name, value in row.items()}
