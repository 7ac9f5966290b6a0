"""The mailers of the project that are ours, with their options, by their aliases."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from courriel.integrations.django.sending.options import MailerOptions


def mailers_with(backend: type) -> dict[str, MailerOptions]:
    """The options of each mailer with this backend or one made of it; none where tests have put another in its place.

    Raises InvalidMailer.
    """
    if hasattr(settings, "MAILERS"):
        return {
            alias: ours(alias=alias, **config.get("OPTIONS", {})).options
            for alias, config in settings.MAILERS.items()
            if (ours := _ours(config.get("BACKEND"), backend)) is not None
        }
    ours = _ours(settings.EMAIL_BACKEND, backend)
    return {} if ours is None else {"default": ours().options}


# The steps.


def _ours(path: Any, backend: type) -> Any:
    """The class at this path, where it is this backend or one made of it; None for any other."""
    try:
        found = import_string(path)
    except (ImportError, TypeError, AttributeError):
        return None  # Django itself says so
    return found if isinstance(found, type) and issubclass(found, backend) else None
