"""aiosmtpd, somebody else's server, understands what our client says: what its handler got is what we said."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest
import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword
from aiosmtpd.smtp import Session as TheirSession

import courriel
from courriel import Message, Password, Security, Server, Timeouts, Trust, errors
from courriel.model.servers.credentials import Credentials
from courriel.wire.mime.build import content_of
from hostile.lists import hostile, shown
from session.play import Awaiting, Blocking, Session

USER, SECRET = "été@example.org", "pässwörd ☃"
MESSAGE = Message(sender="Ada <ada@example.org>", to="bob@example.org", subject="L'été", text=".\n..\nÉté\n.x\n")


@dataclass
class Desk:
    """What aiosmtpd calls; it keeps everything."""

    envelopes: list[Envelope] = field(default_factory=list)
    sessions: list[TheirSession] = field(default_factory=list)

    async def handle_RCPT(
        self, server: SMTP, session: TheirSession, envelope: Envelope, address: str, rcpt_options: list[str]
    ) -> str:
        if address.startswith("nobody"):
            return "550 5.1.1 no such user"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(rcpt_options)
        return "250 ok"

    async def handle_DATA(self, server: SMTP, session: TheirSession, envelope: Envelope) -> str:
        self.envelopes.append(envelope)
        self.sessions.append(session)
        return "250 2.0.0 kept"


class Office:
    """aiosmtpd in a loop of its own, in a thread of its own."""

    def __init__(self, context: ssl.SSLContext | None, options: dict[str, object]) -> None:
        self.handler = Desk()
        self.port = 0
        self._options = options
        self._context = context
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._closing = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),), daemon=True)
        self._thread.start()
        assert self._ready.wait(20)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._closing.set)
        self._thread.join(20)
        self._loop.close()

    async def _serve(self) -> None:
        handlers: list[SMTP] = []

        def answer() -> SMTP:
            handlers.append(SMTP(self.handler, hostname="mx.example.org", loop=self._loop, **self._options))  # type: ignore[arg-type]
            return handlers[-1]

        server = await self._loop.create_server(answer, "127.0.0.1", 0, ssl=self._context)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._closing.wait()
        server.close()
        await server.wait_closed()
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)


Hire = Callable[..., tuple[Desk, Session]]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def certificate(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.fixture(params=[Blocking, Awaiting])
def hire(request: pytest.FixtureRequest, authority: trustme.CA, certificate: ssl.SSLContext) -> Iterator[Hire]:
    """An aiosmtpd with these options, and a session with it, opened."""
    with ExitStack() as ending:

        def hire(
            security: Security = Security.NONE, credentials: Credentials | None = None, **options: object
        ) -> tuple[Desk, Session]:
            if security is Security.STARTTLS:
                options["tls_context"] = certificate
            office = Office(certificate if security is Security.TLS else None, options)
            ending.callback(office.close)
            server = Server(
                "127.0.0.1",
                office.port,
                security,
                ehlo_name="client.example.org",
                trust=Trust.data(authority.cert_pem.bytes()),
                timeouts=Timeouts.silence(20),
            )
            session: Session = request.param(server, credentials)
            ending.callback(session.leave)
            session.open()
            return office.handler, session

        yield hire


def on_the_line(message: Message, session: Session) -> bytes:
    """The octets that the session sends for this message."""
    known = session.session.capabilities
    return bytes(content_of(message, eight_bit="8BITMIME" in known, utf8="SMTPUTF8" in known))


@pytest.mark.parametrize("utf8", [False, True])
@pytest.mark.parametrize("security", [Security.NONE, Security.STARTTLS, Security.TLS])
def test_it_gets_what_was_said(hire: Hire, security: Security, utf8: bool) -> None:
    handler, session = hire(security, enable_SMTPUTF8=utf8)

    receipt = session.send(MESSAGE)
    expected = on_the_line(MESSAGE, session)
    session.close()

    (envelope,) = handler.envelopes
    assert receipt.complete
    assert str(receipt.reply) == "250 2.0.0 kept"
    assert envelope.original_content == expected
    assert (envelope.mail_from, envelope.rcpt_tos) == ("ada@example.org", ["bob@example.org"])
    assert f"SIZE={len(expected)}" in envelope.mail_options
    assert not envelope.smtp_utf8
    assert handler.sessions[0].host_name == "client.example.org"
    assert handler.sessions[0].extended_smtp
    assert (handler.sessions[0].ssl is not None or security is Security.TLS) == (security is not Security.NONE)


def test_an_address_that_is_not_ascii_is_said_as_utf8(hire: Hire) -> None:
    handler, session = hire(enable_SMTPUTF8=True)
    message = Message(sender="été@bücher.example", to="用户@例え.jp", subject="x", text="x")

    session.send(message)

    (envelope,) = handler.envelopes
    assert envelope.smtp_utf8
    assert (envelope.mail_from, envelope.rcpt_tos) == ("été@bücher.example", ["用户@例え.jp"])
    assert envelope.original_content == on_the_line(message, session)


def test_an_address_that_is_not_ascii_needs_a_server_that_knows_it(hire: Hire) -> None:
    handler, session = hire(enable_SMTPUTF8=False)

    with pytest.raises(errors.CourrielError) as missing:
        session.send(Message(sender="ada@example.org", to="été@example.org", text="x"))

    assert missing.value.session_usable
    assert missing.value.failure is not None
    assert missing.value.failure.id == "ADDRESS-NEEDS-SMTPUTF8"
    assert handler.envelopes == []
    assert session.send(MESSAGE).complete


def test_a_domain_that_is_not_ascii_needs_nothing(hire: Hire) -> None:
    handler, session = hire(enable_SMTPUTF8=False)

    session.send(Message(sender="ada@example.org", to="ada@bücher.example", text="x"))

    assert handler.envelopes[0].rcpt_tos == ["ada@xn--bcher-kva.example"]


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
@pytest.mark.parametrize("secret", [SECRET, "wrong"])
@pytest.mark.parametrize("security", [Security.NONE, Security.STARTTLS])
def test_it_knows_who_logged_in(hire: Hire, mechanism: str, secret: str, security: Security) -> None:
    def authenticate(server: SMTP, session: TheirSession, envelope: Envelope, asked: str, data: object) -> AuthResult:
        assert isinstance(data, LoginPassword)
        known = (data.login, data.password) == (USER.encode(), SECRET.encode())
        return AuthResult(success=known and asked == mechanism, handled=False, auth_data=data.login)

    options = {
        "authenticator": authenticate,
        "auth_require_tls": security is Security.STARTTLS,
        "auth_required": security is Security.STARTTLS,  # it warns of demanding a login in clear
        "auth_exclude_mechanism": {"PLAIN", "LOGIN"} - {mechanism},
    }
    credentials = Password(USER, secret)
    if secret == "wrong":
        with pytest.raises(errors.AuthenticationRefused) as refused:
            hire(security, credentials, **options)
        assert refused.value.reply.code == 535
        assert refused.value.tried == (mechanism,)
        assert refused.value.sysexit == 77
        return

    handler, session = hire(security, credentials, **options)
    session.send(MESSAGE)

    assert handler.sessions[0].auth_data == USER.encode()
    assert session.session.mechanism == mechanism


def test_it_keeps_the_refused_apart(hire: Hire) -> None:
    handler, session = hire()

    receipt = session.send(MESSAGE, to=["bob@example.org", "nobody@example.org", "cleo@example.org"])
    with pytest.raises(errors.RecipientsRefused):
        session.send(MESSAGE, to=["bob@example.org", "nobody@example.org"], on_refused="abandon")
    session.send(MESSAGE)

    assert list(receipt.refused) == ["nobody@example.org"]
    assert [envelope.rcpt_tos for envelope in handler.envelopes] == [
        ["bob@example.org", "cleo@example.org"],
        ["bob@example.org"],
    ]


def test_it_refuses_what_is_too_large_before_it_is_sent(hire: Hire) -> None:
    handler, session = hire(data_size_limit=10_000)

    with pytest.raises(errors.NotSupported) as too_big:
        session.send(MESSAGE.with_data(b"x" * 10_000, "x.bin"))

    assert too_big.value.capability == "SIZE"
    assert session.send(MESSAGE).complete
    assert len(handler.envelopes) == 1


@pytest.mark.parametrize("body", [body for body in hostile("bodies") if "\0" not in body], ids=shown)
def test_a_hostile_body_is_its_body(hire: Hire, body: str) -> None:
    handler, session = hire()
    message = Message(sender="ada@example.org", to="bob@example.org", text=body).with_data(body, "a.txt")

    session.send(message)

    assert [envelope.original_content for envelope in handler.envelopes] == [on_the_line(message, session)]


@pytest.mark.slow
def test_a_hundred_messages_arrive_in_order(hire: Hire) -> None:
    handler, session = hire()
    messages = [Message(sender="ada@example.org", to="bob@example.org", text=f"{number}\n") for number in range(100)]

    receipts = [session.send(message) for message in messages]

    assert all(receipt.complete for receipt in receipts)
    assert [envelope.original_content for envelope in handler.envelopes] == [
        on_the_line(message, session) for message in messages
    ]


def test_one_call_is_enough(certificate: ssl.SSLContext) -> None:
    office = Office(None, {})
    try:
        receipt = courriel.send(MESSAGE, via=f"smtp://127.0.0.1:{office.port}?tls=none")
    finally:
        office.close()

    assert receipt.complete
    assert len(office.handler.envelopes) == 1
