"""JointPuts: the mails of simultaneous puts, written in one round trip and one commit."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence, Set
from itertools import islice
from typing import NamedTuple

from courriel import errors
from courriel.outbox.store.jobs import NewMail
from courriel.outbox.store.postgres.group_commit import PendingPut, PutGroup
from courriel.outbox.store.postgres.pipeline import BoundStatement, RefusedError, Statement, UnfinishedError
from courriel.outbox.store.postgres.server import PostgresServer, StatementResult
from courriel.outbox.store.sql import rows
from courriel.outbox.store.sql.connection import Values
from courriel.outbox.store.sql.staging import portions

_KEY_WAIT = "100ms"  # for another put of the same key; after it this put waits alone, and not its whole group


class PutStatements(NamedTuple):
    """Statements that put one mail: the parameters of its row, and the statements that follow."""

    pending: PendingPut
    mail: NewMail
    row: Values
    rest: Sequence[BoundStatement]


class JointPuts:
    """Puts of one process to one server; `put` returns when the mails of its caller are written, or were refused."""

    def __init__(self, server: PostgresServer, statements: Mapping[str, Statement]) -> None:
        self._server, self._statements = server, statements
        self._start()

    def _start(self) -> None:
        self._process, self.group = os.getpid(), PutGroup(self._write)

    def put(self, mails: Sequence[NewMail], *, checked: bool = False) -> PendingPut:
        """Write mails together with those of other callers, and return their result.

        Mails that are not `checked` are not written where anybody is on the suppression list.
        """
        if os.getpid() != self._process:
            self._start()  # the thread that was writing for others does not exist in this child process
        return self.group.put(mails, checked=checked)

    # The steps.

    def _write(self, group: Sequence[PendingPut]) -> None:
        """Write the mails of several calls in one round trip and one commit."""
        said = [each for pending in group for each in self._statements_for(pending)]
        if not said:
            return
        insert = self._insert([each.row for each in said])
        try:
            inserted, *answers = self._server.at_once(
                [insert, *[one for each in said for one in each.rest]],
                wait=_KEY_WAIT,
                checked=all(pending.checked for pending in group),
            )
        except RefusedError:
            return
        except UnfinishedError as broken:
            for pending in group:
                pending.doubtful = not broken.hangs
                pending.error = self._server.uncertain() if broken.hangs else None
            return
        except errors.OutboxError as failed:
            for pending in group:
                pending.error = failed
            return
        new = _new_in(inserted, said)
        rest = iter(answers)
        for each in said:
            ident = _id_in(list(islice(rest, len(each.rest))), each.mail, new)
            if ident is None:  # a mail of the same key is being pruned: put again, except those that are stored
                each.pending.doubtful = True
            each.pending.kept.append(ident or "")

    def _insert(self, mails: Sequence[Values]) -> BoundStatement:
        """One statement for all mails, so that the counters are updated once; it returns the ids of the new ones."""
        if len(mails) == 1:
            return self._statements["put_mail"], mails[0]
        # A microsecond between due times keeps the order of the call.
        numbered = [{"n": number - len(mails), **values} for number, values in enumerate(mails)]
        return self._statements["put_mails"], {"mails": json.dumps(numbered)}

    def _statements_for(self, pending: PendingPut) -> list[PutStatements]:
        try:
            return [self._statements_of(mail, pending) for mail in pending.mails]
        except Exception:  # noqa: BLE001 - raised again in its own caller, when it puts alone
            return []

    def _statements_of(self, mail: NewMail, pending: PendingPut) -> PutStatements:
        body = self._statements["put_body" if mail.key is None else "put_body_of_key"]
        rest: list[BoundStatement] = [(body, piece) for portion in portions(mail) for piece in portion]
        if mail.key is not None:
            rest.append((self._statements["id_of_key"], {"key": mail.key}))
        return PutStatements(pending, mail, rows.mail_values(mail), rest)


# The steps.


def _new_in(inserted: StatementResult, said: Sequence[PutStatements]) -> set[str]:
    """Ids of the mails that were inserted, from the result of the insertion."""
    if len(said) == 1:
        return {said[0].mail.id} if inserted.changed else set()
    return {str(ident) for (ident,) in inserted.rows}


def _id_in(answers: Sequence[StatementResult], mail: NewMail, new: Set[str]) -> str | None:
    """Id under which a mail is stored, from the results of its statements and the ids of new mails."""
    if mail.id in new:
        return mail.id
    found = answers[-1].rows if mail.key is not None else ()
    return str(found[0][0]) if found else None
