"""
BounceWatch: reports in a mailbox, taken one after the other, now and as they come, blocking.

What was taken is remembered in the outbox, by the mark of the folder (IMAP) or the ids of the letters (POP3), and that
after the reports are written down. Who dies in between takes some letters again, which changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from select import select
from time import monotonic
from typing import TYPE_CHECKING

from courriel import errors
from courriel.network.waking.blocking import ThreadWakeup
from courriel.outbox.bounces.terms import (
    IDLE,
    LATEST,
    PATIENCE,
    SOONEST,
    WatchTerms,
    mark_in,
    mark_name,
    not_a_mailbox,
    seen_in,
    seen_written,
    taken_of,
    tell_lost,
    tell_renumbered,
    together,
)
from courriel.session.imap.session import ImapSession
from courriel.session.pop3.session import PopSession

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from courriel.outbox.bounces.taken import TakenReport
    from courriel.outbox.bounces.terms import Setting, Take


class _Stop:
    """Request to end, which may come from any thread, and from a signal handler: it takes no lock."""

    def __init__(self) -> None:
        self.bell = ThreadWakeup()
        self.asked = False

    def set(self) -> None:
        self.asked = True
        self.bell.ring()

    def wait(self, seconds: float) -> None:
        """Wait so long, or until the request."""
        if not self.asked:
            select([self.bell.heard], [], [], seconds)


class BounceWatch:
    """Iterator over the reports in a mailbox; see `Outbox.watch_bounces`.

    `stop` ends the iteration from any thread. The mailbox is opened when it is not open, and left open.
    """

    def __init__(
        self,
        take: Take,
        tell: Callable[[], object],
        setting: Setting,
        mailbox: ImapSession | PopSession,
        terms: WatchTerms,
    ) -> None:
        self._tell, self._terms, self._box = tell, terms, mailbox
        self._stopped = _Stop()
        self._source: _ImapFolder | _PopMailbox
        if isinstance(mailbox, ImapSession):
            self._source = _ImapFolder(mailbox, take, setting, terms, self._stopped)
        elif isinstance(mailbox, PopSession):
            self._source = _PopMailbox(mailbox, take, setting, terms, self._stopped)
        else:
            raise not_a_mailbox(mailbox)

    def __iter__(self) -> Iterator[TakenReport]:
        self._tell()
        pause, failing_since = SOONEST, 0.0
        while not self._stopped.asked:
            try:
                if not self._box.usable:
                    self._box.open()
                yield from self._source.take_new()
                if self._terms.once:
                    return
                pause, failing_since = SOONEST, 0.0
                self._source.wait()
            except (errors.ConnectionFailed, errors.ProtocolError) as failed:
                failing_since = failing_since or monotonic()
                if self._terms.once or monotonic() - failing_since > PATIENCE:
                    raise
                tell_lost(failed)
                self._stopped.wait(pause)
                pause = min(2 * pause, LATEST)

    def stop(self) -> None:
        """End the iteration after the letters in hand, and a wait for new ones at once."""
        self._stopped.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


# The steps.


class _ImapFolder:
    """Reports in one folder of an IMAP mailbox."""

    def __init__(self, box: ImapSession, take: Take, setting: Setting, terms: WatchTerms, stopped: _Stop) -> None:
        self._box, self._take, self._setting, self._terms, self._stopped = box, take, setting, terms, stopped
        self._name = mark_name(box.user, box.server, terms.folder)

    def take_new(self) -> Iterator[TakenReport]:
        """Take all letters that came since the mark, and store the new mark."""
        try:
            yield from self._take_since()
        except errors.FolderRenumbered:
            tell_renumbered()
            self._setting(self._name, "")
            yield from self._take_since()

    def wait(self) -> None:
        """Wait until the folder may have a new letter, or the watch is stopped."""
        ends = monotonic() + IDLE
        try:
            while not self._stopped.asked and monotonic() < ends:
                if self._box.wait_for_news(min(self._terms.poll, IDLE), self._stopped.bell):
                    return
        except errors.NotSupported:
            self._stopped.wait(self._terms.poll)

    def _take_since(self) -> Iterator[TakenReport]:
        found = self._box.sync(self._terms.folder, since=mark_in(self._setting(self._name)))
        reports: list[int] = []
        letters = (change.letter for change in found if change.letter is not None)
        for some in together(letters):
            for taken in taken_of(self._take, [(str(letter.uid), letter) for letter in some]):
                reports.append(int(taken.uid))
                yield taken
        self._put_away(reports)
        self._setting(self._name, str(found.mark))

    def _put_away(self, uids: list[int]) -> None:
        """Flag or move the letters that were reports, where that was asked for."""
        if not uids or not self._terms.changes_letters:
            return
        self._box.select(self._terms.folder)
        if self._terms.flag:
            self._box.flag(uids, self._terms.flag)
        if self._terms.move_to:
            self._box.move(uids, self._terms.move_to)


class _PopMailbox:
    """Reports in a POP3 mailbox, which shows what was there when it was opened."""

    def __init__(self, box: PopSession, take: Take, setting: Setting, terms: WatchTerms, stopped: _Stop) -> None:
        terms.check_pop3()
        self._box, self._take, self._setting, self._terms, self._stopped = box, take, setting, terms, stopped
        self._name = mark_name(box.user, box.server)

    def take_new(self) -> Iterator[TakenReport]:
        """Take all letters that were not there the last time."""
        seen, here = seen_in(self._setting(self._name)), self._box.uids()
        new = [number for number, uid in here.items() if uid not in seen]
        for some in together(new):
            yield from taken_of(self._take, [(here[number], self._box[number - 1]) for number in some])
        self._setting(self._name, seen_written(here.values()))

    def wait(self) -> None:
        """Close the mailbox, which the next look opens again, and wait."""
        self._box.close()
        self._stopped.wait(self._terms.poll)
