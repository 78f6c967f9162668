"""Devices without a daemon: one paired key that speaks for as many of them as are wanted."""

import secrets
import time

from msgspec import Struct

from balados_shared.kinds import PlayStatus
from balados_shared.record import Head, Record
from balados_shared.times import Instant
from balados_shared.tokens import new_key, public_pem, sign_request
from balados_shared.wire import encode_record, encode_request
from benchmarks import programs, seed
from benchmarks.client import Api
from benchmarks.programs import Program


class Key(Struct, frozen=True):
    """A key that an account trusts."""

    private_pem: str
    app_id: str
    user_id: str

    def token(self, device_id: str, lifetime_s: int = 60) -> str:
        """Sign a token for a device."""
        return sign_request(
            self.private_pem,
            app_id=self.app_id,
            user_id=self.user_id,
            device_id=device_id,
            device_name=device_id,
            now=time.time_ns() // 1_000_000,
            token_id=secrets.token_urlsafe(9),
            lifetime_s=lifetime_s,
        )


async def pair(to: Program) -> Key:
    """Pair a new key with the account of the benchmarks."""
    key = new_key()
    stranger = await Api.connect(to.url)
    wish = {
        "code": await programs.invite(to),
        "public_key": public_pem(key),
        "device_id": "many",
        "device_name": "Many",
    }
    paired = await stranger.post("/pair", wish)
    stranger.close()
    return Key(key, paired["app_id"], paired["user_id"])


class Device:
    """A device that syncs one changed play status after the other, of 50 episodes that nobody else listens to."""

    def __init__(self, device_id: str, listens_to: int = 0) -> None:
        self.device_id = device_id
        self._feed = listens_to
        self.cursor = ""
        self._number = time.time_ns() // 1_000_000

    def body(self, change: int) -> bytes:
        """Make a request body with one change. Set `cursor` from each answer."""
        self._number += 1
        frame = {"device_id": self.device_id, "count": self._number, "cursor": self.cursor, "runs": ["run"]}
        record = self._play(change)
        return encode_request(frame, [(record.name.plural, encode_record(record))])

    def _play(self, change: int) -> Record:
        value = PlayStatus(
            rss_source_feed=seed.feed(self._feed),
            rss_source_item=seed.episode(change % 50, self._feed),
            position=float(change % 3_600),
            played=False,
            updated_at=Instant(time.time_ns() // 1_000_000),
        )
        return Record.of([Head(self.device_id, self._number, value)], {self.device_id: self._number})
