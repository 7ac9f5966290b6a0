"""SqlSuppressions: the list of addresses that get no more mail, and what it means for mails that are put."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from courriel import errors
from courriel.outbox.store.jobs import OTHERS, NewMail
from courriel.outbox.store.sql import rows
from courriel.outbox.store.sql.connection import SqlConnection, T
from courriel.outbox.store.states import SUPPRESSED, State
from courriel.outbox.store.suppression import Suppression, barred, comparable, compared

_MANY = 500  # entries in one transaction, and addresses in one question


class SqlSuppressions(ABC):
    """The part of a store for suppressed addresses, the same for every engine."""

    _sql: Mapping[str, str]

    @property
    @abstractmethod
    def suppressing(self) -> bool:
        """Whether anybody may be on the list, as the last transaction has seen it: no statement is said to know it."""

    @abstractmethod
    def _read(self, act: Callable[[SqlConnection], T]) -> T: ...

    @abstractmethod
    def _write(self, act: Callable[[SqlConnection], T]) -> T: ...

    @abstractmethod
    def _now(self) -> dict[str, object]: ...

    def suppressed(self, addresses: Iterable[str]) -> list[Suppression]:
        """See Store.suppressed."""
        wanted = sorted({compared(address) for address in addresses})
        found: list[Suppression] = []
        for first in range(0, len(wanted), _MANY):
            some = json.dumps(wanted[first : first + _MANY], ensure_ascii=False)
            found += self._read(lambda db, some=some: self._entries(db, "suppressed", {"addresses": some}))  # type: ignore[misc]
        return found

    def suppress(self, entries: Sequence[Suppression]) -> list[bool]:
        """See Store.suppress."""
        done: list[bool] = []
        for first in range(0, len(entries), _MANY):
            some = entries[first : first + _MANY]
            done += self._write(lambda db, some=some: self._suppress(db, some))  # type: ignore[misc]
        return done

    def lift(self, address: str, reason: str, stream: str | None) -> int:
        """See Store.lift."""
        values = {"address": comparable(address), "reason": reason, "stream": "*" if stream is None else stream}
        return self._write(lambda db: db.execute(self._sql["lift"], values).rowcount)

    def suppressions(self, after: Suppression | None, reason: str, most: int) -> list[Suppression]:
        """See Store.suppressions."""
        values: dict[str, object] = {
            "address": "",
            "after_reason": "",
            "after_stream": "",
            "reason": reason,
            "most": most,
        }
        if after is not None:
            values |= {
                "address": compared(after.address), "after_reason": after.reason, "after_stream": after.stream,
            }  # fmt: skip
        return self._read(lambda db: self._entries(db, "suppressions", values))

    # The steps.

    def _suppress(self, db: SqlConnection, entries: Sequence[Suppression]) -> list[bool]:
        now = self._now()
        return [db.execute(self._sql["suppress"], suppression_values(entry) | now).rowcount == 1 for entry in entries]

    def _entries(self, db: SqlConnection, name: str, values: Mapping[str, object]) -> list[Suppression]:
        return [Suppression(*row[:6]) for row in db.execute(self._sql[name], values).fetchall()]

    def _leave_out(self, db: SqlConnection, mail: NewMail) -> None:
        """Leave suppressed recipients out of a mail that was put in this transaction.

        Raises SuppressedRecipients where that leaves none, in all parts of the mail, and it is to be refused then.
        """
        others = mail.options.get(OTHERS)
        everyone = (*mail.recipients, *others) if isinstance(others, list) else mail.recipients
        wanted = json.dumps(sorted({compared(each) for each in everyone}), ensure_ascii=False)
        entries = self._entries(db, "suppressed", {"addresses": wanted})
        barred_of_all = barred(everyone, entries, str(mail.options.get("stream", "")))
        together = bool(mail.options.get("together"))
        if mail.refuse_suppressed and barred_of_all and (together or len(barred_of_all) == len(set(everyone))):
            raise suppressed_recipients(barred_of_all)
        out = {name: entry for name, entry in barred_of_all.items() if name in mail.recipients}
        if not out:
            return
        rest = [] if together else [name for name in mail.recipients if name not in out]
        db.execute(self._sql["leave_out"], _left_out(mail, out, rest) | self._now())


def suppressed_recipients(out: Mapping[str, Suppression]) -> errors.SuppressedRecipients:
    """The error for a mail of which every recipient is on the list, or one where it is all or none."""
    names = ", ".join(list(out)[:3]) + (", …" if len(out) > 3 else "")
    refused = errors.SuppressedRecipients(
        f"nobody is left who gets this mail: {names}, on the suppression list of the outbox",
        stage="recipient",
        hint_id="SUPPRESSED",
    )
    refused.suppressed = {name: entry.sentence for name, entry in out.items()}
    return refused


def suppression_values(entry: Suppression) -> dict[str, object]:
    """Parameters of the statement `suppress`."""
    return {
        "address": comparable(entry.address),
        "reason": entry.reason,
        "stream": entry.stream,
        "shown": entry.address,
        "note": entry.note,
        "mail": entry.ticket,
        "added": entry.added,
    }


# The steps.


def _left_out(mail: NewMail, out: Mapping[str, Suppression], rest: Sequence[str]) -> dict[str, Any]:
    """Parameters of `leave_out`: who still gets the mail, and the results of those who do not."""
    results = {name: (0, "", entry.sentence, entry.added) for name, entry in out.items()}
    why = "" if rest else f"{SUPPRESSED}{', '.join(out)}"[:500]
    if not rest:  # one for all: nobody gets it
        results |= {name: (0, "", why, 0.0) for name in mail.recipients if name not in out}
    return {
        "id": mail.id,
        "rcpts": rows.names_written(rest),
        "results": rows.answers_written(results),
        "state": int(State.READY if rest else State.FAILED),
        "why": why,
    }
