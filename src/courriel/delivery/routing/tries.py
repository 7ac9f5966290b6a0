"""
Tries of one mail by several ways: which way is next, what its answer means, and the error when none is left.

Nothing here waits, so that blocking and asyncio transports share it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from courriel import errors
from courriel.delivery.routing import decided
from courriel.delivery.routing.guards import INSIDE, WatchedGuard, only_way_of, watched
from courriel.delivery.routing.health import WayHealth
from courriel.model.submission import Submission

if TYPE_CHECKING:
    from courriel.model.receipt import Receipt


class Choice:
    """Choice among several ways: their names, their health, and whether they take turns (`rotating`)."""

    def __init__(self, names: Sequence[str], health: WayHealth, *, rotating: bool) -> None:
        self.names = names
        self.health = health
        self.rotating = rotating


class WayTries:
    """Tries of one submission; `cut` is set when somebody hangs up, and then no further way is tried."""

    def __init__(self, choice: Choice, submission: Submission) -> None:
        if not isinstance(submission, Submission):
            raise errors.UsageError(f"submission: a value of Submission, not {type(submission).__name__}")
        self.cut = False
        self._choice, self._submission = choice, submission
        self._failed: dict[int, errors.CourrielError] = {}
        self._guard: WatchedGuard | None = None
        self._only = only_way_of(submission.before_end)

    @property
    def only(self) -> int | None:
        """The way by which alone this mail may leave, because it may have left by it; None where any may take it.

        Raises the error of a mail that nobody may send.
        """
        if self._only is None:
            return None
        name = self._only.partition(INSIDE)[0]
        if name not in self._choice.names:
            raise decided.in_doubt_somewhere()
        return self._choice.names.index(name)

    def next_way(self) -> int:
        """Index of the way to be tried next. Raises the mail's error when none is left."""
        if self.cut:
            raise self.final_error() if self._failed else decided.hung_up()
        choice, only = self._choice, self.only
        if only is None:
            found = choice.health.pick(self._failed, rotating=choice.rotating)
            if found is None:
                raise self.final_error()
            return found
        if only in self._failed or choice.health.rests(only):
            raise decided.in_doubt_there(choice.names[only], self._failed.get(only))
        return only

    def may_go_by(self, way: int) -> bool:
        """Whether this way has not failed for the mail, and is not closed to it."""
        return way not in self._failed and (self._only is None or self.only == way)

    def knows(self, broken: dict[int, errors.CourrielError]) -> None:
        """Count ways that failed before this mail was theirs, so that its error names them."""
        for way, error in broken.items():
            self._failed.setdefault(way, error)

    def for_way(self, way: int) -> Submission:
        """The submission as this way gets it."""
        own, self._guard = watched(self._submission, self._choice.names[way])
        return own

    def accepted(self, way: int, receipt: Receipt) -> Receipt:
        """Record that a way has taken the mail; returns its receipt, with a note of the ways that failed before."""
        self._choice.health.works(way)
        if not self._failed:
            return receipt
        names = self._choice.names
        each = "; ".join(decided.reason_of(names[other], why) for other, why in self._failed.items())
        return receipt.with_notes(f"it left by {names[way]}, because another way failed: {each}")

    def failed(self, way: int, error: errors.CourrielError) -> errors.CourrielError | None:
        """Record the failure of a way; the mail's error when it is final, None when another way may be tried."""
        undecided = decided.is_undecided(error, permitted=self._guard is not None and self._guard.permitted)
        if undecided and not self.cut:
            self._failed[way] = error
            return None
        names = self._choice.names
        return decided.with_others(error, [(names[other], why) for other, why in self._failed.items() if other != way])

    def lost(self, error: errors.CourrielError) -> errors.CourrielError:
        """The error of a mail whose way gave no answer for it: in doubt, unless its guard has not said yes."""
        own = errors.copy(error)
        own.in_doubt = self._guard is None or self._guard.permitted
        return own

    def final_error(self) -> errors.CourrielError:
        """The error of a mail when no way is left."""
        names = self._choice.names
        return decided.all_failed([(names[way], why) for way, why in self._failed.items()])
