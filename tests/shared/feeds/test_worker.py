"""The feed reader in its own process: what one feed does to it must not reach the next one, nor the daemon."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from balados_shared.feeds.errors import FeedUnparseable, NotAFeed
from balados_shared.feeds.frames import LENGTH, Question, pack
from balados_shared.feeds.types import FeedDocument
from balados_shared.feeds.worker import ParseWorker


def document(body: bytes | None = None, title: str = "A feed") -> FeedDocument:
    """Return a fetched feed."""
    body = body if body is not None else f"<rss version='2.0'><channel><title>{title}</title></channel></rss>".encode()
    return FeedDocument(url="http://example.org/x.xml", final_url="http://example.org/x.xml", status=200, body=body)


@pytest.fixture
async def worker() -> AsyncIterator[ParseWorker]:
    """Return a worker as the daemon has it."""
    worker = ParseWorker()
    yield worker
    await worker.close()


async def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Wait for what another process or task brings about."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.005)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def stopped(worker: ParseWorker) -> int:
    """Start the process and stop it in its tracks, so that the next feed hangs. Return its id."""
    await worker.parse(document())
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGSTOP)
    return worker.pid


async def test_no_process_is_started_before_there_is_work(worker: ParseWorker) -> None:
    assert worker.pid is None
    await worker.parse(document())
    assert worker.pid is not None


async def test_one_process_reads_many_feeds_each_gets_its_own_answer(worker: ParseWorker) -> None:
    feeds = await asyncio.gather(*(worker.parse(document(title=f"Feed {n}")) for n in range(20)))

    assert [feed.title for feed in feeds] == [f"Feed {n}" for n in range(20)]


async def test_it_yields_to_everything_else(worker: ParseWorker) -> None:
    await worker.parse(document())
    assert worker.pid is not None

    assert os.getpriority(os.PRIO_PROCESS, worker.pid) == min(19, os.getpriority(os.PRIO_PROCESS, 0) + 10)


async def test_what_is_no_feed_is_said_to_be_none_by_the_same_process(worker: ParseWorker) -> None:
    with pytest.raises(NotAFeed, match="is not a feed"):
        await worker.parse(document(b"<html><body>Hello</body></html>"))
    first = worker.pid

    assert (await worker.parse(document())).title == "A feed"
    assert worker.pid == first


async def test_a_feed_of_many_megabytes_goes_through(worker: ParseWorker) -> None:
    items = b"".join(
        b"<item><guid>%d</guid><description>%s</description></item>" % (n, b"word " * 2_000) for n in range(500)
    )

    feed = await worker.parse(document(b"<rss version='2.0'><channel>" + items + b"</channel></rss>"))

    assert len(feed.episodes) == 500


async def test_a_feed_that_takes_too_long_is_given_up_and_the_next_one_is_read(worker: ParseWorker) -> None:
    hanging = await stopped(worker)
    worker.limit = 0.2

    with pytest.raises(FeedUnparseable, match=r"took longer than 0\.2 seconds"):
        await worker.parse(document())

    assert not is_running(hanging)
    worker.limit = 30
    assert (await worker.parse(document(title="Next"))).title == "Next"


async def test_a_feed_that_brings_the_process_down_fails_alone(worker: ParseWorker) -> None:
    hanging = await stopped(worker)
    failing = asyncio.create_task(worker.parse(document(b"x" * 10_000_000)))
    waiting = asyncio.create_task(worker.parse(document(title="Next")))
    await asyncio.sleep(0)

    os.kill(hanging, signal.SIGKILL)

    with pytest.raises(FeedUnparseable, match="brought the feed reader down"):
        await failing
    assert (await waiting).title == "Next"


async def test_a_process_that_died_while_idle_costs_no_feed(worker: ParseWorker) -> None:
    await worker.parse(document())
    process = worker._process
    assert process is not None
    process.kill()
    await process.wait()

    assert (await worker.parse(document(title="Next"))).title == "Next"


async def test_a_caller_who_gives_up_leaves_no_answer_to_the_next(worker: ParseWorker) -> None:
    await stopped(worker)
    given_up = asyncio.create_task(worker.parse(document(title="Given up")))
    await asyncio.sleep(0)
    given_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await given_up

    assert (await worker.parse(document(title="Next"))).title == "Next"


async def test_an_idle_process_leaves_and_comes_back_when_needed() -> None:
    worker = ParseWorker(idle=0.01)
    await worker.parse(document())
    first = worker.pid
    assert first is not None

    await until(lambda: worker.pid is None and not is_running(first))

    assert (await worker.parse(document(title="Again"))).title == "Again"
    await worker.close()


async def test_closing_ends_the_process_and_what_it_was_reading() -> None:
    worker = ParseWorker()
    hanging = await stopped(worker)
    reading = asyncio.create_task(worker.parse(document()))
    waiting = asyncio.create_task(worker.parse(document()))
    await asyncio.sleep(0)

    await worker.close()

    with pytest.raises(FeedUnparseable):
        await reading
    with pytest.raises(FeedUnparseable, match="stopping"):
        await waiting
    assert not is_running(hanging)


def test_the_process_ends_with_its_daemon() -> None:
    reader = subprocess.Popen(
        [sys.executable, "-m", "balados_shared.feeds.reader"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )

    answer, _ = reader.communicate(pack(Question(body=document().body, url="http://example.org/x.xml")), timeout=30)

    assert LENGTH.unpack(answer[:4])[0] == len(answer) - 4
    assert reader.returncode == 0


def test_the_process_does_not_load_the_daemons_server() -> None:
    code = (
        "import sys, balados_shared.feeds.reader\n"
        "assert not {'litestar', 'httpx', 'uvicorn', 'sqlite3', 'asyncio'} & set(sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_daemon_does_not_load_the_parser() -> None:
    code = "import sys, balados_shared.feeds.worker as w; w.ParseWorker(); assert 'feedparser' not in sys.modules"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_it_works_from_a_console_script_which_is_run_only_once(tmp_path: Path, loop: str) -> None:
    script = tmp_path / "balados"
    script.write_text(
        f"""
import asyncio, sys
print("main script runs")
import {loop}
from balados_shared.feeds.types import FeedDocument
from balados_shared.feeds.worker import ParseWorker

async def main():
    worker = ParseWorker()
    body = b"<rss version='2.0'><channel><title>Read</title></channel></rss>"
    document = FeedDocument(url="http://a.org/", final_url="http://a.org/", status=200, body=body)
    print((await worker.parse(document)).title)
    await worker.close()

sys.exit({loop}.run(main()))
"""
    )
    # A module of a dependency's name in the current directory must not be taken for it.
    (tmp_path / "feedparser.py").write_text("raise SystemExit('hijacked')")

    run = subprocess.run(
        [sys.executable, "-W", "error", str(script)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (run.stdout.split("\n"), run.stderr) == (["main script runs", "Read", ""], "")
