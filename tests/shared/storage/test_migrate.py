"""Forward only, whole or not at all, with a copy first, and never on a newer database."""

import contextlib
import hashlib
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from balados_shared.storage.database import Database
from balados_shared.storage.errors import SchemaTooNew
from balados_shared.storage.migrate import Schema, statements
from support.schemas import NOTES, TemporarySchema, temporary_schema

TRIGGER = """
-- A comment; with a semicolon, and "quotes".
CREATE TABLE log (text TEXT) STRICT;
CREATE TRIGGER remember AFTER INSERT ON notes BEGIN
    INSERT INTO log VALUES (new.text || ';');
    INSERT INTO log VALUES ('BEGIN; END;');
END;
-- The end.
"""


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TemporarySchema:
    return temporary_schema(tmp_path, monkeypatch, {"0001_notes.sql": NOTES})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "library.db"


async def migrate(path: Path, *schemas: Schema) -> None:
    await (await Database.open(path, schemas)).close()


def query(path: Path, sql: str) -> list[tuple[object, ...]]:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return connection.execute(sql).fetchall()


def tables(path: Path) -> set[object]:
    return {name for (name,) in query(path, "SELECT name FROM sqlite_schema WHERE type = 'table'")}


def snapshots(path: Path) -> list[str]:
    return sorted(file.name for file in path.parent.glob("snapshots/*"))


def digest(path: Path) -> dict[str, str]:
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in path.parent.iterdir()}


async def test_a_new_database_gets_every_migration_in_order_and_no_snapshot(
    path: Path, library: TemporarySchema
) -> None:
    library.add({"0010_tenth.sql": "DROP TABLE second;", "0002_second.sql": "CREATE TABLE second (x);"})
    await migrate(path, library.schema)
    assert query(path, "SELECT migration_set, name FROM _sqlite_migrations ORDER BY id") == [
        ("library", "0001_notes"),
        ("library", "0002_second"),
        ("library", "0010_tenth"),
    ]
    assert snapshots(path) == []


async def test_opening_again_changes_nothing(path: Path, library: TemporarySchema) -> None:
    await migrate(path, library.schema)
    before = digest(path)
    await migrate(path, library.schema)
    assert digest(path) == before


def test_a_start_without_migrations_does_not_import_the_runner(path: Path, library: TemporarySchema) -> None:
    program = """
import asyncio, sys
from pathlib import Path
from balados_shared.storage.database import Database
from balados_shared.storage.migrate import Schema

async def main():
    database = await Database.open(Path(sys.argv[1]), [Schema("library", sys.argv[2])])
    await database.close()

asyncio.run(main())
print("sqlite_utils" in sys.modules)
"""
    command = [sys.executable, "-c", program, str(path), library.schema.package]
    said = [
        subprocess.run(command, cwd=library.package.parent, capture_output=True, check=True, timeout=30).stdout
        for _ in range(2)
    ]
    assert said == [b"True\n", b"False\n"]


async def test_statements_end_where_sqlite_says(path: Path, library: TemporarySchema) -> None:
    library.add({"0002_log.sql": TRIGGER})
    assert [statement.split()[:2] for statement in statements(TRIGGER)][1:] == [
        ["CREATE", "TRIGGER"],
        ["--", "The"],
    ]
    await migrate(path, library.schema)
    query(path, "INSERT INTO notes (text) VALUES ('a')")
    assert query(path, "SELECT text FROM log") == [("a;",), ("BEGIN; END;",)]


async def test_a_database_that_holds_something_is_copied_first(path: Path, library: TemporarySchema) -> None:
    await migrate(path, library.schema)
    query(path, "INSERT INTO notes (text) VALUES ('kept')")
    library.add({"0002_loses.sql": "DELETE FROM notes;", "0003_more.sql": "CREATE TABLE more (x);"})
    await migrate(path, library.schema)
    assert query(path, "SELECT * FROM notes") == []
    assert snapshots(path) == ["before-0002_loses-library.db"]
    copy = path.parent / "snapshots" / "before-0002_loses-library.db"
    assert query(copy, "SELECT text FROM notes") == [("kept",)]
    assert "more" not in tables(copy)


