"""A real library file for tests that need no event loop, with the shipped schema."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory

from balados_shared.storage.migrate import statements

_FILES = [file for file in resources.files("balados_shared.storage.schema").iterdir() if file.name.endswith(".sql")]
SCHEMA = "\n".join(file.read_text(encoding="utf-8") for file in sorted(_FILES, key=lambda file: file.name))


def open_library(path: Path) -> sqlite3.Connection:
    """Make a library file, with every constraint on. Durability has tests of its own."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("BEGIN")
    for statement in statements(SCHEMA):
        connection.execute(statement)
    connection.execute("COMMIT")
    return connection


@contextmanager
def temporary_library() -> Iterator[sqlite3.Connection]:
    """A library file of its own for each example of a property."""
    with TemporaryDirectory() as directory, closing(open_library(Path(directory) / "library.db")) as connection:
        yield connection
