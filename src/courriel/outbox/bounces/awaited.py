"""Bounces and complaints about mails of an outbox, and the suppression list, for asyncio."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from courriel.outbox.bounces.after_sending import watch_parts
from courriel.outbox.bounces.suppressions import Suppressions
from courriel.outbox.store.suppression import Suppression, SuppressionReason

if TYPE_CHECKING:
    from courriel.outbox.bounces.after_sending import AfterSending
    from courriel.outbox.bounces.awaited_watch import AsyncBounceWatch
    from courriel.outbox.bounces.taken import TakenReport
    from courriel.session.imap.awaited import AsyncImapSession
    from courriel.session.pop3.session import AsyncPopSession
    from courriel.wire.parse.letter import Letter


class AsyncSuppressions:
    """The suppression list of an outbox; the methods of Suppressions, awaited."""

    def __init__(self, suppressions: Suppressions, ask: Callable[..., Awaitable[Any]]) -> None:
        self._suppressions, self._ask = suppressions, ask

    async def add(
        self,
        address: str,
        reason: SuppressionReason = "manual",
        *,
        stream: str = "",
        note: str = "",
        ticket: str = "",
    ) -> bool:
        """Add an address; see Suppressions.add."""
        act = partial(self._suppressions.add, address, reason, stream=stream, note=note, ticket=ticket)
        return bool(await self._ask(act))

    async def add_many(self, entries: Iterable[Suppression]) -> int:
        """Add many entries, and return how many are new; see Suppressions.add_many."""
        return int(await self._ask(self._suppressions.add_many, entries))

    async def lift(self, address: str, reason: SuppressionReason | None = None, *, stream: str | None = None) -> int:
        """Take an address off the list; see Suppressions.lift."""
        return int(await self._ask(partial(self._suppressions.lift, address, reason, stream=stream)))

    async def of(self, address: str) -> Sequence[Suppression]:
        """Entries of one address; see Suppressions.of."""
        found: Sequence[Suppression] = await self._ask(self._suppressions.of, address)
        return found

    async def list(self, reason: SuppressionReason | None = None) -> AsyncIterator[Suppression]:
        """Iterate over the list by address; see Suppressions.list."""
        entries = self._suppressions.list(reason)
        while (entry := await self._ask(next, entries, None)) is not None:
            yield entry

    async def export(self, path: str | os.PathLike[str]) -> int:
        """Write the list to a new CSV file; see Suppressions.export."""
        return int(await self._ask(self._suppressions.export, path))

    async def load(self, path: str | os.PathLike[str], reason: SuppressionReason = "manual") -> int:
        """Add the addresses of a CSV file; see Suppressions.load."""
        return int(await self._ask(self._suppressions.load, path, reason))

    def __aiter__(self) -> AsyncIterator[Suppression]:
        return self.list()

    def __repr__(self) -> str:
        return f"<Async{repr(self._suppressions)[1:]}"


class AsyncAfterSending:
    """Base of AsyncOutbox: what becomes of mails that a server has accepted; the methods of Outbox, awaited."""

    @property
    def _outbox(self) -> AfterSending:
        raise NotImplementedError

    async def _ask(self, act: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        raise NotImplementedError

    @property
    def suppressions(self) -> AsyncSuppressions:
        """The list of addresses that get no more mail; see Outbox.suppressions."""
        return AsyncSuppressions(self._outbox.suppressions, self._ask)

    async def take_report(self, letter: Letter | bytes) -> TakenReport | None:
        """Take what a letter reports about a mail of this outbox; see Outbox.take_report."""
        taken: TakenReport | None = await self._ask(self._outbox.take_report, letter)
        return taken

    async def take_reports(self, letters: Iterable[Letter | bytes]) -> Sequence[TakenReport | None]:
        """Take many letters, some hundreds in one commit; see Outbox.take_reports."""
        taken: Sequence[TakenReport | None] = await self._ask(self._outbox.take_reports, letters)
        return taken

    def watch_bounces(
        self,
        mailbox: AsyncImapSession | AsyncPopSession,
        folder: str = "INBOX",
        *,
        once: bool = False,
        move_to: str = "",
        flag: str = "",
        poll: float = 60.0,
    ) -> AsyncBounceWatch:
        """Iterator over the reports in a mailbox, for `async for`; see Outbox.watch_bounces."""
        from courriel.outbox.bounces.awaited_watch import AsyncBounceWatch
        from courriel.outbox.bounces.terms import WatchTerms

        terms = WatchTerms(folder, once, move_to, flag, poll)
        return AsyncBounceWatch(self._ask, *watch_parts(self._outbox), mailbox, terms)

    async def tell_reports(self) -> int:
        """Call the listeners for reports that none has heard of; see Outbox.tell_reports."""
        return int(await self._ask(self._outbox.tell_reports))
