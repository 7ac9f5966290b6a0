"""`send` and `asend`: selection of the route, making the message, warnings, and import costs."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import TypeAlias

import pytest

import courriel
from courriel import AsyncSmtpSession, Message, Receipt, Security, Server, SmtpSession
from courriel.delivery.local import letters
from courriel.delivery.urls.route import Route
from courriel.errors import InvalidMessage, InvalidUrl, UsageError
from session.play import Theatre

Send: TypeAlias = Callable[..., Receipt]

READY = Message.parse(
    b"From: ada@example.org\r\nTo: bob@example.org\r\nMessage-ID: <1@example.org>\r\n"
    b"Date: Mon, 23 Nov 2026 08:00:00 +0000\r\n\r\nhello\r\n"
)
OPENING = """\
S: 220 mx.example.org ready
C: EHLO client.example.org
S: 250-mx.example.org
S: 250-PIPELINING
S: 250 AUTH PLAIN XOAUTH2
"""
SENDING = """\
C: MAIL FROM:<ada@example.org>
C: RCPT TO:<bob@example.org>
C: DATA
S: 250 ok
S: 250 ok
S: 354 go ahead
C: From: ada@example.org
C: To: bob@example.org
C: Message-ID: <1@example.org>
C: Date: Mon, 23 Nov 2026 08:00:00 +0000
C:\x20
C: hello
C: .
S: 250 2.0.0 queued as 42
"""
CLOSING = """\
C: QUIT
S: 221 bye
"""


def awaited(*args: object, **fields: object) -> Receipt:
    return asyncio.run(courriel.asend(*args, **fields))  # type: ignore[arg-type]


@pytest.fixture(params=[courriel.send, awaited], ids=["blocking", "awaiting"])
def send(request: pytest.FixtureRequest) -> Send:
    return request.param


@pytest.fixture
def theatre() -> Iterator[Theatre]:
    theatre = Theatre("whole")
    yield theatre
    theatre.check()


def place(theatre: Theatre, login: str = "", options: str = "") -> str:
    return f"smtp://{login}127.0.0.1:{theatre.port}?ehlo=client.example.org&timeout=5{options}"


# Route.


def test_a_url_opens_sends_and_closes(send: Send, theatre: Theatre) -> None:
    theatre.stage(OPENING + SENDING + CLOSING)

    receipt = send(READY, via=place(theatre))

    assert receipt.accepted == ("bob@example.org",)
    assert receipt.reply.text == "2.0.0 queued as 42"
    assert receipt.message_id == "<1@example.org>"


def test_a_url_with_a_login_logs_in(send: Send, theatre: Theatre, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_WORD", "secret")
    theatre.stage(OPENING + "C: AUTH PLAIN AGFkYQBzZWNyZXQ=\nS: 235 welcome\n" + SENDING + CLOSING)

    receipt = send(READY, via=place(theatre, "ada@", "&auth=plain&password=env:MY_WORD"))

    assert receipt.complete


def test_a_url_with_a_token_fetches_it(send: Send, theatre: Theatre, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", "t0ken")
    theatre.stage(
        OPENING + "C: AUTH XOAUTH2 dXNlcj1hZGEBYXV0aD1CZWFyZXIgdDBrZW4BAQ==\nS: 235 welcome\n" + SENDING + CLOSING
    )

    receipt = send(READY, via=place(theatre, "ada@", "&auth=xoauth2&password=env:MY_TOKEN"))

    assert receipt.complete


def test_a_server_is_a_route_without_a_login(send: Send, theatre: Theatre) -> None:
    theatre.stage(OPENING + SENDING + CLOSING)

    receipt = send(READY, via=Server("127.0.0.1", theatre.port, Security.NONE, ehlo_name="client.example.org"))

    assert receipt.complete


def test_a_profile_name_is_a_route(send: Send, theatre: Theatre) -> None:
    theatre.stage(OPENING + SENDING + CLOSING)
    Path("courriel.toml").write_text(f'[profiles.billing]\nurl = "{place(theatre)}"\n')

    receipt = send(READY, via="billing")

    assert receipt.complete


def test_an_open_session_stays_open(theatre: Theatre) -> None:
    theatre.stage(OPENING + SENDING + SENDING + CLOSING)
    route = Route.parse(place(theatre))
    assert route.server is not None

    with SmtpSession(route.server) as session:
        receipts = [courriel.send(READY, via=session) for _ in range(2)]

        assert session.usable
    assert all(receipt.complete for receipt in receipts)


def test_an_open_async_session_stays_open(theatre: Theatre) -> None:
    theatre.stage(OPENING + SENDING + SENDING + CLOSING)
    route = Route.parse(place(theatre))
    assert route.server is not None

    async def story(server: Server) -> list[Receipt]:
        async with AsyncSmtpSession(server) as session:
            return [await courriel.asend(READY, via=session) for _ in range(2)]

    assert all(receipt.complete for receipt in asyncio.run(story(route.server)))


def test_a_session_of_the_other_kind_is_refused() -> None:
    server = Server("127.0.0.1", 1)

    with pytest.raises(
        UsageError, match=r"send\(\) takes .* an open SmtpSession or SmtpPool, and not AsyncSmtpSession"
    ):
        courriel.send(READY, via=AsyncSmtpSession(server))  # type: ignore[arg-type]
    with pytest.raises(
        UsageError, match=r"asend\(\) takes .* an open AsyncSmtpSession or AsyncSmtpPool, and not SmtpSession"
    ):
        awaited(READY, via=SmtpSession(server))


@pytest.mark.parametrize("via", [25, b"memory:", object()])
def test_an_invalid_route_is_refused(send: Send, via: object) -> None:
    with pytest.raises(UsageError, match=r"takes a URL, a profile, a Route, a Server or an? (Async)?Transport"):
        send(READY, via=via)


def test_a_local_transport_gives_a_receipt(send: Send) -> None:
    receipt = send(READY, via="memory:")

    assert (receipt.server, receipt.message_id) == ("memory:", "<1@example.org>")
    assert receipt.reply.text == "kept in memory"
    assert bytes(READY.content) == letters[0].content


def test_captured_mail_goes_to_no_server_whatever_the_route(send: Send, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURRIEL_CAPTURE", "1")
    server = Server("smtp.example.org")
    session = SmtpSession(server) if send is courriel.send else AsyncSmtpSession(server)

    for via in ("smtps://smtp.example.org", server, Route.parse("smtps://smtp.example.org"), session, None):
        send(READY, via=via)

    assert len(letters) == 5


# Making the message.


def test_fields_make_a_message(send: Send) -> None:
    send(
        sender="Ada <ada@example.org>",
        to="bob@example.org",
        bcc=["hidden@example.org"],
        subject="Été",
        text="Bonjour",
        via="memory:",
    )

    (letter,) = letters
    assert [each.spec for each in letter.envelope.recipients] == ["bob@example.org", "hidden@example.org"]
    assert letter.read()["From"] == "Ada <ada@example.org>"
    assert letter.read()["Subject"] == "Été"
    assert b"hidden" not in letter.content


def test_the_sender_of_the_route_is_the_default(send: Send) -> None:
    way = "memory:?from=Shop%20<shop@example.org>"
    send(to="bob@example.org", text="x", via=way)
    send(to="bob@example.org", text="x", via=way, sender="ada@example.org")

    assert [letter.read()["From"] for letter in letters] == ["Shop <shop@example.org>", "ada@example.org"]


def test_without_any_sender_nothing_is_sent(send: Send) -> None:
    with pytest.raises(InvalidMessage, match=r"\?from=ada@example\.org") as refused:
        send(to="bob@example.org", text="x", via="memory:")

    assert refused.value.hint_id == "NO-SENDER"
    assert not letters


def test_with_a_message_sender_and_recipients_are_those_of_the_envelope(send: Send) -> None:
    send(READY, via="memory:", sender="bounces@example.org", to="carol@example.org")

    (letter,) = letters
    assert letter.envelope.sender is not None
    assert letter.envelope.sender.spec == "bounces@example.org"
    assert [each.spec for each in letter.envelope.recipients] == ["carol@example.org"]
    assert b"carol" not in letter.content


def test_a_message_of_the_standard_library_is_taken_and_its_bcc_is_not_shown(send: Send) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Bcc"] = "ada@example.org", "bob@example.org", "hidden@example.org"
    message.set_content("hello")

    send(message, via="memory:")

    assert [each.spec for each in letters[0].envelope.recipients] == ["bob@example.org", "hidden@example.org"]
    assert b"hidden" not in letters[0].content


def test_a_made_message_takes_no_other_field(send: Send) -> None:
    with pytest.raises(UsageError, match="subject: a message that is made already is not changed"):
        send(READY, via="memory:", subject="other")


@pytest.mark.parametrize(
    ("field", "near"), [("subjet", "subject"), ("on_refuse", "on_refused"), ("require_tsl", "require_tls")]
)
def test_a_mistyped_field_is_refused_with_the_nearest(send: Send, field: str, near: str) -> None:
    with pytest.raises(UsageError, match=rf"'{field}' is not a field of a message \(did you mean '{near}'\?\)"):
        send(to="bob@example.org", sender="ada@example.org", via="memory:", **{field: "x"})


def test_an_invalid_option_is_refused_before_connecting(send: Send) -> None:
    with pytest.raises(UsageError, match=r"deliver.*abandon"):
        send(READY, via="smtps://127.0.0.1:1", on_refused="perhaps")


def test_all_or_nothing_reaches_the_session(send: Send, theatre: Theatre) -> None:
    theatre.stage(
        OPENING
        + "C: MAIL FROM:<ada@example.org>\nC: RCPT TO:<bob@example.org>\nC: RCPT TO:<eve@example.org>\n"
        + "S: 250 ok\nS: 250 ok\nS: 550 5.1.1 no\nC: RSET\nS: 250 ok\n"
        + CLOSING
    )

    with pytest.raises(courriel.errors.RecipientsRefused):
        send(READY, via=place(theatre), to=["bob@example.org", "eve@example.org"], on_refused="abandon")


def test_a_message_that_cannot_be_made_opens_nothing(send: Send) -> None:
    with pytest.raises(courriel.errors.InvalidAddress):
        send(to="nobody", sender="ada@example.org", via="smtps://127.0.0.1:1")


# Warnings.


def test_warnings_are_logged_before_the_line_is_opened(send: Send, caplog: pytest.LogCaptureFixture) -> None:
    # Port 1 is closed: the warning in the log was written before connecting.
    with caplog.at_level(logging.WARNING, "courriel"), pytest.raises(courriel.errors.ConnectionFailed):
        send(READY, via="smtps://127.0.0.1:1?verify=0&timeout=5")

    said = [record for record in caplog.records if getattr(record, "action", "") == "route_warning"]
    assert [record.getMessage()[:43] for record in said] == ["the certificate of 127.0.0.1 is not verifie"]


def test_an_error_says_which_setting_chose_the_server(send: Send, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURRIEL_URL", "smtps://127.0.0.1:1?timeout=5")

    with pytest.raises(courriel.errors.ConnectionFailed) as failed:
        send(READY)
    with pytest.raises(courriel.errors.ConnectionFailed) as by_argument:
        send(READY, via="smtps://127.0.0.1:1?timeout=5")

    assert "This way out (127.0.0.1:1) was set by COURRIEL_URL." in failed.value.__notes__
    assert not [note for note in getattr(by_argument.value, "__notes__", []) if "was set by" in note]


def test_a_wrong_url_is_refused(send: Send) -> None:
    with pytest.raises(InvalidUrl):
        send(READY, via="smtpss://smtp.example.org")


# Import costs.


def test_loading_it_loads_nothing_heavy() -> None:
    heavy = "email asyncio logging ssl subprocess tomllib urllib.parse difflib pathlib click truststore idna getpass"
    program = f"import sys, courriel.delivery.send; print(*[m for m in {heavy.split()!r} if m in sys.modules])"

    loaded = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True).stdout

    assert loaded.split() == []


@pytest.mark.slow
def test_sending_to_memory_loads_neither_email_nor_asyncio_nor_logging() -> None:
    program = (
        "import sys, courriel; courriel.send(sender='a@b.org', to='c@d.org', subject='x', text='y', via='memory:');"
        "print(*[m for m in ('email', 'asyncio', 'logging', 'ssl', 'tomllib') if m in sys.modules])"
    )

    loaded = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True).stdout

    assert loaded.split() == []
