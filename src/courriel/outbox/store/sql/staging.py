"""
Staging of large contents: written in short transactions of their own, before their mails.

A staged content counts from the transaction of its mail on. One that no mail has taken within an hour was abandoned,
and is deleted.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from itertools import islice
from typing import Any, TypeAlias

from courriel import errors
from courriel.outbox.store.chunks import CHUNK, LARGE
from courriel.outbox.store.jobs import NewMail
from courriel.outbox.store.sql.connection import SqlConnection, Values

Portion: TypeAlias = Sequence[Values]
"""Parameters of `put_body`, for the chunks that are inserted together."""

_AT_A_TIME = LARGE // CHUNK  # chunks


class Staging:
    """Staged contents of one store, by its statements and its transactions.

    `write_lightly` runs a function in a transaction that a power cut may undo: the transaction of the mail syncs the
    same log. `insert` runs a statement for each chunk, and `now` is the time of the store as a parameter.
    """

    def __init__(
        self,
        place: str,
        sql: Mapping[str, str],
        write_lightly: Callable[[Callable[[SqlConnection], Any]], Any],
        insert: Callable[[SqlConnection, str, Portion], object],
        now: Callable[[], Values],
    ) -> None:
        self._place, self._sql, self._write_lightly = place, sql, write_lightly
        self._insert, self._now = insert, now

    @contextmanager
    def staged(self, mails: Sequence[NewMail], is_known: Callable[[str | None], bool]) -> Generator[frozenset[str]]:
        """Stage large contents, and yield the ids of their mails; the contents are deleted when the put fails."""
        begun: list[str] = []
        try:
            for mail in mails:
                if mail.size > LARGE and not is_known(mail.key):
                    begun.append(mail.id)
                    self.stage(mail)
            yield frozenset(begun)
        except BaseException:
            for ident in begun:
                with suppress(errors.OutboxError):  # deleted later by `sweep`
                    self._write_lightly(partial(self.delete, ident))
            raise

    def stage(self, mail: NewMail) -> None:
        """Write the content of a mail."""
        values = {"mail": mail.id, **self._now()}
        for number, portion in enumerate(portions(mail)):

            def act(db: SqlConnection, first: bool = not number, portion: Portion = portion) -> None:
                if first:
                    db.execute(self._sql["stage"], values)
                self._insert(db, "put_body", portion)

            self._write_lightly(act)

    def take(self, db: SqlConnection, ident: str) -> None:
        """Assign a staged content to its mail. Raises OutboxError when it was swept up because it took too long."""
        if not db.execute(self._sql["unstage"], {"mail": ident}).rowcount:
            raise errors.OutboxError(f"{self._place}: its content was an hour on the way here: put it again")

    def delete(self, ident: str, db: SqlConnection) -> None:
        """Delete a staged content that has no mail."""
        if db.execute(self._sql["unstage"], {"mail": ident}).rowcount:
            db.execute(self._sql["forget_body"], {"id": ident})

    def sweep(self, db: SqlConnection) -> bool:
        """Delete some chunks of an abandoned content; False when there is none."""
        found = db.execute(self._sql["stale"], self._now()).fetchone()
        if found is None:
            return False
        values = {"mail": found[0], "pieces": _AT_A_TIME}
        db.execute(self._sql["condemn"], values)
        if db.execute(self._sql["forget_pieces"], values).rowcount < _AT_A_TIME:
            db.execute(self._sql["unstage_condemned"], values)
        return True


def portions(mail: NewMail) -> Iterator[Portion]:
    """Split a content into portions that fit into memory, and into a transaction for which others wait."""
    chunks = ({"mail": mail.id, "seq": seq, "chunk": chunk} for seq, chunk in enumerate(mail.chunks))
    while portion := list(islice(chunks, _AT_A_TIME)):
        yield portion
