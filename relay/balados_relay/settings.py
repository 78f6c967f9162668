"""What a relay is told when it starts: read once, here."""

import os
from pathlib import Path

from msgspec import Struct

DEFAULT_PORT = 2253
DEFAULT_HOST = "127.0.0.1"
WEB_PORTS = (80, 443)


class Settings(Struct, frozen=True):
    """Where the relay's data lies and where it listens (port 0 takes a free one)."""

    data_dir: Path
    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    trusted_proxies: tuple[str, ...] = ()
    """Addresses or networks of reverse proxies, whose word on where a request comes from is believed."""
    registration: str = "invited"
    """Who may register once there is an owner: nobody (`closed`), who has an invitation (`invited`), all (`open`)."""
    public_url: str | None = None
    """Where people reach the relay, as it stands in the links it gives them; by default where it was asked."""
    allow_origins: tuple[str, ...] = ()
    """Origins of web pages that may use the API, as browsers write them; `*` for all."""

    proxy: str = "members"
    """Whom the relay fetches feeds for: nobody (`off`), who has an account (`members`), all (`everybody`)."""
    fetch_allow: tuple[str, ...] = ()
    """Private addresses or networks from which feeds may be fetched all the same."""
    fetch_ports: tuple[int, ...] = WEB_PORTS
    """Ports at which feeds may be fetched."""
    public: bool = False
    """Whether everybody is shown what the people of this relay listen to, as far as they do not keep it private."""

    @property
    def database(self) -> Path:
        return self.data_dir / "relay.db"

    @property
    def token_file(self) -> Path:
        """The token by which `balados-relay` commands speak to the running relay. Only the owner may read it."""
        return self.data_dir / "admin-token"


def default_data_dir() -> Path:
    """Return `BALADOS_DATA_DIR`, or the platform's place for a person's data."""
    if chosen := os.environ.get("BALADOS_DATA_DIR"):
        return Path(chosen)
    import platformdirs

    return Path(platformdirs.user_data_dir("balados-relay", appauthor=False))
