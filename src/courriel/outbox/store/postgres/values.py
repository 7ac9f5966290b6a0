"""Parameters of statements for many mails at once, and what their answers say of each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from uuid import uuid4

from courriel._dataclass import dataclass
from courriel.outbox.store.facts import LaneInfo
from courriel.outbox.store.jobs import Job, LeaseTerms
from courriel.outbox.store.postgres.server import StatementResult
from courriel.outbox.store.sql.connection import Values

CARRIED = 64 * 1024  # octets of a body that comes with its job; larger ones are read while they are sent


@dataclass(frozen=True, slots=True)
class LaneLook:
    """State of a lane for a claim: whether mails are due, and whether leases have expired."""

    lane: LaneInfo
    due: bool
    late: bool
    suspects: bool = True
    """Whether a due mail has an expired lease in its past."""

    @property
    def worth(self) -> bool:
        """Whether a claim would change anything."""
        return self.late or (self.due and not self.lane.stopped and self.lane.paused <= 0)


def numbered(each: Sequence[Values]) -> str:
    """JSON parameter of a statement for many mails; of several entries for one mail the first counts."""
    found: dict[tuple[object, object], Values] = {}
    for number, values in enumerate(each):
        found.setdefault((values["id"], values.get("token")), {"n": number, **values})
    return json.dumps(list(found.values()))


def done_in(answer: StatementResult, each: Sequence[Values]) -> list[bool]:
    """For each mail, whether the statement changed its row: by the returned numbers, or the count for a single one."""
    if len(each) == 1 and not answer.rows:
        return [answer.changed == 1]
    changed = {number for (number,) in answer.rows}
    return [number in changed for number in range(len(each))]


def leases_of(jobs: Sequence[Job], lease: float) -> list[Values]:
    return [{"id": job.id, "token": job.token, "lease": lease} for job in jobs]


def claim_values(lane: str, most: int, terms: LeaseTerms) -> Values:
    """Parameters of `claim_if_plain`, which also marks the first mails for a worker that goes on at once."""
    return {
        "lane": lane,
        "most": most,
        "ahead": terms.ahead if terms.mark is not None else 0,
        "mark": terms.mark or terms.lease,
        "lease": terms.lease,
        "token": uuid4().hex,
        "holder": terms.holder,
        "carried": CARRIED,
    }


def is_limited(lane: LaneInfo) -> bool:
    return bool(lane.stopped or lane.paused or lane.fails or lane.cap is not None or lane.gap)
