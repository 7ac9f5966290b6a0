"""
Work of the standard library's own functions, which have no steps that `steps.py` could count: core time, compared.

No time is bounded: those of two sizes are compared, generously, and measured again when there is doubt.
"""

from __future__ import annotations

from collections.abc import Callable
from time import thread_time
from typing import TypeVar

T = TypeVar("T")

_UNCLEAR = 0.05  # seconds of a core, below which nothing is said: collections of garbage and caches weigh too much


def grows_no_faster(act: Callable[[T], object], small: T, large: T, times: float) -> None:
    """Check that `large`, eight times as much as `small`, takes less than so many times its core time.

    Work that grows with the size takes 8 times as much, with the square 64 times.
    """
    act(small)  # what is done once in a process
    found: list[tuple[float, float]] = []
    while len(found) < 4:
        found.append((max(_seconds(act, small) for _ in range(2)), _seconds(act, large)))
        little, much = found[-1]
        if much < max(_UNCLEAR, times * little):
            return
    raise AssertionError(f"seconds of the core for little, and for eight times as much: {found}")


def _seconds(act: Callable[[T], object], of: T) -> float:
    begins = thread_time()
    act(of)
    return thread_time() - begins
