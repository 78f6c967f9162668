"""Programs that start in a test's own directory and end with it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.processes import Programs


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Programs]:
    """Programs of one test's own."""
    with Programs(tmp_path) as programs:
        yield programs


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Programs]:
    """Programs that the tests of one file share, because they do not disturb each other."""
    with Programs(tmp_path_factory.mktemp("shared")) as programs:
        yield programs
