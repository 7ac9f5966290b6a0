"""The power fails: what was promised is on the disk, whatever the disk made of the rest."""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import sqlite3
import sys
from pathlib import Path

import pytest

from courriel.outbox.store.sqlite.store import SqliteStore
from courriel.outbox.store.states import State
from outbox import busy, disk

COMPILER = shutil.which("cc") or shutil.which("gcc")
SEED = int(os.environ.get("COURRIEL_TEST_SEED", "20261125"))
CUTS = int(os.environ.get("COURRIEL_TEST_POWER_CUTS", "60"))
MAILS = 40

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.timeout(300 + CUTS),
    pytest.mark.skipif(
        not sys.platform.startswith("linux") or COMPILER is None, reason="needs Linux and a C compiler (gcc, libc6-dev)"
    ),
]


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    assert COMPILER
    return disk.build(tmp_path_factory.mktemp("shim"), COMPILER)


def worked(shim: Path, folder: Path, synchronous: str) -> list[disk.Deed]:
    """What a busy program did to its disk."""
    (folder / "place").mkdir()
    disk.run(shim, folder / "place", folder / "log", busy.__file__, "work", synchronous, f"{folder}/place", str(MAILS))
    return list(disk.read(folder / "log"))


def broken_promises(deeds: list[disk.Deed], folder: Path, kept: float, chance: random.Random) -> tuple[int, int]:
    """Cut the power at many moments; how many promises there had been, and how many were broken."""
    image, promises = disk.Image(chance, "place"), bytearray()
    moments = set(chance.sample(range(len(deeds)), min(CUTS, len(deeds)))) | {len(deeds) - 1}
    made = broken = 0
    for moment, deed in enumerate(deeds):
        if deed.name == "promises":
            promises += deed.data
        else:
            image.see(deed)
        if moment in moments:
            found = folder / f"found-{moment}"
            found.mkdir()
            image.cut(found, kept)
            more, bad = judge(found, promises.decode().splitlines())
            made, broken = made + more, broken + bad
            shutil.rmtree(found)
    return made, broken


def judge(found: Path, promises: list[str]) -> tuple[int, int]:
    """Open what was found, and hold it against what had been said."""
    if not (found / "outbox.db").exists():
        return len(promises), len(promises)
    store = SqliteStore(found / "outbox.db")
    try:
        with sqlite3.connect(found / "outbox.db") as plain:
            assert plain.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        plain.close()
        broken = [each for each in promises if not is_kept(store, *each.split())]
    finally:
        store.close()
    return len(promises), len(broken)


def is_kept(store: SqliteStore, what: str, key: str) -> bool:
    """Put: it is there, to the octet. Marked: nobody believes that it has not left. Settled: it is done."""
    info = store.find(key=key)
    if info is None or (info.state is not State.SENT and b"".join(store.body(info.id)) != busy.content_of(key)):
        return False
    if what == "put":
        return True
    if what == "mark":
        return info.state in (State.IN_FLIGHT, State.SENT)
    return info.state is State.SENT


@pytest.mark.parametrize("kept", [0.0, 0.5, 0.95], ids=["only what was synced", "half of the rest", "most of the rest"])
def test_what_was_promised_survives(shim: Path, tmp_path: Path, kept: float) -> None:
    deeds = worked(shim, tmp_path, "FULL")

    made, broken = broken_promises(deeds, tmp_path, kept, random.Random(SEED))

    assert made > CUTS * MAILS / 4
    assert broken == 0


def test_the_test_bites(shim: Path, tmp_path: Path) -> None:
    """The control: without a sync at each commit, promises are broken, and this is noticed."""
    deeds = worked(shim, tmp_path, "NORMAL")

    made, broken = broken_promises(deeds, tmp_path, 0.0, random.Random(SEED))

    assert broken > made / 10


STANDS = {"put": (None, "READY"), "mark": ("LEASED", "IN_FLIGHT"), "settle": ("IN_FLIGHT", "SENT")}
"""Where a mail stands before and after each act."""


@pytest.mark.parametrize(
    ("kind", "error", "named"),
    [
        ("w", errno.ENOSPC, "OutboxFull"),
        ("w", errno.EDQUOT, "OutboxUncertain"),  # a quota is an I/O error to SQLite
        ("w", errno.EIO, "OutboxUncertain"),
        ("s", errno.EIO, "OutboxUncertain"),
        ("s", errno.ENOSPC, "OutboxUncertain"),
    ],
)
def test_a_disk_that_fails_at_any_write_is_said_to_and_what_is_repeated_is_done_once(
    shim: Path, tmp_path: Path, kind: str, error: int, named: str
) -> None:
    place = tmp_path / "place"
    place.mkdir()

    said = json.loads(disk.run(shim, place, tmp_path / "log", busy.__file__, "fail", kind, str(error), str(place)))

    assert {act for act, *_ in said} == {"put", "mark", "settle"}
    assert len(said) >= (10 if kind == "w" else 3), "one after the other, until nothing fails any more"
    for act, (name, retryable, text), found, refused, state, whole, path in said:
        before, after = STANDS[act]
        assert (name, retryable) == (named, True)
        assert text.startswith(path)
        assert (state, whole) == (after, True)
        if named == "OutboxFull":
            # Nothing was written, whoever looks; and it goes on by itself when there is room.
            assert (found, refused) == (before, None)
        else:
            # Nobody who does not know what the disk has may go on as if it were known.
            assert found in (before, after)
            assert refused[0] == "OutboxError"
