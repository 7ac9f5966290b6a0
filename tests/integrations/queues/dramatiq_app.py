"""Actors of Dramatiq; their places come from the environment."""

from __future__ import annotations

import os

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.errors import Retry

import courriel
from courriel import Message
from courriel.integrations import tasks

dramatiq.set_broker(RedisBroker(url=os.environ["REDIS_URL"]))


@dramatiq.actor(max_retries=None, throws=courriel.errors.TicketNotFound, min_backoff=10, max_backoff=20)
def deliver_mail(ticket: str) -> None:
    """Deliver the mail of a ticket; when it is not due yet, come back when it is."""
    try:
        tasks.deliver(ticket, os.environ["COURRIEL_OUTBOX"])
    except tasks.SendAgain as later:
        raise Retry(str(later), delay=int(later.seconds * 1000)) from later


@dramatiq.actor
def send_due() -> None:
    """Send what is due: run it every minute."""
    tasks.send_due(os.environ["COURRIEL_OUTBOX"])


@dramatiq.actor(retry_when=tasks.should_retry, min_backoff=10, max_backoff=20)
def send(number: int) -> None:
    """Send a mail by itself, and again when the error allows it."""
    message = Message(sender="a@example.org", to="bob@example.org", subject=f"Invoice {number}", text="x")
    courriel.send(message, via=os.environ["COURRIEL_URL"])
