"""Reading feeds without holding up the API: one process beside the server does it, and only while there is work.

Law: whatever a feed does to the process (crash it, hang it), that feed gets one clear error and the next one a fresh
process. Neither feedparser nor the parsed tree ever lives in the server (DESIGN.md section 6).

The process is started by its module name and not through `multiprocessing`, whose children first run the main
script of their parent: here that is the whole server.
"""

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from contextlib import suppress

from balados_shared.feeds.errors import FeedUnparseable, NotAFeed
from balados_shared.feeds.frames import LENGTH, Answer, Question, pack, unpack_answer
from balados_shared.feeds.types import FeedDocument, ParsedFeed

LIMIT = 30.0
IDLE = 60.0

# -P: the module is the installed one, never a file of that name in the current directory.
_COMMAND = (sys.executable, "-P", "-m", "balados_shared.feeds.reader")


class ParseWorker:
    """Reads one feed at a time. `limit` is for one feed, `idle` ends an unused process; both in seconds."""

    def __init__(self, *, limit: float = LIMIT, idle: float = IDLE) -> None:
        self.limit = limit
        self.idle = idle
        self._turn = asyncio.Lock()
        self._process: Process | None = None
        self._rest: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def pid(self) -> int | None:
        """The process that reads, while there is one."""
        return self._process.pid if self._process else None

    async def parse(self, document: FeedDocument) -> ParsedFeed:
        """Read a fetched feed.

        Raises NotAFeed when it is none, FeedUnparseable when reading takes too long or fails altogether.
        """
        question = Question(body=document.body, url=document.final_url)
        async with self._turn:
            self._stop_resting()
            try:
                answer = await self._ask(question)
            finally:
                if not self._closed:
                    self._rest = asyncio.create_task(self._rest_and_leave())
        if answer.feed is None:
            raise NotAFeed(answer.trouble)
        return answer.feed

    async def close(self) -> None:
        """End the process at once; a feed that is being read gets FeedUnparseable."""
        self._closed = True
        self._stop_resting()
        _end(self._process)  # what is being read fails now, and frees the turn
        async with self._turn:
            await self._kill()

    async def _ask(self, question: Question) -> Answer:
        try:
            return await self._exchange(await self._started(), pack(question))
        except BaseException:
            # Also when the caller was cancelled: a half-read answer must not become the answer of the next feed.
            await self._kill()
            raise

    async def _exchange(self, process: Process, frame: bytes) -> Answer:
        try:
            async with asyncio.timeout(self.limit):
                return unpack_answer(await _converse(process, frame))
        except TimeoutError:
            raise FeedUnparseable(f"Reading the feed took longer than {self.limit:g} seconds.") from None
        except (EOFError, OSError):
            raise FeedUnparseable("The feed brought the feed reader down; it cannot be read.") from None

    async def _started(self) -> Process:
        if self._closed:
            raise FeedUnparseable("The feed was not read, because the program is stopping.")
        if self._process is None or self._process.returncode is not None:
            self._process = await _start()
        return self._process

    def _stop_resting(self) -> None:
        if self._rest is not None:
            self._rest.cancel()
            self._rest = None

    async def _rest_and_leave(self) -> None:
        await asyncio.sleep(self.idle)
        await self._kill()

    async def _kill(self) -> None:
        process, self._process = self._process, None
        _end(process)
        if process is not None:
            # Reads the pipe to its end as well, so that nothing of the process is left behind.
            await process.communicate()


def _end(process: Process | None) -> None:
    if process is not None and process.returncode is None:
        with suppress(ProcessLookupError):  # it has ended, and we have not heard of it yet
            process.kill()


async def _start() -> Process:
    try:
        # A session of its own: an interrupt from the keyboard is for the server, which ends the reader in order.
        return await asyncio.create_subprocess_exec(
            *_COMMAND, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, start_new_session=True
        )
    except OSError:
        raise FeedUnparseable("The feed reader could not be started.") from None


async def _converse(process: Process, frame: bytes) -> bytes:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(frame)
    await process.stdin.drain()
    (length,) = LENGTH.unpack(await process.stdout.readexactly(LENGTH.size))
    return await process.stdout.readexactly(length)
