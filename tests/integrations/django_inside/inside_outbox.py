"""The outbox in the project's database: the caller's transaction, its connection, its file."""

from __future__ import annotations

import asyncio
import copy
import io
import os
import pickle
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.core.mail import EmailMessage, send_mail
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from courriel import Outbox, Sandbox, State, errors
from courriel.integrations.django import refused, returned, send_queued, sent
from courriel.integrations.django.models import Mail
from courriel.integrations.django.queueing.databases import outbox_on, place_of

pytestmark = pytest.mark.django_db(transaction=True)

IS_SQLITE = os.environ.get("SHOP_DATABASE") != "postgresql"
TABLES = ("mail", "body", "staged", "lane", "slot", "worker", "count", "suppressed", "report")


@pytest.fixture(autouse=True)
def nothing_left(transactional_db: Any) -> Any:
    yield
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"DELETE FROM outbox_{table}")


def message(subject: str = "Invoice 42", **more: Any) -> EmailMessage:
    return EmailMessage(subject, "Hello.", "ada@example.org", ["bob@example.org"], **more)


def waiting() -> int:
    return len(list(outbox_on("default").list()))


def seen_by_others() -> int:
    """How many mails another connection sees."""
    with Outbox(place_of("default"), shared=True, create=False) as other:
        return len(list(other.list()))


class Undone(Exception):
    """Raised to roll back."""


def undone(one: EmailMessage) -> None:
    """Send a mail within a block that is rolled back by an exception."""
    with suppress(Undone), transaction.atomic():
        one.send()
        raise Undone


def test_a_mail_is_sent_after_the_commit(sandbox: Sandbox, mailer: Any) -> None:
    mailer(url=sandbox.url, outbox=True)
    one = message()

    with transaction.atomic():
        assert one.send() == 1
        assert one.courriel.status == "pending"
        with pytest.raises(errors.UsageError, match="atomic"):
            send_queued()
        assert seen_by_others() == 0
    assert one.courriel.status == "ready"
    assert send_queued() == 1

    assert one.courriel.status == "sent"
    assert sandbox.wait_for(subject="Invoice 42").recipients == ("bob@example.org",)


def test_a_rolled_back_transaction_takes_its_mail_along(sandbox: Sandbox, mailer: Any) -> None:
    mailer(url=sandbox.url, outbox=True)
    one = message()

    undone(one)

    assert one.courriel.status == "void"
    assert waiting() == 0
    assert send_queued() == 0


def test_a_savepoint_takes_its_mail_along_and_no_other(sandbox: Sandbox, mailer: Any) -> None:
    mailer(url=sandbox.url, outbox=True)
    outer, inner = message("outer"), message("inner")

    with transaction.atomic():
        outer.send()
        undone(inner)
        assert (outer.courriel.status, inner.courriel.status) == ("pending", "void")
    send_queued()

    assert [letter.subject for letter in sandbox.letters] == ["outer"]


def test_outside_of_atomic_a_put_is_a_transaction_of_its_own(sandbox: Sandbox, mailer: Any) -> None:
    mailer(url=sandbox.url, outbox=True)
    one = message()

    one.send()

    assert one.courriel.status == "ready"
    assert not connection.in_atomic_block
    assert send_queued() == 1


def test_an_aborted_transaction_is_told_by_django(sandbox: Sandbox, mailer: Any) -> None:
    mailer(url=sandbox.url, outbox=True)
    one = message()

    with transaction.atomic():
        one.send()
        with pytest.raises(DatabaseError), connection.cursor() as cursor:
            cursor.execute("SELECT nothing FROM nowhere")
        connection.set_rollback(True)
        assert one.courriel.status == "pending"
        with pytest.raises(transaction.TransactionManagementError):
            message().send()
    assert one.courriel.status == "void"


