"""An account that goes takes everything with it, also in the tables that nobody has thought of yet."""

import sqlite3
from pathlib import Path

import pytest

from balados_relay.accounts.callers import Caller
from balados_relay.api.sync import sender
from balados_relay.app import Relay
from balados_relay.people.person import Browser, Person
from balados_shared.storage import forget
from balados_shared.storage.errors import StorageError
from balados_shared.wire import decode_request, encode_json
from support.apps import App
from support.elsewhere import play, subscription
from support.libraries import open_library
from support.loopback import Clock, open_relay_at, until

PASSWORD = "correct horse battery"
HERE = Browser("here", "")

Rows = dict[str, int]


def tables_of_accounts(connection: sqlite3.Connection) -> dict[str, str]:
    """Return every table that holds something of an account, and the condition that finds it, from the schema alone."""
    names = [row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    columns = {name: {row[1] for row in connection.execute(f"PRAGMA table_info({name})")} for name in names}
    found = {name: "account = ?1" for name in names if "account" in columns[name] and name != "deletions"}
    found["accounts"] = "id = ?1"
    for name in names:
        for key in connection.execute(f"PRAGMA foreign_key_list({name})"):
            if name not in found and key[2] in found:
                found[name] = f"{key[3]} IN (SELECT {key[4]} FROM {key[2]} WHERE {found[key[2]]})"
    return found


def rows_of(connection: sqlite3.Connection, account: int) -> Rows:
    counted = {
        table: connection.execute(f"SELECT count(*) FROM {table} WHERE {where}", (account,)).fetchone()[0]
        for table, where in tables_of_accounts(connection).items()
    }
    return {table: count for table, count in counted.items() if count}


def fill(connection: sqlite3.Connection, account: int) -> None:
    """Put a row of the account into every table that has none yet, whatever it is called."""
    tables = tables_of_accounts(connection)
    for table in sorted(tables.keys() - rows_of(connection, account)):
        row: dict[str, object] = {}
        for _, column, kind, wanted, default, _key in connection.execute(f"PRAGMA table_info({table})"):
            if wanted and default is None:
                row[column] = {"INTEGER": 1, "TEXT": f"{table}{account}", "BLOB": b"%d" % account}[kind]
        for _, _, parent, column, of_parent, *_ in connection.execute(f"PRAGMA foreign_key_list({table})"):
            sql = f"SELECT {of_parent} FROM {parent} WHERE {tables[parent]}"
            row[column] = connection.execute(sql, (account,)).fetchone()[0]
        if tables[table].startswith("account ="):
            row["account"] = account
        sql = f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})"
        connection.execute(sql, tuple(row.values()))


async def person(relay: Relay, name: str) -> Person:
    if relay.people.needs_owner():
        await relay.people.make_owner(name, PASSWORD)
    else:
        await relay.people.register(await relay.people.invite(), name, PASSWORD, PASSWORD, HERE)
    entered = await relay.people.log_in(name, PASSWORD, HERE, remember=False)
    found = await relay.people.recognise(entered.token)
    assert found
    return found


async def household(relay: Relay) -> tuple[Person, Person]:
    """Two people, each with a paired device that has synced, and a row in every other table."""
    ada, bob = await person(relay, "ada"), await person(relay, "bob")
    for each in (ada, bob):
        app = await App.paired(relay, each.name, f"{each.name}s")
        caller: Caller = relay.accounts.authenticate(app.token())
        message = encode_json(app.body(subscription(), play(60)))
        await relay.arrivals.exchange(sender(caller), decode_request(message))
        await relay.accounts.invite(each.name)
        await relay.database.write(lambda conn, account=each.account: fill(conn, account))  # type: ignore[misc]
    return ada, bob


async def test_nothing_of_a_deleted_account_is_left_in_any_table(relay: Relay) -> None:
    ada, bob = await household(relay)
    tables = set(relay.database.read(tables_of_accounts))
    hers, his = (relay.database.read(lambda conn, who=who: rows_of(conn, who.account)) for who in (ada, bob))  # type: ignore[misc]
    assert set(his) == tables, "the test must fill every table"
    await relay.leaving.leave(bob, PASSWORD, HERE)
    await relay.leaving.finish()
    assert relay.database.read(lambda conn: rows_of(conn, bob.account)) == {}
    assert relay.database.read(lambda conn: rows_of(conn, ada.account)) == hers


