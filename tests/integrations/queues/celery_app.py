"""A Celery app as a shop would write it; its places come from the environment."""

from __future__ import annotations

import os

from celery import Celery

import courriel
from courriel import Message, Receipt
from courriel.integrations.celery import deliver_task
from courriel.integrations.tasks import SendAgain, send_again_if_retryable

REDIS, URL = os.environ["REDIS_URL"], os.environ["COURRIEL_URL"]

app = Celery("shop", broker=REDIS, backend=REDIS)
app.conf.update(
    accept_content=["json", "pickle"],
    result_accept_content=["json", "pickle"],
    result_serializer=os.environ.get("RESULTS", "pickle"),
    broker_connection_retry_on_startup=True,
    worker_hijack_root_logger=False,
)
deliver = deliver_task(app, os.environ["COURRIEL_OUTBOX"], every=1.0 if "EVERY" in os.environ else 0.0)


@app.task(serializer="pickle", autoretry_for=(SendAgain,), default_retry_delay=0, max_retries=3)
@send_again_if_retryable
def send(message: Message) -> Receipt:
    """Send by itself, and again when the error allows it."""
    return courriel.send(message, via=URL)


@app.task(name="subject")
def invoice(number: int) -> str:
    """Send a mail, and return what JSON can hold of its receipt."""
    message = Message(sender="a@example.org", to="bob@example.org", subject=f"Invoice {number}", text="x")
    return courriel.send(message, via=URL).message_id
