"""System checks, and the helper for tests that never commit."""

from __future__ import annotations

import os
import sqlite3
from typing import Any

import django
import pytest
import shop.settings
from django.core import checks as django_checks
from django.core.mail import EmailMultiAlternatives
from django.db import connection
from django.test import TestCase, override_settings

from courriel.integrations.django import checks
from courriel.integrations.django.queueing.databases import place_of
from courriel.integrations.django.testing import clear_queued, queued

BACKEND = "courriel.integrations.django.EmailBackend"
MAILERS = django.VERSION >= (6, 1)
IS_SQLITE = os.environ.get("SHOP_DATABASE") != "postgresql"


def ids(*wanted: Any, deploy: bool = False, databases: Any = None) -> list[str]:
    found = django_checks.run_checks(include_deployment_checks=deploy, databases=databases)
    return sorted(str(each.id) for each in found if str(each.id).startswith("courriel."))


@pytest.mark.django_db
def test_a_mailer_that_is_well_configured_passes(mailer: Any) -> None:
    mailer(url="smtps://ada@mail.example.org?password=env:MAIL_PASSWORD", outbox="default")

    assert ids(deploy=True) == []


def test_a_wrong_option_is_an_error(mailer: Any, settings: Any) -> None:
    mailer(url="null:")
    if MAILERS:
        settings.MAILERS = {"billing": {"BACKEND": BACKEND, "OPTIONS": {"ulr": "smtp://localhost"}}}
    else:
        settings.COURRIEL = {"ulr": "smtp://localhost"}

    (found,) = checks.check_mailers()

    assert found.id == "courriel.E001"
    assert "ulr" in found.msg
    assert not MAILERS or "billing" in found.msg


@pytest.mark.django_db
def test_routers_need_the_name_of_a_database(mailer: Any, settings: Any) -> None:
    settings.DATABASE_ROUTERS = ["django.test.utils.TestContextDecorator"]  # any class: only its presence counts
    mailer(url="null:", outbox=True)
    from courriel.integrations.django.checks import connections

    class Two:
        def __iter__(self) -> Any:
            return iter(["default", "other"])

        def __getitem__(self, alias: str) -> Any:
            return connections[alias]

        def __contains__(self, alias: str) -> bool:
            return True

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checks, "connections", Two())
        assert "courriel.E002" in [each.id for each in checks.check_mailers()]
        mailer(url="null:", outbox="default")
        assert "courriel.E002" not in [each.id for each in checks.check_mailers()]


def test_a_database_that_is_not_there_is_an_error(mailer: Any) -> None:
    mailer(url="null:", outbox="nowhere")

    assert ids() == ["courriel.E003"]


def test_an_engine_that_cannot_hold_an_outbox_is_an_error(mailer: Any) -> None:
    mailer(url="null:", outbox=True)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(connection._connections["default"]), "vendor", "mysql")  # noqa: SLF001 - of Django
        assert "courriel.E003" in ids()


@pytest.mark.skipif(not IS_SQLITE, reason="a file is SQLite's")
@pytest.mark.django_db(transaction=True)
def test_a_file_in_wal_mode_is_an_error_where_sqlite_can_damage_it(mailer: Any) -> None:
    mailer(url="null:", outbox=True)
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA journal_mode = wal")
    try:
        found = "courriel.E004" in ids()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA journal_mode = delete")

    assert found is checks.may_reset_wal(sqlite3.sqlite_version_info)
    assert "courriel.E004" not in ids()


@pytest.mark.parametrize(
    ("version", "may"),
    [((3, 40, 1), True), ((3, 44, 5), True), ((3, 44, 6), False), ((3, 45, 0), True), ((3, 50, 7), False),
     ((3, 51, 2), True), ((3, 51, 3), False), ((3, 52, 0), False)],
)  # fmt: skip
def test_the_bug_was_mended_in_three_releases(version: tuple[int, ...], may: bool) -> None:
    assert checks.may_reset_wal(version) is may


