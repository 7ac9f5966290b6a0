"""Index of the captured mails, to search them by words and facts; it is filled behind the arrivals."""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from courriel.sandbox.captured import CapturedMail
from courriel.sandbox.letter import CapturedMessage
from courriel.sandbox.store.database import open_database, transaction
from courriel.sandbox.store.query import MailQuery
from courriel.sandbox.structure import parts_of
from courriel.wire.parse.letter import Letter

LONGEST_TEXT = 200_000  # characters of one mail that are indexed
_BY_WORDS = "number IN (SELECT rowid FROM words WHERE words MATCH ?)"
_WORDS_ALONE = f"WHERE {_BY_WORDS}"
_AT_ONCE = 200  # mails indexed under one lock, so that a search waits no longer than for these


@dataclass(frozen=True)
class FoundMails:
    """One page of a search, and how many mails were found in all."""

    letters: tuple[CapturedMessage, ...]
    count: int


class SearchIndex:
    """Full-text index (FTS5) of a `CapturedMail`, in memory or in the file given. Safe to use from several threads."""

    def __init__(self, captured: CapturedMail, path: Path | None = None) -> None:
        self._captured = captured
        self._lock = Lock()
        self._database = open_database(path, "search.sql")
        self._indexed: set[int] = {row[0] for row in self._database.execute("SELECT number FROM facts")}
        self._missing: deque[CapturedMessage] = deque()
        self._newest = 0  # number of the newest mail that was looked at
        self._revision = -1

    def catch_up(self) -> None:
        """Index what arrived since the last time, and forget what was removed."""
        while self.catch_up_with_some():
            pass

    def catch_up_with_some(self) -> bool:
        """Index some mails; returns whether there may be more."""
        with self._lock:
            revision, gone = self._captured.revision, set[int]()
            if revision != self._revision:
                self._revision = revision
                gone = self._look_for_changes()
            added = [self._missing.popleft() for _ in range(min(len(self._missing), _AT_ONCE))]
            try:
                self._write(gone, added)
            except BaseException:
                self._missing.extendleft(reversed(added))
                self._revision = -1  # so that the next call looks again for what is gone
                raise
            return bool(self._missing)

    def search(self, query: MailQuery, *, mailbox: str | None = None, start: int = 0, most: int = 50) -> FoundMails:
        """Mails that match, the newest first. Everything that arrived before the call is looked at."""
        self.catch_up()
        numbers, count = self._numbers(query, mailbox, start, most)
        letters = tuple(letter for number in numbers if (letter := self._captured.get(number)) is not None)
        return FoundMails(letters, count)

    def numbers(self, query: MailQuery, *, mailbox: str | None = None) -> list[int]:
        """Numbers of all mails that match, the newest first."""
        self.catch_up()
        return self._numbers(query, mailbox, 0, -1)[0]

    def close(self) -> None:
        """Close the index; it cannot be used any more."""
        with self._lock:
            self._database.close()

    # The steps.

    def _look_for_changes(self) -> set[int]:
        """Note what is to be indexed; returns the numbers of those that are indexed and gone.

        Only what came since the last time is looked at: with every mail each time, a hundred thousand took minutes.
        """
        newer = self._captured.after(self._newest)
        if newer:
            self._missing += (letter for letter in newer if letter.number not in self._indexed)
            self._newest = newer[-1].number
        if len(self._indexed) + len(self._missing) == len(self._captured):
            return set()
        there = self._captured.numbers()
        self._missing = deque(letter for letter in self._missing if letter.number in there)
        return self._indexed - there

    def _write(self, gone: set[int], added: list[CapturedMessage]) -> None:
        if not gone and not added:
            return
        with transaction(self._database):
            for table, column in (("facts", "number"), ("boxes", "number"), ("words", "rowid")):
                statement = f"DELETE FROM {table} WHERE {column} = ?"  # noqa: S608 - names of the tuple above
                self._database.executemany(statement, [(number,) for number in gone])
            for letter in added:
                self._add(letter)
        self._indexed -= gone
        self._indexed.update(letter.number for letter in added)

    def _add(self, letter: CapturedMessage) -> None:
        # Parsed apart from the letter's own: what was read of a mail nobody opens is not kept.
        read = Letter.parse(letter.content)
        files = read.attachments
        text = read.text[:LONGEST_TEXT]
        sender = " ".join((letter.sender, str(read.sender or "")))
        recipients = " ".join((*letter.recipients, *map(str, (*read.to, *read.cc, *read.bcc)[:200])))
        self._database.execute(
            "INSERT INTO words (rowid, subject, sender, recipients, id, names, body) VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                _storable(value)
                for value in (
                    letter.number, read.subject, sender, recipients, read.message_id,
                    " ".join(file.name for file in files[:200]), text,
                )
            ],
        )  # fmt: skip
        self._database.execute(
            "INSERT INTO facts (number, received, size, attachments, html, text) VALUES (?, ?, ?, ?, ?, ?)",
            (letter.number, letter.received.timestamp(), letter.size, sum(not file.inline for file in files),
             bool(read.html), any(part.is_text for part in parts_of(letter.content))),
        )  # fmt: skip
        self._database.executemany(
            "INSERT OR IGNORE INTO boxes (address, number) VALUES (?, ?)",
            [(recipient.lower(), letter.number) for recipient in letter.recipients],
        )

    def _numbers(self, query: MailQuery, mailbox: str | None, start: int, most: int) -> tuple[list[int], int]:
        where, values = _condition(query, mailbox)
        # All numbers in one statement: counting apart would search twice.
        statement = f"SELECT number FROM facts {where} ORDER BY number DESC"  # noqa: S608
        if where == _WORDS_ALONE:
            statement = "SELECT rowid FROM words WHERE words MATCH ? ORDER BY rowid DESC"  # a third of the work
        with self._lock:
            try:
                found = self._all(statement, values)
            except sqlite3.OperationalError:
                return [], 0  # an expression that the index cannot read finds nothing
        if query.seen is not None:
            found = [each for each in found if self._captured.is_seen(each) == query.seen]
        return found[start : start + most if most >= 0 else None], len(found)

    def _all(self, statement: str, values: Sequence[object]) -> list[int]:
        return [row[0] for row in self._database.execute(statement, tuple(values))]


# The steps.


def _condition(query: MailQuery, mailbox: str | None) -> tuple[str, list[object]]:
    """Make the WHERE of a search from the words of `query.py`; values of the search itself are bound."""
    parts: list[str] = []
    values: list[object] = []
    if query.words:
        parts.append(_BY_WORDS)
        values.append(" AND ".join(f"({each})" for each in query.words))
    if query.without:
        parts.append("number NOT IN (SELECT rowid FROM words WHERE words MATCH ?)")
        values.append(" OR ".join(f"({each})" for each in query.without))
    for sql, value in query.conditions:
        parts.append(sql)
        values.append(value)
    parts += query.flags
    if mailbox is not None:
        parts.append("number IN (SELECT number FROM boxes WHERE address = ?)")
        values.append(mailbox.lower())
    return ("WHERE " + " AND ".join(parts) if parts else ""), values


def _storable(value: object) -> object:
    """A text that SQLite takes: half a pair of UTF-16 has no place in a file."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
