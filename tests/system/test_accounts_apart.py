"""Two people on one relay never meet, whatever one of them sends; and nobody gets in without a good token."""

import base64
import hashlib
import hmac
import sqlite3
import stat
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from balados_shared.ids import EpisodeId, FeedId
from balados_shared.tokens import new_key, public_pem
from support.bare_device import BareDevice
from support.processes import DaemonProgram, Program, Programs, RelayProgram, client, live, pair

FEED = "https://feeds.example/both.xml"
SECRET = "https://feeds.example/only-of-y.xml?token=of-y"


@pytest.fixture(scope="module")
def relay(shared: Programs) -> RelayProgram:
    return shared.relay()


@pytest.fixture(scope="module")
def y(relay: RelayProgram) -> Iterator[BareDevice]:
    """A device of Y, who has a library."""
    with BareDevice(relay, "y") as device:
        secret = device.subscription(SECRET, title="Only of Y")
        plays = [device.play(FEED, f"episode {number}", 100 + number) for number in range(5)]
        answer = device.sync(subscriptions=[device.subscription(FEED, title="Y's title"), secret], play_statuses=plays)
        assert "verdicts" not in answer.raise_for_status().json()
        yield device


@pytest.fixture(scope="module")
def x(relay: RelayProgram, y: BareDevice) -> Iterator[BareDevice]:
    """A device of X, with the same device id and the same feed as Y's."""
    with BareDevice(relay, "x", y.device_id) as device:
        yield device


def rows_of(relay: RelayProgram, user_id: str) -> dict[str, list[Any]]:
    """Everything that the relay has stored of an account."""
    queries = {
        "libraries": "SELECT * FROM libraries WHERE account = ?",
        "records": "SELECT * FROM records WHERE account = ?",
        "events": "SELECT events.* FROM events JOIN records ON records.id = record WHERE account = ?",
        "tags": "SELECT * FROM tags WHERE account = ?",
        "counters": "SELECT * FROM counters WHERE account = ?",
        "grants": "SELECT account, app_id, public_key, revoked_at FROM grants WHERE account = ?",
    }
    with closing(sqlite3.connect(f"file:{relay.data_dir / 'relay.db'}?mode=ro", uri=True)) as connection:
        ((account,),) = connection.execute("SELECT id FROM accounts WHERE user_id = ?", (user_id,))
        return {name: connection.execute(sql, (account,)).fetchall() for name, sql in queries.items()}


@pytest.fixture
def y_stays(relay: RelayProgram, y: BareDevice) -> Iterator[list[str]]:
    """Give a list for the answers that X gets; at the end nothing of Y may have changed or be in them."""
    before = rows_of(relay, y.user_id)
    answers: list[str] = []
    yield answers
    assert rows_of(relay, y.user_id) == before
    assert answers
    for text in answers:
        for foreign in ("only-of-y", FeedId.of(SECRET), "Only of Y", "Y's title", y.user_id):
            assert foreign not in text


def test_a_pull_shows_only_ones_own(x: BareDevice, y_stays: list[str]) -> None:
    answer = x.sync()
    y_stays.append(answer.raise_for_status().text)
    assert answer.json().keys() == {"synced_at", "cursor", "more"}


def test_the_same_feeds_and_device_ids_do_not_collide(
    relay: RelayProgram, x: BareDevice, y: BareDevice, y_stays: list[str]
) -> None:
    mine = x.subscription(FEED, title="X's title")
    play = x.play(FEED, "episode 1", 9_999) | {"vector": {y.device_id: 2**53 - 1}}
    answer = x.sync(subscriptions=[mine], play_statuses=[play])
    y_stays.append(answer.raise_for_status().text)
    y_stays.append(x.sync().text)
    assert [s["title"] for s in x.sync().json()["subscriptions"]] == ["X's title"]
    assert len(rows_of(relay, x.user_id)["records"]) == 2


