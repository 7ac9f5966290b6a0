"""The extension for Flask: messages as they arrive, settings, errors under two names, what costs nothing."""

from __future__ import annotations

import email
import email.policy
import io
import logging
import pickle
import smtplib
import subprocess
import sys
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest
from flask import Flask

import courriel
from courriel import Outbox, Sandbox, errors
from courriel.integrations.flask import BadHeaderError, Mail, Message, Unaddressed, email_dispatched
from courriel.integrations.smtplib_errors import as_smtplib_error


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


def app_of(**settings: object) -> tuple[Flask, Mail]:
    app = Flask("shop")
    app.config.update(MAIL_DEFAULT_SENDER=("The shop", "shop@example.org"), **settings)
    return app, Mail(app)


@pytest.fixture
def mail(sandbox: Sandbox) -> Iterator[Mail]:
    app, mail = app_of(MAIL_SERVER=sandbox.host, MAIL_PORT=sandbox.port)
    with app.app_context():
        yield mail


def received(sandbox: Sandbox) -> EmailMessage:
    (letter,) = sandbox.letters
    return email.message_from_bytes(letter.content, policy=email.policy.default)  # type: ignore[return-value]


def test_a_message_arrives_with_all_its_parts(mail: Mail, sandbox: Sandbox) -> None:
    message = Message(
        "Prüfung", recipients=["bob@example.org", ("Cléo", "cleo@example.org")], cc=["dan@example.org"],
        bcc=["eve@example.org"], body="Grüße", html="<p>Grüße</p>", reply_to="help@example.org",
        extra_headers={"X-Shop": "42"},
    )  # fmt: skip
    message.attach("añejo.csv", "text/csv; charset=utf-8", "a;b\n")

    receipt = mail.send(message)

    got = received(sandbox)
    assert receipt is not None
    assert set(receipt.accepted) == {f"{name}@example.org" for name in ("bob", "cleo", "dan", "eve")}
    assert got["Subject"] == "Prüfung"
    assert got["From"] == "The shop <shop@example.org>"
    assert got["To"] == "bob@example.org, Cléo <cleo@example.org>"
    assert (got["Cc"], got["Reply-To"], got["X-Shop"]) == ("dan@example.org", "help@example.org", "42")
    assert "eve" not in str(got)
    assert got.get_body(("plain",)).get_content().rstrip() == "Grüße"  # type: ignore[union-attr]
    assert got.get_body(("html",)).get_content().rstrip() == "<p>Grüße</p>"  # type: ignore[union-attr]
    (file,) = got.iter_attachments()
    assert (file.get_filename(), file.get_content_type()) == ("añejo.csv", "text/csv")
    assert file.get_payload(decode=True) == b"a;b\n"


def test_html_alone_brings_its_text(mail: Mail, sandbox: Sandbox) -> None:
    mail.send_message("x", ["bob@example.org"], html="<p>Hello <b>Bob</b></p>")

    assert "Hello" in received(sandbox).get_body(("plain",)).get_content()  # type: ignore[union-attr]


@pytest.mark.parametrize("charset", ["utf-8", "iso-8859-1", "shift_jis", "koi8-r", "us-ascii"])
def test_long_lines_and_any_character_set_fit(mail: Mail, sandbox: Sandbox, charset: str) -> None:
    mail.send(Message("y" * 2000, ["bob@example.org"], body="x" * 5000, charset=charset))

    got = received(sandbox)
    assert got.get_body(("plain",)).get_content().rstrip() == "x" * 5000  # type: ignore[union-attr]
    assert "".join(got["Subject"].split()) == "y" * 2000


def test_a_mail_within_a_mail_stays_as_it_is(mail: Mail, sandbox: Sandbox) -> None:
    inner = courriel.Message(sender="a@example.org", to="b@example.org", subject="inner", text="x").as_bytes()
    message = Message("x", ["bob@example.org"], body="x")
    message.attach("inner.eml", "message/rfc822", inner)

    mail.send(message)

    (file,) = received(sandbox).iter_attachments()
    assert file.get_payload(0)["Subject"] == "inner"  # type: ignore[index, call-overload]


def test_one_connection_for_many_and_another_after_so_many(sandbox: Sandbox) -> None:
    app, mail = app_of(MAIL_SERVER=sandbox.host, MAIL_PORT=sandbox.port, MAIL_MAX_EMAILS=2)

    with app.app_context(), mail.connect() as connection:
        for number in range(5):
            connection.send_message(str(number), ["bob@example.org"], body="x")

    assert [letter.subject for letter in sandbox.letters] == list("01234")
    assert len(sandbox.sessions) == 3


