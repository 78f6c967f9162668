"""Databases of every earlier version (tests/released) come up to the present schema with all that is in them."""

import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path
from sqlite3 import Connection

import pytest

from balados_relay.app import SCHEMAS
from balados_relay.maintenance import JOBS, run_jobs
from balados_relay.storage import accounts as storage
from balados_relay.storage import people
from balados_shared.fingerprint import fingerprint
from balados_shared.kinds import ALL
from balados_shared.storage import reading
from balados_shared.storage.checkpoints import wrong_records
from balados_shared.storage.database import Database
from balados_shared.times import DAY
from support.strategies import NOON

RELEASED = sorted((Path(__file__).parents[1] / "released").glob("relay-*.sql"))
OURS = "type = 'table' AND name NOT GLOB 'sqlite_*' AND name <> '_sqlite_migrations'"

Rows = dict[str, tuple[str, list[tuple[object, ...]]]]


def tables(connection: Connection) -> Rows:
    """Every table: its columns, as they are selected, and its rows."""
    found: Rows = {}
    for (name,) in connection.execute(f"SELECT name FROM sqlite_schema WHERE {OURS}").fetchall():
        columns = ", ".join(f'"{column[1]}"' for column in connection.execute(f"PRAGMA table_info({name})"))
        found[name] = columns, connection.execute(f"SELECT {columns} FROM {name} ORDER BY {columns}").fetchall()
    return found


def shape(connection: Connection) -> list[tuple[str, str, str]]:
    """What the schema is made of, whatever order it came in."""
    sql = "SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT GLOB '*sqlite_*' ORDER BY name"
    return connection.execute(sql).fetchall()


def load(dump: Path, path: Path) -> Rows:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(dump.read_text(encoding="utf-8"))
        return tables(connection)


def fingerprints(path: Path) -> list[str]:
    """The hash of what each account holds."""
    with closing(sqlite3.connect(path)) as connection:
        accounts = connection.execute("SELECT id FROM accounts ORDER BY id").fetchall()
        return [fingerprint(reading.values(connection, account)) for (account,) in accounts]


def wrong(path: Path) -> list[tuple[str, str]]:
    """The records of all accounts that checkpoint and log do not prove."""
    with closing(sqlite3.connect(path)) as connection:
        accounts = connection.execute("SELECT id FROM accounts").fetchall()
        return [name for (account,) in accounts for name in wrong_records(connection, account)]


@pytest.fixture(params=RELEASED, ids=lambda dump: dump.stem)
def dump(request: pytest.FixtureRequest) -> Path:
    return Path(request.param)


def test_a_dump_has_something_in_every_table_and_of_every_kind(dump: Path, tmp_path: Path) -> None:
    before = load(dump, tmp_path / "relay.db")
    assert {name for name, (_, rows) in before.items() if not rows} == set()
    with closing(sqlite3.connect(tmp_path / "relay.db")) as connection:
        kinds = {kind for (kind,) in connection.execute("SELECT DISTINCT kind FROM records")}
    assert kinds >= {kind.kind for kind in ALL if kind.kind not in ADDED_LATER}


ADDED_LATER: frozenset[str] = frozenset()
"""Kinds that the oldest dumps do not know."""


async def test_every_row_is_there_after_an_update(dump: Path, tmp_path: Path) -> None:
    path = tmp_path / "relay.db"
    before = load(dump, path)
    prints = fingerprints(path)
    await (await Database.open(path, SCHEMAS)).close()
    assert fingerprints(path) == prints
    assert wrong(path) == []
    with closing(sqlite3.connect(path)) as connection:
        for name, (columns, rows) in before.items():
            assert connection.execute(f"SELECT {columns} FROM {name} ORDER BY {columns}").fetchall() == rows, name
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        assert reading.damage(connection) is None
    (copy,) = (tmp_path / "snapshots").iterdir()  # what was there before
    with closing(sqlite3.connect(copy)) as connection:
        assert tables(connection) == before


async def test_an_updated_database_has_the_schema_of_a_new_one(dump: Path, tmp_path: Path) -> None:
    load(dump, tmp_path / "old.db")
    shapes = []
    for name in ("old.db", "new.db"):
        database = await Database.open(tmp_path / name, SCHEMAS)
        shapes.append(database.read(shape))
        await database.close()
    assert shapes[0] == shapes[1]


async def test_an_updated_relay_does_its_jobs(dump: Path, tmp_path: Path) -> None:
    load(dump, tmp_path / "relay.db")
    database = await Database.open(tmp_path / "relay.db", SCHEMAS)
    results = await run_jobs(database, JOBS, lambda: NOON + 900 * DAY)
    await database.close()
    assert all(result.number is not None for result in results)
    assert wrong(tmp_path / "relay.db") == []


async def test_accounts_of_the_first_version_have_no_password_and_their_daemons_may_sync(tmp_path: Path) -> None:
    load(next(dump for dump in RELEASED if dump.stem == "relay-0001"), tmp_path / "relay.db")
    database = await Database.open(tmp_path / "relay.db", SCHEMAS)
    logins = database.read(people.list_logins)
    grants = [grant for login in logins for grant in database.read(partial(storage.list_grants, account=login.account))]
    await database.close()
    assert {(login.role, login.password) for login in logins} == {("member", None)}
    assert {grant.scopes for grant in grants} == {"user.sync"}
