"""Bring a database up to the program's schema: forward only, one file one transaction, whole or not at all.

Law: a database that knows a migration this program does not know is newer and is not touched; one that holds
something is copied before it is changed; a program killed in the middle goes on at its next start (DESIGN.md
section 5).
"""

import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from importlib import resources
from importlib.resources.abc import Traversable
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct

from balados_shared.storage.errors import SchemaTooNew
from balados_shared.storage.snapshot import write_snapshot

if TYPE_CHECKING:
    from sqlite_utils import Database

_NUMBERED = re.compile(r"\d{4}_\w+\.sql")


class Schema(Struct, frozen=True):
    """A set of tables that grows by numbered files.

    `name` is the set's name in the database, `package` the import package that holds its `NNNN_name.sql` files. A
    file that has been released is never edited. Migrations run with foreign keys off, as rebuilding a table needs,
    and are checked before they commit (sqlite.org/lang_altertable.html#otheralter).
    """

    name: str
    package: str


class Migration(NamedTuple):
    """One numbered file of a schema; `name` is the file's name without `.sql`."""

    schema: str
    name: str
    file: Traversable


def pending_migrations(connection: sqlite3.Connection, schemas: Sequence[Schema]) -> list[Migration]:
    """What is to be applied, in order. Only reads. Raises `SchemaTooNew` if the database knows more than we do."""
    known = [migration for schema in schemas for migration in _migrations(schema)]
    applied = _applied(connection)
    unknown = applied - {(migration.schema, migration.name) for migration in known}
    if unknown:
        newest = "/".join(max(unknown))
        raise SchemaTooNew(f"{SchemaTooNew.advice} (It has {newest}, which this version does not know.)")
    return [migration for migration in known if (migration.schema, migration.name) not in applied]


def apply_migrations(connection: sqlite3.Connection, pending: Sequence[Migration], snapshots: Path) -> None:
    """Apply `pending` in order, each in its own transaction, after a copy into `snapshots` if there is data to lose.

    No one else may have the database open for writing meanwhile: the data directory is locked. Foreign keys must be
    off.
    """
    if not pending:
        return
    if _holds_tables(connection):
        write_snapshot(connection, snapshots / f"before-{pending[0].name}-{pending[0].schema}.db")
    # Here and not above: the import takes longer than the rest of a start.
    from sqlite_utils import Database
    from sqlite_utils.migrations import Migrations

    # Neither plugins nor pragmas of the runner: a start that migrates must leave the connection like any other.
    database = Database(connection, recursive_triggers=False, execute_plugins=False)
    for schema, migrations in groupby(pending, key=lambda migration: migration.schema):
        runner = Migrations(schema)
        for migration in migrations:
            runner(name=migration.name)(_runs(migration))
        runner.apply(database)


def statements(sql: str) -> Iterator[str]:
    """Split a file into its statements. A semicolon inside a string, comment or trigger ends none."""
    statement = ""
    for piece in re.split(r"(?<=;)", sql):
        statement += piece
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if statement.strip():
        yield statement  # a comment, or a statement whose end SQLite will miss and name


def _migrations(schema: Schema) -> list[Migration]:
    files = [file for file in resources.files(schema.package).iterdir() if file.name.endswith(".sql")]
    misnamed = [file.name for file in files if not _NUMBERED.fullmatch(file.name)]
    if misnamed:
        raise ValueError(f"not NNNN_name.sql: {', '.join(misnamed)}")
    return [
        Migration(schema.name, file.name.removesuffix(".sql"), file)
        for file in sorted(files, key=lambda file: file.name)
    ]


def _applied(connection: sqlite3.Connection) -> set[tuple[str, str]]:
    if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = '_sqlite_migrations'").fetchone():
        return set()
    return set(connection.execute("SELECT migration_set, name FROM _sqlite_migrations"))


def _holds_tables(connection: sqlite3.Connection) -> bool:
    found = connection.execute(
        "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name NOT GLOB 'sqlite_*' AND name <> '_sqlite_migrations'"
    ).fetchone()
    return found is not None


def _runs(migration: Migration) -> "Callable[[Database], None]":
    def run(database: "Database") -> None:
        for statement in statements(migration.file.read_text(encoding="utf-8")):
            database.conn.execute(statement)
        broken = database.conn.execute("PRAGMA foreign_key_check").fetchone()
        if broken:
            raise sqlite3.IntegrityError(
                f"{migration.schema}/{migration.name} leaves a broken reference in {broken[0]}"
            )

    run.__name__ = migration.name
    return run
