"""Programs that some tests need: shown as skipped where they are missing, mandatory in CI."""

import os
import shutil
from typing import NoReturn

import pytest


def require_tool(name: str) -> None:
    """Skip the test when a program is not installed; fail it where BALADOS_REQUIRE_TOOLS=1 says that it must be."""
    if shutil.which(name) is None:
        unavailable(f"{name} is not installed")


def unavailable(reason: str) -> NoReturn:
    """Skip, or fail where tools are mandatory."""
    if os.environ.get("BALADOS_REQUIRE_TOOLS") == "1":
        pytest.fail(reason)
    pytest.skip(reason)
