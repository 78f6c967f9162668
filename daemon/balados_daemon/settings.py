"""What a daemon is told when it starts: read once, here."""

import os
import platform
from pathlib import Path

from msgspec import Struct

DEFAULT_PORT = 2252
HOST = "127.0.0.1"


class Settings(Struct, frozen=True):
    """Where the library lies and on which loopback port it is served (0 takes a free one)."""

    data_dir: Path
    port: int = DEFAULT_PORT
    device_name: str = ""

    @property
    def database(self) -> Path:
        return self.data_dir / "library.db"

    @property
    def snapshots(self) -> Path:
        return self.data_dir / "snapshots"

    @property
    def token_file(self) -> Path:
        """The token that local players show. Only the owner may read it."""
        return self.data_dir / "api-token"


def default_data_dir() -> Path:
    """Return `BALADOS_DATA_DIR`, or the platform's place for a person's data."""
    if chosen := os.environ.get("BALADOS_DATA_DIR"):
        return Path(chosen)
    import platformdirs

    return Path(platformdirs.user_data_dir("balados", appauthor=False))


def default_device_name() -> str:
    """Return what this machine calls itself."""
    return platform.node()[:100] or "this device"
