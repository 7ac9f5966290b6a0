"""Opening an outbox: by those who only look, where there is none, for a group, and without the right to."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from courriel import Outbox, errors
from courriel.outbox.store.sqlite import file as sqlite_file
from courriel.outbox.store.sqlite.store import SqliteStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.db"


# Those who only look.


def everything_in(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {file.name: (file.stat().st_mode, file.read_bytes()) for file in folder.iterdir()}


def stranger(path: Path, kind: str) -> None:
    """A file that is no outbox."""
    if kind == "text":
        path.write_text("milk, bread\n")
    elif kind == "empty":
        path.touch()
    elif kind != "none":
        with closing(sqlite3.connect(path)) as other:
            other.execute(f"PRAGMA journal_mode = {kind}")
            other.execute("CREATE TABLE shop (number INTEGER)")
    if path.exists():
        path.chmod(0o666)


@pytest.mark.parametrize("kind", ["text", "empty", "none", "delete", "wal"])
def test_looking_makes_and_changes_nothing_where_there_is_no_outbox(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "list.txt"
    stranger(path, kind)
    before = everything_in(tmp_path)

    with pytest.raises(errors.OutboxError) as refused:
        Outbox(path, create=False)

    assert everything_in(tmp_path) == before
    assert refused.value.sysexit == (65 if kind == "text" else 66)


def test_looking_at_the_file_of_a_program_that_is_running_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    with closing(sqlite3.connect(path)) as shop:
        shop.execute("PRAGMA journal_mode = WAL")
        shop.execute("CREATE TABLE shop (number INTEGER)")
        before = everything_in(tmp_path)

        with pytest.raises(errors.OutboxError, match="is no outbox"):
            Outbox(path, create=False)

        assert set(everything_in(tmp_path)) == set(before)
        assert everything_in(tmp_path)["shop.db"] == before["shop.db"]


def test_a_file_that_is_no_database_is_left_as_it_is_by_who_puts(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    stranger(path, "text")
    before = everything_in(tmp_path)

    with pytest.raises(errors.OutboxError, match="not a database"):
        Outbox(path)

    assert everything_in(tmp_path) == before


def test_looking_at_an_outbox_leaves_its_mode(path: Path) -> None:
    SqliteStore(path).close()
    path.chmod(0o644)

    with Outbox(path, create=False) as outbox:
        assert outbox.stats() == []

    assert path.stat().st_mode & 0o777 == 0o644


def test_one_that_was_made_and_killed_is_an_outbox(path: Path, tmp_path: Path) -> None:
    """Its tables are in the log alone."""
    store = SqliteStore(path)
    found = tmp_path / "found"
    found.mkdir()
    for file in tmp_path.glob("outbox.db*"):
        shutil.copy(file, found)
    store.close()

    with Outbox(found / path.name, create=False) as outbox:
        assert outbox.stats() == []


@pytest.mark.acceptance
def test_looking_makes_no_tables_in_postgresql(request: pytest.FixtureRequest) -> None:
    postgres = request.getfixturevalue("postgres")
    url = postgres.url(postgres.new_database())

    for _ in range(2):
        with pytest.raises(errors.OutboxError, match="there is no outbox there") as refused:
            Outbox(url, create=False)
        assert refused.value.sysexit == 66


# Modes.


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such modes")
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o600), (0o002, 0o600), (0o077, 0o600), (0o007, 0o660)])
def test_a_group_shares_an_outbox_where_the_umask_chooses_so(tmp_path: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        with Outbox(tmp_path / "outbox.db") as outbox:
            modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
            assert outbox.stats() == []
        assert os.umask(umask) == umask
    finally:
        os.umask(before)

    assert modes == dict.fromkeys(("outbox.db", "outbox.db-wal", "outbox.db-shm", "outbox.db.lock"), mode)


@pytest.mark.parametrize("failed", [PermissionError(errno.EACCES, "Permission denied"),
                                    OSError(errno.EROFS, "Read-only file system")])  # fmt: skip
def test_a_file_of_another_user_is_not_a_matter_of_the_network(path: Path, failed: OSError) -> None:
    with pytest.raises(errors.OutboxError) as refused, sqlite_file.in_our_words(path):
        raise failed

    assert (refused.value.hint_id, refused.value.sysexit) == ("OUTBOX-FORBIDDEN", 77)
    assert "group" in refused.value.hint


@pytest.mark.parametrize(
    "cause",
    [ConnectionRefusedError(111, "x"), PermissionError(13, "x"), TimeoutError("timed out"), OSError(113, "No route")],
)
def test_no_error_of_an_outbox_is_explained_by_servers(cause: OSError) -> None:
    failed = errors.OutboxError("550 5.1.1 user unknown")
    failed.__cause__ = cause

    assert failed.failure is None
