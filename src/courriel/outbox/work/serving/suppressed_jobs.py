"""Claimed mails without the recipients that have come onto the suppression list since they were put."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from courriel._dataclass import replace
from courriel.outbox.store.suppression import Suppression, barred
from courriel.outbox.work.sending.outcomes import stored_text

if TYPE_CHECKING:
    from courriel.outbox.store.base import Store
    from courriel.outbox.store.jobs import Job


def without_suppressed(store: Store, jobs: Sequence[Job]) -> list[Job]:
    """The mails with the recipients that still get them; one may have none left. By one question for all of them.

    Where a mail goes to all or none, one suppressed recipient leaves none. Raises OutboxError.
    """
    entries = store.suppressed(name for job in jobs for name in job.recipients)
    return [_spared(job, entries) for job in jobs] if entries else list(jobs)


# The steps.


def _spared(job: Job, entries: Sequence[Suppression]) -> Job:
    out = barred(job.recipients, entries, str(job.options.get("stream", "")))
    if not out:
        return job
    return replace(job, recipients=_rest(job, out), results={**job.results, **_results(job, out)})


def _rest(job: Job, out: Mapping[str, Suppression]) -> tuple[str, ...]:
    return () if job.options.get("together") else tuple(name for name in job.recipients if name not in out)


def _results(job: Job, out: Mapping[str, Suppression]) -> dict[str, tuple[int, str, str, float]]:
    first = next(iter(out.values()))
    others = job.recipients if job.options.get("together") else out
    return {name: (0, "", stored_text(out.get(name, first).sentence), first.added) for name in others}
