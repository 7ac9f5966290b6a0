"""The tables of the outbox, version 101: suppressed addresses, and reports about sent mails."""

from __future__ import annotations

from typing import Any

from django.db import migrations, models

from courriel import Outbox

VERSION = 101
TABLES = ("suppressed", "report", "setting")
TRIGGERS = (("outbox_report_forget", "outbox_mail"),)
FUNCTIONS = ("outbox_note_suppressed()", "outbox_forget_reports()")
COLUMNS = (("outbox_mail", "fates"), ("outbox_version", "suppressing"))


def make(apps: Any, schema_editor: Any) -> None:
    """Make the tables; a worker of this release may have made them already."""
    vendor = schema_editor.connection.vendor
    if vendor in ("sqlite", "postgresql") and _version(schema_editor) < VERSION:
        for statement in Outbox.schema(vendor, VERSION):
            schema_editor.execute(statement, params=None)


def remove(apps: Any, schema_editor: Any) -> None:
    """Go back to version 100: the list and the reports are lost."""
    vendor = schema_editor.connection.vendor
    if vendor not in ("sqlite", "postgresql"):
        return
    for trigger, table in TRIGGERS:
        on = f" ON {table}" if vendor == "postgresql" else ""
        schema_editor.execute(f"DROP TRIGGER IF EXISTS {trigger}{on}", params=None)
    for name in TABLES:
        schema_editor.execute(f"DROP TABLE IF EXISTS outbox_{name}", params=None)
    schema_editor.execute("DROP INDEX IF EXISTS outbox_msgid", params=None)
    for function in FUNCTIONS if vendor == "postgresql" else ():
        schema_editor.execute(f"DROP FUNCTION IF EXISTS {function}", params=None)
    for table, column in COLUMNS:
        schema_editor.execute(f"ALTER TABLE {table} DROP COLUMN {column}", params=None)
    schema_editor.execute(f"UPDATE outbox_version SET version = {VERSION - 1}", params=None)  # noqa: S608 - ours


def _version(schema_editor: Any) -> int:
    if schema_editor.collect_sql:
        return 0
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT version FROM outbox_version")
        return int(cursor.fetchone()[0])


class Migration(migrations.Migration):
    """Tables by the outbox's own statements; for Django a model that it does not manage."""

    dependencies: list[tuple[str, str]] = [("courriel", "0001_initial")]  # noqa: RUF012 - Django's own way
    operations = [  # noqa: RUF012
        migrations.RunPython(make, remove),
        migrations.CreateModel(
            name="Suppressed",
            fields=[
                ("address", models.TextField(primary_key=True, serialize=False)),
                ("reason", models.TextField(default="manual")),
                ("stream", models.TextField(blank=True, default="")),
                ("shown", models.TextField()),
                ("note", models.TextField(blank=True, default="")),
                ("mail", models.TextField(blank=True, default="")),
                ("added", models.FloatField(default=0)),
            ],
            options={
                "db_table": "outbox_suppressed",
                "managed": False,
                "default_permissions": ("add", "delete", "view"),
                "verbose_name": "suppressed address",
                "verbose_name_plural": "suppressed addresses",
            },
        ),
    ]
