"""Fixtures of the tests that run inside a Django project: the practice server, a mailer to it, one with the outbox."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import django
import pytest
from django.core import mail

from courriel import Sandbox
from courriel.integrations.django.sending import pools

BACKEND = "courriel.integrations.django.EmailBackend"
HAS_MAILERS = django.VERSION >= (6, 1)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A practice server, with no connection to an earlier one."""
    with Sandbox() as running:
        yield running
        pools.close_pools()


@pytest.fixture
def no_mailers(settings: Any) -> None:
    """Settings as before Django 6.1, which still goes by them."""
    if HAS_MAILERS:
        del settings.MAILERS
    settings.EMAIL_BACKEND = BACKEND
    settings.COURRIEL = {}


Mailer = Callable[..., Any]


@pytest.fixture
def mailer(settings: Any) -> Mailer:
    """Configure Django's mail with these options, in the way of its release; returns a backend with them."""

    def configure(**options: Any) -> Any:
        if HAS_MAILERS:
            settings.MAILERS = {"default": {"BACKEND": BACKEND, "OPTIONS": options}}
            return mail.mailers.default
        settings.EMAIL_BACKEND = BACKEND
        settings.COURRIEL = options
        return mail.get_connection()

    return configure
