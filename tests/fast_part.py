"""What the fast part (`make fast`) leaves to the whole run: most examples of hypothesis, most cases of a large matrix.

And what the whole run (`make test`) leaves to `make test-long`: cases of tests that start processes in each.

The fast part is what one runs all day. It tries each test; the whole run tries each case. The cases that are left out
are not even made into tests: each process of a run would make all of them, and most of what it made would never run.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from itertools import combinations
from pathlib import Path
from typing import Protocol, TypeVar
from zlib import crc32

import pytest
from hypothesis import settings

WHOLE = 100  # examples of a test that names no number, in a whole run
FEWER = 10  # and in the fast part
CASES = 3  # of one test with parameters, in the fast part

NONE: frozenset[object] = frozenset()
LEFT_OUT = ("slow", "acceptance")
MARKED = re.compile(rf"^pytestmark = \[?pytest\.mark\.(?:{'|'.join(LEFT_OUT)})\b", re.MULTILINE)

MEMORY = Path("/dev/shm")
ROOM = 1 << 30  # octets that must be free there: three runs, whose files are kept, take less than half of it

settings.register_profile("whole", deadline=None, max_examples=WHOLE)
settings.register_profile("fast", deadline=None, max_examples=FEWER)


class Case(Protocol):
    """One case of a test with parameters, as pytest plans it."""

    @property
    def id(self) -> str: ...
    @property
    def indices(self) -> dict[str, int]: ...
    @property
    def params(self) -> dict[str, object]: ...
    @property
    def marks(self) -> Sequence[pytest.Mark]: ...


AnyCase = TypeVar("AnyCase", bound=Case)


def examples(number: int) -> int:
    """This number of examples in a whole run, and in the fast part as many fewer as for a test that names none."""
    return max(5, number * settings().max_examples // WHOLE)


def profile(marks: str, asked: str | None = None) -> str:
    """The profile of hypothesis: the one asked for, else "fast" when these marks (`-m`) leave out what takes long."""
    return asked or ("fast" if all(f"not {mark}" in marks for mark in LEFT_OUT) else "whole")


def keep_files_in_memory() -> None:
    """Have pytest make the folders of the tests in memory, where the system offers that.

    Each step of a mail in an outbox waits for the disk, some milliseconds: a fifth of the duration of all tests of the
    outbox. The whole run has the disk.
    """
    if not MEMORY.is_dir() or not os.access(MEMORY, os.W_OK):
        return
    found = os.statvfs(MEMORY)
    if (
        found.f_bavail * found.f_frsize >= ROOM and not found.f_flag & os.ST_NOEXEC
    ):  # tests write programs, and run them
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


def left_out_whole(path: Path) -> bool:
    """Whether a file is marked as a whole to be left out: it need not be imported, nor the libraries that it needs."""
    return path.suffix == ".py" and MARKED.search(path.read_text(encoding="utf-8")) is not None


def thin_out(metafunc: pytest.Metafunc) -> None:
    """Leave a few cases of a test, once all its parameters are known.

    pytest has no other place where cases can be left out before they are tests; without the list that it keeps (another
    version of pytest), all cases are tried.
    """
    planned: list[Case] = getattr(metafunc, "_calls", [])
    definition = metafunc.definition
    planned[:] = some(planned, definition.nodeid, {mark.name for mark in definition.iter_markers()})


def keep_most(metafunc: pytest.Metafunc) -> None:
    """Leave as many cases of a test as its mark says; `make test-long` (COURRIEL_TEST_ALL) has all.

    `most_cases(number)` is a number, and `each_pair` as many as it takes to have each pair of values.
    """
    if os.environ.get("COURRIEL_TEST_ALL"):
        return
    planned: list[Case] = getattr(metafunc, "_calls", [])
    if (mark := metafunc.definition.get_closest_marker("most_cases")) is not None:
        planned[:] = different(planned, metafunc.definition.nodeid, mark.args[0])
    elif metafunc.definition.get_closest_marker("each_pair") is not None:
        planned[:] = different(planned, metafunc.definition.nodeid, len(planned), repeating=False)


def some(cases: Sequence[AnyCase], test: str, marks: Iterable[str] = ()) -> list[AnyCase]:
    """A few cases of the test with this id and these marks, in their order, for the fast part."""
    if not set(LEFT_OUT).isdisjoint(marks):
        return list(
            cases[:1]
        )  # which the marks leave out: one of them, because none would be a test without parameters
    tried = [case for case in cases if not any(mark.name in LEFT_OUT for mark in case.marks)]
    return different(tried or cases[:1], test, CASES)


def different(cases: Sequence[AnyCase], test: str, most: int, *, repeating: bool = True) -> list[AnyCase]:
    """As many cases as `most` says, in their order; without `repeating` none that brings no new pair of values.

    Which ones stay depends on their names alone, and is thus the same in each run and in each process. They are as
    different as can be: each next one brings the most values of parameters that none before it had, and then the most
    pairs of them. So both values of a parameter that has two (blocking and awaiting) are tried, and of a large matrix
    no neighbours.
    """
    left = sorted(cases, key=lambda case: crc32(f"{test}[{case.id}]".encode()))
    chosen: list[AnyCase] = []
    values = {id(case): frozenset(values_of(case)) for case in cases}
    pairs = {id(case): frozenset(combinations(values_of(case), 2)) for case in cases if most > CASES}
    seen: set[object] = set()
    while left and len(chosen) < most:
        next_one = max(  # the first of those that bring as many
            left, key=lambda case: (len(values[id(case)] - seen), len(pairs.get(id(case), NONE) - seen))
        )
        new = (values[id(next_one)] | pairs.get(id(next_one), NONE)) - seen
        if not new and not repeating:
            break
        left.remove(next_one)
        chosen.append(next_one)
        seen |= new
    ids = {id(case) for case in chosen}
    return [case for case in cases if id(case) in ids]


def values_of(case: Case) -> list[tuple[str, object]]:
    """The parameters of a case, with their values where these are plain: two that are set together are two."""
    plain = (str, int, float, bool, type(None))
    return [
        (name, case.params[name] if isinstance(case.params.get(name, case), plain) else index)
        for name, index in case.indices.items()
    ]
