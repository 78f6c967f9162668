"""One exchange at the relay: what is sent is joined in one transaction, and the answer is exactly what is lacking."""

from typing import Any

import pytest

from balados_relay.app import Relay
from balados_relay.sync.arrivals import Sender
from balados_shared.http.access import Exchanged
from balados_shared.ids import FeedId
from balados_shared.problems import Problem
from balados_shared.record import Record
from balados_shared.storage.reader import LibraryReader
from balados_shared.times import DAY, HOUR, MINUTE
from balados_shared.wire import SyncAnswer, SyncRequest, decode_answer, decode_request, encode_json
from support.elsewhere import feed, play, subscription
from support.loopback import Clock
from support.strategies import FEED, NOON, OTHER_FEED


class Device:
    """A device of an account, as the relay sees it."""

    def __init__(self, relay: Relay, account: int, device_id: str) -> None:
        self.relay = relay
        self.sender = Sender(account, f"app.{device_id}", device_id)
        self.device_id = device_id
        self.cursor = ""
        self.count = 0
        self.runs: tuple[str, ...] = ("run-1",)

    async def exchange(self, *records: Record) -> Exchanged:
        request = SyncRequest(
            device_id=self.device_id, count=self.count, cursor=self.cursor, runs=self.runs, records=records
        )
        return await self.relay.arrivals.exchange(self.sender, request)

    async def sync(self, *records: Record) -> SyncAnswer:
        """Do one exchange, as a device that stores the answer."""
        answer = decode_answer((await self.exchange(*records)).body)
        self.cursor = answer.cursor
        return answer

    @property
    def library(self) -> LibraryReader:
        return LibraryReader(self.relay.database, self.sender.account)


@pytest.fixture
async def account(relay: Relay) -> int:
    return relay.accounts.peek(await relay.accounts.invite("Ada"), source="here").id


@pytest.fixture
def phone(relay: Relay, account: int) -> Device:
    return Device(relay, account, "phone")


@pytest.fixture
def laptop(relay: Relay, account: int) -> Device:
    return Device(relay, account, "laptop")


async def refusal(device: Device) -> Problem:
    with pytest.raises(Problem) as problem:
        await device.exchange()
    return problem.value


def feeds_of(answer: SyncAnswer) -> list[str]:
    return [record.key for record in answer.records if record.kind == "subscription"]


# What is answered


async def test_what_stands_as_it_was_sent_is_not_repeated(phone: Device) -> None:
    answer = await phone.sync(subscription(), play(60))
    assert (answer.records, answer.verdicts, answer.more) == ([], [], False)
    assert phone.library.head().write() == answer.cursor


async def test_another_device_gets_what_it_lacks_by_arrival_and_then_nothing(phone: Device, laptop: Device) -> None:
    await phone.sync(subscription(OTHER_FEED))
    await phone.sync(subscription(FEED))
    assert feeds_of(await laptop.sync()) == [OTHER_FEED, FEED]
    assert (await laptop.sync()).records == []


async def test_a_device_gets_others_changes_together_with_the_answer_to_its_own(phone: Device, laptop: Device) -> None:
    await phone.sync(subscription(OTHER_FEED))
    assert feeds_of(await laptop.sync(subscription(FEED))) == [OTHER_FEED]


async def test_what_was_merged_comes_back_as_it_stands_with_its_verdict(phone: Device, laptop: Device) -> None:
    await phone.sync(play(60, device="phone"))
    (verdict,) = (answer := await laptop.sync(play(90, device="laptop", at=1_000))).verdicts
    assert (verdict.kind, verdict.outcome) == ("play_status", "merged")
    (record,) = answer.records
    assert {head.device for head in record.heads} == {"phone", "laptop"}


async def test_what_a_later_change_knew_is_superseded_and_the_later_one_comes_back(
    phone: Device, laptop: Device
) -> None:
    await laptop.sync(play(90, device="laptop", number=5, knows={"phone": 9}))
    (verdict,) = (answer := await phone.sync(play(60, device="phone", number=9))).verdicts
    assert (verdict.outcome, verdict.rule) == ("superseded", "known_and_replaced")
    assert [head.device for head in answer.records[0].heads] == ["laptop"]