def test_a_url_says_it_all_and_a_pool_is_kept(sandbox: Sandbox) -> None:
    app, mail = app_of(MAIL_VIA=f"{sandbox.url}&pool=2")

    with app.app_context():
        mail.send_message("1", ["bob@example.org"], body="x")
        mail.send_message("2", ["bob@example.org"], body="x")

    assert len(sandbox.sessions) == 1


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"MAIL_VIA": "smtp://h.example", "MAIL_SERVER": "h.example"}, "MAIL_SERVER"),
        ({"MAIL_USE_TLS": True, "MAIL_USE_SSL": True}, "STARTTLS"),
        ({"MAIL_USE_TLS": "maybe"}, "MAIL_USE_TLS"),
        ({"MAIL_PORT": "smtp"}, "MAIL_PORT"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(settings: dict[str, object], word: str) -> None:
    with pytest.raises(errors.UsageError, match=word):
        app_of(**settings)


def test_settings_may_come_from_the_environment_as_text(sandbox: Sandbox) -> None:
    app, mail = app_of(MAIL_SERVER=sandbox.host, MAIL_PORT=str(sandbox.port), MAIL_USE_TLS="False", MAIL_MAX_EMAILS="5")

    with app.app_context():
        assert mail.send_message("x", ["bob@example.org"], body="x") is not None

    assert "C: STARTTLS" not in str(sandbox.sessions[0].transcript)


def test_starttls_checks_the_certificate(sandbox: Sandbox) -> None:
    app, mail = app_of(MAIL_SERVER=sandbox.host, MAIL_PORT=sandbox.port, MAIL_USE_TLS=True)

    with app.app_context(), pytest.raises(errors.TlsFailed):
        mail.send_message("x", ["bob@example.org"], body="x")

    assert sandbox.letters == []


@pytest.mark.parametrize("field", ["sender", "reply_to"])
def test_a_line_break_in_an_address_sends_nothing(mail: Mail, sandbox: Sandbox, field: str) -> None:
    message = Message("x", ["bob@example.org"], body="x", **{field: "a@example.org\r\nBcc: eve@example.org"})  # type: ignore[arg-type]

    with pytest.raises(BadHeaderError):
        mail.send(message)

    assert sandbox.sessions == []


@pytest.mark.parametrize(
    "extra",
    [{"X-A": "1\r\nBcc: eve@example.org"}, {"X-A\r\nBcc": "eve@example.org"}, {"Bcc": "eve@example.org"},
     {"Content-Type": "text/html"}, {"X-A": "1\n"}],
)  # fmt: skip
def test_extra_headers_add_nothing_behind_the_back(mail: Mail, sandbox: Sandbox, extra: dict[str, str]) -> None:
    with pytest.raises(BadHeaderError):
        mail.send(Message("x", ["bob@example.org"], body="x", extra_headers=extra))

    assert sandbox.sessions == []


@pytest.mark.parametrize("recipient", ["bob@example.org, eve@example.org", "bob", "bob@example.org>", "-x"])
def test_what_is_no_address_sends_nothing(mail: Mail, sandbox: Sandbox, recipient: str) -> None:
    with pytest.raises(errors.InvalidAddress):
        mail.send(Message("x", [recipient], body="x"))

    assert sandbox.sessions == []


def test_esmtp_options_are_understood_or_refused(mail: Mail, sandbox: Sandbox) -> None:
    good = Message("x", ["bob@example.org"], body="x", mail_options=["BODY=8BITMIME", "RET=HDRS", "ENVID=42"],
                   rcpt_options=["NOTIFY=SUCCESS,FAILURE"])  # fmt: skip
    bad = Message("x", ["bob@example.org"], body="x", mail_options=["MT-PRIORITY=3"])

    mail.send(good)
    with pytest.raises(errors.InvalidMessage, match="MT-PRIORITY"):
        mail.send(bad)

    assert len(sandbox.letters) == 1
    said = str(sandbox.sessions[0].transcript)
    assert "RET=HDRS" in said
    assert "NOTIFY=" in said


def test_a_test_records_and_sends_nothing(sandbox: Sandbox) -> None:
    app, mail = app_of(MAIL_SERVER=sandbox.host, MAIL_PORT=sandbox.port, TESTING=True)
    told: list[str] = []

    def listener(sender: Flask, message: Message) -> None:
        told.append(f"{sender.name}: {message.subject}")

    with app.app_context(), mail.record_messages() as outbox, email_dispatched.connected_to(listener):
        assert mail.send_message("x", ["bob@example.org"], body="x") is None

    assert [message.subject for message in outbox] == ["x"]
    assert told == ["shop: x"]
    assert sandbox.sessions == []


def test_nobody_and_from_nobody() -> None:
    app, mail = app_of(MAIL_SUPPRESS_SEND=True)

    with app.app_context():
        with pytest.raises(Unaddressed):
            mail.send(Message("x", body="x"))
        app.extensions["mail"].default_sender = None
        with pytest.raises(AssertionError):
            mail.send(Message("x", ["bob@example.org"], body="x"))


def test_refusals_are_errors_of_smtplib_as_well(mail: Mail, sandbox: Sandbox) -> None:
    sandbox.refuse("bob@example.org")

    with pytest.raises(smtplib.SMTPRecipientsRefused) as caught:
        mail.send_message("x", ["bob@example.org"], body="x")

    assert isinstance(caught.value, errors.RecipientsRefused)
    assert caught.value.recipients["bob@example.org"][0] == 550
    assert not caught.value.retryable
    again = pickle.loads(pickle.dumps(caught.value))
    assert (type(again), again.refused, again.recipients) == (
        type(caught.value), caught.value.refused, caught.value.recipients,
    )  # fmt: skip


def test_an_error_without_a_second_name_stays_itself() -> None:
    error = errors.TimedOut("x")

    assert as_smtplib_error(error) is error


def test_the_conversation_is_told_in_debug_mode_without_the_password(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    app, mail = app_of(MAIL_SERVER=sandbox.host, MAIL_PORT=sandbox.port, MAIL_DEBUG=1, MAIL_USERNAME="ada",
                       MAIL_PASSWORD="opensesame")  # fmt: skip
    app.logger.setLevel(logging.DEBUG)

    with caplog.at_level(logging.DEBUG), app.app_context():
        mail.send_message("x", ["bob@example.org"], body="x")

    assert "RCPT TO:<bob@example.org>" in caplog.text
    assert "opensesame" not in caplog.text
    assert "b3BlbnNlc2FtZQ" not in caplog.text
    assert "opensesame" not in repr(app.extensions["mail"])


def test_the_outbox_keeps_a_message_with_its_hidden_recipients(mail: Mail, sandbox: Sandbox, tmp_path: Path) -> None:
    message = Message("x", ["bob@example.org"], bcc=["eve@example.org"], body="x")

    with Outbox(tmp_path / "outbox.db") as outbox:
        ticket = outbox.put(message.ready(), via=sandbox.url, key="x")
        outbox.run_once()

    (letter,) = sandbox.letters
    assert set(letter.recipients) == {"bob@example.org", "eve@example.org"}
    assert b"eve" not in letter.content
    assert ticket.id


def test_an_app_without_the_extension_says_so() -> None:
    mail = Mail()

    with Flask("shop").app_context(), pytest.raises(errors.UsageError, match="init_app"):
        mail.connect()


@pytest.mark.slow
def test_nothing_of_flask_is_imported_without_it() -> None:
    program = """
import sys
import courriel, courriel.integrations
courriel.Message, courriel.Outbox, courriel.send
assert not {"flask", "starlette", "celery"} & set(sys.modules)
sys.modules["flask"] = None
try:
    import courriel.integrations.flask
except ImportError as error:
    assert isinstance(error, courriel.MissingExtra) and "courriel[flask]" in str(error)
else:
    raise SystemExit("it was imported")
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_a_connection_outside_its_block_sends_nothing_and_says_so(mail: Mail, sandbox: Sandbox) -> None:
    message = Message("x", recipients=["bob@example.org"], body="x")
    connection = mail.connect()
    with mail.record_messages() as recorded:
        with pytest.raises(errors.UsageError, match="is not open"):
            connection.send(message)
        with connection:
            connection.send(message)
        with pytest.raises(errors.UsageError):
            connection.send(message)

    assert len(sandbox.letters) == len(recorded) == 1


@pytest.mark.parametrize("data", [5, [1, 2], io.BytesIO(b"x")])
def test_a_file_is_octets_or_text(mail: Mail, sandbox: Sandbox, data: object) -> None:
    message = Message("x", recipients=["bob@example.org"], body="x")

    with pytest.raises(errors.InvalidMessage, match="octets or text"):
        message.attach("x", "text/plain", data)  # type: ignore[arg-type]

    message.attach("x", "text/plain", b"")
    message.attachments[0].data = data  # type: ignore[assignment]
    with pytest.raises(errors.InvalidMessage, match="text is expected"):
        mail.send(message)
    assert sandbox.letters == []


@pytest.mark.parametrize(
    "wrong",
    [{"subject": "a\ud800"}, {"body": b"x"}, {"body": 5}, {"body": "\udfff"}, {"html": b"x"}, {"date": "today"},
     {"date": 1e20}, {"date": float("nan")}],
    ids=str,
)  # fmt: skip
def test_what_no_message_can_say_is_refused_before_a_connection(
    mail: Mail, sandbox: Sandbox, wrong: dict[str, object]
) -> None:
    message = Message(**{"subject": "x", "recipients": ["bob@example.org"], **wrong})  # type: ignore[arg-type]

    with pytest.raises(errors.InvalidMessage):
        mail.send(message)

    assert sandbox.sessions == []


def test_a_sender_without_a_name_is_its_address(mail: Mail, sandbox: Sandbox) -> None:
    mail.send(Message("x", recipients=["bob@example.org"], body="x", sender=(None, "ada@example.org")))  # type: ignore[arg-type]

    assert received(sandbox)["From"] == "ada@example.org"
