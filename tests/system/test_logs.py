"""A full run of both programs at their most talkative: whatever happens, no secret is in what they write."""

import base64
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from balados_shared.ids import FeedId
from balados_shared.tokens import new_key, public_pem, sign_request
from support.feed_server import FeedServer
from support.http_child import wait_until
from support.processes import DaemonProgram, Programs, RelayProgram, live, pair, run_cli
from support.secrets import forms_of, traces
from support.strategies import NOON

LOUD = {"BALADOS_LOG": "json", "BALADOS_LOG_LEVEL": "DEBUG"}

FEED_PATH = "hidden-path-of-anna"
FEED_QUERY = "hidden-query-of-anna"
FEED_USER = "hidden-user-of-anna"
FEED_PASSWORD = "hidden-word-of-anna"
PASSWORD = "Correct-horse-7-battery"
WRONG_PASSWORD = "Wrong-horse-7-battery"
NONSENSE = "nonsense-that-nobody-may-read"

_FORM_TOKEN = re.compile(r'name="_csrf_token" value="([^"]+)"')
_SETUP_CODE = re.compile(r"/setup\?code=(\S+)")


class Run:
    """Both programs, and every secret that was used with them."""

    def __init__(self, programs: Programs, server: FeedServer) -> None:
        self.relay: RelayProgram = programs.relay(env=LOUD)
        self.daemon: DaemonProgram = programs.daemon("phone", env=LOUD)
        self.server = server
        self.secrets = {
            "the password": PASSWORD,
            "a wrong password": WRONG_PASSWORD,
            "what was sent without sense": NONSENSE,
            "a feed's path": FEED_PATH,
            "a feed's query": FEED_QUERY,
            "a feed's user": FEED_USER,
            "a feed's password": FEED_PASSWORD,
            "the operator's token": self.relay.token,
            "the player's token": self.daemon.token,
        }

    @property
    def feed_url(self) -> str:
        return self.server.url(f"/{FEED_PATH}.xml?key={FEED_QUERY}", user=f"{FEED_USER}:{FEED_PASSWORD}")

    def keep(self, name: str, secret: str) -> str:
        """Remember a secret, and hand it on."""
        self.secrets[name] = secret
        return secret

    def everything_written(self) -> str:
        """What both wrote, but for the one line that tells the operator how to begin."""
        said = _SETUP_CODE.sub("/setup", self.relay.output + self.daemon.output).replace("/setup", "")
        return self.relay.log + self.daemon.log + said


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Everything that can be done with both programs, done once."""
    with Programs(tmp_path_factory.mktemp("logs")) as programs, FeedServer() as server:
        run = Run(programs, server)
        people(run)
        operators(run)
        devices(run)
        apps(run)
        strangers(run)
        listeners(run)
        ends(run)
        yield run


def people(run: Run) -> None:
    """Somebody sets the relay up, logs in with and without success, asks for pages, logs out."""
    wait_until(lambda: _SETUP_CODE.search(run.relay.output) is not None)
    found = _SETUP_CODE.search(run.relay.output)
    assert found
    code = run.keep("the setup code", found[1])
    with httpx.Client(base_url=run.relay.url, trust_env=False) as browser:
        form = {"username": "anna", "password": PASSWORD, "password_confirmation": PASSWORD}
        send_form(run, browser, "/setup", {"code": "WRONG-CODE-OF-SETUP"} | form, query=f"?code={code}")
        assert send_form(run, browser, "/setup", {"code": code} | form, query=f"?code={code}").status_code == 303
        for path in ("/dashboard", "/settings", "/apps", f"/nowhere/{NONSENSE}", f"/authorize?token={NONSENSE}"):
            browser.get(path)
        browser.post("/users/log_out", data={"_csrf_token": NONSENSE})
        browser.cookies.clear()
        wrong = {"user[username]": "anna", "user[password]": WRONG_PASSWORD}
        send_form(run, browser, "/users/log_in", wrong)
        send_form(run, browser, "/users/log_in", {"user[username]": NONSENSE, "user[password]": PASSWORD})
        right = {"user[username]": "anna", "user[password]": PASSWORD, "user[remember_me]": "true"}
        assert send_form(run, browser, "/users/log_in", right).status_code == 303
        browser.get("/dashboard", headers={"Cookie": f"balados_session={NONSENSE}"})
        invited = {"code": NONSENSE, "username": "ben", "password": PASSWORD, "password_confirmation": PASSWORD}
        browser.cookies.clear()
        send_form(run, browser, "/users/register", invited, query=f"?code={NONSENSE}")


def send_form(run: Run, browser: httpx.Client, path: str, fields: dict[str, str], query: str = "") -> httpx.Response:
    """Fill in a page's form."""
    page = browser.get(path + query)
    keep_cookies(run, browser)
    if token := _FORM_TOKEN.search(page.text):
        fields = fields | {"_csrf_token": run.keep(f"form token {len(run.secrets)}", token[1])}
    answer = browser.post(path, data=fields)
    keep_cookies(run, browser)
    return answer


