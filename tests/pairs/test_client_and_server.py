"""Our client against our server, with nothing between them: whole, by line and by octet."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from courriel import errors
from courriel.dialogue.server.handler import Answer, ServerConfig, ServerHandler, ServerLimits, ServerSession
from courriel.dialogue.server.handler import Disconnect as CutLine
from courriel.dialogue.server.smtp import SmtpServerDialogue
from courriel.dialogue.smtp.client import SmtpDialogue
from courriel.model.content import Content
from courriel.model.envelope import Envelope, Notify, Return
from courriel.model.receipt import Receipt
from courriel.model.servers.credentials import Credentials, Password, TokenSource
from courriel.model.servers.server import Dialect, Security, Server
from courriel.model.submission import Submission
from courriel.reply import Reply
from courriel.wire.smtp.parameters import RcptTo
from fast_part import examples
from pairs.runner import CUTS, Cut, KeepingHandler, Pair

BODY = b"Subject: x\r\n\r\nhello\r\n.\r\n..two\r\n"
ENVELOPE = Envelope.of("ada@example.org", ["bob@example.org", "eve@example.org"])
SERVER = Server("localhost", 25, Security.NONE)
MECHANISMS = ("SCRAM-SHA-256", "CRAM-MD5", "PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER")


@pytest.fixture(params=CUTS)
def cut(request: pytest.FixtureRequest) -> Cut:
    chosen: Cut = request.param
    return chosen


class Post(KeepingHandler):
    """Knows Ada, and has no room for Eve if told so."""

    def __init__(self, *, refuse: str = "", message: Answer | None = None) -> None:
        super().__init__()
        self.refuse = refuse
        self.said_to_message = message
        self.sessions: list[ServerSession] = []

    def check(self, user: str, secret: str) -> bool:
        return (user, secret) == ("ada", "sesame")

    def secret_of(self, user: str) -> str | None:
        return "sesame" if user == "ada" else None

    def recipient(self, session: ServerSession, recipient: RcptTo) -> Answer | None:
        return Reply(550, ("5.1.1 no such user",)) if recipient.address.spec == self.refuse else None

    def message(self, session: ServerSession, delivery: object) -> Answer | None:  # type: ignore[override]
        if self.said_to_message is None:
            super().message(session, delivery)  # type: ignore[arg-type]
        return self.said_to_message


class Session:
    """One client and its servers."""

    def __init__(
        self,
        cut: Cut,
        handler: ServerHandler,
        config: ServerConfig | None = None,
        server: Server = SERVER,
        credentials: Credentials | None = None,
    ) -> None:
        self.client = SmtpDialogue(server, credentials)
        self.sessions: list[ServerSession] = []
        self.pair = Pair(lambda: self._serve(handler, config or ServerConfig()), cut)

    def _serve(self, handler: ServerHandler, config: ServerConfig):  # type: ignore[no-untyped-def]
        self.sessions.append(ServerSession())
        return SmtpServerDialogue(handler, config, self.sessions[-1]).serve()

    def open(self) -> Session:
        self.pair.run(self.client.open())
        return self

    def send(self, body: bytes = BODY, envelope: Envelope = ENVELOPE) -> Receipt:
        eight_bit = not body.isascii()
        return self.pair.run(
            self.client.deliver(Submission(envelope, Content((body,), len(body), eight_bit=eight_bit), "<x@y>"))
        )


def test_what_is_sent_is_what_is_received(cut: Cut) -> None:
    handler = Post()
    session = Session(cut, handler).open()

    receipts = [session.send(), session.send()]
    session.pair.run(session.client.close())

    assert [delivery.content for delivery in handler.deliveries] == [BODY, BODY]
    assert [receipt.complete for receipt in receipts] == [True, True]
    assert [delivery.findings for delivery in handler.deliveries] == [(), ()]
    assert len(session.sessions) == 1


def test_a_refused_recipient_does_not_decide_for_the_other(cut: Cut) -> None:
    handler = Post(refuse="eve@example.org")

    receipt = Session(cut, handler).open().send()

    assert receipt.accepted == ("bob@example.org",)
    assert receipt.refused == {"eve@example.org": Reply(550, ("5.1.1 no such user",))}
    assert [len(delivery.recipients) for delivery in handler.deliveries] == [1]


def test_when_nobody_is_accepted_nothing_arrives_and_the_session_goes_on(cut: Cut) -> None:
    handler = Post(refuse="eve@example.org")
    session = Session(cut, handler).open()

    with pytest.raises(errors.RecipientsRefused):
        session.send(envelope=Envelope.of(None, "eve@example.org"))

    assert session.send(envelope=Envelope.of(None, "bob@example.org")).complete
    assert len(handler.deliveries) == 1


def test_a_refused_message_leaves_the_session_usable(cut: Cut) -> None:
    handler = Post(message=Reply(554, ("5.6.0 not this one",)))
    session = Session(cut, handler).open()

    with pytest.raises(errors.MessageRefused) as refused:
        session.send()
    handler.said_to_message = None

    assert str(refused.value.reply) == "554 5.6.0 not this one"
    assert session.send().complete


def test_a_line_cut_after_the_dot_leaves_the_message_in_doubt(cut: Cut) -> None:
    session = Session(cut, Post(message=CutLine())).open()

    with pytest.raises(errors.ConnectionFailed) as lost:
        session.send()

    assert lost.value.in_doubt
    assert not lost.value.retryable


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_every_mechanism_of_the_client_is_understood_by_the_server(mechanism: str, cut: Cut) -> None:
    by_token = mechanism in ("XOAUTH2", "OAUTHBEARER")
    credentials = TokenSource("ada", lambda: "sesame") if by_token else Password("ada", "sesame")
    session = Session(cut, Post(), ServerConfig(mechanisms=(mechanism,)), credentials=credentials)

    session.open()

    assert session.client.mechanism.upper() == mechanism
    assert session.sessions[-1].user == "ada"


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_a_wrong_secret_is_refused_by_every_mechanism(mechanism: str, cut: Cut) -> None:
    by_token = mechanism in ("XOAUTH2", "OAUTHBEARER")
    credentials = TokenSource("ada", lambda: "wrong") if by_token else Password("ada", "wrong")
    session = Session(cut, Post(), ServerConfig(mechanisms=(mechanism,)), credentials=credentials)

    with pytest.raises(errors.AuthenticationRefused) as refused:
        session.open()

    assert refused.value.reply.code == 535
    assert session.sessions[-1].user == ""


def test_names_and_passwords_in_any_characters_log_in(cut: Cut) -> None:
    class Polyglot(Post):
        def check(self, user: str, secret: str) -> bool:
            return (user, secret) == ("adé,=", "mot de passe ß €")

        def secret_of(self, user: str) -> str | None:
            return "mot de passe ß €" if user == "adé,=" else None

    for mechanism in ("SCRAM-SHA-256", "PLAIN", "LOGIN", "CRAM-MD5"):
        session = Session(
            cut, Polyglot(), ServerConfig(mechanisms=(mechanism,)), credentials=Password("adé,=", "mot de passe ß €")
        )

        session.open()

        assert session.sessions[-1].user == "adé,="


def test_starttls_then_login_then_mail(cut: Cut) -> None:
    handler = Post()
    server = Server("localhost", 587, Security.STARTTLS)
    config = ServerConfig(starttls=True, mechanisms=MECHANISMS, login_required=True, login_needs_tls=True)
    session = Session(cut, handler, config, server, Password("ada", "sesame")).open()

    session.send()

    assert session.sessions[-1].secured
    assert session.sessions[-1].findings == []
    assert len(handler.deliveries) == 1


def test_options_of_the_envelope_arrive(cut: Cut) -> None:
    handler = Post()
    envelope = Envelope.of(
        "ada@example.org", "bob@example.org", notify=frozenset((Notify.FAILURE,)), ret=Return.FULL, envid="a+b=c"
    )

    Session(cut, handler).open().send("é\r\n".encode(), envelope)

    (delivery,) = handler.deliveries
    assert (delivery.origin.ret, delivery.origin.envid, delivery.origin.eight_bit) == (Return.FULL, "a+b=c", True)
    assert delivery.recipients[0].notify == {Notify.FAILURE}
    assert delivery.recipients[0].original == "rfc822;bob@example.org"


def test_addresses_beyond_ascii_arrive_as_they_are(cut: Cut) -> None:
    handler = Post()

    Session(cut, handler).open().send(envelope=Envelope.of("é@例え.jp", "用户@例え.jp"))

    (delivery,) = handler.deliveries
    assert delivery.origin.sender is not None
    assert delivery.origin.sender.spec == "é@例え.jp"
    assert delivery.recipients[0].address.spec == "用户@例え.jp"


def test_a_message_above_the_limit_is_not_even_begun(cut: Cut) -> None:
    handler = Post()
    session = Session(cut, handler, ServerConfig(limits=ServerLimits(message=10))).open()

    with pytest.raises(errors.NotSupported):
        session.send()

    assert handler.deliveries == []


def test_lmtp_gives_each_recipient_a_fate(cut: Cut) -> None:
    class Local(ServerHandler):
        def message(self, session: ServerSession, delivery: object) -> dict[str, Reply]:  # type: ignore[override]
            return {"eve@example.org": Reply(452, ("4.2.2 full",))}

    session = Session(
        cut, Local(), ServerConfig(dialect=Dialect.LMTP), Server("localhost", 24, Security.NONE, dialect=Dialect.LMTP)
    )

    receipt = session.open().send()

    assert receipt.accepted == ("bob@example.org",)
    assert set(receipt.refused) == {"eve@example.org"}


@pytest.mark.slow
@given(st.lists(st.sampled_from([b"\r\n", b".", b"..", b"a", b"\xc3\xa9"]), max_size=40), st.sampled_from(CUTS))
@settings(max_examples=examples(100), deadline=None)
def test_any_content_arrives_to_the_octet(parts: list[bytes], cut: Cut) -> None:
    content = re.sub(rb"(?<!\r\n)\Z", b"\r\n", b"".join(parts))
    handler = Post()

    Session(cut, handler).open().send(content)

    assert [delivery.content for delivery in handler.deliveries] == [content]
