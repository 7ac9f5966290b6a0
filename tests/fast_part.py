"""What the fast part (`make fast`) leaves to the whole run: most examples of hypothesis, most cases of a large matrix.

The fast part is what one runs all day. It tries each test; the whole run tries each case.
"""

from __future__ import annotations

from collections import defaultdict
from zlib import crc32

import pytest
from hypothesis import settings

WHOLE = 100  # examples of a test that names no number, in a whole run
FEWER = 10  # and in the fast part
CASES = 4  # of one test with parameters, in the fast part

settings.register_profile("whole", deadline=None, max_examples=WHOLE)
settings.register_profile("fast", deadline=None, max_examples=FEWER)


def examples(number: int) -> int:
    """This number of examples in a whole run, and in the fast part as many fewer as for a test that names none."""
    return max(5, number * settings().max_examples // WHOLE)


def profile(marks: str, asked: str | None = None) -> str:
    """The profile of hypothesis: the one asked for, else "fast" when these marks (`-m`) leave slow tests out."""
    return asked or ("fast" if "not slow" in marks else "whole")


def thin_out(items: list[pytest.Item]) -> None:
    """Mark as slow all but a few cases of each test.

    Which ones stay depends on their names alone: they are the same in each run and in each process, and spread over all
    parameters of a matrix, as neighbours in it would not be.
    """
    tests: dict[tuple[pytest.Item | pytest.Collector | None, str], list[pytest.Item]] = defaultdict(list)
    for item in items:
        if not any(item.get_closest_marker(left_out) for left_out in ("slow", "acceptance")):
            tests[item.parent, getattr(item, "originalname", item.name)].append(item)
    for cases in tests.values():
        for case in sorted(cases, key=lambda case: crc32(case.nodeid.encode()))[CASES:]:
            case.add_marker(pytest.mark.slow)
