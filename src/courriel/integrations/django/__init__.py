"""
Mail of a Django project (extra: django): a backend, an outbox in the project's own database, its pages in the admin.

    EMAIL_BACKEND = "courriel.integrations.django.EmailBackend"     # Django 5.2 to 6.0
    COURRIEL_URL = "smtps://ada@smtp.example.org?password=env:MAIL_PASSWORD"

    MAILERS = {                                                     # Django 6.1 and later
        "default": {
            "BACKEND": "courriel.integrations.django.EmailBackend",
            "OPTIONS": {"url": "smtps://ada@smtp.example.org?password=env:MAIL_PASSWORD", "outbox": True},
        }
    }
    INSTALLED_APPS += ["courriel.integrations.django"]              # for the outbox: tables, worker, admin, checks

See docs/django.md. Names are loaded when they are first used: Django imports this module before its apps are ready.
"""

from __future__ import annotations

TYPE_CHECKING = False

if TYPE_CHECKING:
    from courriel.integrations.django.backend import EmailBackend as EmailBackend
    from courriel.integrations.django.queueing.putting import QueuedMail as QueuedMail
    from courriel.integrations.django.signals import complained as complained
    from courriel.integrations.django.signals import refused as refused
    from courriel.integrations.django.signals import reported as reported
    from courriel.integrations.django.signals import returned as returned
    from courriel.integrations.django.signals import sent as sent
    from courriel.integrations.django.signals import unsure as unsure
    from courriel.integrations.django.unsubscribe.options import unsubscribe_link as unsubscribe_link
    from courriel.integrations.django.worker import send_queued as send_queued

_HOMES = {
    "EmailBackend": "backend",
    "QueuedMail": "queueing.putting",
    "complained": "signals",
    "refused": "signals",
    "reported": "signals",
    "returned": "signals",
    "send_queued": "worker",
    "sent": "signals",
    "unsubscribe_link": "unsubscribe.options",
    "unsure": "signals",
}

__all__ = [*_HOMES]  # noqa: PLE0604 - made of the table  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
