"""An unsubscribe on the suppression list of the project's own outbox: the name of the list is the stream."""

from __future__ import annotations

from courriel.integrations.django.pages.shown_database import using
from courriel.integrations.django.queueing.databases import outbox_on, seen_by_django


def suppress(address: str, list_name: str) -> None:
    """Put an address on the list. Raises OutboxError."""
    alias = using()
    with seen_by_django(alias):
        outbox_on(alias).suppressions.add(address, "unsubscribe", stream=list_name)


def lift(address: str, list_name: str) -> None:
    """Take an address off that list. Raises OutboxError."""
    alias = using()
    with seen_by_django(alias):
        outbox_on(alias).suppressions.lift(address, "unsubscribe", stream=list_name)
