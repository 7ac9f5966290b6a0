"""Metrics of an outbox for `courriel outbox status`, as text and as an object for `--json`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from courriel.cli.i18n import label, say, visible
from courriel.cli.outbox.duration import counted, number, span
from courriel.cli.outbox.words import moment
from courriel.failures import spoken

if TYPE_CHECKING:
    from courriel.types import LastError, Metrics, WorkerStatus


def figures_of(found: Metrics) -> list[str]:
    """Lines of the summary: oldest due mail, rate, mails in doubt, workers, last error."""
    lines = []
    if found.oldest_due is not None:
        since = span(found.oldest_due)
        lines.append(say(f"le plus ancien attend depuis {since}", f"the oldest has been due for {since}"))
    if found.rate:
        lines.append(label("débit", "rate") + rate_of(found))
    if found.unsure:
        lines.append(
            say(
                f"{counted(found.unsure, 'incertain', 'incertains')} (courriel outbox list --unsure)",
                f"{number(found.unsure)} in doubt (courriel outbox list --unsure)",
            )
        )
    if found.held:
        lines.append(
            say(
                f"{counted(found.held, 'retenu', 'retenus')}, à décider (courriel outbox list --state retenu)",
                f"{number(found.held)} held, to be decided (courriel outbox list --state held)",
            )
        )
    if found.waiting or found.workers:
        lines.append(workers_of(found))
    if found.last_error is not None:
        lines.append(_last_error(found.last_error))
    return lines


def rate_of(found: Metrics) -> str:
    """Mails sent, by the second where there are many, else by the minute."""
    window = span(found.window) if found.window >= 1 else f"{found.window:.3f} s"
    rate = f"{number(round(found.rate))}/s" if found.rate >= 10 else f"{found.rate * 60:.0f}/min"
    return say(f"{rate} (sur {window})", f"{rate} (over {window})")


def workers_of(found: Metrics) -> str:
    """How many workers are alive; a warning when mails wait and none is."""
    if not found.alive:
        return say("aucun processus d'envoi en vie", "no worker is alive")
    return say(
        counted(found.alive, "processus d'envoi en vie", "processus d'envoi en vie"),
        f"{counted(found.alive, 'worker', 'workers')} alive",
    )


def figures_object(found: Metrics) -> dict[str, object]:
    """Figures as JSON values: moments in ISO 8601, durations in seconds."""
    return {
        "at": moment(found.at),
        "oldest_due": found.oldest_due,
        "waiting": found.waiting,
        "sending": found.in_hand,
        "held": found.held,
        "unsure": found.unsure,
        "sent": found.sent,
        "refused": found.refused,
        "rate": found.rate,
        "window": found.window,
        "last_error": None if found.last_error is None else _error_object(found.last_error),
        "alive": found.alive,
        "workers": [_worker_object(each) for each in found.workers],
    }


# The steps.


def _last_error(error: LastError) -> str:
    today = time.strftime("%Y-%m-%d", time.localtime(error.at)) == time.strftime("%Y-%m-%d")
    when = time.strftime("%H:%M:%S" if today else "%Y-%m-%d %H:%M:%S", time.localtime(error.at))
    head = say(f"dernière erreur ({when}, {visible(error.lane)}) : ", f"last error ({when}, {visible(error.lane)}): ")
    return head + visible(spoken(error.text))


def _error_object(error: LastError) -> dict[str, object]:
    return {"via": error.lane, "text": error.text, "at": moment(error.at)}


def _worker_object(worker: WorkerStatus) -> dict[str, object]:
    return {"worker": worker.worker, "alive": worker.alive, "life": worker.life.value, "heard": worker.heard,
            "mails": worker.mails, "back": None if worker.back is None else moment(worker.back)}  # fmt: skip