def test_the_log_of_a_foreign_record_is_empty(x: BareDevice, y_stays: list[str]) -> None:
    for key in (
        f"subscription/{FeedId.of(SECRET)}",
        f"play_status/{FeedId.of(FEED)}/{EpisodeId.of('episode 2', None)}",
    ):
        answer = x.ask("GET", "/events", params={"record": key})
        assert answer.json() == {"events": []}
        y_stays.append(answer.text)


def test_a_cursor_of_a_foreign_history_is_unknown(relay: RelayProgram, x: BareDevice, y: BareDevice) -> None:
    tags = [(revision, tag) for _, revision, tag, *_ in rows_of(relay, y.user_id)["tags"]]
    assert len(tags) == 7
    for revision, tag in tags:
        answer = x.sync(cursor=f"{revision}.{tag}")
        assert (answer.status_code, answer.json()["error_code"]) == (409, "CURSOR_UNKNOWN")
        with live(relay.url) as connection:
            connection.say(type="auth", token=x.token())
            connection.hear()
            connection.say(type="subscribe", cursor=f"{revision}.{tag}")
            assert connection.hear()["error"]["code"] == "CURSOR_UNKNOWN"
        preview = x.http.post("/pair/preview", json={"code": relay.invite("x"), "cursor": f"{revision}.{tag}"})
        assert preview.status_code == 409


def test_the_devices_of_another_account_are_not_listed(relay: RelayProgram, x: BareDevice, y_stays: list[str]) -> None:
    with BareDevice(relay, "y-other", "phone-of-another"):
        answer = x.ask("GET", "/devices")
    y_stays.append(answer.text)
    assert [row["device_id"] for row in answer.json()["devices"]] == [x.device_id]


def test_a_code_shows_the_library_that_it_opens_and_no_other(
    relay: RelayProgram, x: BareDevice, y_stays: list[str]
) -> None:
    answer = x.http.post("/pair/preview", json={"code": relay.invite("x")}, headers=bearer(x.token()))
    y_stays.append(answer.raise_for_status().text)


def test_what_another_account_does_is_not_told(relay: RelayProgram, x: BareDevice, y: BareDevice) -> None:
    with live(relay.url) as connection:
        connection.say(type="auth", token=x.token())
        connection.hear()
        connection.say(type="subscribe", cursor="")
        connection.hear()
        y.sync(play_statuses=[y.play(FEED, "told to nobody else", 1)]).raise_for_status()
        x.sync(likes=[x.stamped(rss_source_feed=FeedId.of(FEED), liked_at="2026-01-02T03:04:05.000Z")])
        heard: dict[str, Any] = {}
        while "likes" not in heard:
            heard = connection.hear()
            assert EpisodeId.of("told to nobody else", None) not in str(heard)


