"""Whatever is sent, the answer is a problem that says what is wrong; nothing breaks and nothing is lost."""

import asyncio
import gzip
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from balados_shared.ids import EpisodeId, FeedId
from balados_shared.wire import encode_json
from support.bare_device import BareDevice
from support.http_child import wait_until
from support.processes import DaemonProgram, Programs, RelayProgram, live, pair, wait_until_alike

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MAX_BODY = 10_000_000
URL = "https://feeds.example/bad.xml"
FEED = FeedId.of(URL)
ITEM = EpisodeId.of("bad", "https://media.example/bad.mp3")
DATE = "2026-01-02T03:04:05.000Z"


@pytest.fixture(scope="module")
def relay(shared: Programs) -> RelayProgram:
    return shared.relay()


@pytest.fixture(scope="module")
def daemon(shared: Programs, relay: RelayProgram) -> DaemonProgram:
    daemon = shared.daemon("a")
    pair(relay, daemon, "anna")
    return daemon


@pytest.fixture(scope="module")
def device(relay: RelayProgram) -> Iterator[BareDevice]:
    """Another device of the same person, which sends what it likes."""
    with BareDevice(relay, "anna") as device:
        yield device


@pytest.fixture(autouse=True)
def nothing_is_lost_or_breaks(relay: RelayProgram, daemon: DaemonProgram) -> Iterator[None]:
    daemon.http.put(f"/play/{ITEM}/position", params={"feed": URL}, json={"position": 7}).raise_for_status()
    before = {s["rss_source_feed"] for s in subscriptions(daemon)}
    already = {program: len(program.log) for program in (relay, daemon)}
    yield
    assert daemon.http.get(f"/play/{FEED}/{ITEM}").json()["position"] == 7
    assert before <= {s["rss_source_feed"] for s in subscriptions(daemon)}
    for program, length in already.items():
        new = program.log[length:]
        assert "Traceback" not in new, new
        assert " ERROR " not in new, new


def subscriptions(daemon: DaemonProgram) -> list[dict[str, Any]]:
    found = daemon.http.get("/subscriptions").raise_for_status().json()["subscriptions"]
    return [dict(subscription) for subscription in found]


def assert_problem(answer: httpx.Response, *statuses: int) -> dict[str, Any]:
    """Check that an answer is a whole problem document of one of these statuses; return it."""
    assert answer.status_code in (statuses or range(400, 500)), answer.text[:300]
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == answer.status_code
    assert problem["error"] == problem["error_code"]
    assert problem["message"]
    assert "Traceback" not in answer.text
    return problem


NOT_JSON = [b"", b"{", b"[1,", b"nonsense", b"\xff\xfe", b"\x00", b'{"a": NaN}', b'{"a": 1} x', b'"\xed\xa0\x80"']
NOT_AN_OBJECT = [b"null", b"[]", b"1", b'"text"', b"true", b"[[]]"]
DEEP = [b"[" * 100_000, b"[" * 5_000 + b"]" * 5_000, b'{"a":' * 50_000]


@pytest.mark.parametrize("body", [*NOT_JSON, *NOT_AN_OBJECT, *DEEP], ids=lambda body: repr(body[:12]))
def test_a_body_that_is_no_json_object_is_refused_everywhere(
    daemon: DaemonProgram, device: BareDevice, body: bytes
) -> None:
    for path in ("/play", "/subscriptions", "/likes", "/device/pair", "/device/undo"):
        assert_problem(daemon.http.post(path, content=body), 400)
    assert_problem(daemon.http.put(f"/play/{ITEM}/position", content=body), 400)
    assert_problem(device.ask("POST", "/sync", content=body), 400)
    for path in ("/pair", "/pair/preview"):
        too_much_for_a_stranger = len(body) > 20_000
        assert_problem(device.http.post(path, content=body), 413 if too_much_for_a_stranger else 400)


