"""A library on a real file, for every test of the record store."""

from collections.abc import Iterator
from pathlib import Path
from sqlite3 import Connection

import pytest

from support.libraries import open_library


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    connection = open_library(tmp_path / "library.db")
    yield connection
    connection.close()