async def test_a_record_that_could_not_be_read_is_refused_and_the_rest_goes_on(relay: Relay, phone: Device) -> None:
    body: dict[str, Any] = {
        "device_id": "phone",
        "cursor": "",
        "likes": [{"rss_source_feed": "!"}],
        "subscriptions": [
            {"rss_source_feed": FEED, "subscribed_at": "2026-01-01T12:00:00Z", "device": "phone", "number": 1}
        ],
        "dances": [{"step": 1}],
    }
    done = await relay.arrivals.exchange(phone.sender, decode_request(encode_json(body)))
    verdicts = decode_answer(done.body).verdicts
    assert {(verdict.outcome, verdict.rule) for verdict in verdicts} == {
        ("refused", "invalid"),
        ("refused", "unknown_kind"),
    }
    assert len(phone.library.subscriptions()) == 1


# The clock


async def test_a_time_ahead_of_the_relay_is_capped_and_told(phone: Device) -> None:
    (verdict,) = (answer := await phone.sync(play(60, at=HOUR))).verdicts
    assert (verdict.outcome, verdict.rule) == ("merged", "clock_capped")
    assert [record.time for record in answer.records] == [NOON + MINUTE], "and its sender gets it as it stands"


async def test_a_minute_ahead_is_nothing_to_speak_of(phone: Device) -> None:
    assert (await phone.sync(play(60, at=MINUTE))).verdicts == []


async def test_a_capped_record_that_is_sent_again_takes_no_revision(phone: Device) -> None:
    await phone.sync(play(60, at=HOUR))
    head = phone.library.head()
    await phone.sync(play(60, at=HOUR))
    assert phone.library.head() == head


async def test_the_answer_says_the_relays_time(phone: Device, clock: Clock) -> None:
    clock.now += 42
    assert (await phone.sync()).synced_at == NOON + 42


async def test_a_relay_whose_clock_fell_behind_says_so_and_stores_nothing(phone: Device, clock: Clock) -> None:
    await phone.sync(subscription())
    clock.now -= DAY + MINUTE
    problem = await refusal(phone)
    assert (problem.status, problem.code) == (503, "RELAY_CLOCK_BEHIND")
    assert int(problem.headers["Retry-After"]) > 0
    clock.now += 2 * MINUTE
    await phone.sync()


# Pages


async def test_an_answer_holds_two_thousand_and_says_that_there_is_more(phone: Device, laptop: Device) -> None:
    for page in range(0, 4_100, 1_000):
        await phone.sync(*(subscription(feed(number)) for number in range(page, min(page + 1_000, 4_100))))
    sizes, told = [], []
    more = True
    while more:
        answer = await laptop.sync()
        sizes.append(len(answer.records))
        told += feeds_of(answer)
        more = answer.more
    assert sizes == [2_000, 2_000, 100]
    assert told == [feed(number) for number in range(4_100)]


async def test_exactly_one_page_is_not_followed_by_an_empty_one(phone: Device, laptop: Device) -> None:
    for page in (0, 1_000):
        await phone.sync(*(subscription(feed(number)) for number in range(page, page + 1_000)))
    answer = await laptop.sync()
    assert (len(answer.records), answer.more) == (2_000, False)


async def test_what_arrives_between_two_pages_is_on_a_later_one(phone: Device, laptop: Device) -> None:
    for page in range(0, 3_000, 1_000):
        await phone.sync(*(subscription(feed(number)) for number in range(page, page + 1_000)))
    first = await laptop.sync()
    await phone.sync(subscription(feed(0), number=NOON + 1, title="Changed", knows={"other-device": NOON}))
    second = await laptop.sync()
    assert (first.more, second.more) == (True, False)
    assert feeds_of(second)[-1] == feed(0)
    assert set(feeds_of(first)) | set(feeds_of(second)) == {feed(number) for number in range(3_000)}