WRONG: list[Any] = [None, True, -1, 1.5, 10**30, 1e308, "", "text", "\x00", [], {}, [1], {"a": 1}, "x" * 20_000]


def test_fields_of_a_wrong_type_are_refused_by_name(daemon: DaemonProgram) -> None:
    good: dict[str, dict[str, Any]] = {
        "/subscriptions": {"rss_source_feed": URL, "title": "T", "image": "I"},
        "/likes": {"rss_source_feed": URL, "rss_source_item": ITEM},
        "/play": {"rss_source_feed": URL, "rss_source_item": ITEM, "position": 7, "played": False, "state": "paused"},
        "/device/undo": {"event": 1, "force": False},
        "/device/pair": {"url": "ftp://x", "code": "x", "dry_run": True},
    }
    for path, body in good.items():
        for field in body:
            for wrong in [{}, [1], [], {"a": 1}]:
                problem = assert_problem(daemon.http.post(path, json=body | {field: wrong}), 400)
                assert field in problem["message"] or "feedUrl" in problem["message"]


def test_no_value_of_any_field_ends_in_an_error_of_ours(daemon: DaemonProgram) -> None:
    feed = "https://feeds.example/scratch.xml"
    bodies: dict[str, dict[str, Any]] = {
        "/likes": {"rss_source_feed": feed, "rss_source_item": "scratch"},
        "/play": {
            "rss_source_feed": feed,
            "rss_source_item": "scratch",
            "position": 1,
            "duration": 2,
            "state": "ended",
        },
        "/device/undo": {"event": 10**9, "force": True},
        "/device/pair": {"url": "x", "code": "x", "dry_run": True},
        "/subscriptions": {"rss_source_feed": feed, "title": "T", "rss_source_id": "i", "image": "I"},
    }
    for path, body in bodies.items():
        for field in body:
            for wrong in WRONG:
                answer = daemon.http.post(path, content=encode_json(body | {field: wrong}))
                assert answer.status_code < 500, (path, field, wrong, answer.text)
                if answer.status_code != 200:
                    assert_problem(answer)


@pytest.mark.parametrize(
    "value", [-1, 1.5, 10**30, -(10**30), "x", "", "1e3", "\x00", "9" * 5_000], ids=lambda v: str(v)[:9]
)
def test_odd_query_values_are_an_answer_or_a_problem(daemon: DaemonProgram, device: BareDevice, value: Any) -> None:
    asked = {
        "/play": ("limit", "offset", "played", "feed"),
        "/likes": ("limit", "offset"),
        "/device/events": ("limit", "before", "record"),
        "/device/episodes": ("feed", "refresh"),
        "/device/why": ("episode",),
        "/device/episode": ("name",),
    }
    for path, names in asked.items():
        for name in names:
            answer = daemon.http.get(path, params={name: value})
            assert answer.status_code < 500 or answer.json()["error_code"] == "BAD_GATEWAY", (path, name, answer.text)
            if answer.status_code != 200:
                assert_problem(answer, *range(400, 503))
    assert device.ask("GET", "/events", params={"record": value}).status_code in (200, 400)


@pytest.mark.parametrize(
    "number",
    ["NaN", "Infinity", "-Infinity", "-0.001", "-1", "1e400", "1e308", "10000001", "true", '"NaN"', '"x"', "null"],
)
def test_a_position_that_is_none_is_refused(daemon: DaemonProgram, device: BareDevice, number: str) -> None:
    body = b'{"rss_source_feed":"%s","rss_source_item":"%s","position":%s}' % (
        FEED.encode(),
        ITEM.encode(),
        number.encode(),
    )
    assert_problem(daemon.http.post("/play", content=body), 400, 422)
    assert_problem(daemon.http.put(f"/play/{ITEM}/position", content=b'{"position":%s}' % number.encode()), 400, 422)
    with daemon.listening() as player:
        player.socket.send(f'{{"type":"record_play","feed":"{FEED}","item":"{ITEM}","position":{number},"opid":4}}')
        assert player.hear()["error"]["code"] in ("INVALID_POSITION", "INVALID_JSON")
    record = encode_json(device.play(URL, "bad position", 0)).replace(b'"position":0', b'"position":' + number.encode())
    sent = b'{"device_id":"dev","count":1,"cursor":"","play_statuses":[%s]}' % record
    answer = device.ask("POST", "/sync", content=sent)
    if answer.status_code == 200:
        assert [v["outcome"] for v in answer.json()["verdicts"]] == ["refused"]
    else:
        assert_problem(answer, 400)


