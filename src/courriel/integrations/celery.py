"""
Task of Celery that delivers a mail of an outbox.

    app = Celery("shop", broker="redis://localhost")
    deliver = deliver_task(app, "/var/lib/shop/outbox.db")

    ticket = outbox.put(message, via="billing", key="invoice-42")
    deliver.delay(ticket.id)

The outbox remembers, Celery hurries: a task that is lost, repeated or killed changes nothing about the mail. For tasks
that send by themselves see `courriel.integrations.tasks`.
"""

from __future__ import annotations

import os
from typing import Any

from courriel.integrations.tasks import FOR_SECONDS, SendAgain, deliver, send_due

LONGEST_COUNTDOWN = 1800.0
"""Seconds after which a task asks again at the latest. Redis hands out a task once more that waits longer than its
visibility timeout (an hour) for its time; each of the two would come back as two, and so on for days."""


def deliver_task(
    app: Any,
    outbox: str | os.PathLike[str] | None = None,
    *,
    name: str = "courriel.deliver",
    for_seconds: float = FOR_SECONDS,
    every: float = 0.0,
) -> Any:
    """Register the task `courriel.deliver` of an app: it takes the id of a ticket, and gives the state of its mail.

    It is acknowledged when it is done (`acks_late`), runs again when its worker is killed, and comes back by itself
    when the mail is due, after half an hour at most, as long as the mail lives. With `every`, celery beat sends what is
    due each so many seconds by a second task, `courriel.send_due`: for mails whose task was lost with the broker.
    """

    def courriel_deliver(task: Any, ticket: str) -> str:
        try:
            return deliver(ticket, outbox, for_seconds=for_seconds)
        except SendAgain as later:
            raise task.retry(exc=later, countdown=min(later.seconds, LONGEST_COUNTDOWN)) from later

    def courriel_send_due() -> int:
        return send_due(outbox, for_seconds=for_seconds)

    due = f"{name.rpartition('.')[0] or name}.send_due"
    app.task(name=due, ignore_result=True)(courriel_send_due)
    if every:
        app.conf.beat_schedule = {**(app.conf.beat_schedule or {}), due: {"task": due, "schedule": every}}
    return app.task(bind=True, name=name, acks_late=True, reject_on_worker_lost=True, max_retries=None)(
        courriel_deliver
    )
