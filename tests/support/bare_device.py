"""A device without a daemon: a key and a socket, so that a test can send a relay whatever it likes."""

import secrets
import time
from types import TracebackType
from typing import Any, Self

import httpx

from balados_shared.ids import EpisodeId, FeedId
from balados_shared.tokens import new_key, public_pem, sign_request
from support.processes import RelayProgram, client


class BareDevice:
    """A paired device of an account. Use as a context manager."""

    def __init__(self, relay: RelayProgram, account: str, device_id: str = "dev") -> None:
        self.device_id = device_id
        self.key = new_key()
        self.http = client(relay.url)
        body = {"code": relay.invite(account), "public_key": public_pem(self.key), "device_id": device_id}
        paired = self.http.post("/pair", json=body | {"device_name": device_id}).raise_for_status().json()
        self.user_id, self.app_id = paired["user_id"], paired["app_id"]
        self._number = int(time.time() * 1_000)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.close()

    def token(self, **changed: Any) -> str:
        """Sign a fresh token; `changed` replaces what `sign_request` is given."""
        given: dict[str, Any] = {
            "app_id": self.app_id,
            "user_id": self.user_id,
            "device_id": self.device_id,
            "device_name": self.device_id,
            "now": int(time.time() * 1_000),
            "token_id": secrets.token_urlsafe(9),
        }
        return sign_request(changed.pop("key", self.key), **given | changed)

    def ask(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        """Send a signed request."""
        headers = {"Authorization": f"Bearer {self.token()}", **arguments.pop("headers", {})}
        return self.http.request(method, path, headers=headers, **arguments)

    def sync(self, *, cursor: Any = "", **more: Any) -> httpx.Response:
        """Do one exchange; `more` are the lists of records, or other fields of the request."""
        frame = {"device_id": self.device_id, "count": self._number, "cursor": cursor}
        return self.ask("POST", "/sync", json=frame | more)

    def stamped(self, **fields: Any) -> dict[str, Any]:
        """Return a record with a dot of this device, one number after the last."""
        self._number += 1
        return {"device": self.device_id, "number": self._number, "vector": {self.device_id: self._number}, **fields}

    def subscription(self, url: str, **more: Any) -> dict[str, Any]:
        """Return a subscription record."""
        return self.stamped(rss_source_feed=FeedId.of(url), subscribed_at="2026-01-02T03:04:05.000Z", **more)

    def play(self, url: str, guid: str, position: Any, **more: Any) -> dict[str, Any]:
        """Return a play status record."""
        fields = {"rss_source_feed": FeedId.of(url), "rss_source_item": EpisodeId.of(guid, None)}
        dated = {"position": position, "played": False, "updated_at": "2026-01-02T03:04:05.000Z"}
        return self.stamped(**fields, **dated, **more)