def test_a_url_of_two_thousand_characters_works_everywhere(daemon: DaemonProgram, device: BareDevice) -> None:
    url = "https://feeds.example/" + "l" * (2_000 - len("https://feeds.example/"))
    feed, item = FeedId.of(url), EpisodeId.of("g" * 500, "https://media.example/" + "m" * 2_000)
    daemon.http.post("/subscriptions", json={"rss_source_feed": url}).raise_for_status()
    daemon.http.put(f"/play/{item}/position", params={"feed": feed}, json={"position": 3}).raise_for_status()
    daemon.http.post("/likes", json={"rss_source_feed": feed, "rss_source_item": item}).raise_for_status()
    assert daemon.http.get(f"/play/{feed}/{item}").json()["position"] == 3
    assert daemon.http.get("/device/why", params={"episode": item}).json()["rss_source_item"] == item
    daemon.sync().raise_for_status()
    assert item in device.sync().text
    assert device.ask("GET", "/events", params={"record": f"play_status/{feed}/{item}"}).json()["events"]
    daemon.http.delete(f"/likes/{feed}/{item}").raise_for_status()
    daemon.http.delete(f"/subscriptions/{feed}").raise_for_status()
    assert feed not in {s["rss_source_feed"] for s in subscriptions(daemon)}


def test_a_url_without_end_is_refused(daemon: DaemonProgram, device: BareDevice) -> None:
    url = "https://feeds.example/" + "l" * 20_000
    assert_problem(daemon.http.post("/subscriptions", json={"rss_source_feed": url}), 400)
    answer = device.sync(subscriptions=[{**device.subscription(URL), "rss_source_feed": url}])
    assert [v["outcome"] for v in answer.json()["verdicts"]] == ["refused"]


def padded(size: int) -> bytes:
    """A sync request of exactly so many bytes."""
    start = b'{"device_id":"dev","count":1,"cursor":"","padding":"'
    return start + b"x" * (size - len(start) - 2) + b'"}'


def test_a_body_of_ten_million_bytes_is_taken_and_one_byte_more_is_not(
    daemon: DaemonProgram, device: BareDevice
) -> None:
    assert device.ask("POST", "/sync", content=padded(MAX_BODY)).status_code == 200
    assert_problem(device.ask("POST", "/sync", content=padded(MAX_BODY + 1)), 413)
    position = b'{"position":7,"padding":"%s"}'
    room = MAX_BODY - len(position) + 2
    taken = daemon.http.put(f"/play/{ITEM}/position", params={"feed": URL}, content=position % (b"x" * room))
    assert taken.status_code == 200
    assert_problem(daemon.http.put(f"/play/{ITEM}/position", content=position % (b"x" * (room + 1))), 413)