@pytest.mark.parametrize("how", ["header", "attribute"])
def test_a_known_key_is_the_same_mail_and_the_transaction_goes_on(how: str, sandbox: Sandbox, mailer: Any) -> None:
    mailer(url=sandbox.url, outbox=True)

    def keyed() -> EmailMessage:
        if how == "header":
            return message(headers={"Courriel-Key": "invoice-42"})
        one = message()
        one.courriel_key = "invoice-42"
        return one

    first, second = keyed(), keyed()
    with transaction.atomic():
        first.send()
        second.send()
        other = message("another")
        other.send()
    send_queued()

    assert second.courriel.existed
    assert first.courriel.id == second.courriel.id
    assert sorted(letter.subject for letter in sandbox.letters) == ["Invoice 42", "another"]
    assert not any(b"courriel-key" in letter.content.lower() for letter in sandbox.letters)


def test_another_mail_under_a_known_key_is_refused_and_the_transaction_goes_on(sandbox: Sandbox, mailer: Any) -> None:
    mailer(url=sandbox.url, outbox=True)

    with transaction.atomic():
        message(headers={"Courriel-Key": "k"}).send()
        with pytest.raises(errors.KeyReused, match="Subject"):
            message("something else", headers={"Courriel-Key": "k"}).send()
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")

    assert waiting() == 1


def test_rows_name_the_mailer_and_never_its_url(sandbox: Sandbox, mailer: Any) -> None:
    mailer(url=f"smtp://ada:geheim@{sandbox.url.partition('//')[2]}", outbox=True)

    message().send()

    (info,) = outbox_on("default").list()
    assert info.lane == "default"
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"SELECT * FROM outbox_{table}")
            assert "geheim" not in str(cursor.fetchall())


def test_options_of_the_outbox_go_with_the_message(sandbox: Sandbox, mailer: Any) -> None:
    mailer(url=sandbox.url, outbox=True)
    code = message()
    code.courriel_options = {"priority": "high", "expires": 600, "on_unsure": "hold"}

    code.send()

    info = code.courriel.ticket.info
    assert info.priority == 0
    assert info.expires - info.created == pytest.approx(600)


@pytest.mark.parametrize(
    "options", [{"key": "a"}, {"to": ["eve@example.org"]}, {"via": "null:"}, {"conn": 1}, {"nothing": 1}, ["high"]]
)
def test_options_that_are_none_are_refused_before_anything_is_written(options: Any, mailer: Any) -> None:
    mailer(url="null:", outbox=True)
    one = message()
    one.courriel_options = options

    with pytest.raises(errors.UsageError):
        one.send()

    assert waiting() == 0


def test_options_without_an_outbox_are_refused(mailer: Any) -> None:
    mailer(url="null:")
    one = message()
    one.courriel_options = {"not_before": 3600}

    with pytest.raises(errors.UsageError, match="outbox"):
        one.send()

    assert isinstance(one.courriel, errors.UsageError)


def test_a_message_that_was_put_can_be_copied_and_pickled(mailer: Any) -> None:
    mailer(url="null:", outbox=True)
    one = message()

    with suppress(Undone), transaction.atomic():
        one.send()
        early, copied = pickle.dumps(one), copy.deepcopy(one)
        assert copied.courriel.status == "pending"
        raise Undone
    assert copied.courriel.status == "void"
    assert pickle.loads(early).courriel.status == "pending"
    one.send()

    assert pickle.loads(pickle.dumps(one)).courriel.status == "ready"


def test_a_large_mail_is_put_in_the_transaction_too(sandbox: Sandbox, mailer: Any) -> None:
    mailer(url=sandbox.url, outbox=True)
    large = message()
    large.attach("large.bin", os.urandom(3_000_000), "application/octet-stream")

    with transaction.atomic():
        large.send()
        transaction.set_rollback(True)
    assert waiting() == 0
    large.send()
    send_queued()

    assert len(sandbox.wait_for().content) > 4_000_000


