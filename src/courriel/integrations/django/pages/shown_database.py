"""The database whose outbox the admin shows."""

from __future__ import annotations

from django.db import router

from courriel.integrations.django.models import Mail
from courriel.integrations.django.worker import queueing_mailers


def using() -> str:
    """The alias of the database whose outbox is shown: the first that a mailer names, else the router's choice."""
    return next(iter(queueing_mailers()), None) or router.db_for_read(Mail) or "default"
