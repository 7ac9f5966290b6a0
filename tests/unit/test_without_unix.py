"""What a system lacks that is not Unix: the code asks before it takes, or says that it cannot.

Windows itself is not here. What it lacks is taken away, which shows no more than that nothing else is asked for.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from types import SimpleNamespace

import pytest

from courriel.integrations.sendmail import program
from courriel.sandbox.store.database import open_database


def test_the_file_of_a_practice_server_needs_no_flag_of_unix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "O_NOFOLLOW")

    connection = open_database(tmp_path / "mails.db", "search.sql")

    assert isinstance(connection, sqlite3.Connection)
    connection.close()


def test_sendmail_says_that_it_is_for_unix(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[bytes] = []
    monkeypatch.setattr(program, "os", SimpleNamespace(name="nt", write=lambda _, text: said.append(text)))
    monkeypatch.setenv("LC_ALL", "C")

    status = program.main("sendmail", ["bob@example.org"])

    assert said == [b"sendmail: sendmail is for Unix; on Windows: courriel send\n"]
    assert status != 0