def test_a_new_key_never_takes_over_the_app_id_of_another_device(relay: RelayProgram, y: BareDevice) -> None:
    """Also within one account: who pairs under a name that is taken gets another one."""
    with BareDevice(relay, "y", y.device_id) as impostor:
        assert impostor.app_id != y.app_id
        assert impostor.ask("GET", "/devices").status_code == 200
        forged = impostor.token(app_id=y.app_id)
        assert impostor.http.get("/devices", headers=bearer(forged)).status_code == 401


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def encoded(data: Any) -> str:
    raw = data if isinstance(data, bytes) else msgspec.json.encode(data)
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def bad_authorizations(x: BareDevice, y: BareDevice) -> dict[str, str | None]:
    """All ways to have no good token, by what is wrong with them."""
    now, good = int(time.time() * 1_000), x.token()
    head, claims, signature = good.split(".")
    unsigned = f"{encoded({'alg': 'none', 'typ': 'JWT'})}.{claims}"
    symmetric = f"{encoded({'alg': 'HS256', 'typ': 'JWT'})}.{claims}"
    public = public_pem(x.key).encode()
    changed = msgspec.json.decode(base64.urlsafe_b64decode(claims + "==")) | {"sub": y.user_id}
    return {
        "none": None,
        "empty": "Bearer",
        "another scheme": f"Basic {good}",
        "nonsense": "Bearer nonsense",
        "not ASCII": "Bearer \xe9\xff",
        "very long": "Bearer " + "a" * 20_000,
        "three parts of nothing": "Bearer ..",
        "expired": f"Bearer {x.token(now=now - 3_600_000)}",
        "from the future": f"Bearer {x.token(now=now + 3_600_000)}",
        "lives too long": f"Bearer {x.token(lifetime_s=400 * 86_400)}",
        "a key that nobody has": f"Bearer {x.token(key=new_key())}",
        "another account's name, own key": f"Bearer {x.token(user_id=y.user_id)}",
        "another account's name and app, own key": f"Bearer {x.token(user_id=y.user_id, app_id=y.app_id)}",
        "another account's app, its key, own name": f"Bearer {y.token(user_id=x.user_id)[:-6]}AAAAAA",
        "unknown app": f"Bearer {x.token(app_id='app.nobody')}",
        "claims changed under the signature": f"Bearer {head}.{encoded(changed)}.{signature}",
        "alg none": f"Bearer {unsigned}.",
        "alg none, signature kept": f"Bearer {unsigned}.{signature}",
        "HS256 with the public key": "Bearer "
        + f"{symmetric}.{encoded(hmac.digest(public, symmetric.encode(), hashlib.sha256))}",
        "the operator's token shape": "Bearer " + "A" * 43,
    }


