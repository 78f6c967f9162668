"""`balados` as it is typed: every command, what it prints, and its exit status."""

import os
import signal
import sqlite3
import stat
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from balados_daemon.cli import main
from balados_shared.ids import FeedId
from balados_shared.times import Instant
from support.bare_device import BareDevice
from support.feed_server import FeedServer
from support.http_child import wait_until
from support.processes import SCRIPTS, DaemonProgram, Programs, RelayProgram, pair, run_cli

EPISODES = "".join(
    f'<item><title>Part {n}</title><guid>{n}</guid><enclosure url="https://m.example/{n}.mp3" type="a/b"/></item>'
    for n in range(40)
)
FEED = f'<rss version="2.0"><channel><title>Sea Stories</title>{EPISODES}</channel></rss>'

COMMANDS: dict[str, list[str]] = {
    "pair": ["http://127.0.0.1:9", "K7QF-M2XD"],
    "sync": [],
    "status": [],
    "queue": [],
    "subscribe": ["https://feeds.example/x"],
    "unsubscribe": ["https://feeds.example/x"],
    "list": [],
    "episodes": ["https://feeds.example/x"],
    "position": ["abc", "10"],
    "why": ["abc"],
    "undo": ["1"],
    "held": [],
    "fingerprint": [],
    "doctor": [],
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Programs]:
    with Programs(tmp_path_factory.mktemp("shared")) as programs:
        yield programs


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Programs]:
    with Programs(tmp_path) as programs:
        yield programs


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A feed of forty episodes."""
    with FeedServer() as server:
        server.answer("/sea.xml", body=FEED.encode())
        yield server.url("/sea.xml")


@pytest.fixture(scope="module")
def a(shared: Programs, url: str) -> DaemonProgram:
    """A daemon without a relay that has read the feed."""
    daemon = shared.daemon("a")
    daemon.cli("subscribe", url)
    return daemon


@pytest.fixture(scope="module")
def relay(shared: Programs) -> RelayProgram:
    return shared.relay()


@pytest.fixture(scope="module")
def b(shared: Programs, relay: RelayProgram) -> DaemonProgram:
    """A daemon with a relay."""
    daemon = shared.daemon("b")
    pair(relay, daemon, "anna")
    return daemon


def parts(daemon: DaemonProgram, url: str) -> list[dict[str, Any]]:
    return list(daemon.http.get("/device/episodes", params={"feed": url}).json()["episodes"])


@pytest.mark.parametrize("arguments", [[], ["up"], *([name] for name in COMMANDS)], ids=" ".join)
def test_every_command_explains_itself(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main([*arguments, "--help"])
    assert end.value.code == 0
    told = capsys.readouterr().out
    assert told.startswith(f"usage: balados {' '.join(arguments)}".rstrip())
    assert all(name in told for name in COMMANDS) or arguments


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_clearly_that_no_daemon_runs(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([name, "--data-dir", str(tmp_path / "none"), *COMMANDS[name]]) == 3
    assert capsys.readouterr().err == f"balados: no daemon runs here ({tmp_path}/none). Start it with: balados up\n"
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    "typed",
    [
        [],
        ["nonsense"],
        ["pair", "http://x"],
        ["position", "abc"],
        ["position", "abc", "-5"],
        ["position", "abc", "later"],
        ["position", "abc", "nan"],
        ["position", "abc", "inf"],
        ["position", "abc", "1:2:3:4:5:6:7"],
        ["undo", "one"],
        ["held", "--keep", "--let-go"],
        ["up", "--port", "65536"],
        ["up", "--port", "-1"],
        ["up", "--json"],
        ["status", "--colour"],
    ],
    ids=" ".join,
)
def test_wrong_usage_has_a_status_of_its_own(typed: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(typed)
    assert end.value.code == 2
    assert capsys.readouterr().err.startswith("usage: balados")


def test_a_daemon_that_was_killed_is_no_daemon(programs: Programs) -> None:
    daemon = programs.daemon("killed")
    daemon.kill()
    said = daemon.cli("status")
    assert (said.rc, said.stdout) == (3, "")
    assert "no daemon runs here" in said.stderr


def test_every_answer_is_there_as_json(b: DaemonProgram, url: str) -> None:
    b.cli("subscribe", url)
    short = parts(b, url)[0]["short"]
    b.cli("position", short, 60)
    typed: list[tuple[Any, ...]] = [
        ("sync",),
        ("status",),
        ("queue",),
        ("queue", "--retry"),
        ("subscribe", url),
        ("list",),
        ("episodes", url),
        ("position", short, "1:01"),
        ("why", short),
        ("held",),
        ("held", "--keep"),
        ("held", "--let-go"),
        ("fingerprint",),
        ("doctor",),
        ("unsubscribe", url),
    ]
    for command in typed:
        said = b.cli(*command, "--json")
        assert said.rc == 0, (command, said)
        assert said.json is not None
        assert said.stderr == ""
    assert {command[0] for command in typed} | {"pair", "undo"} == set(COMMANDS)


def test_what_is_piped_has_no_colours_and_is_not_cut(a: DaemonProgram, url: str) -> None:
    listed = a.cli("list").stdout.splitlines()
    assert listed[0].split() == ["TITLE", "FEED", "SINCE"]
    assert listed[1].startswith("Sea Stories")
    assert url in listed[1]
    shown = a.cli("episodes", url).stdout.splitlines()
    assert shown[0] == "Sea Stories"
    assert len(shown) == 42
    for said in (a.cli("list"), a.cli("status"), a.cli("doctor")):
        assert "\x1b" not in said.stdout + said.stderr


def test_subscribing_tells_what_was_found_and_unsubscribing_takes_it_back(a: DaemonProgram, url: str) -> None:
    other = url.replace("sea", "nothing-here")
    said = a.cli("subscribe", other)
    assert said.rc == 0
    assert said.stdout.startswith("Subscribed. The feed cannot be read now: ")
    assert "(not read yet)" in a.cli("list").stdout
    assert a.cli("unsubscribe", other).stdout == "Unsubscribed.\n"
    assert other not in a.cli("list").stdout
    refused = a.cli("subscribe", "nonsense")
    assert (refused.rc, refused.stdout) == (1, "")
    assert refused.stderr.startswith("balados: ")


def test_an_episode_is_meant_by_a_beginning_that_only_it_has(a: DaemonProgram, url: str) -> None:
    found = parts(a, url)
    lengths = Counter(p["short"][:length] for p in found for length in range(1, 9))
    episode = found[5]
    beginning = next(episode["short"][:n] for n in range(1, 9) if lengths[episode["short"][:n]] == 1)
    assert a.cli("position", beginning, "41:10").stdout == "Part 5: at 41:10.\n"
    assert a.cli("position", episode["item"], "1:02:03", "--played").stdout == "Part 5: at 1:02:03, played.\n"
    ambiguous = next(name for name, number in lengths.items() if number > 1)
    unclear = a.cli("position", ambiguous, 1)
    assert (unclear.rc, unclear.stdout) == (1, "")
    assert unclear.stderr == "balados: Several episodes have an id that begins so; type more of it\n"
    for unknown in ("zzzzzzzz", "", "no such episode"):
        missing = a.cli("why", unknown)
        assert (missing.rc, missing.stderr) == (
            1,
            "balados: No episode has an id that begins so; see: balados episodes URL\n",
        )


def test_why_tells_every_change_and_undo_takes_one_back(a: DaemonProgram, url: str) -> None:
    short = parts(a, url)[7]["short"]
    for position in ("10:00", "20:00"):
        assert a.cli("position", short, position).rc == 0
    told = a.cli("why", short)
    assert told.stdout.splitlines()[:2] == ["Part 7", "at 20:00, not played, furthest 20:00"]
    assert "10:00 → 20:00" in told.stdout
    assert "The relay was not asked" in told.stdout
    first, second = (cause["event"] for cause in a.cli("why", short, "--json").json["causes"])
    kept = a.cli("undo", first)
    assert kept.rc == 1
    assert "position changed again since; force the undo" in kept.stderr
    assert a.cli("undo", second).stdout == "Undone, on all devices.\n"
    assert "at 10:00, not played, furthest 20:00" in a.cli("why", short).stdout
    assert a.cli("undo", first, "--force").rc == 0
    assert "at 0:00, not played" in a.cli("why", short).stdout
    unknown = a.cli("undo", 10**6)
    assert (unknown.rc, unknown.stderr) == (1, "balados: There is no such event in the log\n")
    assert a.cli("undo", 10**30).rc == 1


def test_a_device_without_a_relay_says_so(a: DaemonProgram) -> None:
    assert a.cli("status").stdout.splitlines()[2] == "relay    none; this device works alone"
    said = a.cli("sync")
    assert said.rc == 1
    assert "this device is paired with no relay; pair it with: balados pair URL CODE" in said.stderr
    assert a.cli("queue").stdout == "Nothing waits.\n"


@pytest.mark.parametrize(
    ("relay_url", "why"),
    [
        ("ftp://relay.example", "must begin with http:// or https://"),
        ("relay.example", "must begin with http:// or https://"),
        ("http://127.0.0.1:9", "cannot be reached"),
        ("http://[::1", "address"),
    ],
)
def test_a_relay_that_cannot_be_joined_is_named_as_the_reason(a: DaemonProgram, relay_url: str, why: str) -> None:
    said = a.cli("pair", relay_url, "K7QF-M2XD")
    assert (said.rc, said.stdout) == (1, "")
    assert why in said.stderr
    assert "Traceback" not in a.log


def test_a_mass_removal_is_held_until_the_person_decides(b: DaemonProgram, relay: RelayProgram) -> None:
    urls = [f"https://feeds.example/held/{number}.xml" for number in range(24)]
    for each in urls:
        b.http.post("/subscriptions", json={"feedUrl": each}).raise_for_status()
    b.sync().raise_for_status()
    with BareDevice(relay, "anna") as other:
        remove_all(b, other, urls[:12])
        assert b.cli("status").stdout.splitlines()[-1] == "held     12 removals from elsewhere; see: balados held"
        listed = b.cli("held").stdout
        assert all(each in listed for each in urls[:12])
        assert listed.splitlines()[-1].endswith("balados held --keep, or --let-go")
        assert b.cli("held", "--keep").stdout == "12 subscriptions kept.\n"
        assert b.cli("held").stdout == "Nothing is held.\n"
        b.sync().raise_for_status()
        remove_all(b, other, urls[12:])
        assert b.cli("held", "--let-go").stdout == "12 subscriptions let go.\n"
    left = {s["url"] for s in b.cli("list", "--json").json}
    assert left & set(urls) == set(urls[:12])


def remove_all(daemon: DaemonProgram, other: BareDevice, urls: list[str]) -> None:
    """Unsubscribe on another device from feeds, knowing what was there, and wait until the daemon holds that."""
    known = {s["rss_source_feed"]: s for s in other.sync().json()["subscriptions"]}
    date = Instant(time.time() * 1_000).write()
    gone = []
    for url in urls:
        record = known[FeedId.of(url)]
        edit = other.stamped(**{n: record[n] for n in ("rss_source_feed", "subscribed_at")}, unsubscribed_at=date)
        gone.append({**edit, "vector": record["vector"] | edit["vector"]})
    other.sync(subscriptions=gone).raise_for_status()
    wait_until(lambda: daemon.status["held"] == len(urls), 10)


def test_what_was_refused_or_waits_for_long_is_shown_and_can_be_sent_again(programs: Programs) -> None:
    relay, daemon = programs.relay(), programs.daemon("late")
    pair(relay, daemon, "anna")
    relay.stop()
    daemon.http.post("/subscriptions", json={"feedUrl": "https://feeds.example/late"}).raise_for_status()
    daemon.stop()
    change(daemon, "UPDATE queue SET since = since - 90000000, parked = 1, error = 'it is odd'")
    daemon.start()
    status = daemon.cli("status")
    assert status.rc == 4
    assert "1 change refused; see: balados queue" in status.stdout
    assert daemon.cli("doctor").rc == 1
    (_, row) = daemon.cli("queue").stdout.splitlines()
    assert row.split()[0] == "subscription"
    assert "refused" in row
    assert row.endswith("it is odd")
    assert "waits" in daemon.cli("queue", "--retry").stdout
    relay.start()
    wait_until(lambda: daemon.sync().is_success and daemon.status["waiting"] == 0, 10)
    assert daemon.cli("status").rc == 0


def change(daemon: DaemonProgram, sql: str) -> None:
    with closing(sqlite3.connect(daemon.data_dir / "library.db")) as connection, connection:
        connection.execute(sql)


def test_the_data_directory_can_be_told_by_the_environment(a: DaemonProgram, tmp_path: Path) -> None:
    told = run_cli("balados", "status", "--json", env={"BALADOS_DATA_DIR": str(a.data_dir)})
    assert told.json["device_id"] == a.status["device_id"]
    assert run_cli("balados", "status", env={"BALADOS_DATA_DIR": str(tmp_path)}).rc == 3
    elsewhere = run_cli("balados", "status", "--data-dir", a.data_dir, env={"BALADOS_DATA_DIR": str(tmp_path)})
    assert elsewhere.rc == 0


def test_a_second_daemon_on_the_same_directory_is_refused(a: DaemonProgram) -> None:
    second = run_cli("balados", "up", "--data-dir", a.data_dir, "--port", 0)
    assert (second.rc, second.stdout) == (1, "")
    assert second.stderr.startswith("balados: ")
    assert len(second.stderr.splitlines()) == 1
    assert a.cli("status").rc == 0


def test_a_port_in_use_is_named_as_the_reason(a: DaemonProgram, tmp_path: Path) -> None:
    port = a.url.rpartition(":")[2]
    second = run_cli("balados", "up", "--data-dir", tmp_path / "second", "--port", port)
    assert (second.rc, second.stdout) == (1, "")
    assert second.stderr.splitlines()[-1] == (
        f"balados: Cannot listen on 127.0.0.1 port {port}: it is already in use. "
        "Stop the other program, or choose another port."
    )


def test_a_data_directory_that_cannot_be_made_is_named_as_the_reason(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    said = run_cli("balados", "up", "--data-dir", tmp_path / "file" / "below", "--port", 0)
    assert (said.rc, said.stdout) == (1, "")
    assert said.stderr.startswith("balados: ")
    assert "Traceback" not in said.stderr


def test_the_ready_line_is_the_only_output(programs: Programs) -> None:
    daemon = programs.daemon("quiet")
    assert daemon.stop() == 0
    output = (daemon.data_dir.with_name("quiet.out")).read_text()
    assert output == f"ready {daemon.url}\n"
    assert daemon.url.startswith("http://127.0.0.1:")
    assert daemon.log == ""
    assert stat.S_IMODE(daemon.data_dir.stat().st_mode) == 0o700


def test_it_ends_in_time_and_with_success_whatever_its_players_do(programs: Programs) -> None:
    daemon = programs.daemon("ending")
    with daemon.listening():
        began = time.monotonic()
        assert daemon.stop() == 0
        assert time.monotonic() - began < 3
    assert "Traceback" not in daemon.log


def test_it_ends_in_time_and_with_success_in_the_middle_of_a_sync(programs: Programs) -> None:
    relay, daemon = programs.relay(), programs.daemon("syncing")
    pair(relay, daemon, "anna")
    os.kill(relay.pid, signal.SIGSTOP)  # it takes connections and says nothing
    daemon.http.post("/subscriptions", json={"feedUrl": "https://feeds.example/never-sent"}).raise_for_status()
    command = [str(SCRIPTS / "balados"), "sync", "--data-dir", str(daemon.data_dir)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as asking:
        wait_until(lambda: asking.poll() is None and daemon.status["waiting"] == 1)
        began = time.monotonic()
        assert daemon.stop() == 0
        assert time.monotonic() - began < 3
        asking.communicate(timeout=20)
        assert asking.returncode in (1, 3)
    assert "Traceback" not in daemon.log
    daemon.start()
    assert daemon.status["waiting"] == 1


def test_ctrl_c_ends_it_like_any_other_signal(programs: Programs) -> None:
    daemon = programs.daemon("interrupted")
    assert daemon.interrupt() == 0
    assert daemon.log == ""
