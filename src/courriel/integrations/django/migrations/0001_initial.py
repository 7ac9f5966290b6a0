"""The tables of the outbox, version 100, in SQLite and PostgreSQL; nothing in any other engine."""

from __future__ import annotations

from typing import Any

from django.db import migrations, models

from courriel import Outbox

VERSION = 100
TABLES = ("mail", "body", "staged", "lane", "slot", "worker", "count", "version")
FUNCTIONS = ("outbox_count_changes()", "outbox_count_one(text, integer, bigint, bigint)")


def make(apps: Any, schema_editor: Any) -> None:
    """Make the tables."""
    vendor = schema_editor.connection.vendor
    if vendor in ("sqlite", "postgresql"):
        for statement in Outbox.schema(vendor, VERSION):
            schema_editor.execute(statement, params=None)


def remove(apps: Any, schema_editor: Any) -> None:
    """Remove the tables, and every mail in them."""
    vendor = schema_editor.connection.vendor
    if vendor in ("sqlite", "postgresql"):
        for table in TABLES:
            schema_editor.execute(f"DROP TABLE IF EXISTS outbox_{table}", params=None)
        for function in FUNCTIONS if vendor == "postgresql" else ():
            schema_editor.execute(f"DROP FUNCTION IF EXISTS {function}", params=None)


class Migration(migrations.Migration):
    """Tables by the outbox's own statements; for Django a model that it does not manage."""

    initial = True
    dependencies: list[tuple[str, str]] = []  # noqa: RUF012 - Django's own way
    operations = [  # noqa: RUF012
        migrations.RunPython(make, remove),
        migrations.CreateModel(
            name="Mail",
            fields=[
                ("id", models.TextField(primary_key=True, serialize=False)),
                ("key", models.TextField(null=True)),
                ("mailer", models.TextField(db_column="lane")),
                ("state", models.IntegerField()),
                ("due", models.FloatField()),
                ("created", models.FloatField()),
                ("tries", models.IntegerField()),
                ("unsure", models.IntegerField()),
                ("sender", models.TextField()),
                ("recipients_waiting", models.TextField(db_column="rcpts")),
                ("results", models.TextField()),
                ("why", models.TextField()),
                ("size", models.BigIntegerField()),
            ],
            options={
                "db_table": "outbox_mail",
                "managed": False,
                "default_permissions": ("change", "view"),
                "verbose_name": "mail",
                "verbose_name_plural": "mails",
            },
        ),
    ]