def test_a_body_without_a_length_is_counted_too(device: BareDevice) -> None:
    body = (padded(MAX_BODY + 1)[i : i + 100_000] for i in range(0, MAX_BODY + 1, 100_000))
    assert_problem(device.ask("POST", "/sync", content=body), 413)


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_packed_bodies_are_read_and_bombs_are_not(daemon: DaemonProgram, device: BareDevice, coding: str) -> None:
    pack = gzip.compress if coding == "gzip" else zstd.compress
    headers = {"Content-Encoding": coding}
    small = encode_json({"rss_source_feed": URL, "rss_source_item": ITEM, "position": 7})
    assert daemon.http.post("/play", content=pack(small), headers=headers).status_code == 200
    assert device.ask("POST", "/sync", content=pack(padded(20_000_000)), headers=headers).status_code == 200
    bomb = pack(b" " * 200_000_000)
    assert len(bomb) < MAX_BODY
    assert_problem(device.ask("POST", "/sync", content=bomb, headers=headers), 413)
    assert_problem(daemon.http.post("/play", content=bomb, headers=headers), 413)
    for broken in (b"nonsense", pack(small)[:-3], b""):
        assert_problem(daemon.http.post("/play", content=broken, headers=headers), 400)
    assert_problem(daemon.http.post("/play", content=b"x", headers={"Content-Encoding": "br"}), 415)


def test_unknown_fields_reach_the_other_device_as_they_were(daemon: DaemonProgram, device: BareDevice) -> None:
    url = "https://feeds.example/unknown-fields.xml"
    newer = {"mood": {"deep": [1, None, "ü\u0000x", {"a": 1.5}]}, "stars": 5}
    record = device.subscription(url, **newer)
    assert "verdicts" not in device.sync(subscriptions=[record]).json()
    wait_until(lambda: FeedId.of(url) in {s["rss_source_feed"] for s in subscriptions(daemon)}, 10)
    daemon.http.post("/subscriptions", json={"rss_source_feed": url, "title": "Now edited here"}).raise_for_status()
    daemon.sync().raise_for_status()
    (back,) = [s for s in device.sync().json()["subscriptions"] if s["rss_source_feed"] == FeedId.of(url)]
    assert back["title"] == "Now edited here"
    assert {name: back[name] for name in newer} == newer


def test_unknown_kinds_get_a_verdict_and_the_rest_goes_on(daemon: DaemonProgram, device: BareDevice) -> None:
    url = "https://feeds.example/beside-unknown.xml"
    answer = device.sync(moods=[device.stamped(mood="fine")], subscriptions=[device.subscription(url)])
    (verdict,) = answer.raise_for_status().json()["verdicts"]
    assert (verdict["place"], verdict["outcome"], verdict["rule"]) == ("moods[0]", "refused", "unknown_kind")
    wait_until(lambda: FeedId.of(url) in {s["rss_source_feed"] for s in subscriptions(daemon)}, 10)


def test_good_records_are_taken_and_bad_ones_named(daemon: DaemonProgram, device: BareDevice) -> None:
    good = [device.play(URL, f"good {number}", number) for number in range(3)]
    bad: list[Any] = [
        device.play(URL, "no position", None),
        device.play(URL, "text position", "7"),
        {**device.play(URL, "no date", 7), "updated_at": None},
        {**device.play(URL, "odd date", 7), "updated_at": "yesterday"},
        {**device.play(URL, "no number", 7), "number": 0},
        {**device.play(URL, "no device", 7), "device": ""},
        {**device.play(URL, "odd vector", 7), "vector": {"d": -1}},
        {**device.play(URL, "odd heads", 7), "heads": "x"},
        {**device.play(URL, "odd feed", 7), "rss_source_feed": "%%%"},
        {**device.play(URL, "null byte", 7), "rss_source_item": "a\x00b"},
        {},
        [],
        "text",
        None,
        7,
    ]
    mixed = [record for pair_ in zip(bad, good * 5, strict=True) for record in pair_]
    answer = device.sync(play_statuses=mixed).raise_for_status().json()
    refused = [verdict for verdict in answer["verdicts"] if verdict["outcome"] == "refused"]
    assert [verdict["place"] for verdict in refused] == [f"play_statuses[{n}]" for n in range(0, 2 * len(bad), 2)]
    assert all(verdict["reason"] for verdict in refused)
    wait_until(lambda: all(daemon.http.get(f"/play/{FEED}/{g['rss_source_item']}").is_success for g in good), 10)


