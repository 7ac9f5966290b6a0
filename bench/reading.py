"""courriel, reading: the works of the bench by POP3 and IMAP, in the way that its documentation would advise."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

from courriel import AsyncImapSession, AsyncPopSession, ImapSession, Password, PopSession, SyncMark

from .material import MANY, SMALL_FILE
from .our_server import server
from .player import Clock, Job, Work, awaited, compared, memory, timed

LOGIN = Password("ada", "secret")
AT_ONCE = 50  # sessions that are opened together


@contextlib.contextmanager
def selected(job: Job) -> Iterator[ImapSession]:
    """A session whose folder is selected, as those of the others are before their clocks start."""
    with ImapSession(server(job), LOGIN) as box:
        box.select(read_only=True)
        yield box


def pop(job: Job) -> dict[str, float]:
    """By `fetch_many`, and every letter touched; they are compared once the clock has stopped."""
    with PopSession(server(job), LOGIN) as box, Clock() as clock:
        letters = [letter.raw for letter in box.fetch_many(range(1, job.count + 1))]
    return timed(clock, compared(job, letters))


async def async_pop(job: Job) -> dict[str, float]:
    async with AsyncPopSession(server(job), LOGIN) as box:
        with Clock() as clock:
            letters = [letter.raw async for letter in box.fetch_many(range(1, job.count + 1))]
    return timed(clock, compared(job, letters))


def imap(job: Job) -> dict[str, float]:
    """By a search that fetches whole letters, and every letter touched."""
    with selected(job) as box, Clock() as clock:
        letters = [letter.raw for letter in box.search(whole=True)[: job.count]]
    return timed(clock, compared(job, letters))


def imap_parsed(job: Job) -> dict[str, float]:
    """By a search that fetches whole letters, and subject, text and attachments of each are read."""
    with selected(job) as box, Clock() as clock:
        read = [(each.subject, each.text, each.attachments) for each in box.search(whole=True)[: job.count]]
    return timed(clock, len(read))


def imap_part(job: Job) -> dict[str, float]:
    """The first attachment of a large letter, by its property: the rest is not fetched."""
    with selected(job) as box, Clock() as clock:
        (letter,) = box.fetch(1)
        content = letter.attachments[0].content
    if len(content) != SMALL_FILE or letter.loaded:
        raise ValueError("not the attachment alone")
    return timed(clock, 1)


def imap_part_whole(job: Job) -> dict[str, float]:
    """The same of the whole letter."""
    with selected(job) as box, Clock() as clock:
        (letter,) = box.fetch(1, whole=True)
        content = letter.attachments[0].content
    if len(content) != SMALL_FILE:
        raise ValueError("not the attachment")
    return timed(clock, 1)


def imap_sync(job: Job) -> dict[str, float]:
    """Ten changes of a folder of many letters, since a mark that a program has stored."""
    since = SyncMark(7, tuple(range(1, MANY + 1)), 100)
    with ImapSession(server(job), LOGIN) as box, Clock() as clock:
        changes = list(box.sync(since=since))
    if len(changes) != 10:
        raise ValueError(f"{len(changes)} changes instead of 10")
    return timed(clock, 1)


def imap_heads(job: Job) -> dict[str, float]:
    """By a search for a list, none of whose letters is touched but for its number."""
    with selected(job) as box, Clock() as clock:
        numbers = [letter.uid for letter in box.search(listing=True)[: job.count]]
    return timed(clock, len(numbers))


def imap_heads_read(job: Job) -> dict[str, float]:
    """The same, and subject, sender and date of each are read."""
    with selected(job) as box, Clock() as clock:
        listed = [(letter.subject, letter.sender, letter.date) for letter in box.search(listing=True)[: job.count]]
    if any(None in line for line in listed):
        raise ValueError("a letter without subject, sender or date")
    return timed(clock, len(listed))


async def imap_idle(job: Job) -> dict[str, float]:
    """Sessions that wait for new letters by IDLE, all in one loop; what one costs, in kB, with the task that waits."""
    before = memory("VmRSS")
    waiting: list[asyncio.Task[None]] = []
    begun = asyncio.Semaphore(0)

    async def wait() -> None:
        async with AsyncImapSession(server(job), LOGIN) as box, box.watch() as watch:
            begun.release()
            async for _ in watch:
                pass

    with Clock() as clock:
        for _ in range(job.count):
            waiting.append(asyncio.create_task(wait()))
            if len(waiting) >= AT_ONCE:
                await begun.acquire()  # no more than so many are on their way
        for _ in range(min(job.count, AT_ONCE - 1)):
            await begun.acquire()
        await asyncio.sleep(1)  # all are told to idle
    each = (memory("VmRSS") - before) / job.count
    broken = [task for task in waiting if task.done()]
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    if broken:
        raise ValueError(f"{len(broken)} sessions did not wait")
    return {**timed(clock, job.count), "each": each}


READING: dict[str, Work] = {
    "pop": pop,
    "async-pop": awaited(async_pop),
    "imap": imap,
    "imap-parsed": imap_parsed,
    "imap-part": imap_part,
    "imap-part-whole": imap_part_whole,
    "imap-sync": imap_sync,
    "imap-heads": imap_heads,
    "imap-heads-read": imap_heads_read,
    "imap-idle": awaited(imap_idle),
}
