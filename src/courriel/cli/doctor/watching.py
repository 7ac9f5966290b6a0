"""`courriel doctor --watch`: silence while all is well, a line for each alert, what to run next, and an exit status."""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING

from courriel.cli.i18n import say, visible
from courriel.doctor import watch
from courriel.doctor.step import words

if TYPE_CHECKING:
    from courriel.cli.reporting import CommandReport
    from courriel.doctor.examination import Examination


def tell(report: CommandReport, examination: Examination) -> int:
    """Compare with the last time, keep the state, print the alerts; return the exit status.

    An alert has a status of its own; without one, a failure has that of the failure. Raises OSError when the state
    cannot be kept, once all is told.
    """
    place = watch.state_file(examination)
    before = watch.load(place)
    alerts = watch.alerts_of(examination, before)
    status = min((watch.STATUS[alert.kind] for alert in alerts), default=examination.sysexit)
    told = [{"kind": alert.kind, "text": words(alert.text)} for alert in alerts]
    if not report.values(examination.as_object() | {"alerts": told, "state": str(place), "sysexit": status}):
        _print(report, examination, alerts)
    watch.store(place, watch.memory_of(examination, before), examination)
    return status


# The steps.


def _print(report: CommandReport, examination: Examination, alerts: list[watch.Alert]) -> None:
    if alerts or not examination.ok:
        report.line(f"{visible(examination.target)}{say(' : ', ': ')}{visible(words(examination.verdict))}")
        for alert in alerts:
            report.line(f"! {visible(words(alert.text))}")
        report.line(f"→ courriel doctor {visible(quote(examination.target))}")