def keep_cookies(run: Run, browser: httpx.Client) -> None:
    for cookie in browser.cookies.jar:
        if cookie.value and len(cookie.value) >= 8:
            run.keep(f"{cookie.name} {cookie.value[:2]}", cookie.value)


def operators(run: Run) -> None:
    """The operator's commands, over the running relay and with a wrong token."""
    link = run.relay.cli("invite-person", "--json").json["link"]
    run.keep("an invitation", link.rpartition("code=")[2])
    for command in (["accounts"], ["devices", "anna"], ["revoke", "anna", NONSENSE], ["invite", "anna\n"]):
        run.relay.cli(*command)
    with httpx.Client(base_url=run.relay.url, trust_env=False) as stranger:
        stranger.post("/api/v1/admin/invite", json={"name": "x"}, headers={"Authorization": f"Bearer {NONSENSE}"})


def devices(run: Run) -> None:
    """A daemon pairs, subscribes to a feed with secrets in its URL, plays, syncs, and fails at all of it too."""
    run.server.answer(f"/{FEED_PATH}.xml?key={FEED_QUERY}", status=503)
    http = run.daemon.http
    wrong = run.keep("a wrong pairing code", "AAAA-BBBB")
    http.post("/device/pair", json={"url": run.relay.url, "code": wrong})
    pair(run.relay, run.daemon, "anna")
    feed = run.keep("the feed's id", str(FeedId.of(run.feed_url)))
    http.post("/subscriptions", json={"rss_source_feed": feed})
    http.post("/subscriptions", json={"feedUrl": run.feed_url})
    http.post(
        "/play", json={"episodeId": f"{NONSENSE}-guid", "feedUrl": run.feed_url, "position": 3, "completed": False}
    )
    for path in (f"/feeds/{feed}", f"/play/{feed}/{NONSENSE}", f"/subscriptions/{feed}/metadata", f"/{NONSENSE}"):
        http.get(path)
    http.get(f"/play?feed={feed}&limit={NONSENSE}")
    http.put(f"/play/{feed}/position", json={"position": NONSENSE})
    http.get("/play", headers={"Authorization": f"Bearer {NONSENSE}"})
    run.daemon.sync()
    for command in (["status"], ["subscribe", run.feed_url], ["why", NONSENSE], ["refresh"]):
        run_cli("balados", command[0], "--data-dir", run.daemon.data_dir, *command[1:])


def apps(run: Run) -> None:
    """An app that signs, well and badly."""
    code = run.keep("a pairing code", run.relay.invite("anna"))
    key = new_key()
    body = {"code": code, "public_key": public_pem(key), "device_id": "web", "device_name": "Web"}
    with httpx.Client(base_url=f"{run.relay.url}/api/v1", trust_env=False) as http:
        paired = http.post("/pair", json=body).raise_for_status().json()
        feed = str(FeedId.of(run.feed_url))
        for number, signer in enumerate((key, key, key, new_key())):
            token = token_of(signer, paired, number)
            headers = {"Authorization": f"Bearer {run.keep(f'token {number}', token)}"}
            rows = [{"rss_source_feed": feed, "subscribed_at": "2026-01-01T00:00:00Z"}]
            http.post("/sync", json={"subscriptions": rows}, headers=headers)
            http.post("/sync", json={"device_id": "web", "cursor": NONSENSE, "count": 1}, headers=headers)
            http.get(f"/events?record=subscription/{feed}", headers=headers)
            http.get(f"/subscriptions/{feed}", headers=headers)
            http.get(f"/rss/proxy/{feed}", headers=headers)
            http.delete(f"/apps/{NONSENSE}", headers=headers)
            http.post("/auth/refresh", json={"refresh_token": NONSENSE}, headers=headers)


