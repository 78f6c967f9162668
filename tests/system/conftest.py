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
