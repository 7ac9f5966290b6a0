"""The setting COURRIEL_UNSUBSCRIBE: checked, and made into links and an endpoint once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from typing import Any

from asgiref.sync import async_to_sync
from django.conf import settings
from django.core.signals import setting_changed
from django.utils.module_loading import import_string

from courriel import errors
from courriel.integrations.django.backend import EmailBackend
from courriel.integrations.django.sending.configured import mailers_with
from courriel.integrations.unsubscribe import UnsubscribeEndpoint, UnsubscribeLinks
from courriel.integrations.unsubscribe.changes import Change, is_awaited

SETTING = "COURRIEL_UNSUBSCRIBE"
NEEDED = ("url", "key")
OPTIONS = (*NEEDED, "on_unsubscribe", "on_undo", "former", "titles")


def unsubscribe_link(address: str, list_name: str, *, expires: datetime | None = None) -> str:
    """The link for List-Unsubscribe of a mail to this address, as `UnsubscribeLinks.link` makes it.

    Raises InvalidAddress, UsageError.
    """
    return links().link(address, list_name, expires=expires)


def options() -> Mapping[str, Any]:
    """The setting, checked apart from its values. Raises UsageError."""
    given: Any = getattr(settings, SETTING, None)
    if not isinstance(given, Mapping):
        raise errors.UsageError(f"settings.{SETTING} is a dict with {', '.join(NEEDED)}")
    if unknown := given.keys() - {*OPTIONS}:
        raise errors.UsageError(f"settings.{SETTING}: {min(map(str, unknown))!r} is not one of {', '.join(OPTIONS)}")
    if missing := [name for name in NEEDED if not given.get(name)]:
        raise errors.UsageError(f"settings.{SETTING} has no {missing[0]}")
    return given


def functions() -> tuple[Change, Change | None]:
    """The functions that remove an address and put it back: those named, or of the project's outbox.

    Raises UsageError.
    """
    given = options()
    removes, undoes = (
        None if given.get(name) is None else _function(name, given[name]) for name in ("on_unsubscribe", "on_undo")
    )
    if removes is not None:
        return removes, undoes
    if not any(mailer.outbox for mailer in mailers_with(EmailBackend).values()):
        raise errors.UsageError(f"settings.{SETTING} has no on_unsubscribe, and no mailer has an outbox")
    from courriel.integrations.django.unsubscribe import in_outbox  # models, which need the app

    return in_outbox.suppress, undoes or in_outbox.lift


@cache
def links() -> UnsubscribeLinks:
    """The maker of links of this project, by its settings. Raises UsageError."""
    given = options()
    return UnsubscribeLinks(given["url"], given["key"], former=given.get("former", ()))


@cache
def endpoint() -> UnsubscribeEndpoint:
    """The endpoint of this project, with what it remembers of wrong tokens. Raises UsageError."""
    remove, undo = functions()
    return UnsubscribeEndpoint(links(), remove, on_undo=undo, titles=options().get("titles"))


# The steps.


def _function(name: str, given: Any) -> Change:
    """A function, by itself or by its path. Raises UsageError."""
    try:
        found = import_string(given) if isinstance(given, str) else given
    except ImportError as missing:
        raise errors.UsageError(f"settings.{SETTING}: {name} cannot be imported: {missing}") from missing
    if not callable(found):
        raise errors.UsageError(f"settings.{SETTING}: {name} is a function, or the path of one")
    made: Callable[[str, str], object] = async_to_sync(found) if is_awaited(found) else found
    return made


def _forget(*, setting: str, **_: Any) -> None:
    """Tests change settings."""
    if setting == SETTING:
        links.cache_clear()
        endpoint.cache_clear()


setting_changed.connect(_forget)