# Cursors


@pytest.mark.parametrize("cursor", ["1.another", "999.abc", "no cursor", "1.", ".abc", "-1.abc", "9" * 30 + ".abc"])
async def test_a_cursor_of_another_history_means_to_start_over(phone: Device, cursor: str) -> None:
    await phone.sync(subscription())
    phone.cursor = cursor
    problem = await refusal(phone)
    assert (problem.status, problem.code) == (409, "CURSOR_UNKNOWN")


async def test_the_same_steps_in_another_order_are_another_history(relay: Relay) -> None:
    cursors = []
    for name, order in (("Ada", (FEED, OTHER_FEED)), ("Bob", (OTHER_FEED, FEED))):
        account = relay.accounts.peek(await relay.accounts.invite(name), source="here").id
        device = Device(relay, account, "phone")
        for of in order:
            await device.sync(subscription(FeedId(of)))
        cursors.append(device.cursor)
    assert cursors[0] != cursors[1]


async def test_sending_twice_takes_no_revision_and_wakes_nobody(relay: Relay, phone: Device, account: int) -> None:
    await phone.sync(subscription(), play(60))
    head = phone.library.head()
    woken: list[int] = []
    relay.hub.add(account, lambda: woken.append(1))
    answer = await phone.sync(subscription(), play(60))
    assert not woken
    await phone.sync(subscription(OTHER_FEED))
    assert woken
    assert answer.verdicts == []
    assert phone.library.head().revision == head.revision + 1


async def test_who_lost_the_answer_gets_its_own_record_back_once(phone: Device) -> None:
    await phone.exchange(subscription())  # the answer never arrives, so the cursor stays
    answer = await phone.sync(subscription())
    assert feeds_of(answer) == [FEED], "it lacks the revision that the lost answer told"
    assert (await phone.sync()).records == []


async def test_libraries_of_two_accounts_never_meet(relay: Relay, phone: Device) -> None:
    await phone.sync(subscription())
    other = Device(relay, relay.accounts.peek(await relay.accounts.invite("Bob"), source="here").id, "phone")
    assert (await other.sync()).records == []
    other.cursor = phone.cursor
    assert (await refusal(other)).code == "CURSOR_UNKNOWN"


# Two machines on one id


async def test_a_device_that_has_counted_less_than_before_is_another_machine(phone: Device) -> None:
    phone.count = 100
    assert not (await phone.sync()).clone
    phone.count = 99
    assert (await phone.sync()).clone
    phone.count = 100
    assert not (await phone.sync()).clone


async def test_a_run_that_does_not_follow_the_known_one_is_another_machines(phone: Device) -> None:
    await phone.sync(subscription())
    phone.runs = ("run-1", "run-2")
    assert not (await phone.sync()).clone, "a restart names the run before it"
    phone.runs = ("run-1",)
    assert (await phone.sync()).clone


async def test_what_another_machine_sends_is_taken_all_the_same(phone: Device) -> None:
    phone.count = 100
    await phone.sync()
    phone.count = 1
    assert (await phone.sync(subscription())).clone
    assert len(phone.library.subscriptions()) == 1


async def test_a_device_that_starts_over_may_have_been_elsewhere(phone: Device) -> None:
    await phone.sync(subscription())
    phone.cursor, phone.runs = "", ("run-9",)
    assert not (await phone.sync()).clone


# Looking without touching


async def test_a_preview_shows_the_library_and_leaves_no_trace(relay: Relay, phone: Device, account: int) -> None:
    await phone.sync(subscription())
    answer = decode_answer(await relay.arrivals.preview(account, ""))
    assert feeds_of(answer) == [FEED]
    assert decode_answer(await relay.arrivals.preview(account, answer.cursor)).records == []
    assert [device.device_id for device in relay.accounts.seen(account)] == ["phone"]
    with pytest.raises(Problem, match="does not know that cursor"):
        await relay.arrivals.preview(account, "1.another")
