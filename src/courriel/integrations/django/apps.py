"""The app of the outbox: its tables, the worker's command, the pages in the admin, the checks."""

from __future__ import annotations

from django.apps import AppConfig

from courriel.integrations.django.words import pair


class CourrielConfig(AppConfig):
    """`courriel.integrations.django` in INSTALLED_APPS; its label is "courriel"."""

    name = "courriel.integrations.django"
    label = "courriel"
    verbose_name = pair("Outgoing mail", "Courrier sortant")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the system checks of the mailers."""
        from courriel.integrations.django import checks

        checks.register_all()