async def test_from_the_first_moment_nobody_reaches_the_account(relay: Relay) -> None:
    _, bob = await household(relay)
    cut: list[tuple[int, str]] = []
    relay.accounts.on_revoked.append(lambda account, app_id: cut.append((account, app_id)))
    app = await App.paired(relay, "bob", "more")
    await relay.leaving.leave(bob, PASSWORD, HERE)
    assert (bob.account, app.app_id) in cut
    with pytest.raises(Exception, match="Unauthorized"):
        relay.accounts.authenticate(app.token())
    assert [each.name for each in relay.people.everybody()] == ["ada"]


async def test_it_goes_on_after_a_kill_at_any_point(tmp_path: Path, clock: Clock) -> None:
    async with open_relay_at(tmp_path, clock) as relay:
        ada, bob = await household(relay)
        hers = relay.database.read(lambda conn: rows_of(conn, ada.account))
        await relay.leaving.leave(bob, PASSWORD, HERE)
    for _ in range(3):
        async with open_relay_at(tmp_path, clock) as relay:
            await relay.database.write(lambda conn: forget.forget_some(conn, bob.account, 1))
    async with open_relay_at(tmp_path, clock) as relay, relay.running():
        await until(lambda: not relay.database.read(lambda conn: rows_of(conn, bob.account)))
        assert relay.database.read(lambda conn: rows_of(conn, ada.account)) == hers


async def test_a_running_relay_begins_at_once(relay: Relay) -> None:
    _, bob = await household(relay)
    async with relay.running():
        await relay.leaving.leave(bob, PASSWORD, HERE)
        await until(lambda: not relay.database.read(lambda conn: rows_of(conn, bob.account)))


async def test_the_number_of_a_deleted_account_is_never_given_again(relay: Relay) -> None:
    await person(relay, "ada")
    bob = await person(relay, "bob")
    await relay.leaving.leave(bob, PASSWORD, HERE)
    carl = await person(relay, "bob")
    assert carl.account > bob.account
    assert carl.user_id != bob.user_id


async def test_what_was_on_its_way_is_swept_later(relay: Relay) -> None:
    await person(relay, "ada")
    bob = await person(relay, "bob")
    await relay.leaving.leave(bob, PASSWORD, HERE)
    await relay.leaving.finish()
    await relay.database.write(lambda conn: conn.execute("INSERT INTO libraries (account) VALUES (?)", (bob.account,)))
    await relay.leaving.finish()
    assert relay.database.read(lambda conn: rows_of(conn, bob.account)) == {}


async def test_a_disk_that_fails_does_not_end_the_sweeping(relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    await person(relay, "ada")
    bob = await person(relay, "bob")
    failed: list[int] = []
    forgets = forget.forget_some

    def failing(connection: sqlite3.Connection, account: int) -> bool:
        failed.append(account)
        if len(failed) == 1:
            raise StorageError("the disk does not want to")
        return forgets(connection, account)

    monkeypatch.setattr(forget, "forget_some", failing)
    async with relay.running():
        await relay.leaving.leave(bob, PASSWORD, HERE)
        await until(lambda: len(failed) == 1)
        carl = await person(relay, "carl")
        await relay.leaving.leave(carl, PASSWORD, HERE)
        await until(lambda: carl.account in failed)


def test_each_bit_is_small_and_the_last_one_says_so(tmp_path: Path) -> None:
    connection = open_library(tmp_path / "library.db")
    connection.execute("INSERT INTO libraries (account) VALUES (1)")
    for number in range(3):
        connection.execute(
            "INSERT INTO records VALUES (?, 1, 'like', ?, '{}', 0, 1, ?, 0)", (number, str(number), number)
        )
        for _ in range(4):
            connection.execute(
                "INSERT INTO events (record, revision, device, number, time, arrived, outcome, rule, reports, incoming)"
                " VALUES (?, 1, 'd', 1, 0, 0, 'o', 'r', 0, '{}')",
                (number,),
            )
    sizes = []
    before = connection.total_changes
    while forget.forget_some(connection, 1, limit=2):
        sizes.append(connection.total_changes - before)
        before = connection.total_changes
    assert max(sizes) <= 2
    assert sum(sizes) == 3 + 12 + 1
    connection.close()
