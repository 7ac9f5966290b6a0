"""The backend that sends at once: options, counts, errors, receipts, and the octets that arrive."""

from __future__ import annotations

import asyncio
import pickle
import smtplib
import socket
import threading
from contextlib import suppress
from email.message import MIMEPart
from pathlib import Path
from typing import Any

import django
import pytest
from django.conf import settings as django_settings
from django.core import mail
from django.core.mail import EmailMultiAlternatives, send_mail
from django.core.management import call_command

import courriel
from courriel import Letter, Receipt, Sandbox, errors
from courriel.integrations.django import EmailBackend, refused, sent
from courriel.integrations.django.sending import pools
from courriel.integrations.django.sending.options import InvalidMailer

MAILERS = django.VERSION >= (6, 1)


def message(**more: Any) -> EmailMultiAlternatives:
    given = {
        "subject": "Été",
        "body": "Bonjour.\n.\n",
        "from_email": "Ada <ada@example.org>",
        "to": ["bob@example.org"],
    }
    return EmailMultiAlternatives(**{**given, **more})


@pytest.fixture
def nowhere() -> str:
    """The URL of a server that is away."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"smtp://127.0.0.1:{taken.getsockname()[1]}"


# Options.


@pytest.mark.usefixtures("no_mailers")
def test_two_settings_send_a_mail(sandbox: Sandbox, settings: Any) -> None:
    settings.COURRIEL_URL = sandbox.url

    number = message().send()

    assert number == 1
    assert sandbox.wait_for(subject="Été").recipients == ("bob@example.org",)


@pytest.mark.parametrize("alias", [None, "billing"])
def test_an_unknown_option_is_refused_with_the_alias(alias: str | None, settings: Any) -> None:
    with pytest.raises(InvalidMailer, match="ulr") as wrong:
        EmailBackend(alias=alias, ulr="smtp://localhost:25") if alias else EmailBackend(ulr="smtp://localhost:25")

    assert alias is None or repr(alias) in str(wrong.value)


@pytest.mark.usefixtures("no_mailers")
def test_an_unknown_setting_is_refused(settings: Any) -> None:
    settings.COURRIEL = {"hots": "localhost"}

    with pytest.raises(InvalidMailer, match="hots"):
        EmailBackend()


@pytest.mark.parametrize("url", ["smpt://localhost", "smtp://mail.example.org?pool=x", 3])
def test_a_url_that_cannot_be_used_is_refused_when_the_mailer_is_made(url: Any) -> None:
    with pytest.raises(InvalidMailer):
        EmailBackend(url=url)


def test_a_password_in_a_wrong_url_is_not_told() -> None:
    with pytest.raises(InvalidMailer) as wrong:
        EmailBackend(url="smtps://ada:geheim@mail.example.org?bad=1")

    assert "geheim" not in str(wrong.value)


def test_options_of_the_smtp_backend_are_understood() -> None:
    backend = EmailBackend(host="mail.example.org", port=2525, username="a@b", password="p/w", use_tls=True, timeout=7)

    route = backend.options.route
    assert isinstance(route, courriel.Route)
    assert route.url == courriel.Route.parse("smtp+starttls://a%40b:p%2Fw@mail.example.org:2525?timeout=7").url
    assert route.read_secret() == "p/w"


@pytest.mark.usefixtures("no_mailers")
def test_the_settings_of_the_smtp_backend_are_read_without_mailers(settings: Any, sandbox: Sandbox) -> None:
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", courriel.Route.parse(sandbox.url).server.port

    assert message().send() == 1


@pytest.mark.skipif(not MAILERS, reason="MAILERS came with Django 6.1")
def test_with_mailers_the_settings_of_the_smtp_backend_are_not_read(sandbox: Sandbox, mailer: Any) -> None:
    mailer(url=sandbox.url)  # reading EMAIL_HOST would raise AttributeError now

    assert send_mail("x", "y", None, ["bob@example.org"]) == 1


def test_a_login_of_the_call_replaces_that_of_the_url() -> None:
    backend = EmailBackend(url="smtps://ada:one@mail.example.org", username="eve", password="two")

    assert isinstance(backend.options.route, courriel.Route)
    assert (backend.options.route.user, backend.options.route.read_secret()) == ("eve", "two")


# Counting, opening, failing.


def test_messages_are_counted_and_those_without_recipients_passed_over(sandbox: Sandbox, mailer: Any) -> None:
    backend = mailer(url=sandbox.url)

    assert backend.send_messages([message(), message(to=[]), message()]) == 2
    assert backend.send_messages([]) == 0
    assert len(sandbox.letters) == 2


def test_open_says_whether_it_opened_something(sandbox: Sandbox, mailer: Any) -> None:
    backend = mailer(url=sandbox.url)

    assert (backend.open(), backend.open()) == (True, False)
    backend.close()
    assert backend.open() is True


def test_a_server_that_is_away_is_an_oserror(nowhere: str, mailer: Any) -> None:
    mail_to_bob = message()
    backend = mailer(url=nowhere)

    with pytest.raises(OSError, match="Connection refused"):
        backend.send_messages([mail_to_bob])
    with pytest.raises(OSError, match="Connection refused"):
        backend.open()
    assert isinstance(mail_to_bob.courriel, errors.ConnectionFailed)


def test_fail_silently_passes_over_a_server_that_is_away(nowhere: str) -> None:
    backend = EmailBackend(url=nowhere, fail_silently=True)

    assert backend.open() is None
    assert backend.send_messages([message(), message()]) == 0


def test_fail_silently_does_not_hide_a_mistake_of_the_program(sandbox: Sandbox) -> None:
    backend = EmailBackend(url=sandbox.url, fail_silently=True)

    with pytest.raises(errors.InvalidAddress):
        backend.send_messages([message(to=["bob"])])


def test_refusals_are_errors_of_smtplib_too(sandbox: Sandbox, mailer: Any) -> None:
    sandbox.refuse("bob@example.org")
    backend = mailer(url=sandbox.url)

    with pytest.raises(smtplib.SMTPRecipientsRefused) as refusal:
        backend.send_messages([message()])

    error = refusal.value
    assert isinstance(error, errors.RecipientsRefused)
    assert isinstance(error, OSError)
    assert error.recipients["bob@example.org"][0] == 550
    again = pickle.loads(pickle.dumps(error))
    assert isinstance(again, smtplib.SMTPException)
    assert (again.recipients, str(again), again.hint) == (error.recipients, str(error), error.hint)


def test_a_refused_sender_has_the_code_of_smtplib(sandbox: Sandbox, mailer: Any) -> None:
    sandbox.answer("sender", "550 5.7.1 not you")
    backend = mailer(url=sandbox.url)

    with pytest.raises(smtplib.SMTPSenderRefused) as refusal:
        backend.send_messages([message()])

    assert refusal.value.smtp_code == 550
    assert b"not you" in refusal.value.smtp_error


def test_what_was_sent_before_an_error_has_its_receipt(sandbox: Sandbox, mailer: Any) -> None:
    sandbox.refuse("eve@example.org")
    first, second, third = message(), message(to=["eve@example.org"]), message()

    with pytest.raises(smtplib.SMTPException):
        mailer(url=sandbox.url).send_messages([first, second, third])

    assert isinstance(first.courriel, Receipt)
    assert isinstance(second.courriel, errors.RecipientsRefused)
    assert not hasattr(third, "courriel")


# Receipts and signals.


def test_the_receipt_has_the_fate_of_each_recipient(sandbox: Sandbox, mailer: Any) -> None:
    sandbox.refuse("eve@example.org")
    mailer(url=sandbox.url)
    several = message(to=["bob@example.org"], cc=["eve@example.org"], bcc=["zoe@example.org"])

    assert several.send() == 1
    assert several.courriel.accepted == ("bob@example.org", "zoe@example.org")
    assert several.courriel.refused["eve@example.org"].code == 550


def test_signals_tell_what_was_sent_and_what_was_refused(sandbox: Sandbox, mailer: Any) -> None:
    sandbox.refuse("eve@example.org")
    mailer(url=sandbox.url)
    heard: list[tuple[str, Any]] = []

    def on_sent(sender: Any, message: Any, result: Any, **_: Any) -> None:
        heard.append(("sent", result))
        raise RuntimeError("a receiver that fails disturbs no mail")

    def on_refused(sender: Any, mailer: str, message: Any, result: Any, **_: Any) -> None:
        heard.append((f"refused by {mailer}", result))

    sent.connect(on_sent)
    refused.connect(on_refused)
    try:
        message().send()
        message(to=["bob@example.org", "eve@example.org"]).send()
        with pytest.raises(smtplib.SMTPException):
            message(to=["eve@example.org"]).send()
    finally:
        sent.disconnect(on_sent)
        refused.disconnect(on_refused)

    assert [what for what, _ in heard] == ["sent", "refused by default", "refused by default"]
    assert isinstance(heard[-1][1], errors.RecipientsRefused)


# What arrives.


def parts(content: bytes) -> list[tuple[str, str, bytes | None]]:
    """Type, disposition and decoded content of each part, read by the standard library."""
    import email

    read = email.message_from_bytes(content)
    return [
        (part.get_content_type(), part.get("Content-Disposition", ""), part.get_payload(decode=True))
        for part in read.walk()
    ]


def rich() -> EmailMultiAlternatives:
    made = message(
        cc=["Zoé <zoe@example.org>"],
        bcc=["secret@example.org"],
        reply_to=["desk@example.org"],
        headers={"X-Order": "42", "List-Unsubscribe": "<mailto:off@example.org>"},
        body="Bonjour, voilà.\r\n.\r\nFrom here on\n" + "long " * 300,
    )
    made.attach_alternative("<p>Voilà <img src='cid:logo'></p>", "text/html")
    made.attach("données.bin", bytes(range(256)) * 9, "application/octet-stream")
    made.attach("a.csv", "é;1\r\n", "text/csv")
    made.attach("inner.eml", message(subject="inside"), "message/rfc822")
    if django.VERSION >= (6, 0):
        image = MIMEPart()
        image.set_content(b"\x89PNG", maintype="image", subtype="png", disposition="inline", cid="<logo>")
        made.attach(image)
    else:
        from email.mime.image import MIMEImage

        old_image = MIMEImage(b"\x89PNG", "png")
        old_image.add_header("Content-ID", "<logo>")
        old_image.add_header("Content-Disposition", "inline")
        made.attach(old_image)
    return made


def test_what_django_writes_is_what_arrives(sandbox: Sandbox, mailer: Any) -> None:
    from courriel.integrations.django.sending.messages import outgoing

    mailer(url=sandbox.url)
    several = rich()
    written = several.message()
    several.message = lambda **_: written  # type: ignore[method-assign] # Date and Message-ID differ with each call
    out = outgoing(several)
    assert out is not None

    assert several.send() == 1
    content = sandbox.wait_for().content

    assert content == b"".join(out.content.content.pieces)
    assert parts(content.replace(b"\r\n", b"\n")) == parts(written.as_bytes())
    assert b"secret@" not in content
    assert next(part for part in parts(content) if part[0] == "image/png")[2] == b"\x89PNG"
    letter = Letter.parse(content)
    assert [str(file.name) for file in letter.attachments][:2] == ["données.bin", "a.csv"]


def test_a_bcc_in_the_headers_is_not_sent(sandbox: Sandbox, mailer: Any) -> None:
    mailer(url=sandbox.url)

    with suppress(ValueError):  # which Django says from 6.1 on
        message(headers={"Bcc": "hidden@example.org"}).send()

    assert not any(b"hidden@" in letter.content for letter in sandbox.letters)


# Bad input.


@pytest.mark.parametrize(
    "recipient",
    ["bob@example.org, eve@example.org", "bob@example.org,eve@example.org", "bob@example.org;eve@example.org"],
)
def test_a_form_field_with_several_addresses_is_no_recipient(recipient: str, sandbox: Sandbox, mailer: Any) -> None:
    mailer(url=sandbox.url)

    with pytest.raises(ValueError, match="address"):
        message(to=[recipient]).send()
    assert not sandbox.letters


@pytest.mark.parametrize("field", ["to", "cc", "bcc"])
@pytest.mark.parametrize("break_", ["\n", "\r", "\r\n"])
def test_a_line_break_in_an_address_is_refused(field: str, break_: str, sandbox: Sandbox, mailer: Any) -> None:
    mailer(url=sandbox.url)

    with pytest.raises(ValueError, match=r"newline|control character|linefeed"):
        message(**{"to": ["zoe@example.org"], field: [f"bob@example.org{break_}Bcc: eve@example.org"]}).send()
    assert not sandbox.letters


def test_a_sender_without_a_domain_is_refused_in_our_words(sandbox: Sandbox, mailer: Any, settings: Any) -> None:
    settings.DEFAULT_FROM_EMAIL = "webmaster"
    mailer(url=sandbox.url)

    with pytest.raises(errors.InvalidAddress, match="webmaster"):
        send_mail("x", "y", None, ["bob@example.org"])


def test_an_attachment_that_is_a_closed_file_is_refused(sandbox: Sandbox, mailer: Any, tmp_path: Any) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(b"%PDF")
    with path.open("rb") as file:
        mail_with_file = message()
        mail_with_file.attach("a.pdf", file, "application/pdf")
    mailer(url=sandbox.url)

    with pytest.raises(ValueError, match="Django cannot write this message"):
        mail_with_file.send()
    assert not sandbox.letters


def test_a_key_without_an_outbox_is_refused(sandbox: Sandbox, mailer: Any) -> None:
    mailer(url=sandbox.url)

    with pytest.raises(errors.UsageError, match="outbox"):
        message(headers={"Courriel-Key": "invoice-42"}).send()
    assert not sandbox.letters


def test_more_recipients_than_a_server_takes_are_sent_apart(sandbox: Sandbox, mailer: Any) -> None:
    mailer(url=sandbox.url)
    many = message(bcc=[f"reader{number}@example.org" for number in range(2500)])

    assert many.send() == 1

    assert len(many.courriel.accepted) == 2501
    assert many.courriel.complete
    assert [len(letter.recipients) for letter in sandbox.letters] == [1000, 1000, 501]
    assert len({Letter.parse(letter.content).message_id for letter in sandbox.letters}) == 1


# Pools.


def test_threads_and_backends_share_the_sessions_of_one_pool(sandbox: Sandbox, mailer: Any) -> None:
    mailer(url=sandbox.url)

    threads = [threading.Thread(target=lambda: [message().send() for _ in range(5)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(sandbox.letters) == 40
    assert len(sandbox.sessions) <= pools.SIZE


def test_captured_mail_does_not_leave_by_a_pool_that_is_open(
    sandbox: Sandbox, mailer: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    mailer(url=sandbox.url)
    message().send()

    monkeypatch.setenv("COURRIEL_CAPTURE", str(tmp_path))
    captured = message()
    captured.send()

    assert len(sandbox.letters) == 1
    assert captured.courriel.complete
    assert len(list(tmp_path.iterdir())) >= 1


def test_an_async_view_sends(sandbox: Sandbox, mailer: Any) -> None:
    from asgiref.sync import sync_to_async

    mailer(url=sandbox.url)

    async def view() -> int:
        return await sync_to_async(message().send)()

    assert asyncio.run(view()) == 1
    assert asyncio.run(view()) == 1
    assert len(sandbox.sessions) == 1


# What Django itself sends.


def test_what_django_sends_goes_the_same_way(
    sandbox: Sandbox, mailer: Any, settings: Any, db: Any, client: Any
) -> None:
    from django.contrib.auth.models import User

    settings.ADMINS = ["root@example.org"] if MAILERS else [("Root", "root@example.org")]
    mailer(url=sandbox.url)
    User.objects.create_user("ada", "ada@example.org", "secret-word-1")

    call_command("sendtestemail", "bob@example.org", "--admins")
    mail.mail_admins("fire", "in the cellar")
    client.post("/password_reset/", {"email": "ada@example.org"})

    assert [str(letter.recipients[0]).partition("@")[0] for letter in sandbox.letters] == ["bob", "root", "root", "ada"]


def test_admins_get_errors_by_the_handler(sandbox: Sandbox, mailer: Any, settings: Any) -> None:
    import logging

    from django.utils.log import AdminEmailHandler

    settings.ADMINS = ["root@example.org"] if MAILERS else [("Root", "root@example.org")]
    mailer(url=sandbox.url)
    handler = AdminEmailHandler(include_html=True, **({"using": "default"} if MAILERS else {}))

    handler.emit(logging.LogRecord("shop", logging.ERROR, __file__, 1, "it burns", None, None))

    assert "it burns" in sandbox.wait_for(to="root@example.org").subject


def test_the_outbox_of_djangos_tests_is_as_ever(mailoutbox: Any, settings: Any) -> None:
    message().send()

    assert [each.subject for each in mailoutbox] == ["Été"]
    assert [each.subject for each in mail.outbox] == ["Été"]
    assert MAILERS or django_settings.EMAIL_BACKEND.endswith("locmem.EmailBackend")


# A provider by HTTPS requests.


def test_a_mailer_sends_by_an_http_provider(mailer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _ = pytest.importorskip("trustme")  # not in every environment of `make pythons`
    from servers.authority import Authority
    from servers.http_providers import http_provider_server

    authority = Authority.in_folder(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca_file))
    monkeypatch.setenv("MAILJET_SECRET", "key-secret-1")
    with http_provider_server(authority) as server:
        server.senders = {"ada@example.org"}
        mailer(url=f"mailjet://PUBLIC@{server.place}?password=env:MAILJET_SECRET")
        made = message(bcc=["carol@example.org"])

        number = made.send()

        assert number == 1
        assert server.taken[0].recipients == ["bob@example.org", "carol@example.org"]
        assert made.courriel.server == server.place