def test_a_null_byte_in_a_title_is_kept_or_refused_but_never_cuts(daemon: DaemonProgram, device: BareDevice) -> None:
    url = "https://feeds.example/null-byte.xml"
    answer = daemon.http.post("/subscriptions", json={"rss_source_feed": url, "title": "a\x00b"})
    if answer.status_code == 200:
        assert "a\x00b" in {s["title"] for s in subscriptions(daemon) if s["rss_source_feed"] == FeedId.of(url)}
        daemon.sync().raise_for_status()
        assert "a\x00b" in {s.get("title") for s in device.sync().json()["subscriptions"]}
    else:
        assert_problem(answer, 400, 422)


def test_a_record_that_is_nested_too_deep_is_refused(device: BareDevice) -> None:
    deep: Any = 1
    for _ in range(200):
        deep = [deep]
    url = "https://feeds.example/deep.xml"
    (verdict,) = device.sync(subscriptions=[device.subscription(url, deep=deep)]).raise_for_status().json()["verdicts"]
    assert verdict["outcome"] == "refused"
    assert "deep" in verdict["reason"]


def test_a_thousand_records_are_taken_and_one_more_is_not(device: BareDevice) -> None:
    def likes(number: int) -> list[dict[str, Any]]:
        urls = (f"https://feeds.example/many/{n}.xml" for n in range(number))
        return [device.stamped(rss_source_feed=FeedId.of(url), liked_at=DATE) for url in urls]

    problem = assert_problem(device.sync(likes=likes(1_001)), 400)
    assert "1000" in problem["message"].replace(",", "")
    assert device.sync(likes=likes(1_000)).status_code == 200


CURSORS: list[Any] = ["x", "1", "1.", ".a", "-1.a", "1.a", "99999999999999999999.a", "٣.a", "1.a\x00", "0.a", "1" * 101]


@pytest.mark.parametrize("cursor", [*CURSORS, None, 7, [], {}], ids=repr)
def test_a_bad_cursor_is_a_problem(device: BareDevice, relay: RelayProgram, cursor: Any) -> None:
    answer = device.sync(cursor=cursor)
    if cursor == "0.a":
        assert answer.status_code in (200, 409)  # the start, whatever tag it is given
        return
    assert_problem(answer, 400, 409)
    with live(relay.url) as connection:
        connection.say(type="auth", token=device.token())
        connection.hear()
        connection.say(type="sync", id=1, device_id="dev", count=1, cursor=cursor)
        reply = connection.hear()
        assert (reply["type"], reply["status"]) == ("sync_result", "error")
        if cursor is not None:
            connection.say(type="subscribe", cursor=cursor)
            assert connection.hear()["error"]["code"] == "CURSOR_UNKNOWN"


LIVE_NOT_UNDERSTOOD = ["", "{", "[]", "null", "7", '{"type":7}', '{"type":"no such"}', "[" * 10_000, '{"type":"auth"}']


@pytest.mark.parametrize("text", LIVE_NOT_UNDERSTOOD, ids=lambda text: text[:16])
def test_what_a_live_connection_does_not_understand_leaves_it_open(daemon: DaemonProgram, text: str) -> None:
    with daemon.listening() as player:
        player.socket.send(text)
        assert player.hear()["error"]["code"] in ("INVALID_JSON", "INVALID_TYPE", "INVALID_STATE")
        player.socket.send(b"\x00\x01")
        assert player.hear()["error"]["code"] == "INVALID_FORMAT"
        player.say(type="record_play", feed=[], item={}, opid="o")
        assert player.hear()["error"]["code"] == "INVALID_ENCODING"
        player.say(type="record_play", feed=URL, item="live", position=1, played=0, opid="o")
        assert player.hear() == {
            "status": "error",
            "error": {"code": "INVALID_PLAYED", "message": "played must be true or false"},
            "opid": "o",
        }