def token_of(key: str, paired: dict[str, Any], number: int) -> str:
    return sign_request(
        key,
        app_id=paired["app_id"],
        user_id=paired["user_id"],
        device_id="web",
        device_name="Web",
        now=paired["now"] if number != 1 else NOON,
        token_id=f"t{number}",
    )


def strangers(run: Run) -> None:
    """Requests that fit nothing: bad JSON, odd methods, too much, broken packing, tokens in paths and queries."""
    basic = base64.b64encode(f"anna:{PASSWORD}".encode()).decode()
    run.keep("basic credentials", basic)
    for base in (run.relay.url, run.daemon.url):
        with httpx.Client(base_url=base, trust_env=False) as http:
            http.post("/api/v1/sync", content=f'{{"token": "{NONSENSE}"')
            http.post("/api/v1/pair", content=NONSENSE.encode(), headers={"Content-Encoding": "gzip"})
            http.post("/api/v1/pair", content=b"x" * 11_000_000)
            http.request("BREW", f"/api/v1/{NONSENSE}")
            http.get(f"/play/{NONSENSE}/{NONSENSE}/{NONSENSE}")
            http.get(f"/rss/{NONSENSE}/subscriptions")
            http.get("/api/v1/health", params={"token": NONSENSE}, headers={"Authorization": f"Basic {basic}"})
            http.get("/api/v1/devices", headers={"Authorization": f"Basic {basic}", "Cookie": f"a={NONSENSE}"})
            http.get("/api/v1/health", headers={"X-Request-Id": f"Bearer {NONSENSE}"})


def listeners(run: Run) -> None:
    """Live connections that show nothing, nonsense, and a good token."""
    for url in (run.relay.url, run.daemon.url):
        for said in ({"type": "auth", "token": NONSENSE}, {"type": NONSENSE}, {"type": "subscribe", "x": NONSENSE}):
            with live(url) as player, suppress(ConnectionClosed):
                player.say(**said)
                player.hear()
        with live(url) as player, suppress(ConnectionClosed):
            player.socket.send(f"{NONSENSE} {{")
            player.hear()
    with run.daemon.listening() as player:
        player.say(type="record_play", feed=str(FeedId.of(run.feed_url)), item=NONSENSE, position=4, opid=1)
        player.hear()


def ends(run: Run) -> None:
    """The relay goes away while the daemon wants it, comes back, and both end."""
    run.relay.kill()
    run.daemon.sync()
    run.relay.start()
    run.daemon.sync()
    assert run.daemon.stop() == 0
    assert run.relay.stop() == 0


def test_no_secret_is_in_anything_that_was_written(run: Run) -> None:
    written = run.everything_written().replace(f"ready {run.relay.url}\n", "").replace(f"ready {run.daemon.url}\n", "")
    assert traces(written, run.secrets) == []


def test_every_line_is_a_record_that_machines_can_read(run: Run) -> None:
    for log in (run.relay.log, run.daemon.log):
        records = [json.loads(line) for line in log.splitlines()]
        assert records
        assert all({"time", "level", "logger", "message"} <= record.keys() for record in records)


def test_every_request_is_one_line_with_its_route_and_its_id(run: Run) -> None:
    for log in (run.relay.log, run.daemon.log):
        records = [json.loads(line) for line in log.splitlines()]
        answered = [record for record in records if record["logger"] == "balados.access"]
        assert answered
        for record in answered:
            assert {"request_id", "method", "route", "status", "ms"} <= record.keys()
        routes = {record["route"] for record in answered}
        assert "-" in routes
        assert "/api/v1/health" in routes


def test_nothing_failed_that_the_programs_could_help(run: Run) -> None:
    records = [json.loads(line) for line in (run.relay.log + run.daemon.log).splitlines()]
    assert [record for record in records if record["level"] == "ERROR"] == []


@pytest.mark.parametrize("text", ["x{}y", "https://a.example/{}/", "key={}&", "ü{}"])
def test_a_secret_is_found_wherever_it_is_hidden(text: str) -> None:
    hidden = text.format(FEED_QUERY)
    for form in (
        hidden,
        base64.b64encode(hidden.encode()).decode(),
        base64.urlsafe_b64encode(hidden.encode()).decode(),
    ):
        assert "a feed's query" in traces(form, {"a feed's query": FEED_QUERY})
    assert list(forms_of(FEED_QUERY))
    assert traces("2026-03-01 GET /api/v1/play/{feed}/{item} 200", {"a feed's query": FEED_QUERY}) == []
