"""The letters of sync (DESIGN.md section 4): round trips, and whatever the world sends is read or is our own error."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balados_shared.errors import InvalidInput
from balados_shared.ids import FeedId
from balados_shared.kinds import ALL, BY_PLURAL, Listen, PlayStatus, Preference, Subscription, Value
from balados_shared.record import Record, merge
from balados_shared.wire import (
    MAX_NUMBER,
    MAX_PUSH,
    decode_answer,
    decode_json,
    decode_record,
    decode_request,
    encode_answer,
    encode_json,
    encode_record,
    encode_request,
    record_fields,
    stored_record,
)
from support.strategies import FEED, ITEM, NOON, all_kinds, records

some_records = all_kinds.flatmap(records)


@given(some_records)
def test_a_record_comes_back_as_it_was_written(record: Record) -> None:
    kind = type(record.name)
    state = encode_record(record)
    assert stored_record(kind, state) == record
    assert decode_record(kind, json.loads(state)) == record
    assert encode_record(stored_record(kind, state)) == state


@given(some_records)
def test_both_ways_of_writing_a_record_give_the_same_bytes(record: Record) -> None:
    assert encode_record(record) == encode_json(record_fields(record))


@given(some_records, some_records)
def test_what_was_merged_travels_whole(one: Record, two: Record) -> None:
    if one.kind == two.kind and (joined := merge(one, two)).heads:
        assert stored_record(type(joined.name), encode_record(joined)) == joined


@given(some_records, st.dictionaries(st.sampled_from(["x-mood", "extra", "kind"]), st.none() | st.integers()))
def test_fields_that_this_version_does_not_know_are_passed_on(record: Record, unknown: dict[str, Any]) -> None:
    if len(record.heads) == 1:
        fields = json.loads(encode_record(record)) | unknown
        read = decode_record(type(record.name), fields)
        assert json.loads(encode_record(read)) == fields


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
field_names = sorted({name for kind in ALL for name in kind.__struct_encode_fields__} | {"device", "vector", "heads"})
sane = st.sampled_from([FEED, ITEM, "2026-01-01T12:00:00Z", "A", 1, 2.5, True, "public", {"A": 1}, [{}]])
nearly_records = st.dictionaries(st.sampled_from(field_names), sane | anything, max_size=16)
frames = st.fixed_dictionaries(
    {"device_id": st.just("d"), "cursor": st.just("")},
    optional={
        "count": anything,
        "runs": anything,
        "synced_at": sane,
        "verdicts": anything,
        "subscriptions": anything,
        "karaoke": anything | st.lists(nearly_records, max_size=2),
        **{plural: st.lists(nearly_records | anything, max_size=3) for plural in ("play_statuses", "preferences")},
    },
)
bodies = (
    st.binary()
    | st.text().map(lambda t: t.encode(errors="surrogatepass"))
    | (anything | frames).map(json.dumps).map(str.encode)
)


@given(bodies)
def test_any_request_is_read_or_is_our_error(body: bytes) -> None:
    try:
        request = decode_request(body)
    except InvalidInput:
        return
    assert all(verdict.outcome == "refused" for verdict in request.refused)
    assert all(stored_record(type(record.name), encode_record(record)) == record for record in request.records)


@given(bodies | frames.map(lambda f: json.dumps({"synced_at": "2026-01-01T12:00:00Z"} | f).encode()))
def test_any_answer_is_read_or_is_our_error(body: bytes) -> None:
    try:
        decode_answer(body)
    except InvalidInput:
        return


@given(all_kinds, nearly_records | anything)
def test_any_json_is_a_record_or_our_error(kind: type[Value], fields: Any) -> None:
    try:
        record = decode_record(kind, fields)
    except InvalidInput:
        return
    assert all(record.covers(head.dot) for head in record.heads)


@given(st.binary() | st.text())
def test_any_bytes_are_json_or_our_error(data: bytes | str) -> None:
    try:
        decode_json(data)
    except InvalidInput:
        return


STATUS: dict[str, Any] = {
    "rss_source_feed": str(FEED),
    "rss_source_item": str(ITEM),
    "position": 10.0,
    "furthest": 10.0,
    "played": False,
    "updated_at": "2026-01-01T12:00:00.000Z",
    "device": "A",
    "number": 1,
    "vector": {"A": 1},
}


def request(**lists: Any) -> bytes:
    return json.dumps({"device_id": "d", "cursor": "", **lists}).encode()


BAD: list[Any] = [
    pytest.param({"position": -1}, id="negative position"),
    pytest.param({"position": "10"}, id="position as text"),
    pytest.param({"position": None}, id="no position"),
    pytest.param({"played": 1}, id="played as a number"),
    pytest.param({"updated_at": "2026-01-01T12:00:00"}, id="time without an offset"),
    pytest.param({"updated_at": 5}, id="time as a number"),
    pytest.param({"rss_source_feed": "no id"}, id="no feed id"),
    pytest.param({"rss_source_item": None}, id="no episode"),
    pytest.param({"rss_source_item": "a\x00"}, id="null byte in an id"),
    pytest.param({"device": ""}, id="no device"),
    pytest.param({"device": "a\x00"}, id="null byte in the device"),
    pytest.param({"device": "x" * 101}, id="endless device"),
    pytest.param({"number": 0}, id="number 0"),
    pytest.param({"number": 1.0}, id="number as a float"),
    pytest.param({"number": True}, id="number as a truth"),
    pytest.param({"number": MAX_NUMBER + 1}, id="number beyond 2^53"),
    pytest.param({"number": 10**400}, id="a huge number"),
    pytest.param({"vector": {"A": 0}}, id="vector with 0"),
    pytest.param({"vector": {"\n": 1}}, id="vector of a newline"),
    pytest.param({"vector": {"x" * 101: 1}}, id="vector of an endless device"),
    pytest.param({"vector": {"A": -1}}, id="vector with a negative number"),
    pytest.param({"vector": [1]}, id="vector as a list"),
    pytest.param({"vector": {str(n): 1 for n in range(2_001)}}, id="endless vector"),
    pytest.param({"heads": [1]}, id="head as a number"),
    pytest.param({"heads": "x"}, id="heads as text"),
    pytest.param({"heads": [{"device": "A", "number": n} for n in range(201)]}, id="endless heads"),
    pytest.param({"mood": json.loads("[" * 200 + "]" * 200)}, id="deep nesting"),
]


@pytest.mark.parametrize("fault", BAD)
def test_a_bad_record_is_named_and_the_good_ones_are_taken(fault: dict[str, Any]) -> None:
    body = request(play_statuses=[STATUS, STATUS | fault, STATUS | {"number": 2}])
    read = decode_request(body)
    assert [record.heads[0].number for record in read.records] == [1, 2]
    (verdict,) = read.refused
    assert (verdict.kind, verdict.outcome, verdict.rule) == ("play_status", "refused", "invalid")
    assert verdict.reason


def test_the_verdict_names_the_record_so_that_the_sender_finds_it() -> None:
    listen = STATUS | {"device_id": "A", "started_at": "2026-01-01T14:00:00+02:00", "ended_at": "2026-01-01T12:00:09Z"}
    read = decode_request(
        request(
            play_statuses=[STATUS | {"position": -1}, 7],
            listens=[listen | {"from": 0, "to": 9, "speed": -1}],
            preferences=[{"name": "speed"}],
        )
    )
    keys = [verdict.key for verdict in read.refused]
    assert keys == [f"{FEED}/{ITEM}", "", f"{FEED}/{ITEM}/A/{NOON}", "/speed"]
    places = [verdict.place for verdict in read.refused]
    assert places == ["play_statuses[0]", "play_statuses[1]", "listens[0]", "preferences[0]"]


def test_no_reason_repeats_what_may_be_secret() -> None:
    secret = "https://user:hunter2@example.com/feed\x00"
    read = decode_request(request(play_statuses=[STATUS | {"rss_source_feed": secret}]))
    assert "hunter2" not in read.refused[0].reason


def test_a_kind_that_nobody_knows_gets_a_verdict_and_the_rest_goes_on() -> None:
    read = decode_request(request(karaoke=[{"song": 1}, {"song": 2}], numbers=[1], words="x", play_statuses=[STATUS]))
    assert len(read.records) == 1
    assert [(v.kind, v.place, v.rule) for v in read.refused] == [
        ("karaoke", "karaoke[0]", "unknown_kind"),
        ("karaoke", "karaoke[1]", "unknown_kind"),
    ]


FRAMES = [
    pytest.param(b"", id="nothing"),
    pytest.param(b"\xff", id="no UTF-8"),
    pytest.param(b"[]", id="a list"),
    pytest.param(b"null", id="null"),
    pytest.param(b'{"device_id":"d"}', id="no cursor"),
    pytest.param(b'{"device_id":"","cursor":""}', id="no device"),
    pytest.param(b'{"device_id":"d\\n","cursor":""}', id="a newline in the device"),
    pytest.param(b'{"device_id":"d","cursor":null}', id="null cursor"),
    pytest.param(b'{"device_id":"d","cursor":"","count":-1}', id="negative count"),
    pytest.param(b'{"device_id":"d","cursor":"","count":NaN}', id="not a number"),
    pytest.param(b'{"device_id":"d","cursor":"","runs":"r"}', id="runs as text"),
    pytest.param(b'{"device_id":"d","cursor":"","likes":{}}', id="likes as an object"),
    pytest.param(b'{"device_id":"d","cursor":"","x":' + b"[" * 100_000, id="a hundred thousand brackets"),
    pytest.param(b'{"device_id":"d","cursor":"","x":' + b"[" * 9_999 + b"]" * 9_999 + b"}", id="deep and well-formed"),
]


@pytest.mark.parametrize("body", FRAMES)
def test_a_bad_frame_is_our_error(body: bytes) -> None:
    with pytest.raises(InvalidInput):
        decode_request(body)


def test_a_request_holds_at_most_a_thousand_records() -> None:
    assert len(decode_request(request(play_statuses=[STATUS] * MAX_PUSH)).records) == MAX_PUSH
    with pytest.raises(InvalidInput):
        decode_request(request(play_statuses=[STATUS] * (MAX_PUSH + 1)))


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity", b"1e999", b"1" + b"0" * 5_000])
def test_what_json_has_no_number_for_spoils_one_record_or_the_body(number: bytes) -> None:
    body = request(play_statuses=[STATUS, STATUS | {"position": 77}]).replace(b"77", number)
    try:
        assert len(decode_request(body).refused) == 1
    except InvalidInput:
        assert not number.startswith(b"1")


def test_nesting_stops_where_somebody_could_not_write_it_again() -> None:
    def preference(depth: int) -> dict[str, Any]:
        return {
            "name": "n",
            "value": json.loads("[" * depth + "]" * depth),
            "updated_at": "2026-01-01T12:00:00Z",
            "device": "A",
            "number": 1,
            "vector": {"A": 1},
        }

    read = decode_request(request(preferences=[preference(50), preference(51), preference(900)]))
    assert (len(read.records), len(read.refused)) == (1, 2)


def test_a_preference_that_says_null_can_be_stored() -> None:
    record = decode_record(Preference, {"name": "n", "value": None, "device": "A", "number": 1} | UPDATED)
    assert stored_record(Preference, encode_record(record)) == record


UPDATED = {"updated_at": "2026-01-01T12:00:00Z"}


def test_urls_of_two_thousand_characters_and_null_bytes_in_texts_pass() -> None:
    feed = FeedId.of("https://example.com/?token=" + "x" * 2_000)
    fields = {"rss_source_feed": feed, "subscribed_at": "2026-01-01T12:00:00Z", "title": "a\x00b"}
    record = decode_record(Subscription, fields | {"device": "A", "number": 1})
    assert stored_record(Subscription, encode_record(record)) == record


def test_legacy_ids_inside_a_record_become_canonical() -> None:
    fields = STATUS | {"rss_source_feed": "https://example.com/feed.xml", "rss_source_item": f"{ITEM}=="}
    assert decode_record(PlayStatus, fields).key == f"{FEED}/{ITEM}"


def test_the_heads_need_not_repeat_what_names_the_record() -> None:
    names = PlayStatus.identity
    plain = {name: field for name, field in STATUS.items() if name not in names}
    record = decode_record(PlayStatus, STATUS | {"heads": [plain, plain | {"device": "B"}]})
    assert len(record.heads) == 2
    heads = json.loads(encode_record(record))["heads"]
    assert all(name not in head for head in heads for name in names)


@given(st.lists(some_records, max_size=6), st.integers(0, MAX_NUMBER))
def test_a_request_comes_back_as_it_was_written(some: list[Record], count: int) -> None:
    frame = {"device_id": "d", "cursor": "7.ab", "count": count, "runs": ["r1", "r2"]}
    body = encode_request(frame, [(record.name.plural, encode_record(record)) for record in some])
    read = decode_request(body)
    assert (read.device_id, read.cursor, read.count, list(read.runs)) == ("d", "7.ab", count, ["r1", "r2"])
    assert not read.refused
    assert sorted(read.records, key=repr) == sorted(some, key=repr)


@given(st.lists(some_records, max_size=6))
def test_an_answer_comes_back_as_it_was_written(some: list[Record]) -> None:
    rows = [(record.name.plural, encode_record(record), n) for n, record in enumerate(some, 1)]
    body = encode_answer({"synced_at": "2026-01-01T12:00:00.000Z", "cursor": "9.ab", "more": True}, rows)
    read = decode_answer(body)
    assert (read.synced_at, read.cursor, read.more, read.clone) == (NOON, "9.ab", True, False)
    assert sorted(read.records, key=repr) == sorted(some, key=repr)
    revisions = [row["revision"] for plural in BY_PLURAL for row in json.loads(body).get(plural, [])]
    assert sorted(revisions) == list(range(1, len(some) + 1))


def test_an_answer_of_a_later_version_is_read_without_what_we_do_not_know() -> None:
    body = {"synced_at": "2026-01-01T12:00:00Z", "cursor": "9.ab", "karaoke": [{"song": 1}], "mood": {"a": 1}}
    assert decode_answer(json.dumps(body | {"play_statuses": [STATUS]}).encode()).records[0].key == f"{FEED}/{ITEM}"


def test_a_listen_keeps_its_documented_names() -> None:
    fields = STATUS | {"device_id": "A", "started_at": "2026-01-01T12:00:00Z", "ended_at": "2026-01-01T12:00:09Z"}
    record = decode_record(Listen, fields | {"from": 1, "to": 9, "speed": 1})
    assert {"from": 1.0, "to": 9.0}.items() <= json.loads(encode_record(record)).items()


def test_too_many_records_are_refused_before_any_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("balados_shared.wire._read_row", lambda *_: pytest.fail("a record was read"))
    with pytest.raises(InvalidInput, match="at most 1000"):
        decode_request(request(play_statuses=[7] * 1_001))
