"""Opening of the outbox for a worker that starts before its database: waits, and reports the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

from courriel import errors
from courriel.cli.i18n import say, visible
from courriel.cli.outbox.words import open_outbox
from courriel.failures import spoken

if TYPE_CHECKING:
    from courriel import Outbox
    from courriel.cli.reporting import CommandReport
    from courriel.cli.signals import Ending
    from courriel.cli.worker.monitors import Monitors

_SOONEST, _LATEST = 1.0, 5.0  # seconds between two tries
_ONE_TRY = 60.0  # seconds that one try may take: several addresses, ten seconds each


def opened(
    place: str | None, report: CommandReport, watched: Monitors, ended: Ending, *, references: bool
) -> Outbox | None:
    """Open the outbox when its server can be reached; None when the worker was stopped meanwhile.

    Errors that waiting does not mend are raised: a refused password, a missing database. Raises UsageError,
    OutboxError.
    """
    pause, said = _SOONEST, ""
    while not ended.wait(0):
        try:
            return open_outbox(place, references=references)
        except errors.OutboxUnreachable as away:
            reason = visible(spoken(away.detail))
        watched.waiting(reason, pause + _ONE_TRY)
        if reason != said and not report.values({"event": "waiting", "reason": reason}):
            report.aside(say(f"En attente de la boîte d'envoi, Ctrl-C pour arrêter : {reason}",
                             f"Waiting for the outbox, Ctrl-C to stop: {reason}"))  # fmt: skip
        said = reason
        ended.wait(pause)
        pause = min(pause * 2, _LATEST)
    return None
