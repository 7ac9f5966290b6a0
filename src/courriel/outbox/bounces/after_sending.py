"""AfterSending: the part of an outbox for what happens after a server's yes: reports, and the suppression list."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from courriel import errors
from courriel._dataclass import replace
from courriel.outbox.bounces.suppressions import Suppressions
from courriel.outbox.bounces.taken import TakenReport
from courriel.outbox.reports.reporting import TOLD, find_mail_of, notes_of
from courriel.outbox.store.reports import NewReport
from courriel.wire.parse.letter import Letter

if TYPE_CHECKING:
    from courriel.outbox.bounces.terms import Setting, Take
    from courriel.outbox.bounces.watching import BounceWatch
    from courriel.outbox.listeners import Event, Listeners
    from courriel.outbox.store.base import Store
    from courriel.outbox.ticket import Ticket
    from courriel.session.imap.session import ImapSession
    from courriel.session.pop3.session import PopSession

_UNTOLD = 500  # reports told at a time


class AfterSending:
    """Base of Outbox: what becomes of mails that a server has accepted."""

    _store: Store
    _listeners: Listeners
    _ticket: Callable[[str], Ticket]

    @property
    def suppressions(self) -> Suppressions:
        """The list of addresses that get no more mail: after a hard bounce, a complaint, an unsubscription."""
        return Suppressions(self._store)

    def take_report(self, letter: Letter | bytes) -> TakenReport | None:
        """Take what a letter reports about a mail of this outbox; None when it is no report.

        A recipient's fate changes to returned or complained where a signed token proves the mail, and it had one
        recipient; anything else is written down as "reported". The same letter twice counts once. Durable when it
        returns; listeners are called then. Raises OutboxError.
        """
        (taken,) = self.take_reports([letter])
        return taken

    def take_reports(self, letters: Iterable[Letter | bytes]) -> Sequence[TakenReport | None]:
        """Take many letters, some hundreds in one commit; see `take_report`."""
        taken: list[TakenReport | None] = []
        notes: list[list[NewReport]] = []
        for each in letters:
            letter = Letter.parse(each) if isinstance(each, bytes) else each
            if not isinstance(letter, Letter):
                raise errors.UsageError(f"take_report: a Letter, or its octets, not {type(each).__name__}")
            report = letter.report
            found = None if report is None else find_mail_of(self._store, report, letter)
            notes.append([] if report is None or found is None else self._wanted(notes_of(found, report, letter)))
            ident = "" if found is None else found.info.id
            entries = tuple(note.entry for note in notes[-1])
            taken.append(None if report is None else TakenReport(report, ident, entries))
        done = iter(self._store.note_reports([note for some in notes for note in some]))
        results = [[next(done) for _ in some] for some in notes]
        self.tell_reports()
        return [_with(one, outcome) for one, outcome in zip(taken, results, strict=True)]

    def watch_bounces(
        self,
        mailbox: ImapSession | PopSession,
        folder: str = "INBOX",
        *,
        once: bool = False,
        move_to: str = "",
        flag: str = "",
        poll: float = 60.0,
    ) -> BounceWatch:
        """Iterator over the reports in a mailbox, each when it is written down; it waits for more, or ends with `once`.

        How far it came is stored in the outbox, so that the next watch of the same mailbox goes on there. Letters stay
        as they are: with `flag` ("$Bounce") reports get that flag, with `move_to` they are moved to that folder (IMAP);
        nothing is deleted. It waits by IDLE, or looks every `poll` seconds; a lost connection is opened again. Raises
        UsageError; the mailbox's errors with `once`, or after an hour of them.
        """
        from courriel.outbox.bounces.terms import WatchTerms
        from courriel.outbox.bounces.watching import BounceWatch

        return BounceWatch(*watch_parts(self), mailbox, WatchTerms(folder, once, move_to, flag, poll))

    def tell_reports(self) -> int:
        """Call the listeners for reports that none has heard of: a process may have died before; returns how many."""
        number = 0
        while self._listeners.wanted(("returned", "complained", "reported")):
            told = []
            untold = self._store.untold(_UNTOLD)
            for ident, digest, event in untold:
                if self._listeners.tell(_events_named(event), self._ticket(ident)):
                    told.append((ident, digest))
            self._store.told_reports(told)
            number += len(told)
            if len(told) < _UNTOLD:
                break
        return number

    # The steps.

    def _wanted(self, notes: list[NewReport]) -> list[NewReport]:
        """The reports, noted as told where nobody listens to their events in this process."""
        return [note if note.told else replace(note, told=not self._listeners.wanted(_event(note))) for note in notes]


def _event(note: NewReport) -> tuple[Event, ...]:
    return _events_named(note.entry.event)


def _events_named(name: str) -> tuple[Event, ...]:
    return tuple(each for each in TOLD if each == name)


def watch_parts(outbox: AfterSending) -> tuple[Take, Callable[[], int], Setting]:
    """Functions of an outbox for a watch: one takes reports, one tells listeners, one remembers a mark."""
    return outbox.take_reports, outbox.tell_reports, outbox._store.setting  # noqa: SLF001 - of the class above


# The steps.


def _with(taken: TakenReport | None, outcome: Sequence[str]) -> TakenReport | None:
    if taken is None or not outcome:
        return taken
    if "gone" in outcome:  # pruned meanwhile
        return TakenReport(taken.report)
    return replace(taken, new="new" in outcome)
