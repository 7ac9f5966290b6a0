"""
Guards of a mail that has several ways: which way asks, and whether it was given its yes.

`before_end` is asked once for each attempt, whoever makes it. A guard that wants to know the way has two words more,
which wrappers pass on with it, and need not know:

    guard.for_way("smtp.example.org:465")   the guard to be asked by this way
    guard.only_way                          the way by which the mail may have left before, and by which alone it may
                                            leave again; "" where nobody knows which; None where any may take it
"""

from __future__ import annotations

from collections.abc import Awaitable
from inspect import isawaitable
from typing import TYPE_CHECKING

from courriel._dataclass import replace

if TYPE_CHECKING:
    from courriel.model.submission import EndGuard, Submission

INSIDE = " > "
"""Between the name of a group and that of the way in it, where groups are nested."""


class WatchedGuard:
    """Guard of a mail as one way asks it; `permitted` once it has said yes."""

    __slots__ = ("_guard", "_way", "permitted")

    def __init__(self, guard: EndGuard, way: str) -> None:
        self._guard, self._way = guard, way
        self.permitted = False

    def __call__(self) -> object:
        return self._asked(_told(self._guard, self._way))

    def for_way(self, name: str) -> EndGuard:
        """Guard of the same mail for a way inside of this one."""
        guard = _told(self._guard, f"{self._way}{INSIDE}{name}")
        return lambda: self._asked(guard)

    @property
    def only_way(self) -> str | None:
        """The way inside of this one by which alone the mail may leave."""
        only = only_way_of(self._guard)
        return None if only is None else only.partition(INSIDE)[2]

    def _asked(self, guard: EndGuard) -> object:
        answer = guard()
        if isawaitable(answer):
            return self._awaited(answer)
        self.permitted = bool(answer)
        return answer

    async def _awaited(self, answer: Awaitable[object]) -> object:
        said = await answer
        self.permitted = bool(said)
        return said


def watched(submission: Submission, way: str) -> tuple[Submission, WatchedGuard | None]:
    """A submission as one way gets it, and its guard; without a guard it is the submission itself."""
    if submission.before_end is None:
        return submission, None
    guard = WatchedGuard(submission.before_end, way)
    return replace(submission, before_end=guard), guard


def only_way_of(guard: EndGuard | None) -> str | None:
    """The way by which alone a mail may leave; None where any may take it, "" where nobody knows which."""
    only: str | None = getattr(guard, "only_way", None)
    return only


# The steps.


def _told(guard: EndGuard, way: str) -> EndGuard:
    """The guard that knows which way asks, where it wants to know."""
    for_way = getattr(guard, "for_way", None)
    if for_way is None:
        return guard
    told: EndGuard = for_way(way)
    return told
