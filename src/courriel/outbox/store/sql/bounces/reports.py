"""SqlReports: reports about sent mails, the fates that they change, and the settings of an outbox."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import cast

from courriel._dataclass import replace
from courriel.outbox.store.reports import HistoryEntry, NewReport, Noted
from courriel.outbox.store.sql import rows
from courriel.outbox.store.sql.bounces.suppressions import SqlSuppressions, suppression_values
from courriel.outbox.store.sql.connection import SqlConnection, T
from courriel.outbox.store.standing import LaterFate

_MANY = 200  # reports in one transaction
_TOKEN_KEY = "token key"
COMPLAINED = "complained"


class SqlReports(SqlSuppressions):
    """The part of a store for reports, the same for every engine."""

    _known_key: str | None = None

    @abstractmethod
    def _write_lightly(self, act: Callable[[SqlConnection], T]) -> T: ...

    def token_key(self) -> str:
        """See Store.token_key."""
        if self._known_key is None:
            self._known_key = self.setting(_TOKEN_KEY)
        return self._known_key

    def setting(self, name: str, value: str | None = None) -> str:
        """See Store.setting."""
        if value is not None:
            self._write(lambda db: db.execute(self._sql["set_setting"], {"name": name, "value": value}))
            return value
        row = self._read(lambda db: db.execute(self._sql["setting"], {"name": name}).fetchone())
        return str(row[0]) if row else ""

    def note_reports(self, reports: Sequence[NewReport]) -> list[Noted]:
        """See Store.note_reports."""
        noted: list[Noted] = []
        for first in range(0, len(reports), _MANY):
            some = reports[first : first + _MANY]
            noted += self._write(lambda db, some=some: [self._note(db, report) for report in some])  # type: ignore[misc]
        return noted

    def history(self, id: str) -> list[HistoryEntry]:  # noqa: A002 - its name everywhere
        """See Store.history."""
        found = self._read(lambda db: db.execute(self._sql["history"], {"mail": id}).fetchall())
        return [_entry_of(row) for row in found]

    def untold(self, most: int) -> list[tuple[str, str, str]]:
        """See Store.untold."""
        found = self._read(lambda db: db.execute(self._sql["untold"], {"most": most}).fetchall())
        return [(str(mail), str(digest), str(event)) for mail, digest, event in found]

    def told_reports(self, each: Sequence[tuple[str, str]]) -> None:
        """See Store.told_reports."""
        values = [{"mail": mail, "digest": digest} for mail, digest in each]
        self._write_lightly(lambda db: [db.execute(self._sql["told_report"], one) for one in values])

    def mails_of_message(self, message_id: str) -> list[str]:
        """See Store.mails_of_message."""
        values = {"msgid": message_id}
        return [
            str(row[0]) for row in self._read(lambda db: db.execute(self._sql["mails_of_message"], values).fetchall())
        ]

    # The steps.

    def _note(self, db: SqlConnection, report: NewReport) -> Noted:
        """Write a report down with what follows from it; twice the same changes nothing the second time."""
        row = db.execute(self._sql["reported_mail"], {"id": report.mail}).fetchone()
        if row is None:
            return "gone"
        if db.execute(self._sql["note_report"], _values(report) | self._now()).rowcount != 1:
            return "known"
        if report.fate is not None:
            fates = rows.fates_of(row[0])
            now = replace(report.fate, at=cast("float", self._now().get("now", time.time())))
            fates[report.entry.recipient] = _worse(fates.get(report.entry.recipient), now)
            db.execute(self._sql["set_fates"], {"id": report.mail, "fates": rows.fates_written(fates)})
        if report.suppression is not None:
            db.execute(self._sql["suppress"], suppression_values(report.suppression) | self._now())
        return "new"


# The steps.


def _entry_of(row: rows.Row) -> HistoryEntry:
    at, event, recipient, action, status, text, source, found_by, proven, digest = row
    return HistoryEntry(at, event, recipient, action, status, text, source, found_by, bool(proven), digest)


def _values(report: NewReport) -> dict[str, object]:
    entry = report.entry
    return {
        "mail": report.mail,
        "digest": entry.digest,
        "event": entry.event,
        "recipient": entry.recipient,
        "action": entry.action,
        "status": entry.status,
        "diagnostic": entry.text,
        "source": entry.source,
        "found_by": entry.found_by,
        "proven": int(entry.proven),
        "told": int(report.told),
    }


def _worse(before: LaterFate | None, now: LaterFate) -> LaterFate:
    """The fate that counts: a complaint before a return, for good before for a while, and else what came first."""
    if before is None:
        return now
    return now if _weight(now) > _weight(before) else before


def _weight(fate: LaterFate) -> int:
    return 2 if fate.fate == COMPLAINED else int(fate.permanent)
