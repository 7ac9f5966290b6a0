"""Tasks of Procrastinate; their places come from the environment."""

from __future__ import annotations

import os

import procrastinate
from procrastinate.jobs import Job

import courriel
from courriel import Message
from courriel.integrations import tasks

app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=os.environ["DATABASE_URL"]))


class WhenTheErrorSaysSo(procrastinate.BaseRetryStrategy):
    """Again when the mail may be sent again, and after the seconds that the error names."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> procrastinate.RetryDecision | None:
        """Decide by the error."""
        if not tasks.should_retry(job.attempts, exception):
            return None
        seconds = getattr(exception, "seconds", tasks.wait_before(job.attempts))
        return procrastinate.RetryDecision(retry_in={"seconds": int(seconds * float(os.environ.get("HASTE", "1")))})


@app.task(retry=WhenTheErrorSaysSo())
def deliver_mail(ticket: str) -> None:
    """Deliver the mail of a ticket."""
    tasks.deliver(ticket, os.environ["COURRIEL_OUTBOX"])


@app.task
def send_due() -> None:
    """Send what is due: run it every minute."""
    tasks.send_due(os.environ["COURRIEL_OUTBOX"])


@app.task(retry=WhenTheErrorSaysSo())
def send(number: int) -> None:
    """Send a mail by itself, and again when the error allows it."""
    message = Message(sender="a@example.org", to="bob@example.org", subject=f"Invoice {number}", text="x")
    courriel.send(message, via=os.environ["COURRIEL_URL"])
