"""The mailers of the project that are ours, with their options, by their aliases."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from courriel.integrations.django.sending.options import MailerOptions, mailer_options


def mailers_with(backend: type) -> dict[str, MailerOptions]:
    """The options of each mailer with this backend or one made of it; none where tests have put another in its place.

    Raises InvalidMailer.
    """
    if hasattr(settings, "MAILERS"):
        return {
            alias: mailer_options(config.get("OPTIONS", {}), alias)
            for alias, config in settings.MAILERS.items()
            if _is_ours(config.get("BACKEND"), backend)
        }
    return {"default": mailer_options({}, None)} if _is_ours(settings.EMAIL_BACKEND, backend) else {}


# The steps.


def _is_ours(path: Any, backend: type) -> bool:
    try:
        found = import_string(path)
    except (ImportError, TypeError, AttributeError):
        return False  # Django itself says so
    return isinstance(found, type) and issubclass(found, backend)