async def test_two_schemas_share_one_database(
    path: Path, library: TemporarySchema, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    feeds = temporary_schema(tmp_path, monkeypatch, {"0001_notes.sql": "CREATE TABLE feeds (url);"}, name="feeds")
    await migrate(path, library.schema, feeds.schema)
    assert {"notes", "feeds"} <= tables(path)
    feeds.add({"0002_more.sql": "CREATE TABLE more (x);"})
    await migrate(path, library.schema, feeds.schema)
    assert snapshots(path) == ["before-0002_more-feeds.db"]


async def test_a_newer_database_is_refused_and_not_touched(path: Path, library: TemporarySchema) -> None:
    library.add({"0002_newer.sql": "CREATE TABLE newer (x);"})
    await migrate(path, library.schema)
    library.remove("0002_newer.sql")
    library.add({"0003_pending.sql": "CREATE TABLE pending (x);"})
    query(path, "PRAGMA journal_mode=DELETE")
    before = digest(path)
    with pytest.raises(SchemaTooNew, match=r"newer version of Balados.*library/0002_newer"):
        await migrate(path, library.schema)
    assert digest(path) == before


async def test_a_database_with_a_schema_that_the_program_lacks_is_newer_too(
    path: Path, library: TemporarySchema, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = temporary_schema(tmp_path, monkeypatch, {"0001_notes.sql": "CREATE TABLE later (x);"}, name="later")
    await migrate(path, library.schema, later.schema)
    with pytest.raises(SchemaTooNew):
        await migrate(path, library.schema)


async def test_a_migration_that_fails_leaves_nothing_of_itself(path: Path, library: TemporarySchema) -> None:
    await migrate(path, library.schema)
    library.add({"0002_good.sql": "CREATE TABLE good (x);", "0003_bad.sql": "CREATE TABLE half (x);\nSELEKT;"})
    with pytest.raises(sqlite3.OperationalError, match="SELEKT"):
        await migrate(path, library.schema)
    assert tables(path) >= {"notes", "good"}
    assert "half" not in tables(path)
    library.add({"0003_bad.sql": "CREATE TABLE half (x);"})
    await migrate(path, library.schema)
    assert "half" in tables(path)


async def test_a_table_may_be_rebuilt_but_no_reference_broken(path: Path, library: TemporarySchema) -> None:
    library.add({"0002_links.sql": "CREATE TABLE links (note INTEGER REFERENCES notes (id)) STRICT;"})
    await migrate(path, library.schema)
    query(path, "INSERT INTO notes VALUES (1, 'a')")
    query(path, "INSERT INTO links VALUES (1)")
    rebuilt = NOTES.replace("notes", "rebuilt") + "INSERT INTO rebuilt SELECT * FROM notes;"
    library.add({"0003_rebuild.sql": f"{rebuilt} DROP TABLE notes; ALTER TABLE rebuilt RENAME TO notes;"})
    await migrate(path, library.schema)
    assert query(path, "SELECT text FROM notes JOIN links ON note = id") == [("a",)]
    library.add({"0004_breaks.sql": "DELETE FROM notes;"})
    with pytest.raises(sqlite3.IntegrityError, match="0004_breaks leaves a broken reference in links"):
        await migrate(path, library.schema)
    assert query(path, "SELECT text FROM notes") == [("a",)]


async def test_foreign_keys_hold_after_a_migration(path: Path, library: TemporarySchema) -> None:
    library.add({"0002_links.sql": "CREATE TABLE links (note INTEGER REFERENCES notes (id)) STRICT;"})
    database = await Database.open(path, [library.schema])
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        await database.write(lambda connection: connection.execute("INSERT INTO links VALUES (99)"))
    await database.close()


async def test_a_file_without_a_number_is_our_mistake(path: Path, library: TemporarySchema) -> None:
    library.add({"2_short.sql": "SELECT 1;"})
    with pytest.raises(ValueError, match=r"2_short\.sql"):
        await migrate(path, library.schema)


KILLED_AT_STATEMENT = """
import asyncio, os, signal, sys
from pathlib import Path
from balados_shared.storage import migrate
from balados_shared.storage.database import Database

whole, left = migrate.statements, int(sys.argv[3])

def interrupted(sql):
    global left
    for statement in whole(sql):
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1
        yield statement

migrate.statements = interrupted
asyncio.run(Database.open(Path(sys.argv[1]), [migrate.Schema("library", sys.argv[2])]))
"""


@pytest.mark.parametrize("after", range(5))
async def test_a_program_killed_while_migrating_goes_on_at_its_next_start(
    path: Path, library: TemporarySchema, after: int
) -> None:
    await migrate(path, library.schema)
    query(path, "INSERT INTO notes (text) VALUES ('kept')")
    library.add(
        {
            "0002_two.sql": "CREATE TABLE a (x); INSERT INTO a SELECT id FROM notes; CREATE TABLE b (x);",
            "0003_three.sql": "ALTER TABLE a ADD COLUMN y; INSERT INTO b SELECT x FROM a;",
        }
    )
    kill_while_migrating(path, library, after)
    assert ("a" in tables(path)) == ("b" in tables(path)) == (after >= 3)
    await migrate(path, library.schema)
    assert query(path, "SELECT x, y FROM a") == [(1, None)]
    assert query(path, "SELECT * FROM b") == [(1,)]
    assert query(path, "SELECT text FROM notes") == [("kept",)]
    assert query(path.parent / "snapshots" / "before-0002_two-library.db", "SELECT text FROM notes") == [("kept",)]


def kill_while_migrating(path: Path, library: TemporarySchema, after: int) -> None:
    command = [sys.executable, "-c", KILLED_AT_STATEMENT, str(path), library.schema.package, str(after)]
    ended = subprocess.run(command, cwd=library.package.parent, timeout=30, check=False)
    assert ended.returncode == -signal.SIGKILL