def test_the_connection_and_the_transaction_are_as_they_were(sandbox: Sandbox, mailer: Any) -> None:
    mailer(url=sandbox.url, outbox=True)

    def settings() -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            if IS_SQLITE:
                names = ("journal_mode", "user_version", "synchronous", "foreign_keys", "busy_timeout", "mmap_size")
                return [cursor.execute(f"PRAGMA {name}").fetchone() for name in names]
            cursor.execute("SELECT name, setting FROM pg_settings WHERE name NOT LIKE 'plpgsql.%' ORDER BY name")
            return list(cursor.fetchall())

    before = settings()
    with transaction.atomic():
        inside = settings()
        message().send()
        assert settings() == inside
    send_queued()

    assert settings() == before


@pytest.mark.skipif(not IS_SQLITE, reason="a file is SQLite's")
@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_the_file_of_the_application_keeps_its_journal_and_its_version(
    mode: str, sandbox: Sandbox, mailer: Any
) -> None:
    mailer(url=sandbox.url, outbox=True)
    path = Path(connection.settings_dict["NAME"])
    permissions = path.stat().st_mode
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA journal_mode = {mode}")
        cursor.execute("PRAGMA user_version = 7")

    message().send()
    connection.close()  # with a file that others have open the journal could not be changed anyway
    send_queued()

    with closing(sqlite3.connect(path)) as looking:
        assert looking.execute("PRAGMA journal_mode").fetchone() == (mode,)
        assert looking.execute("PRAGMA user_version").fetchone() == (7,)
    assert path.stat().st_mode == permissions
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA journal_mode = delete")


def test_no_table_is_made_but_by_migrations(sandbox: Sandbox, mailer: Any) -> None:
    mailer(url=sandbox.url, outbox=True)
    before = set(connection.introspection.table_names())

    call_command("migrate", "courriel", "zero", verbosity=0)
    try:
        assert not [name for name in connection.introspection.table_names() if name.startswith("outbox_")]
        with pytest.raises(errors.OutboxError) as missing:
            message().send()
        assert "INSTALLED_APPS" in "".join(missing.value.__notes__)
        with pytest.raises(errors.OutboxError) as unseen:
            send_queued()
        assert "INSTALLED_APPS" in "".join(unseen.value.__notes__)
        assert not [name for name in connection.introspection.table_names() if name.startswith("outbox_")]
    finally:
        call_command("migrate", "courriel", verbosity=0)

    assert set(connection.introspection.table_names()) == before


@pytest.mark.parametrize(
    "write",
    [
        lambda rows: rows.update(state=5),
        lambda rows: rows.delete(),
        lambda rows: rows.bulk_create([Mail(id="1")]),
        lambda rows: rows.create(id="1"),
        lambda rows: rows.bulk_update(rows, ["tries"]),
        lambda rows: rows.get().delete(),
    ],
)
def test_the_orm_writes_no_row(write: Callable[[Any], object], mailer: Any) -> None:
    mailer(url="null:", outbox=True)
    message().send()

    with pytest.raises(TypeError, match="ticket"):
        write(Mail.objects.all())

    assert waiting() == 1


def test_the_migrations_are_those_of_the_models() -> None:
    call_command("makemigrations", "courriel", check=True, dry_run=True, verbosity=0)


def test_an_async_view_puts_in_its_transaction(sandbox: Sandbox, mailer: Any) -> None:
    from asgiref.sync import sync_to_async

    mailer(url=sandbox.url, outbox=True)

    @sync_to_async
    def order() -> None:
        with transaction.atomic():
            send_mail("kept", "x", None, ["bob@example.org"])
        undone(message("undone"))
        connection.close()

    asyncio.run(order())
    send_queued()

    assert [letter.subject for letter in sandbox.letters] == ["kept"]


def test_manual_transactions_are_joined(sandbox: Sandbox, mailer: Any) -> None:
    mailer(url=sandbox.url, outbox=True)
    one = message()
    transaction.set_autocommit(False)
    try:
        one.send()
        assert one.courriel.status == "pending"
        transaction.rollback()
        assert one.courriel.status == "void"
        message("kept").send()
        transaction.commit()
    finally:
        transaction.set_autocommit(True)
    send_queued()

    assert [letter.subject for letter in sandbox.letters] == ["kept"]