def test_an_episode_is_found_by_every_form_of_its_id_in_a_path(daemon: DaemonProgram) -> None:
    url, guid = "https://feeds.example/öd?a=1&b=2", "guid/with ~ odd ÿ signs"
    feed, item = FeedId.of(url), EpisodeId.of(guid, "https://media.example/ÿ~?x=>>>")
    daemon.http.put(f"/play/{item}/position", params={"feed": feed}, json={"position": 11}).raise_for_status()
    standard = {"-": "+", "_": "/"}

    def forms(name: str) -> list[str]:
        pad = "=" * (-len(name) % 4)
        other = "".join(standard.get(letter, letter) for letter in name)
        return [name, name + pad, name + pad.replace("=", "%3D"), (other + pad).replace("/", "%2F").replace("+", "%2B")]

    for feed_form in forms(feed)[:3]:
        for item_form in forms(item)[:3]:
            assert daemon.http.get(f"/play/{feed_form}/{item_form}").json()["position"] == 11
    for position, item_form in enumerate(forms(item), 20):
        answer = daemon.http.put(f"/play/{item_form}/position", params={"feed": url}, json={"position": position})
        if "%2F" in item_form and answer.status_code == 404:
            assert_problem(answer, 404)  # a slash in a path segment cannot be told from one between segments
            continue
        answer.raise_for_status()
        assert daemon.http.get(f"/play/{feed}/{item}").json()["position"] == position


@pytest.mark.parametrize(
    "name", ["%", "%00", "%ff%fe", "..", "%2e%2e%2f", "a" * 15_000, "%F0%9F%98%80", "💥", "a b", "="]
)
def test_an_odd_id_in_a_path_is_an_answer_or_a_problem(daemon: DaemonProgram, name: str) -> None:
    asked = [
        ("GET", f"/play/{name}/{ITEM}"),
        ("GET", f"/play/{FEED}/{name}"),
        ("DELETE", f"/subscriptions/{name}"),
        ("DELETE", f"/likes/{name}"),
        ("DELETE", f"/likes/{FEED}/{name}"),
    ]
    for method, path in asked:
        answer = daemon.http.request(method, path)
        assert answer.status_code < 500, (method, answer.text)
        if answer.status_code != 200:
            assert_problem(answer)
    assert_problem(daemon.http.put(f"/play/{name}/position", json={"position": 1}), 400, 404, 405)


def test_wrong_methods_and_unknown_routes_are_problems(daemon: DaemonProgram, device: BareDevice) -> None:
    for method, path in [
        ("PATCH", "/play"),
        ("DELETE", "/device/status"),
        ("PUT", "/subscriptions"),
        ("POST", "/health"),
    ]:
        assert_problem(daemon.http.request(method, path), 405)
    for method, path in [("GET", "/sync"), ("DELETE", "/devices"), ("POST", "/health"), ("GET", "/pair")]:
        assert_problem(device.ask(method, path), 405)
    for path in ("/", "/nothing", "/play/a/b/c/d", "/device", "/device/nothing", "//", "/play//position"):
        assert_problem(daemon.http.get(path), 404, 405)
        assert_problem(device.ask("GET", path), 404, 405)


async def test_what_is_no_http_is_answered_or_hung_up_on(daemon: DaemonProgram, relay: RelayProgram) -> None:
    for program in (daemon, relay):
        port = int(program.url.rpartition(":")[2])
        for junk in (b"\x16\x03\x01\x02\x00\x01", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x00" * 5_000):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(junk)
            writer.write_eof()
            answer = await asyncio.wait_for(reader.read(), 10)
            assert answer == b"" or answer.startswith(b"HTTP/1.1 4")
            writer.close()
            await writer.wait_closed()


def test_after_all_of_it_both_devices_still_agree(
    daemon: DaemonProgram, relay: RelayProgram, programs: Programs
) -> None:
    other = programs.daemon("b")
    pair(relay, other, "anna")
    wait_until_alike(daemon, other, seconds=30)
    assert other.cli("doctor").rc == daemon.cli("doctor").rc == 0
