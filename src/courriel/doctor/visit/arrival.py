"""Arrival of a trial mail: the mailbox where it is awaited, and what the receiving host checked of it."""

from __future__ import annotations

import threading
from contextlib import suppress
from time import monotonic

from courriel import errors
from courriel._dataclass import dataclass, replace
from courriel.doctor.step import NOTHING, Step, in_both, with_error, with_record
from courriel.failures import Text
from courriel.model.received.authentication import AuthenticationResult
from courriel.model.servers.credentials import Credentials
from courriel.model.servers.server import Server
from courriel.session.imap.letters import MailboxLetter
from courriel.session.imap.session import ImapSession

TURN = 8.0
"""Most seconds until all folders are looked at again; the first looks are sooner. IDLE tells of one folder only."""
INBOX = "INBOX"


@dataclass(frozen=True, slots=True)
class Arrival:
    """Arrival of the trial mail: its folder, the seconds since it left, and what the receiving host checked.

    `authserv_id` is the name under which that host checks; `removed` says whether the mail was taken away again.
    """

    folder: str
    seconds: float
    junk: bool = False
    authserv_id: str = ""
    results: tuple[AuthenticationResult, ...] = ()
    sent_from: str = ""
    """Address from which the mail came to the receiving host, as far as it says so."""
    removed: bool = False

    @property
    def checks(self) -> str:
        """The three results in one line, "spf=pass dkim=pass dmarc=pass"; what the host does not tell is left out.

        Of several signatures one that passes is enough.
        """
        told: list[str] = []
        for name in _THREE:
            found = [each for each in self.results if each.method == name]
            passed = [each for each in found if each.passed and name == "dkim"]
            told.extend(str(each) for each in (passed or found)[:1])
        return " ".join(told)


class AwaitingMailbox:
    """A mailbox in which a mail is awaited: INBOX, and the folder for junk where there is one."""

    def __init__(self, server: Server, credentials: Credentials | None) -> None:
        self._session = ImapSession(server, credentials)
        self._junk = ""

    def open(self) -> Step:
        """Open it; the step says whether that worked."""
        began = monotonic()
        server = str(self._session.server)
        try:
            self._session.open()
            self._find_junk()
        except errors.CourrielError as failed:
            self.close()
            return with_error(Step("mailbox", "failed", in_both(failed.detail), monotonic() - began), failed)
        names = ", ".join(self._folders)
        return Step("mailbox", "ok", Text(f"{server} : {names}", f"{server}: {names}"), monotonic() - began)

    def wait(self, word: str, seconds: float, *, remove: bool, turn: float = TURN) -> tuple[Step, Arrival | None]:
        """Wait for the mail with this word in its subject, for at most so many seconds; the step, and its arrival."""
        began = monotonic()
        try:
            letter = self._awaited(word, began + seconds, turn)
            took = monotonic() - began
            if letter is None:
                return self._missing(seconds, took), None
            arrival = self._read(letter, took)
        except errors.CourrielError as failed:
            return with_error(Step("arrival", "failed", in_both(failed.detail), monotonic() - began), failed), None
        kept: errors.CourrielError | None = None
        if remove:
            try:
                self._remove(letter)
            except errors.CourrielError as refused:
                kept = refused
        return _arrived(arrival, remove=remove, kept=kept)

    def close(self) -> None:
        """Log out."""
        self._session.close()

    # The steps.

    @property
    def _folders(self) -> tuple[str, ...]:
        return (INBOX, self._junk) if self._junk else (INBOX,)

    def _find_junk(self) -> None:
        """Look for the folder for junk; some servers make it for the first mail that goes there."""
        if not self._junk:
            with suppress(errors.NotSupported, errors.CommandRefused):
                self._junk = self._session.special("junk")

    def _awaited(self, word: str, until: float, turn: float) -> MailboxLetter | None:
        pause = min(1.0, turn)
        while True:
            for folder in reversed(self._folders):  # INBOX last: it stays selected, and is the one that news come from
                self._session.select(folder, read_only=True)
                found = next(iter(self._session.search(subject=word)), None)
                if found is not None:
                    return found
            left = until - monotonic()
            if left <= 0:
                return None
            self._rest(min(left, pause))
            self._find_junk()
            pause = min(2 * pause, turn)

    def _rest(self, seconds: float) -> None:
        """Wait for news, by IDLE where the server has it."""
        if "IDLE" in self._session.capabilities:
            _ = self._session.wait_for_news(seconds)
        else:
            _ = threading.Event().wait(seconds)

    def _read(self, letter: MailboxLetter, took: float) -> Arrival:
        from courriel.doctor.visit.host_results import host_results

        name, results, sent_from = host_results(letter)
        return Arrival(letter.folder, took, letter.folder == self._junk, name, results, sent_from)

    def _remove(self, letter: MailboxLetter) -> None:
        self._session.select(letter.folder)
        self._session.delete(letter.uid)
        self._session.expunge(letter.uid)

    def _missing(self, seconds: float, took: float) -> Step:
        names = ", ".join(self._folders)
        finding = Text(
            f"rien dans {names} après {seconds:g} s".replace(".", ","), f"nothing in {names} after {seconds:g} s"
        )
        return with_record(Step("arrival", "failed", finding, took), "MAIL-NOT-ARRIVED")


# The steps.

_THREE = ("spf", "dkim", "dmarc")
_REMOVED = Text("le message a été supprimé", "the mail was removed")


def _arrived(arrival: Arrival, *, remove: bool, kept: errors.CourrielError | None) -> tuple[Step, Arrival]:
    detail = NOTHING
    if remove and kept is None:
        arrival, detail = replace(arrival, removed=True), _REMOVED
    elif kept is not None:
        said = in_both(kept.detail)
        detail = Text(f"le message y est encore : {said.fr}", f"the mail is still there: {said.en}")
    details = (detail,) if detail else ()
    step = Step("arrival", "ok", Text(arrival.folder, arrival.folder), arrival.seconds, details=details)
    if arrival.junk:
        step = with_record(Step("arrival", "warning", step.finding, step.seconds, details=details), "MAIL-IN-JUNK")
    return step, arrival
