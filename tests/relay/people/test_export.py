"""The export holds everything of one account, nothing of another, and no secret."""

import json
import re
from typing import Any

from balados_relay.api.sync import sender
from balados_relay.app import Relay
from balados_relay.people import export as exporting
from balados_relay.people.export import export
from balados_relay.people.person import Browser, Person
from balados_shared.kinds import ALL, BY_KIND
from balados_shared.record import Record
from balados_shared.wire import decode_record, decode_request, encode_json
from support.apps import App
from support.elsewhere import play, subscription
from support.strategies import NOON

PASSWORD = "correct horse battery"


async def owner(relay: Relay) -> Person:
    await relay.people.make_owner("ada", PASSWORD)
    entered = await relay.people.log_in("ada", PASSWORD, Browser("here", "Firefox"), remember=False)
    found = await relay.people.recognise(entered.token)
    assert found
    return found


async def sync(relay: Relay, app: App, *records: Any) -> None:
    message = decode_request(encode_json(app.body(*records)))
    await relay.arrivals.exchange(sender(relay.accounts.authenticate(app.token())), message)


async def exported(relay: Relay, person: Person) -> tuple[dict[str, Any], list[bytes]]:
    pieces = [piece async for piece in export(relay.database, person, NOON)]
    document: dict[str, Any] = json.loads(b"".join(pieces))
    return document, pieces


def _carried(record: Record) -> tuple[str, list[tuple[str, int]], dict[str, int]]:
    """Return what kind of record it is, its heads and what it knows."""
    return record.name.kind, [head.dot for head in record.heads], dict(record.vector)


async def test_an_empty_account_is_a_document_too(relay: Relay) -> None:
    document, _ = await exported(relay, await owner(relay))
    assert document["format"] == "balados-export"
    assert document["account"]["name"] == "ada"
    assert document["records"] == {kind.plural: [] for kind in ALL}
    assert document["log"] == []


async def test_records_come_with_heads_and_vectors_and_the_log_with_them(relay: Relay, monkeypatch: Any) -> None:
    monkeypatch.setattr(exporting, "BATCH", 1)
    ada = await owner(relay)
    phone = await App.paired(relay, "ada", "phone")
    sent = [subscription(), play(60)]
    await sync(relay, phone, *sent)
    document, pieces = await exported(relay, ada)
    found = [decode_record(BY_KIND[kind.kind], row) for kind in ALL for row in document["records"][kind.plural]]
    assert sorted(map(_carried, found)) == sorted(map(_carried, sent))
    assert {line["kind"] for line in document["log"]} == {"subscription", "play_status"}
    assert [app["device_name"] for app in document["apps"]] == ["Phone"]
    assert [device["device_id"] for device in document["devices"]] == ["phone"]
    assert len(pieces) > 10


async def test_nothing_of_anybody_else_and_no_secret_is_in_it(relay: Relay) -> None:
    ada = await owner(relay)
    code = await relay.accounts.invite("ada")
    bobs = await App.paired(relay, "Bob", "bobs-phone")
    await sync(relay, bobs, subscription())
    document, pieces = await exported(relay, ada)
    text = b"".join(pieces).decode()
    assert document["records"]["subscriptions"] == []
    for secret in ("argon2", "PUBLIC KEY", "hash", code, "bobs", "Bob"):
        assert secret not in text
    assert not re.search(r'"(password|token|key_hash)"', text)