def test_signals_tell_what_became_of_a_mail(sandbox: Sandbox, mailer: Any) -> None:
    sandbox.refuse("eve@example.org")
    mailer(url=sandbox.url, outbox=True)
    heard: list[tuple[str, str, State]] = []

    def on_sent(mailer: str, ticket: Any, result: Any, **_: Any) -> None:
        heard.append(("sent", mailer, result.state))

    def on_refused(mailer: str, ticket: Any, result: Any, **_: Any) -> None:
        heard.append(("refused", mailer, result.state))

    sent.connect(on_sent)
    refused.connect(on_refused)
    try:
        message().send()
        EmailMessage("x", "y", "ada@example.org", ["eve@example.org"]).send()
        send_queued()
    finally:
        sent.disconnect(on_sent)
        refused.disconnect(on_refused)

    assert sorted(heard) == [("refused", "default", State.FAILED), ("sent", "default", State.SENT)]


def test_bad_input_is_refused_before_anything_is_written(sandbox: Sandbox, mailer: Any) -> None:
    mailer(url=sandbox.url, outbox=True)

    with transaction.atomic():
        with pytest.raises(ValueError, match="address"):
            EmailMessage("x", "y", "ada@example.org", ["bob@example.org, eve@example.org"]).send()
        assert waiting() == 0


def test_in_tests_of_django_nothing_is_put(mailoutbox: Any) -> None:
    send_mail("x", "y", None, ["bob@example.org"])

    assert len(mail.outbox) == 1
    assert waiting() == 0


# The suppression list.


def test_a_suppressed_recipient_is_recorded_and_does_not_raise(sandbox: Sandbox, mailer: Any) -> None:
    mailer(url=sandbox.url, outbox=True)
    outbox_on("default").suppressions.add("bob@example.org", "complaint")
    alone = EmailMessage("Hello", "Hello.", "ada@example.org", ["bob@example.org"])
    among = EmailMessage("Hello", "Hello.", "ada@example.org", ["bob@example.org", "carl@example.org"])

    assert alone.send() == 1
    assert among.send() == 1
    send_queued()

    assert alone.courriel.status == among.courriel.status == "failed"
    assert list(alone.courriel.suppressed) == list(among.courriel.suppressed) == ["bob@example.org"]
    assert "complaint" in alone.courriel.suppressed["bob@example.org"]
    assert [letter.recipients for letter in sandbox.letters] == [("carl@example.org",)]


def test_mail_that_somebody_waits_for_passes_an_unsubscription(sandbox: Sandbox, mailer: Any) -> None:
    mailer(url=sandbox.url, outbox=True)
    outbox_on("default").suppressions.add("bob@example.org", "unsubscribe")
    receipt = EmailMessage("Receipt", "Hello.", "ada@example.org", ["bob@example.org"])
    receipt.courriel_options = {"stream": "transactional"}

    receipt.send()
    send_queued()

    assert receipt.courriel.status == "sent"


def test_bounces_are_taken_by_a_command_and_told_by_signals(sandbox: Sandbox, mailer: Any) -> None:
    mailer(url=sandbox.url, outbox=True)
    heard: list[dict[str, str]] = []

    def on_returned(ticket: Any, result: Any, **_: Any) -> None:
        heard.append({name: standing.value for name, standing in result.standings.items()})

    message().send()
    send_queued()
    sandbox.bounce(sandbox.letters[-1])
    mailbox = sandbox.imap_url.replace("://", "://ada%40example.org:secret@")
    out = io.StringIO()
    returned.connect(on_returned)
    try:
        call_command("courriel_bounces", mailbox, "--once", stdout=out)
    finally:
        returned.disconnect(on_returned)

    assert out.getvalue() == "returned bob@example.org 550 5.1.1 no such user\n"
    assert heard == [{"bob@example.org": "returned"}]
    with pytest.raises(CommandError, match="no profile has the name"):
        call_command("courriel_bounces", "nobox", "--once")