@pytest.mark.skipif(not IS_SQLITE, reason="a file is SQLite's")
@pytest.mark.django_db
def test_deferred_transactions_are_warned_of(mailer: Any) -> None:
    mailer(url="null:", outbox=True)

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(connection.settings_dict, "OPTIONS", {})
        assert ids() == ["courriel.W005"]
    assert ids() == []


@pytest.mark.parametrize("url", ["memory:", "console:", "smtp://127.0.0.1:2525?tls=none"])
def test_a_practice_server_in_production_is_warned_of(url: str, mailer: Any) -> None:
    mailer(url=url)

    assert ids() == []
    assert ids(deploy=True) == ["courriel.W001"]


def test_captured_mail_in_production_is_warned_of(mailer: Any) -> None:
    mailer(url="smtp+starttls://mail.example.org")

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURRIEL_CAPTURE", "1")
        assert ids(deploy=True) == ["courriel.W001"]


def test_a_password_in_the_settings_file_is_warned_of(mailer: Any) -> None:
    mailer(url=f"smtps://ada:{shop.settings.SECRET_KEY}@mail.example.org")
    assert ids() == ["courriel.W003"]

    mailer(url="smtps://ada:of-the-environment-9@mail.example.org")
    assert ids() == []


def test_an_address_without_a_domain_is_warned_of(mailer: Any, settings: Any) -> None:
    mailer(url="smtps://mail.example.org")
    settings.DEFAULT_FROM_EMAIL = "webmaster"

    assert ids() == ["courriel.W004"]


@pytest.mark.django_db(transaction=True)
def test_a_missing_worker_is_warned_of_after_ten_minutes(mailer: Any) -> None:
    mailer(url="null:", outbox=True)
    EmailMultiAlternatives("x", "y", "ada@example.org", ["bob@example.org"]).send()
    try:
        assert ids(databases=["default"]) == []
        with connection.cursor() as cursor:
            cursor.execute("UPDATE outbox_mail SET due = due - 700")
        assert ids(databases=["default"]) == ["courriel.W002"]
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE outbox_version RENAME TO outbox_gone")
        assert ids(databases=["default"]) == []  # `migrate` runs the checks before it makes the tables
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE outbox_gone RENAME TO outbox_version")
    finally:
        clear_queued()


@pytest.mark.skipif(IS_SQLITE, reason="a URL is PostgreSQL's")
def test_the_options_of_django_become_those_of_libpq(settings: Any) -> None:
    with pytest.MonkeyPatch.context() as patch:
        options = {"sslmode": "prefer", "pool": True, "options": "-c search_path=shop", "isolation_level": 1}
        patch.setitem(connection.settings_dict, "OPTIONS", options)
        patch.setitem(connection.settings_dict, "PASSWORD", "p&ss/w=rd")
        url = place_of("default")

    assert "options=-c%20search_path%3Dshop" in url
    assert "password=p%26ss%2Fw%3Drd" in url
    assert "sslmode=prefer" in url
    assert "pool" not in url


OUTBOX = (
    {"MAILERS": {"default": {"BACKEND": BACKEND, "OPTIONS": {"url": "null:", "outbox": True}}}}
    if MAILERS
    else {"EMAIL_BACKEND": BACKEND, "COURRIEL": {"url": "null:", "outbox": True}}
)


@override_settings(**OUTBOX)
class ATestThatNeverCommits(TestCase):
    def test_it_sees_what_was_queued(self) -> None:
        one = EmailMultiAlternatives("Sûr", "x", "ada@example.org", ["bob@example.org"], bcc=["eve@example.org"])
        one.send()

        (mail,) = queued()

        assert connection.in_atomic_block
        assert (mail.letter.subject, mail.recipients) == ("Sûr", ("bob@example.org", "eve@example.org"))
        assert (mail.id, mail.mailer) == (one.courriel.id, "default")

    def test_each_test_begins_with_nothing(self) -> None:
        assert queued() == []
