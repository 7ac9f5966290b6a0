"""Tasks of RQ; their places come from the environment."""

from __future__ import annotations

import os

import courriel
from courriel import Message
from courriel.integrations.tasks import deliver


def deliver_mail(ticket: str) -> str:
    """Deliver the mail of a ticket."""
    return deliver(ticket, os.environ["COURRIEL_OUTBOX"])


def send(message: Message) -> courriel.Receipt:
    """Send a mail by itself."""
    return courriel.send(message, via=os.environ["COURRIEL_URL"])
