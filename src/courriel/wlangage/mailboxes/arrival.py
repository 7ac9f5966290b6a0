"""When a mail arrived: as the server tells, else as its own trace says."""

from __future__ import annotations

from datetime import datetime

from courriel import Letter
from courriel.wire.parse.dates import moment_of


class DatedLetter(Letter):
    """A letter with the server's date of its arrival (IMAP's INTERNALDATE), None where it gives none."""

    arrived: datetime | None = None


def arrival_of(letter: Letter) -> datetime | None:
    """The date of arrival: the server's own, else that of the topmost Received, which the last server wrote (RFC 5321,
    4.4); None when neither is there. `Date` is the sender's claim, and says when the mail was written.
    """
    if isinstance(letter, DatedLetter) and letter.arrived is not None:
        return letter.arrived
    return moment_of(letter.header("Received").rpartition(";")[2].strip())
