"""Schemas for tests of the storage floor: an import package with .sql files, made where the test wants it."""

from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

import pytest

from balados_shared.storage.migrate import Schema

NOTES = "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;"


class TemporarySchema:
    """A schema whose files a test may add to, as a new version of the program would."""

    def __init__(self, directory: Path, name: str, files: Mapping[str, str]) -> None:
        # A name of its own, because an imported package is remembered for the whole run.
        self.package = directory / f"schema_{uuid4().hex}"
        self.package.mkdir()
        (self.package / "__init__.py").touch()
        self.schema = Schema(name, self.package.name)
        self.add(files)

    def add(self, files: Mapping[str, str]) -> None:
        for file, sql in files.items():
            (self.package / file).write_text(sql, encoding="utf-8")

    def remove(self, file: str) -> None:
        (self.package / file).unlink()


def temporary_schema(
    directory: Path, monkeypatch: pytest.MonkeyPatch, files: Mapping[str, str], name: str = "library"
) -> TemporarySchema:
    """Make the package below `directory` and let it be imported until the test ends."""
    monkeypatch.syspath_prepend(directory)
    return TemporarySchema(directory, name, files)
