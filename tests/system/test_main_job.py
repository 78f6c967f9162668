"""The main job: what is done on one device is soon on the other, also after a time without the relay."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from support.bare_device import BareDevice
from support.feed_server import FeedServer
from support.http_child import wait_until
from support.processes import DaemonProgram, Program, Programs, RelayProgram, live, pair, wait_until_alike

FEED = b"""<?xml version="1.0"?>
<rss version="2.0"><channel><title>Sea Stories</title>
<item><title>One</title><guid>one</guid><enclosure url="https://media.example/1.mp3" type="audio/mpeg"/></item>
<item><title>Two</title><guid>two</guid><enclosure url="https://media.example/2.mp3" type="audio/mpeg"/></item>
</channel></rss>"""


@pytest.fixture
def feeds() -> Iterator[FeedServer]:
    with FeedServer() as server:
        for name in ("sea", "hill", "late", "other"):
            server.answer(f"/{name}.xml", body=FEED)
        yield server


def episodes(daemon: DaemonProgram, url: str) -> list[dict[str, Any]]:
    """The episodes of a feed as the daemon lists them."""
    found = daemon.http.get("/device/episodes", params={"feed": url}).raise_for_status().json()["episodes"]
    return [dict(episode) for episode in found]


def report(daemon: DaemonProgram, episode: dict[str, Any], position: float, state: str) -> None:
    """Report a position as a player does."""
    body = {"rss_source_feed": episode["feed"], "rss_source_item": episode["item"], "position": position}
    daemon.http.post("/play", json=body | {"state": state}).raise_for_status()


def stands_at(daemon: DaemonProgram, episode: dict[str, Any]) -> float | None:
    """The position of an episode, or None where nothing is known of it."""
    answer = daemon.http.get(f"/play/{episode['feed']}/{episode['item']}")
    return float(answer.json()["position"]) if answer.is_success else None


def rows(program: Program, *tables: str) -> list[Any]:
    """All rows of some tables of a program's database."""
    name = "relay.db" if isinstance(program, RelayProgram) else "library.db"
    with closing(sqlite3.connect(f"file:{program.data_dir / name}?mode=ro", uri=True)) as connection:
        return [connection.execute(f"SELECT * FROM {table}").fetchall() for table in tables]


Home = tuple[RelayProgram, DaemonProgram, DaemonProgram]


@pytest.fixture(scope="module")
def home(shared: Programs) -> Home:
    """A relay and two devices of one person, which every test leaves running."""
    relay, a, b = shared.relay(), shared.daemon("a"), shared.daemon("b")
    pair(relay, a, "anna")
    pair(relay, b, "anna")
    return relay, a, b


def wait_until_live(*daemons: DaemonProgram) -> None:
    wait_until(lambda: all(daemon.status["relay"]["live"] for daemon in daemons), 30)


def test_a_pause_on_one_device_is_told_to_the_player_of_the_other(home: Home, feeds: FeedServer) -> None:
    _, a, b = home
    wait_until_live(a, b)
    with b.listening() as player:
        subscribed = a.cli("subscribe", feeds.url("/sea.xml"))
        assert (subscribed.rc, subscribed.stdout) == (0, "Subscribed to Sea Stories: 2 episodes.\n")
        episode = episodes(a, feeds.url("/sea.xml"))[0]
        assert player.hear_record("subscriptions")["rss_source_feed"] == episode["feed"]
        report(a, episode, 10.0, "playing")
        report(a, episode, 1234.5, "paused")
        told = player.hear_record("play_statuses", rss_source_item=episode["item"], position=1234.5)
    assert told["rss_source_feed"] == episode["feed"]
    assert stands_at(b, episode) == 1234.5
    assert wait_until_alike(a, b)


def test_both_play_on_without_the_relay_and_agree_when_it_is_back(home: Home, feeds: FeedServer) -> None:
    relay, a, b = home
    wait_until_live(a, b)
    url = feeds.url("/sea.xml")
    a.cli("subscribe", url)
    one, two = episodes(a, url)
    wait_until_alike(a, b)
    assert relay.stop() == 0
    report(a, one, 100.0, "paused")
    report(b, two, 200.0, "paused")
    b.http.post("/likes", json={"rss_source_feed": url}).raise_for_status()
    a.http.post("/subscriptions", json={"rss_source_feed": feeds.url("/hill.xml")}).raise_for_status()
    assert (stands_at(a, one), stands_at(b, two)) == (100.0, 200.0)
    assert a.fingerprint != b.fingerprint
    alone = a.cli("sync")
    assert alone.rc == 1
    assert "cannot be reached" in alone.stderr
    status = a.cli("status")
    assert status.rc == 0
    assert "not connected" in status.stdout
    assert "2 changes, the oldest since 20" in status.stdout
    relay.start()
    wait_until_alike(a, b)
    assert (stands_at(b, one), stands_at(a, two)) == (100.0, 200.0)
    assert a.status["waiting"] == b.status["waiting"] == 0


def test_they_come_together_by_themselves_when_the_relay_is_back(home: Home, feeds: FeedServer) -> None:
    relay, a, b = home
    wait_until_live(a, b)
    relay.kill()
    wait_until(lambda: not a.status["relay"]["live"] and not b.status["relay"]["live"])
    a.http.post("/subscriptions", json={"rss_source_feed": feeds.url("/sea.xml")}).raise_for_status()
    assert a.fingerprint != b.fingerprint
    relay.start()
    wait_until(lambda: a.fingerprint == b.fingerprint, 30)


