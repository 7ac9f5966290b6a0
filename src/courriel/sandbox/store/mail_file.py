"""Mails of the sandbox in a SQLite file, so that they are there after a restart."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from datetime import datetime
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

from courriel.sandbox.letter import CapturedMessage
from courriel.sandbox.said import Said
from courriel.sandbox.store.database import open_database, transaction
from courriel.wire.mime.checks import Finding

_LINES = 60  # lines of a session that are kept with a mail


class MailFile:
    """The file `mails.db` of a folder; both are their owner's alone. Safe to use from several threads."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.path = folder / "mails.db"
        self._lock = Lock()
        self._database = open_database(self.path, "mails.sql")
        self._open = True

    @property
    def last_number(self) -> int:
        """Highest number that a mail ever had here."""
        row = self._one("SELECT max(seq) FROM sqlite_sequence WHERE name = 'mails'")
        return int(row[0] or 0)

    def letters(self) -> list[tuple[CapturedMessage, bool]]:
        """All mails, oldest first, each with whether it was seen; their content is read when it is asked for."""
        with self._lock:
            rows = self._database.execute(
                "SELECT number, received, sender, recipients, facts, seen, size FROM mails ORDER BY number"
            ).fetchall()
        return [(self._letter(row), bool(row[5])) for row in rows]

    def add(self, letter: CapturedMessage) -> CapturedMessage:
        """Write a mail; return it without its content, which is read from here. Raises OSError."""
        facts = {
            "user": letter.user, "hello": letter.hello, "peer": letter.peer, "tls": letter.tls_version,
            "mechanism": letter.mechanism, "findings": [[each.kind, each.text] for each in letter.findings],
            "said": letter.said.rows(_LINES),
        }  # fmt: skip
        try:
            with self._lock:
                self._database.execute(
                    "INSERT INTO mails (number, received, sender, recipients, facts, size, content) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (letter.number, letter.received.isoformat(), letter.sender, json.dumps(letter.recipients),
                     json.dumps(facts), letter.size, letter.content),
                )  # fmt: skip
        except sqlite3.Error as full:
            raise OSError(f"{self.path}: {full}") from full
        return letter.stored(partial(self.content, letter.number))

    def content(self, number: int) -> bytes:
        """Octets of a mail; b"" when it was removed meanwhile."""
        statement = "SELECT content FROM mails WHERE number = ?"
        if self._open:
            row = self._one(statement, number)
        else:
            # A test looks at what it got when the server is gone.
            with closing(sqlite3.connect(self.path.as_uri() + "?mode=ro", uri=True)) as database:
                row = database.execute(statement, (number,)).fetchone()
        return bytes(row[0]) if row else b""

    def remove(self, numbers: Iterable[int]) -> None:
        """Remove mails; numbers that are not there are left out. Raises OSError."""
        with self._lock, transaction(self._database):
            self._database.executemany("DELETE FROM mails WHERE number = ?", [(number,) for number in numbers])

    def mark(self, numbers: Iterable[int], *, seen: bool) -> None:
        """Write whether these mails were seen. Raises OSError."""
        with self._lock, transaction(self._database):
            self._database.executemany(
                "UPDATE mails SET seen = ? WHERE number = ?", [(int(seen), number) for number in numbers]
            )

    def close(self) -> None:
        """Close the file; another program may open it now."""
        with self._lock:
            self._open = False
            self._database.close()

    # The steps.

    def _one(self, statement: str, *values: object) -> Any:
        with self._lock:
            return self._database.execute(statement, values).fetchone()

    def _letter(self, row: tuple[Any, ...]) -> CapturedMessage:
        number, received, sender, recipients, facts, _seen, size = row
        told = json.loads(facts)
        return CapturedMessage(
            number=number,
            sender=sender,
            recipients=tuple(json.loads(recipients)),
            source=partial(self.content, number),
            size=size,
            received=datetime.fromisoformat(received),
            known_findings=tuple(Finding(kind, text) for kind, text in told["findings"]),
            user=told["user"],
            hello=told["hello"],
            peer=told["peer"],
            tls_version=told["tls"],
            mechanism=told["mechanism"],
            said=Said.stored(told["said"]),
        )
