"""Passwords on Django's error pages: in settings, in the request, in the variables of frames, in mails to admins."""

from __future__ import annotations

import html
import sys
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings as project
from django.core.mail import get_connection
from django.test import RequestFactory
from django.views.debug import ExceptionReporter, SafeExceptionReporterFilter

from courriel import CourrielError, Sandbox
from courriel.integrations.django import EmailBackend
from courriel.integrations.django.error_pages import hide_passwords_of_urls
from courriel.integrations.django.sending.options import InvalidMailer

SECRET = "hunter2" + "-quite-secret"  # in two parts: the page shows lines of this file


def page_of(act: Callable[[], object], *, as_mail: bool = False, **meta: str) -> str:
    """The page, or the text of the mail to the admins, of the error that this act raises."""
    try:
        act()
    except (ArithmeticError, LookupError, CourrielError):
        reporter = ExceptionReporter(RequestFactory().get("/", **meta), *sys.exc_info(), is_email=as_mail)
        return html.unescape(reporter.get_traceback_text() if as_mail else reporter.get_traceback_html())
    pytest.fail("nothing was raised")


@pytest.mark.parametrize("as_mail", [False, True])
def test_passwords_of_urls_in_the_settings_are_not_shown(as_mail: bool, settings: Any) -> None:
    url = f"smtps://ada:{SECRET}@mail.example.org"
    settings.COURRIEL_URL = url
    settings.COURRIEL = {"url": url}
    settings.OTHER = [("x", {"OPTIONS": {"url": url}})]

    page = page_of(lambda: 1 / 0, as_mail=as_mail, COURRIEL_URL=url)

    assert SECRET not in page
    assert "smtps://ada:" in page
    assert "@mail.example.org" in page


def test_passwords_of_urls_in_variables_are_not_shown() -> None:
    def act() -> None:
        url = f"smtps://ada:{SECRET}@mail.example.org"
        more = {"url": url, "more": [url]}
        raise LookupError(len(more))

    page = page_of(act)

    assert SECRET not in page
    assert "@mail.example.org" in page


@pytest.mark.parametrize(
    "options",
    [
        {"url": f"smtp://ada:{SECRET}@127.0.0.1:1?nope=1"},
        {"url": f"smtx://ada:{SECRET}@127.0.0.1:1"},
        {"url": f"smtp://ada:{SECRET}@127.0.0.1:abc"},
        {"host": "127.0.0.1", "username": "ada", "password": SECRET, "use_tls": True, "use_ssl": True},
        {"host": "127.0.0.1", "username": "ada", "password": f"{SECRET}\udcff"},
        {"host": "127.0.0.1", "username": "ada", "password": SECRET, "nope": 1},
    ],
)
def test_a_wrong_option_does_not_show_the_password_beside_it(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidMailer) as raised:
        EmailBackend(alias="default", **options)

    reporter = ExceptionReporter(None, raised.type, raised.value, raised.tb)
    ours = [each for each in reporter.get_traceback_frames() if "/courriel/" in each["filename"]]
    assert ours
    assert SECRET not in str([each["vars"] for each in ours])
    assert SECRET not in repr(raised.value)


@pytest.mark.parametrize("mechanism", ["plain", "login", "cram-md5", "scram-sha-256"])
def test_a_login_that_is_refused_does_not_show_the_password(mechanism: str, settings: Any, no_mailers: None) -> None:
    with Sandbox(users={"ada": "another"}) as sandbox:
        host = sandbox.url.removeprefix("smtp://").partition("?")[0]
        settings.COURRIEL = {"url": f"smtp://ada:{SECRET}@{host}?tls=none&auth={mechanism}"}

        page = page_of(lambda: get_connection().open())

    assert "AuthenticationRefused" in page
    assert SECRET not in page


def test_a_filter_of_the_project_stays(settings: Any) -> None:
    assert project.DEFAULT_EXCEPTION_REPORTER_FILTER.endswith(".UrlPasswordFilter")
    settings.DEFAULT_EXCEPTION_REPORTER_FILTER = name = f"shop.{SafeExceptionReporterFilter.__name__}"

    hide_passwords_of_urls()

    assert name == settings.DEFAULT_EXCEPTION_REPORTER_FILTER