def test_what_was_done_before_another_synced_and_uploaded_after_it_arrives(home: Home, feeds: FeedServer) -> None:
    relay, a, b = home
    wait_until_live(a, b)
    url = feeds.url("/late.xml")
    b.cli("subscribe", url)
    one, _ = episodes(b, url)
    wait_until_alike(a, b)
    relay.stop()
    report(a, one, 321.0, "paused")  # Monday, on the train
    a.stop()
    relay.start()
    report(b, one, 5.0, "paused")
    assert b.sync().is_success  # Wednesday
    a.start()  # Friday
    wait_until_alike(a, b)
    assert stands_at(a, one) == stands_at(b, one) == 321.0


def test_a_revoked_device_is_cut_off_at_once_and_is_told_what_to_do(home: Home, feeds: FeedServer) -> None:
    relay, a, b = home
    wait_until_live(a, b)
    with BareDevice(relay, "anna", "phone") as phone, live(relay.url) as open_connection:
        open_connection.say(type="auth", token=phone.token())
        assert open_connection.hear()["status"] == "ok"
        assert relay.cli("revoke", "anna", "phone").rc == 0
        with pytest.raises(ConnectionClosed) as closed:
            open_connection.hear()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4401
        assert phone.sync().status_code == 401
    revoked = relay.cli("revoke", "anna", "b")
    assert (revoked.rc, revoked.stdout.startswith("Revoked app.balados.daemon.")) == (0, True)
    wait_until(lambda: not b.status["relay"]["live"])
    b.http.post("/subscriptions", json={"rss_source_feed": feeds.url("/sea.xml")}).raise_for_status()
    wait_until(lambda: bool(b.status["relay"]["refused"]))
    told = b.cli("status")
    assert told.rc == 4
    assert "does not accept this device any more; pair it again with: balados pair URL CODE" in told.stdout
    assert b.status["waiting"] == 1
    assert a.sync().is_success
    assert a.fingerprint != b.fingerprint
    assert b.cli("pair", relay.url, relay.invite("anna")).rc == 0
    wait_until_alike(a, b)
    assert b.cli("status").rc == 0


def test_a_revoked_device_that_changes_nothing_learns_of_it_too(home: Home) -> None:
    relay, _, b = home
    wait_until_live(b)
    assert relay.cli("revoke", "anna", "b").rc == 0
    wait_until(lambda: bool(b.status["relay"]["refused"]), 10)
    assert b.cli("status").rc == 4
    pair(relay, b, "anna")


def test_a_pairing_code_opens_a_library_once(home: Home, programs: Programs) -> None:
    (relay, *_), c, d = home, programs.daemon("c"), programs.daemon("d")
    c.http.post("/subscriptions", json={"feedUrl": "https://feeds.example/x", "title": "X"}).raise_for_status()
    invited = relay.cli("invite", "berta")
    code = invited.stdout.splitlines()[-1]
    dry = c.cli("pair", relay.url, code, "--dry-run")
    assert dry.stdout.splitlines()[0] == "Joining would:"
    assert "  + there  X" in dry.stdout
    assert dry.stdout.splitlines()[-1] == "Nothing was changed or sent."
    joined = c.cli("pair", relay.url, code.lower().replace("-", " "))
    assert joined.rc == 0
    assert "Joined berta's library." in joined.stdout
    refused = d.cli("pair", relay.url, code)
    assert refused.rc == 1
    assert "code is not valid" in refused.stderr
    assert d.status["relay"] is None


def test_a_dry_run_tells_exactly_what_joining_does_and_changes_nothing(
    home: Home, programs: Programs, feeds: FeedServer
) -> None:
    (relay, *_), a, b = home, programs.daemon("a"), programs.daemon("b")
    for daemon, *names in ((a, "sea", "hill"), (b, "sea", "late", "other")):
        for name in names:
            daemon.http.post("/subscriptions", json={"feedUrl": feeds.url(f"/{name}.xml")}).raise_for_status()
    one, two = episodes(a, feeds.url("/sea.xml"))
    report(a, one, 50.0, "paused")
    time.sleep(0.002)
    report(b, one, 70.0, "paused")
    report(b, two, 80.0, "paused")
    pair(relay, a, "clara")

    code = relay.invite("clara")
    before = (a.fingerprint, b.fingerprint, rows(relay, "records", "events", "grants", "counters", "invites"))
    b_before = rows(b, "records", "events", "queue", "relays")
    dry = b.cli("pair", relay.url, code, "--dry-run", "--json")
    assert dry.rc == 0
    assert (a.fingerprint, b.fingerprint, rows(relay, "records", "events", "grants", "counters", "invites")) == before
    b_after = rows(b, "records", "events", "queue", "relays")
    assert b_after == b_before
    assert b.status["relay"] is None

    plan = dry.json["plan"]
    assert plan["feeds_here"] == [feeds.url("/hill.xml")]
    assert sorted(plan["feeds_there"]) == [feeds.url("/late.xml"), feeds.url("/other.xml")]
    subscriptions, plays = plan["kinds"]["subscription"], plan["kinds"]["play_status"]
    assert (subscriptions["added_here"], subscriptions["added_there"]) == (1, 2)
    assert (plays["added_here"], plays["added_there"], plays["changed_here"], plays["changed_there"]) == (0, 1, 0, 1)

    count_before = (b.status["subscriptions"], a.status["subscriptions"], a.status["play_statuses"])
    done = b.cli("pair", relay.url, code, "--json")
    assert done.json["plan"] is None
    wait_until_alike(a, b)
    assert count_before == (3, 2, 1)
    assert (b.status["subscriptions"], a.status["subscriptions"], a.status["play_statuses"]) == (4, 4, 2)
    assert stands_at(a, one) == stands_at(b, one) == 70.0
