"""A relay as the examples of the protocol sheet find it: its users, apps and tokens, what they have, and its clock."""

import hashlib
import re
from collections.abc import Callable
from functools import partial
from sqlite3 import Connection
from typing import Any

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from balados_relay.app import Relay
from balados_relay.storage import accounts as storage
from balados_relay.storage.accounts import Grant
from balados_shared.kinds import ALL
from balados_shared.times import DAY, SECOND, Instant
from support.apps import App
from support.loopback import Clock
from support.names import Names
from support.protocol import Example, Sheet

Rows = list[dict[str, Any]]

PUBLIC = "93.184.216.34"
LONG_AGO = "2026-01-01T00:00:00Z"
_PLAYER = "play-tokens"
_NAMED = re.compile(r"\{\{(\w+):([\w.]+)\}\}")
_keys: dict[str, RSAPrivateKey] = {}


def _key(name: str) -> RSAPrivateKey:
    """Return the key of an app, made once: that takes longer than most examples."""
    if name not in _keys:
        _keys[name] = generate_private_key(65_537, 2_048)
    return _keys[name]


def _pem(key: RSAPrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


class Origins(httpx.AsyncBaseTransport):
    """The public servers that an example speaks of, by what they answer at each URL. No test reaches a real one."""

    def __init__(self, answers: dict[str, dict[str, Any]]) -> None:
        self._answers = answers
        self.names = Names({httpx.URL(url).host: [PUBLIC] for url in answers})
        self.asked: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer for the server that the `Host` header names."""
        url = str(request.url.copy_with(host=request.headers["Host"]))
        self.asked.append(url)
        answer = self._answers[url]
        headers = {"Content-Type": answer.get("content_type", "text/plain")} | answer.get("headers", {})
        return httpx.Response(
            answer["status"], headers=headers, stream=httpx.ByteStream(answer.get("body", "").encode())
        )


class Stage:
    """One example's relay. `http` speaks to its app."""

    def __init__(self, sheet: Sheet, relay: Relay, clock: Clock, http: httpx.AsyncClient) -> None:
        self.fixtures = sheet.fixtures
        self.relay = relay
        self.clock = clock
        self.http = http
        self._accounts: dict[str, int] = {}
        self._devices: dict[str, App] = {}

    async def set(self, example: Example) -> None:
        """Bring about all that an example takes for given."""
        self.clock.now = Instant.read(LONG_AGO) - DAY
        await self._add_people()
        await self._add_apps()
        await self._add_play_tokens()
        for user, state in example.given.get("state", {}).items():
            await self._add_state(user, state)
        self.clock.now = int(Instant.read(self.fixtures["now"]))
        for event in example.given.get("events", ()):
            await self._do(event, example.given.get("feed_titles", {}).get(event["feed"]))
        for _ in range(example.given.get("requests_in_window", {}).get("sync", 0)):
            (await self.ask("POST", "/api/v1/sync", json={})).raise_for_status()

    async def ask(self, method: str, path: str, app: str = "alice_full", **more: Any) -> httpx.Response:
        """Send a request of an app."""
        return await self.http.request(method, path, headers={"Authorization": f"Bearer {self.token(app)}"}, **more)

    def token(self, app: str, **changes: Any) -> str:
        """Sign a request of an app."""
        facts, now = self.fixtures["apps"][app], self.clock.now // SECOND
        claims = {"iss": facts["app_id"], "sub": self.fixtures["users"][facts["user"]]["id"], "iat": now}
        return jwt.encode({**claims, "exp": now + 3_600, **changes}, _key(app), "RS256")

    def filled(self, text: str, example: Example) -> str:
        """Put in what stands for tokens."""
        claims = example.given.get("jwt_claims", {})
        made: dict[str, Callable[[str], str]] = {
            "jwt": lambda app: self.token(app, **claims.get(app, {})),
            "auth_jwt": lambda app_id: self._request_for_consent(app_id, example),
        }
        return _NAMED.sub(lambda found: made[found[1]](found[2]), text)

    async def library(self, user: str = "alice") -> dict[str, Rows]:
        """Return what a user's library holds: all of it as a new device is told, then as a stock client sees it.

        Only the first has what is gone, only the second whole seconds and what is derived.
        """
        device, now = self._devices[user], self.clock.now
        headers = {"Authorization": f"Bearer {device.token(now=now)}"}
        whole = await self.http.post("/api/v1/sync", json=device.body(count=now), headers=headers)
        stock = await self.ask("POST", "/api/v1/sync", json={"subscriptions": [], "play_statuses": []})
        listed = await self.ask("GET", "/api/v1/subscriptions")
        answers = [answer.raise_for_status().json() for answer in (whole, stock, listed)]
        return {kind.plural: [row for answer in answers for row in answer.get(kind.plural, ())] for kind in ALL}

    # What is there before

    async def _add_people(self) -> None:
        for name, facts in self.fixtures["users"].items():
            add = partial(storage.create_account, user_id=facts["id"], name=name, now=self.clock.now)
            account = await self.relay.database.write(add)
            self._accounts[name] = account.id
            self._devices[name] = await App.paired(self.relay, name, f"elsewhere-{name}")

    async def _add_apps(self) -> None:
        for name, facts in self.fixtures["apps"].items():
            await self._add_grant(
                self._accounts[facts["user"]],
                facts["app_id"],
                _pem(_key(name)),
                " ".join(facts["scopes"]),
                revoked=facts["revoked"],
                name=facts["app_name"],
            )

    async def _add_play_tokens(self) -> None:
        """A play token is a bearer token of an app that may do what players of that kind do."""
        for name, facts in self.fixtures["play_tokens"].items():
            app_id, account = f"{_PLAYER}.{name}", self._accounts[facts["user"]]
            scopes = "user.plays.write user.subscriptions.read"
            await self._add_grant(account, app_id, "", scopes, revoked=facts["revoked"], name="Balados Web")
            ends = facts["expires_at"]
            expires = int(Instant.read(ends)) if ends else self.clock.now + 1_000 * DAY
            row = account, app_id, name, hashlib.sha256(facts["token"].encode()).digest(), self.clock.now, expires
            await self.relay.database.write(partial(_add_bearer, row=row))

    async def _add_grant(self, account: int, app_id: str, pem: str, scopes: str, *, revoked: bool, name: str) -> None:
        now = self.clock.now
        grant = Grant(account, app_id, pem, name, now, revoked_at=now if revoked else None, name=name, scopes=scopes)
        await self.relay.database.write(lambda connection: storage.add_grant(connection, grant))

    async def _add_state(self, user: str, state: dict[str, Any]) -> None:
        """Let a device tell the relay, row by row, when each was made."""
        for number, (time, plural, row) in enumerate(sorted(_rows(state), key=lambda each: each[0])):
            self.clock.now = min(max(self.clock.now, time), int(Instant.read(self.fixtures["now"])))
            device = self._devices[user]
            made = row | {"device": device.device_id, "number": self.clock.now + number, "vector": {}}
            token = device.token(now=self.clock.now)
            answer = await self.http.post(
                "/api/v1/sync",
                json=device.body(count=self.clock.now + number) | {plural: [made]},
                headers={"Authorization": f"Bearer {token}"},
            )
            assert answer.is_success, answer.text
            refused = [each for each in answer.json().get("verdicts", ()) if each["outcome"] == "refused"]
            assert not refused

    async def _do(self, event: dict[str, Any], title: str | None) -> None:
        """Let an app do what an event says, of a feed that has a title."""
        app = next(name for name, facts in self.fixtures["apps"].items() if facts["user"] == event["user"])
        feed = event["feed"]
        if event["type"] == "subscribe":
            done = await self.ask("POST", "/api/v1/subscriptions", app, json={"rss_source_feed": feed, "title": title})
        else:
            body = {"position": 0, "played": False, **event, "rss_source_feed": feed, "rss_source_item": event["item"]}
            done = await self.ask("POST", "/api/v1/play", app, json=body)
        done.raise_for_status()

    def _request_for_consent(self, app_id: str, example: Example) -> str:
        app = {"name": "New", "public_key": _pem(_key(app_id))}
        claims = {"iss": app_id, "app": app, "scopes": ["user.sync"], "iat": self.clock.now // SECOND}
        claims |= {"exp": self.clock.now // SECOND + 3_600, **example.given.get("auth_jwt", {})}
        return jwt.encode(claims, _key(app_id), "RS256")


def _add_bearer(connection: Connection, row: tuple[Any, ...]) -> None:
    sql = (
        "INSERT INTO bearers (account, app_id, device_id, device_name, token_hash, created, expires) "
        "VALUES (?1, ?2, ?3, ?3, ?4, ?5, ?6)"
    )
    connection.execute(sql, row)


def _rows(state: dict[str, Any]) -> list[tuple[int, str, dict[str, Any]]]:
    """Return the state as records of ours: when each was made, the list it stands in, its fields."""
    made: list[tuple[int, str, dict[str, Any]]] = []
    for row in state.get("subscriptions", ()):
        newest = max(filter(None, (row["subscribed_at"], row.get("unsubscribed_at"))))
        made.append((_moment(row.get("updated_at") or newest), "subscriptions", _without(row, "updated_at")))
    for row in state.get("plays", ()):
        time = row.get("updated_at") or LONG_AGO
        made.append((_moment(time), "play_statuses", {**row, "updated_at": time, "furthest": row["position"]}))
    made += [(_moment(row["liked_at"]), "likes", row) for row in state.get("likes", ())]
    for row in state.get("privacy", ()):
        fields = {"rss_source_feed": row["feed"], "rss_source_item": row["item"], "privacy": row["privacy"]}
        made.append((_moment(LONG_AGO), "privacy_settings", fields | {"updated_at": LONG_AGO}))
    for place, row in enumerate(state.get("collections", ())):
        made += _collection(row, _moment(LONG_AGO) + place * SECOND)
    return made


def _collection(row: dict[str, Any], time: int) -> list[tuple[int, str, dict[str, Any]]]:
    """A collection, and each of its feeds."""
    at = Instant(time).write()
    made = [(time, "collections", {**_without(row, "feeds"), "is_public": False, "updated_at": at})]
    for place, feed in enumerate(row["feeds"]):
        fields = {"collection_id": row["id"], "rss_source_feed": feed, "rank": f"V{place}x", "added_at": at}
        made.append((time, "collection_feeds", fields | {"updated_at": at}))
    return made


def _moment(text: str) -> int:
    return int(Instant.read(text))


def _without(row: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != name}