OPEN = {
    ("GET", "/api/v1/health"),
    ("POST", "/api/v1/pair"),
    ("POST", "/api/v1/pair/preview"),
    ("GET", "/api/v1/public/trending/podcasts"),
    ("GET", "/api/v1/public/trending/episodes"),
    ("GET", "/api/v1/public/feed/YQ/popularity"),
    ("GET", "/api/v1/public/episode/YQ/popularity"),
    ("GET", "/api/v1/public/timeline"),
}


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Every method and path of an OpenAPI document, with something in the place of each parameter."""
    for path, methods in document["paths"].items():
        for method in methods.keys() & {"get", "post", "put", "patch", "delete"}:
            yield method.upper(), "".join("YQ" if part.startswith("{") else part for part in _parts(path))


def _parts(path: str) -> list[str]:
    return path.replace("{", "\0{").replace("}", "}\0").split("\0")


def test_every_relay_route_answers_a_bad_token_with_one_and_the_same_401(
    relay: RelayProgram, x: BareDevice, y: BareDevice
) -> None:
    document = httpx.get(f"{relay.url}/schema/openapi.json", trust_env=False).raise_for_status().json()
    closed = sorted(set(operations(document)) - OPEN)
    assert ("POST", "/api/v1/sync") in closed
    assert len(closed) >= 7
    seen: set[tuple[int, bytes, str | None]] = set()
    with httpx.Client(base_url=relay.url, trust_env=False) as anybody:
        for method, path in closed:
            for wrong, authorization in bad_authorizations(x, y).items():
                headers = {b"Authorization": authorization.encode("latin-1")} if authorization is not None else {}
                answer = anybody.request(method, path, headers=headers)
                assert answer.status_code == 401, (method, path, wrong, answer.text)
                seen.add((answer.status_code, answer.content, answer.headers.get("WWW-Authenticate")))
            admin = path.startswith("/api/v1/admin")
            swapped = anybody.request(method, path, headers=bearer(x.token() if admin else relay.token))
            assert swapped.status_code == 401, (method, path)
    assert len(seen) == 1


def test_a_bad_token_is_told_nothing_on_the_live_connection(relay: RelayProgram, x: BareDevice, y: BareDevice) -> None:
    for message in ({"type": "subscribe", "cursor": ""}, {"type": "sync", "cursor": "", "device_id": "d"}):
        with live(relay.url) as connection:
            for _ in range(3):
                connection.say(**message)
                assert connection.hear()["error"]["code"] == "UNAUTHENTICATED"
            with pytest.raises(ConnectionClosed) as end:
                connection.hear()
            assert end.value.rcvd is not None
            assert end.value.rcvd.code == 4401
    for wrong, authorization in bad_authorizations(x, y).items():
        if authorization is not None and authorization.startswith("Bearer "):
            with live(relay.url) as connection:
                connection.say(type="auth", token=authorization[7:])
                reply = connection.hear()
                assert reply["error"] == {"message": "Invalid or revoked token", "code": "INVALID_TOKEN"}, wrong


@pytest.fixture(scope="module")
def daemon(shared: Programs, relay: RelayProgram) -> DaemonProgram:
    daemon = shared.daemon("daemon")
    pair(relay, daemon, "z")
    return daemon


def test_every_daemon_route_wants_the_token(daemon: DaemonProgram) -> None:
    document = daemon.http.get(f"{daemon.url}/schema/openapi.json").raise_for_status().json()
    closed = sorted(set(operations(document)) - {("GET", "/api/v1/health")})
    assert len(closed) >= 20
    closed += [("GET", "/schema"), ("GET", "/schema/openapi.json"), ("GET", "/"), ("GET", "/no/such/route")]
    wrong = (None, "Bearer", "Bearer x", f"Basic {daemon.token}", f"bearer{daemon.token}", f"Bearer {daemon.token}x")
    bodies = set()
    with httpx.Client(base_url=daemon.url, trust_env=False) as anybody:
        assert anybody.get("/api/v1/health").status_code == 200
        for method, path in closed:
            for authorization in wrong:
                answer = anybody.request(
                    method, path, headers={"Authorization": authorization} if authorization else {}
                )
                assert answer.status_code == 401, (method, path, authorization)
                bodies.add(answer.content)
    assert len(bodies) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": "localhost@evil.example"},
        {"Host": ""},
        {"Host": "[::1"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1"},
    ],
    ids=str,
)
def test_another_page_of_the_browser_gets_nothing(daemon: DaemonProgram, headers: dict[str, str]) -> None:
    for path in ("/play", "/health", "/device/status"):
        answer = daemon.http.get(path, headers=headers)
        assert answer.status_code in ({400, 403} if "Host" in headers and not headers["Host"] else {403}), path
    if "Host" in headers:
        return  # the client library sets its own
    with pytest.raises(InvalidStatus) as refused, live(daemon.url, additional_headers=headers):
        pass
    assert refused.value.response.status_code == 403


def test_a_live_connection_under_a_foreign_host_is_refused(daemon: DaemonProgram) -> None:
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    key = {"Sec-WebSocket-Key": base64.b64encode(b"0" * 16).decode()}
    with client(daemon.url) as anybody:
        answer = anybody.get("/live", headers={**upgrade, **key, "Host": "evil.example"})
    assert answer.status_code == 403


def test_ones_own_pages_may_use_the_daemon(daemon: DaemonProgram) -> None:
    assert daemon.http.get("/play", headers={"Origin": daemon.url}).status_code == 200
    port = daemon.url.rpartition(":")[2]
    assert daemon.http.get("/play", headers={"Host": f"localhost:{port}"}).status_code == 200


def test_a_player_without_the_token_is_told_nothing(daemon: DaemonProgram) -> None:
    with live(daemon.url) as player:
        for token in ("", "x", daemon.token + "x"):
            player.say(type="auth", token=token)
            assert player.hear()["error"]["code"] == "INVALID_TOKEN"
        with pytest.raises(ConnectionClosed):
            player.hear()


def test_only_the_owner_can_read_the_files(daemon: DaemonProgram, relay: RelayProgram) -> None:
    for program in (daemon, relay):
        assert len(list(program.data_dir.iterdir())) >= 5
        assert modes(program) == {0o600, 0o700}


def modes(program: Program) -> set[int]:
    paths: list[Path] = [program.data_dir, *program.data_dir.rglob("*")]
    return {stat.S_IMODE(path.stat().st_mode) for path in paths}
