"""When a mail arrived: as the server tells, else as its own trace says."""

from __future__ import annotations

from datetime import UTC, datetime

from courriel import Letter


class DatedLetter(Letter):
    """A letter with the server's date of its arrival (IMAP's INTERNALDATE), None where it gives none."""

    arrived: datetime | None = None


def arrival_of(letter: Letter) -> datetime | None:
    """The date of arrival: the server's own, else that of the topmost Received, which the last server wrote (RFC 5321,
    4.4); else `Date`, the sender's claim, which says when the mail was written.
    """
    if isinstance(letter, DatedLetter) and letter.arrived is not None:
        return letter.arrived
    from email.utils import parsedate_to_datetime

    try:
        moment = parsedate_to_datetime(letter.header("Received").rpartition(";")[2].strip()[:100])
    except (ValueError, TypeError):
        return letter.date
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
