"""Why `courriel worker --once` has left something unsent, lane by lane, with the exit status for each reason."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from courriel import errors
from courriel._dataclass import dataclass
from courriel.cli.i18n import say, visible
from courriel.cli.outbox.duration import counted, span
from courriel.cli.outbox.lane_words import LOOKED_UP, no_way, unknown_line
from courriel.failures import spoken

if TYPE_CHECKING:
    from courriel import Outbox
    from courriel.types import Attempt, Count, LaneInfo, MailInfo

UNAVAILABLE, SOFTWARE, TRY_AGAIN = 69, 70, 75


@dataclass(frozen=True, slots=True)
class Unsent:
    """Mails of one lane that are left, and why: `kind` is "stopped", "paused", "unknown", "put off" or "due"."""

    lane: str
    kind: str
    mails: int
    why: str
    status: int

    @property
    def line(self) -> str:
        """The reason as a sentence."""
        mails = say(counted(self.mails, "message attend", "messages attendent"),
                    counted(self.mails, "mail waits", "mails wait"))  # fmt: skip
        return f"{visible(self.lane)}{say(' : ', ': ')}{mails}, {self.why}"

    @property
    def object(self) -> dict[str, object]:
        """The reason for `--json`."""
        return {"via": self.lane, "kind": self.kind, "mails": self.mails, "why": self.why, "sysexit": self.status}


class Tries:
    """The last failure on each lane in this run: it decides the exit status. Only what was due when it began counts."""

    def __init__(self) -> None:
        self.began = time.time()
        self._lookups = 0
        self._failed: dict[str, Exception | None] = {}

    def __call__(self, attempt: Attempt) -> None:
        """Record the result of one attempt."""
        if isinstance(attempt.result, Exception):
            self._failed[attempt.lane] = attempt.result
        elif attempt.result is not None and not attempt.result.complete:
            self._failed.setdefault(attempt.lane, None)

    def may_look_up(self) -> bool:
        """Whether the settings may be searched for one more lane."""
        self._lookups += 1
        return self._lookups <= LOOKED_UP

    def status(self, lane: str) -> int:
        """Exit status for the failure on this lane; 75 for recipients that were refused for now, 0 for no failure."""
        if lane not in self._failed:
            return 0
        failed = self._failed[lane]
        if failed is None:
            return TRY_AGAIN
        return failed.sysexit if isinstance(failed, errors.CourrielError) else SOFTWARE

    def why(self, lane: str) -> str:
        """The failure on this lane as a sentence; "" for none."""
        failed = self._failed.get(lane)
        return "" if failed is None else visible(spoken(str(failed)))


def unsent(outbox: Outbox, counts: Iterable[Count], tries: Tries) -> Sequence[Unsent]:
    """Why mails are left that were due; none for those whose time comes later."""
    lanes = {lane.name: lane for lane in outbox.lanes()}
    waiting = [count for count in counts if count.state.name == "READY"]
    found = [_reason(count, lanes.get(count.lane), tries) for count in waiting]
    return [each for each in found if each is not None]


def status_of(info: MailInfo) -> int:
    """Exit status for a mail that failed: that of its refusal when nobody has it, else 69."""
    refused = next(iter(info.refused.values()), None)
    if refused is None or info.accepted or info.unsure:
        return UNAVAILABLE
    return errors.RecipientsRefused(refused, stage="recipient", refused=info.refused).sysexit


# The steps.


def _reason(count: Count, lane: LaneInfo | None, tries: Tries) -> Unsent | None:
    due = count.oldest is not None and count.oldest <= tries.began
    status, failure = tries.status(count.lane), tries.why(count.lane)
    if lane is not None and lane.stopped:
        resume = f"courriel outbox resume {visible(count.lane)}"
        words = say(f"la voie est arrêtée ({resume})", f"the lane is stopped ({resume})")
        return Unsent(count.lane, "stopped", count.mails, words, UNAVAILABLE) if due else None
    if lane is not None and lane.paused > 0:
        left, why = span(lane.paused), visible(spoken(lane.why))
        words = say(f"la voie est en pause encore {left} : {why}", f"the lane is paused for {left} more: {why}")
        return Unsent(count.lane, "paused", count.mails, words, status or _status_of(lane.why))
    looked_up = due and not status and not count.lane.startswith("session:") and tries.may_look_up()
    unknown = no_way(count.lane) if looked_up else None
    if unknown is not None:
        words = unknown_line("", unknown).removeprefix(say(" : ", ": "))
        return Unsent(count.lane, "unknown", count.mails, words, unknown.sysexit)
    if due:
        words = say("dus maintenant : le débit de la voie, le temps donné ou un autre processus les retient",
                    "due now: the rate of the lane, the time given or another worker keeps them back")  # fmt: skip
        return Unsent(count.lane, "due", count.mails, words, status or TRY_AGAIN)
    if status:
        words = say("à réessayer plus tard", "to be tried again later") + (
            f"{say(' : ', ': ')}{failure}" if failure else ""
        )
        return Unsent(count.lane, "put off", count.mails, words, status)
    return None


def _status_of(why: str) -> int:
    """Exit status for the failure of an earlier run, of which the words alone are known."""
    from courriel import failures

    known = failures.find(failures.read(why))
    return known.sysexit if known is not None else TRY_AGAIN
