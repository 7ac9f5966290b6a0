"""AsyncBounceWatch: reports in a mailbox, taken one after the other, now and as they come, for asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any

from courriel import errors
from courriel.outbox.bounces.terms import (
    IDLE,
    LATEST,
    PASSED_OVER,
    PATIENCE,
    SOONEST,
    TOGETHER,
    WatchTerms,
    mark_in,
    mark_name,
    not_a_mailbox,
    seen_in,
    seen_written,
    taken_of,
    tell_lost,
    tell_renumbered,
    tell_unreadable,
)
from courriel.session.imap.awaited import AsyncImapSession
from courriel.session.pop3.session import AsyncPopSession

if TYPE_CHECKING:
    from courriel.outbox.bounces.taken import TakenReport
    from courriel.outbox.bounces.terms import Setting, Take
    from courriel.wire.parse.letter import AsyncLetter

    Ask = Callable[..., Awaitable[Any]]


class AsyncBounceWatch:
    """Iterator over the reports in a mailbox, for `async for`; see BounceWatch. Cancelling the task ends it."""

    def __init__(
        self,
        ask: Ask,
        take: Take,
        tell: Callable[[], object],
        setting: Setting,
        mailbox: AsyncImapSession | AsyncPopSession,
        terms: WatchTerms,
    ) -> None:
        self._ask, self._tell, self._terms, self._box = ask, tell, terms, mailbox
        self._source: _ImapFolder | _PopMailbox
        if isinstance(mailbox, AsyncImapSession):
            self._source = _ImapFolder(mailbox, ask, take, setting, terms)
        elif isinstance(mailbox, AsyncPopSession):
            self._source = _PopMailbox(mailbox, ask, take, setting, terms)
        else:
            raise not_a_mailbox(mailbox)

    async def __aiter__(self) -> AsyncIterator[TakenReport]:
        await self._ask(self._tell)
        pause, failing_since = SOONEST, 0.0
        while True:
            try:
                if not self._box.usable:
                    await self._box.open()
                async for taken in self._source.take_new():
                    yield taken
                if self._terms.once:
                    return
                pause, failing_since = SOONEST, 0.0
                await self._source.wait()
            except (errors.ConnectionFailed, errors.ProtocolError) as failed:
                failing_since = failing_since or monotonic()
                if self._terms.once or monotonic() - failing_since > PATIENCE:
                    raise
                tell_lost(failed)
                await asyncio.sleep(pause)
                pause = min(2 * pause, LATEST)


# The steps.


class _ImapFolder:
    """Reports in one folder of an IMAP mailbox."""

    def __init__(self, box: AsyncImapSession, ask: Ask, take: Take, setting: Setting, terms: WatchTerms) -> None:
        self._box, self._ask, self._take, self._setting, self._terms = box, ask, take, setting, terms
        self._name = mark_name(box.user, box.server, terms.folder)

    async def take_new(self) -> AsyncIterator[TakenReport]:
        """Take all letters that came since the mark, and store the new mark."""
        try:
            async for taken in self._take_since():
                yield taken
        except errors.FolderRenumbered:
            tell_renumbered()
            await self._ask(self._setting, self._name, "")
            async for taken in self._take_since():
                yield taken

    async def wait(self) -> None:
        """Wait until the folder may have a new letter."""
        try:
            await self._box.wait_for_news(min(self._terms.poll, IDLE))
        except errors.NotSupported:
            await asyncio.sleep(self._terms.poll)

    async def _take_since(self) -> AsyncIterator[TakenReport]:
        since = mark_in(await self._ask(self._setting, self._name))
        found = self._box.sync(self._terms.folder, since=since)
        uids: list[int] = [change.uid async for change in found if change.letter is not None]
        reports: list[int] = []
        for first in range(0, len(uids), TOGETHER):
            letters = self._box.fetch(uids[first : first + TOGETHER])
            some = [(str(letter.uid), letter) async for letter in letters]
            for taken in await _taken(self._ask, self._take, some):
                reports.append(int(taken.uid))
                yield taken
        await self._put_away(reports)
        await self._ask(self._setting, self._name, str(found.mark))

    async def _put_away(self, uids: list[int]) -> None:
        """Flag or move the letters that were reports, where that was asked for."""
        if not uids or not self._terms.changes_letters:
            return
        await self._box.select(self._terms.folder)
        if self._terms.flag:
            await self._box.flag(uids, self._terms.flag)
        if self._terms.move_to:
            await self._box.move(uids, self._terms.move_to)


class _PopMailbox:
    """Reports in a POP3 mailbox, which shows what was there when it was opened."""

    def __init__(self, box: AsyncPopSession, ask: Ask, take: Take, setting: Setting, terms: WatchTerms) -> None:
        terms.check_pop3()
        self._box, self._ask, self._take, self._setting, self._terms = box, ask, take, setting, terms
        self._name = mark_name(box.user, box.server)

    async def take_new(self) -> AsyncIterator[TakenReport]:
        """Take all letters that were not there the last time."""
        seen = seen_in(await self._ask(self._setting, self._name))
        here = await self._box.uids()
        new = [number for number, uid in here.items() if uid not in seen]
        for first in range(0, len(new), TOGETHER):
            some = [(here[number], self._box[number - 1]) for number in new[first : first + TOGETHER]]
            for taken in await _taken(self._ask, self._take, some):
                yield taken
        await self._ask(self._setting, self._name, seen_written(here.values()))

    async def wait(self) -> None:
        """Close the mailbox, which the next look opens again, and wait."""
        await self._box.close()
        await asyncio.sleep(self._terms.poll)


async def _taken(ask: Ask, take: Take, letters: Sequence[tuple[str, AsyncLetter]]) -> list[TakenReport]:
    """Fetch what may be a report, and have the outbox take the reports among it."""
    ready = []
    for uid, letter in letters:
        try:
            ready.append((uid, await _loaded(letter)))
        except PASSED_OVER as failed:
            tell_unreadable(failed)
    found: list[TakenReport] = await ask(taken_of, take, ready)
    return found


async def _loaded(letter: AsyncLetter) -> AsyncLetter:
    """A letter of which `report` can be asked: whole, unless its header says that it is none, or all of it."""
    try:
        _ = letter.report
    except errors.UsageError:
        await letter.load()
    return letter
