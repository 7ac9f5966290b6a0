"""
The databases of the project that hold an outbox: on Django's connection, and by their path or URL for a worker.

A worker has connections of its own, as every outbox has: it must not wait for requests, nor they for it.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from django.db import DEFAULT_DB_ALIAS, connections, router

from courriel import Outbox, errors
from courriel.integrations.django.models import Mail
from courriel.integrations.django.sending.options import MailerOptions

_DJANGO_ONLY = ("pool", "isolation_level", "assume_role", "server_side_binding", "cursor_factory", "client_encoding")


def alias_of(options: MailerOptions) -> str:
    """The alias of the database in which this mailer has its outbox: named, or the router's choice."""
    if isinstance(options.outbox, str):
        return options.outbox
    return str(router.db_for_write(Mail) or DEFAULT_DB_ALIAS)


def outbox_on(alias: str, **options: Any) -> Outbox:
    """The outbox on Django's connection of this thread, in its transaction. It has no worker, and need not be closed.

    Raises UsageError for an engine other than SQLite and PostgreSQL by psycopg 3; OutboxError without the tables.
    """
    connection = connections[alias]
    connection.validate_no_broken_transaction()
    connection.close_if_health_check_failed()  # as its own cursors do
    connection.ensure_connection()
    check_engine(alias)
    try:
        return Outbox(connection.connection, elsewhere=True, **options)
    except errors.OutboxError as failed:
        failed.add_note(
            f'The database {alias!r} has no tables of the outbox: add "courriel.integrations.django" to INSTALLED_APPS,'
            " and run manage.py migrate."
        )
        raise


def check_engine(alias: str) -> None:
    """Raise UsageError for a database that cannot hold an outbox."""
    vendor = connections[alias].vendor
    if vendor not in ("sqlite", "postgresql"):
        raise errors.UsageError(f"an outbox is in SQLite or PostgreSQL, and the database {alias!r} is {vendor}")
    if vendor == "postgresql":
        from django.db.backends.postgresql.psycopg_any import is_psycopg3

        if not is_psycopg3:
            raise errors.UsageError('an outbox in PostgreSQL needs psycopg 3: pip install "courriel[postgres]"')


def place_of(alias: str) -> str:
    """Path or URL of a database, for a worker; the URL holds the password of the settings. Raises UsageError."""
    check_engine(alias)
    said = connections[alias].settings_dict
    if connections[alias].vendor == "sqlite":
        name = str(said["NAME"])
        if connections[alias].is_in_memory_db():
            raise errors.UsageError(f"the database {alias!r} is in memory, where no worker can see it")
        return name
    return _url_of(said)


# The steps.


def _url_of(said: dict[str, Any]) -> str:
    """A libpq URL of Django's settings for PostgreSQL."""
    options = {name: value for name, value in said.get("OPTIONS", {}).items() if name not in _DJANGO_ONLY}
    for name, setting in (("host", "HOST"), ("port", "PORT"), ("user", "USER"), ("password", "PASSWORD")):
        if said.get(setting):
            options[name] = said[setting]
    if said.get("NAME"):
        options["dbname"] = said["NAME"]
    query = "&".join(f"{name}={quote(str(value), safe='')}" for name, value in options.items())
    return f"postgresql:///?{query}"
