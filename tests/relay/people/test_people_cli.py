"""`balados-relay init`, `invite-person` and `password`, while the relay runs and while it does not."""

import re
import subprocess
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from balados_relay.cli.operator import Failed
from balados_relay.cli.passwords import new_password
from support.processes import SCRIPTS, Programs, RelayProgram, Said

PASSWORD = "correct horse battery"


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[RelayProgram]:
    with Programs(tmp_path) as programs:
        yield programs.relay()


def typed(relay: RelayProgram, *arguments: str, password: str = PASSWORD) -> Said:
    """Run a command that reads a password from its standard input."""
    command = [str(SCRIPTS / "balados-relay"), *arguments, "--password-stdin", "--data-dir", str(relay.data_dir)]
    done = subprocess.run(command, input=f"{password}\n", capture_output=True, text=True, timeout=60, check=False)
    return Said(done.returncode, done.stdout, done.stderr)


def logs_in(relay: RelayProgram, name: str, password: str) -> bool:
    with httpx.Client(base_url=relay.url, trust_env=False) as client:
        token = re.search(r'name="_csrf_token" value="([^"]+)"', client.get("/users/log_in").text)
        assert token
        fields = {"_csrf_token": token.group(1), "user[username]": name, "user[password]": password}
        return client.post("/users/log_in", data=fields).status_code == 303


def test_a_fresh_relay_says_how_to_become_its_owner_until_there_is_one(relay: RelayProgram) -> None:
    out = relay.data_dir.with_name(f"{relay.data_dir.name}.out")
    link = re.search(rf"No owner yet: open ({re.escape(relay.url)}/setup\?code=[2-9A-Z-]{{9}})\n", out.read_text())
    assert link
    assert "Become the owner" in httpx.get(link.group(1), trust_env=False).text
    assert typed(relay, "init", "ada").stdout == "ada owns this relay, and can log in.\n"
    relay.stop()
    relay.start()
    assert "No owner" not in out.read_text()


@pytest.mark.parametrize("runs", [True, False])
def test_init_makes_the_owner_once(relay: RelayProgram, runs: bool) -> None:
    if not runs:
        relay.stop()
    refused = typed(relay, "init", "ada", password="short")
    assert (refused.rc, len(refused.stderr.splitlines())) == (1, 1)
    assert "at least 12 characters" in refused.stderr
    assert typed(relay, "init", "ada", "--json").json == {"owner": "ada"}
    again = typed(relay, "init", "eve")
    assert (again.rc, again.stderr) == (1, "balados-relay: This relay has an owner already.\n")
    if not runs:
        relay.start()
    assert logs_in(relay, "ada", PASSWORD)
    assert not logs_in(relay, "eve", PASSWORD)


@pytest.mark.parametrize("runs", [True, False])
def test_a_forgotten_password_is_replaced(relay: RelayProgram, runs: bool) -> None:
    early = typed(relay, "password", "ada")
    assert "no owner yet" in early.stderr
    typed(relay, "init", "ada")
    if not runs:
        relay.stop()
    assert typed(relay, "password", "nobody").stderr == "balados-relay: There is no account of that name.\n"
    assert typed(relay, "password", "ADA", password="another fine one").rc == 0
    if not runs:
        relay.start()
    assert logs_in(relay, "ada", "another fine one")
    assert not logs_in(relay, "ada", PASSWORD)


def test_an_invitation_link_opens_the_door_to_register(relay: RelayProgram) -> None:
    typed(relay, "init", "ada")
    said = relay.cli("invite-person")
    link = said.stdout.splitlines()[-1]
    assert re.fullmatch(r"/users/register\?code=[2-9A-Z]{4}-[2-9A-Z]{4}", link)
    assert "user[password]" in httpx.get(relay.url + link, trust_env=False).text
    assert relay.cli("invite-person", "--json").json["link"] != link


def test_a_password_is_typed_twice_unseen(monkeypatch: pytest.MonkeyPatch) -> None:
    typing = iter(["one", "one", "one", "two"])
    monkeypatch.setattr("getpass.getpass", lambda _: next(typing))
    options = Namespace(password_stdin=False)
    assert new_password(options) == "one"
    with pytest.raises(Failed, match="not the same"):
        new_password(options)
