"""`balados-relay` as it is typed, while the relay runs and while it does not."""

import io
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import segno

from balados_relay.cli import main
from balados_relay.cli.qr import draw
from support.bare_device import BareDevice
from support.processes import Programs, RelayProgram, live, run_cli

COMMANDS = {
    "invite": ["anna"],
    "app-password": ["anna", "--client", "gPodder"],
    "accounts": [],
    "devices": ["anna"],
    "revoke": ["anna", "phone"],
}
CODE = re.compile(r"[2-9A-HJKMNP-Z]{4}-[2-9A-HJKMNP-Z]{4}")


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Programs]:
    with Programs(tmp_path_factory.mktemp("shared")) as programs:
        yield programs


@pytest.fixture(scope="module")
def relay(programs: Programs) -> RelayProgram:
    return programs.relay()


@pytest.mark.parametrize("arguments", [[], ["up"], *([name] for name in COMMANDS)], ids=" ".join)
def test_every_command_explains_itself(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main([*arguments, "--help"])
    assert end.value.code == 0
    told = capsys.readouterr().out
    assert told.startswith(f"usage: balados-relay {' '.join(arguments)}".rstrip())
    assert all(name in told for name in COMMANDS) or arguments


@pytest.mark.parametrize(
    "typed",
    [
        [],
        ["nonsense"],
        ["invite"],
        ["revoke", "anna"],
        ["app-password", "anna"],
        ["up", "--port", "x"],
        ["up", "--json"],
    ],
    ids=" ".join,
)
def test_wrong_usage_has_a_status_of_its_own(typed: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(typed)
    assert end.value.code == 2
    assert capsys.readouterr().err.startswith("usage: balados-relay")


def test_an_invitation_ends_with_the_code_alone_whether_the_relay_runs_or_not(programs: Programs) -> None:
    relay = programs.relay("invites")
    codes = []
    for runs in (True, False):
        if not runs:
            assert relay.stop() == 0
        said = relay.cli("invite", "anna")
        assert (said.rc, said.stderr) == (0, "")
        codes.append(said.stdout.splitlines()[-1])
        codes.append(relay.cli("invite", "anna", "--json").json["code"])
    assert len(set(codes)) == 4
    assert all(CODE.fullmatch(code) for code in codes)
    relay.start()
    for code in codes:
        seen = relay.http.post("/pair/preview", json={"code": code})
        assert seen.status_code == 200
    assert "Traceback" not in relay.log


def test_an_invitation_on_a_new_directory_makes_it(tmp_path: Path) -> None:
    said = run_cli("balados-relay", "invite", "anna", "--data-dir", tmp_path / "new")
    assert said.rc == 0
    assert CODE.fullmatch(said.stdout.splitlines()[-1])
    accounts = run_cli("balados-relay", "accounts", "--json", env={"BALADOS_DATA_DIR": str(tmp_path / "new")})
    assert [account["name"] for account in accounts.json] == ["anna"]


def qr_code(text: str) -> str:
    """A QR code as it is drawn in a file."""
    drawn = io.StringIO()
    segno.make_qr(text).terminal(drawn, compact=True)
    return drawn.getvalue()


def test_a_qr_code_leads_to_where_people_reach_the_relay(programs: Programs) -> None:
    relay = programs.relay("public", "--public-url", "https://pods.example/")
    said = relay.cli("invite", "dora", "--qr")
    code = said.stdout.splitlines()[-1]
    assert qr_code(f"balados pair https://pods.example {code}") in said.stdout


def test_a_qr_code_that_would_lead_nowhere_is_refused(tmp_path: Path) -> None:
    said = run_cli("balados-relay", "invite", "dora", "--qr", "--data-dir", tmp_path / "new")
    assert (said.rc, said.stdout) == (1, "")
    assert said.stderr.startswith("balados-relay: a QR code leads to the running relay")
    assert run_cli("balados-relay", "accounts", "--json", "--data-dir", tmp_path / "new").json == []


def test_on_a_terminal_a_qr_code_has_its_own_colours(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    draw("x")
    rows = capsys.readouterr().out.splitlines()
    assert all(row.startswith("\x1b[97;40m") and row.endswith("\x1b[0m") for row in rows)


def test_an_app_password_is_alone_on_the_last_line_whether_the_relay_runs_or_not(programs: Programs) -> None:
    relay = programs.relay("clients")
    relay.invite("anna")
    passwords = []
    for runs in (True, False):
        if not runs:
            assert relay.stop() == 0
        said = relay.cli("app-password", "ANNA", "--client", "gPodder")
        assert (said.rc, said.stderr) == (0, "")
        passwords.append(said.stdout.splitlines()[-1])
        passwords.append(relay.cli("app-password", "anna", "--client", "gPodder", "--json").json["password"])
    assert len(set(passwords)) == 4
    assert all(re.fullmatch(r"[2-9a-z]{4}(-[2-9a-z]{4}){4}", password) for password in passwords)
    assert not any(password in relay.log for password in passwords)


def test_accounts_and_devices_are_listed_and_revoked(relay: RelayProgram) -> None:
    assert relay.cli("accounts").stdout == "No accounts yet. Make one with: balados-relay invite NAME\n"
    with BareDevice(relay, "anna", "phone") as phone:
        phone.sync(subscriptions=[phone.subscription("https://feeds.example/x")]).raise_for_status()
        heads, row = relay.cli("accounts").stdout.splitlines()
        assert heads.split() == ["NAME", "SINCE", "DEVICES", "RECORDS"]
        assert (row.split()[0], row.split()[-2:]) == ("anna", ["1", "1"])
        (device,) = relay.cli("devices", "ANNA", "--json").json
        assert (device["name"], device["id"], device["revoked_at"]) == ("phone", phone.app_id, None)
        assert device["last_used_at"] is not None
        assert phone.app_id in relay.cli("devices", "anna").stdout
        assert relay.cli("revoke", "anna", phone.app_id, "--json").json == {"revoked": phone.app_id}
        assert phone.sync().status_code == 401
        assert relay.cli("devices", "anna").stdout.rstrip().endswith("revoked")


def test_a_qr_code_holds_the_command_and_the_code_stays_alone_at_the_end(relay: RelayProgram) -> None:
    said = relay.cli("invite", "dora", "--qr")
    assert (said.rc, said.stderr) == (0, "")
    code = said.stdout.splitlines()[-1]
    assert CODE.fullmatch(code)
    assert said.stdout.partition("\n")[2] == qr_code(f"balados pair {relay.url} {code}") + code + "\n"
    assert relay.cli("invite", "dora", "--qr", "--json").json.keys() == {"code"}


def test_what_cannot_be_done_is_said_in_one_sentence(relay: RelayProgram) -> None:
    relay.invite("berta")
    for typed, why in (
        (("devices", "nobody"), "There is no account of that name."),
        (("revoke", "nobody", "x"), "There is no account of that name."),
        (("revoke", "berta", "x"), "This account has no such device."),
        (("invite", ""), "an account name must have 1 to 64 characters"),
        (("invite", "a" * 65), "an account name must have 1 to 64 characters"),
        (("app-password", "nobody", "--client", "x"), "There is no account of that name."),
        (("app-password", "berta", "--client", " "), "the name of a client must have 1 to 100 characters"),
        (("invite", "a\nb"), "an account name must have 1 to 64 characters"),
    ):
        said = relay.cli(*typed)
        assert (said.rc, said.stdout) == (1, "")
        assert said.stderr.startswith(f"balados-relay: {why}")
        assert len(said.stderr.splitlines()) == 1


def test_two_devices_of_one_name_are_told_apart_by_their_ids(relay: RelayProgram) -> None:
    with BareDevice(relay, "clara", "twin") as one, BareDevice(relay, "clara", "twin") as two:
        said = relay.cli("revoke", "clara", "twin")
        assert said.rc == 1
        assert one.app_id in said.stderr
        assert two.app_id in said.stderr
        assert relay.cli("revoke", "clara", two.app_id).stdout == f"Revoked {two.app_id}.\n"
        assert one.sync().status_code == 200


def test_a_second_relay_on_the_same_directory_or_port_is_refused(relay: RelayProgram, tmp_path: Path) -> None:
    port = relay.url.rpartition(":")[2]
    second = run_cli("balados-relay", "up", "--data-dir", relay.data_dir, "--port", 0)
    assert (second.rc, second.stdout) == (1, "")
    assert len(second.stderr.splitlines()) == 1
    beside = run_cli("balados-relay", "up", "--data-dir", tmp_path, "--port", port)
    assert (beside.rc, beside.stdout) == (1, "")
    assert f"Cannot listen on 127.0.0.1 port {port}: it is already in use." in beside.stderr


def test_it_ends_in_time_and_with_success_with_devices_on_the_line(programs: Programs) -> None:
    relay = programs.relay("ending")
    with BareDevice(relay, "anna") as device, live(relay.url) as connection:
        connection.say(type="auth", token=device.token())
        connection.hear()
        began = time.monotonic()
        assert relay.stop() == 0
        assert time.monotonic() - began < 3
    assert relay.data_dir.with_name("ending.out").read_text().startswith(f"ready {relay.url}\n")
    lines = relay.log.splitlines()
    assert lines
    assert [line for line in lines if " INFO    balados.access " not in line] == []
