"""Rules for the next mechanism after a refusal, and for a login in clear to another machine."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence

import pytest

from courriel import Password, Security, Server, TokenSource, Trust, errors
from courriel.dialogue.authenticate import LoginLine, authenticate
from courriel.dialogue.flow import Fetch, Flow, ReceivePending, Send
from courriel.dialogue.imap.replies import reply_of
from courriel.dialogue.login_rule import FailedLogin, MechanismOutcome, nobody_listens, strength
from courriel.dialogue.smtp.replies import SmtpReplies
from courriel.model.servers.credentials import Credentials
from courriel.reply import Reply
from courriel.session.server_memory import RememberedFacts
from courriel.wire.imap import syntax
from courriel.wire.pop3 import client_syntax
from courriel.wire.smtp.client_syntax import take_replies

ADA = Password("ada", "secret")
FAR = Server("mail.example.org", 25, Security.NONE, allow_clear_credentials=True)
HERE = Server("127.0.0.1", 25, Security.NONE)
PLUS = "SCRAM-SHA-256-PLUS"


def smtp(text: str) -> Reply:
    (reply,) = take_replies(bytearray(f"{text}\r\n".encode()))
    return reply


def imap_reply(text: str) -> Reply:
    status = syntax.read_status(text.encode())
    assert status is not None
    return reply_of(status)


def failed(reply: Reply, *, mechanism: str = "PLAIN", proved: bool = True, server_error: str = "") -> FailedLogin:
    return FailedLogin(mechanism, errors.AuthenticationRefused(reply), proved, server_error)


@pytest.mark.parametrize(
    ("reply", "before", "after"),
    [
        (smtp("535 5.7.8 wrong"), MechanismOutcome.NOT_JUDGED, MechanismOutcome.JUDGED),
        (
            smtp("535 5.7.8 user rated M, separate accelerated blockchain"),
            MechanismOutcome.NOT_JUDGED,
            MechanismOutcome.JUDGED,
        ),
        (smtp("504 5.5.4 what"), MechanismOutcome.NOT_JUDGED, MechanismOutcome.NOT_JUDGED),
        (smtp("534 5.7.1 weak"), MechanismOutcome.NOT_JUDGED, MechanismOutcome.NOT_JUDGED),
        (smtp("534 5.7.9 weak"), MechanismOutcome.FINAL, MechanismOutcome.FINAL),
        (smtp("454 4.7.0 later"), MechanismOutcome.FINAL, MechanismOutcome.FINAL),
        (smtp("535 mechanism disabled"), MechanismOutcome.NOT_JUDGED, MechanismOutcome.FINAL),
        (smtp("535 5.7.8 account locked out"), MechanismOutcome.FINAL, MechanismOutcome.FINAL),
        (imap_reply("NO [AUTHENTICATIONFAILED] no"), MechanismOutcome.NOT_JUDGED, MechanismOutcome.JUDGED),
        (imap_reply("NO no mechanism available"), MechanismOutcome.NOT_JUDGED, MechanismOutcome.NOT_JUDGED),
        (imap_reply("BAD what"), MechanismOutcome.NOT_JUDGED, MechanismOutcome.NOT_JUDGED),
        (imap_reply("NO [UNAVAILABLE] no"), MechanismOutcome.FINAL, MechanismOutcome.FINAL),
        (imap_reply("NO [AUTHORIZATIONFAILED] no"), MechanismOutcome.FINAL, MechanismOutcome.FINAL),
        (imap_reply("NO [CONTACTADMIN] no"), MechanismOutcome.FINAL, MechanismOutcome.FINAL),
        (client_syntax.read_status(b"-ERR [AUTH] no"), MechanismOutcome.NOT_JUDGED, MechanismOutcome.JUDGED),
        (client_syntax.read_status(b"-ERR no"), MechanismOutcome.NOT_JUDGED, MechanismOutcome.JUDGED),
        (
            client_syntax.read_status(b"-ERR Unknown AUTH mechanism"),
            MechanismOutcome.NOT_JUDGED,
            MechanismOutcome.NOT_JUDGED,
        ),
        (client_syntax.read_status(b"-ERR [SYS/PERM] no"), MechanismOutcome.FINAL, MechanismOutcome.FINAL),
        (client_syntax.read_status(b"-ERR [IN-USE] no"), MechanismOutcome.FINAL, MechanismOutcome.FINAL),
    ],
    ids=str,
)
def test_what_a_refusal_means(reply: Reply, before: MechanismOutcome, after: MechanismOutcome) -> None:
    assert failed(reply, proved=False).outcome is before
    assert failed(reply).outcome is after


@pytest.mark.parametrize(
    ("word", "outcome", "intercepted"),
    [
        ("invalid-proof", MechanismOutcome.JUDGED, False),
        ("unknown-user", MechanismOutcome.JUDGED, False),
        ("other-error", MechanismOutcome.JUDGED, False),
        ("unsupported-channel-binding-type", MechanismOutcome.NOT_JUDGED, False),
        ("channel-binding-not-supported", MechanismOutcome.NOT_JUDGED, False),
        ("extensions-not-supported", MechanismOutcome.NOT_JUDGED, False),
        ("invalid-encoding", MechanismOutcome.NOT_JUDGED, False),
        ("invalid-username-encoding", MechanismOutcome.NOT_JUDGED, False),
        ("no-resources", MechanismOutcome.FINAL, False),
        ("channel-bindings-dont-match", MechanismOutcome.FINAL, True),
        ("server-does-support-channel-binding", MechanismOutcome.FINAL, True),
    ],
)
def test_what_scram_explains(word: str, outcome: MechanismOutcome, intercepted: bool) -> None:
    """RFC 5802 7, each error word."""
    failure = failed(smtp("535 5.7.8 no"), mechanism="SCRAM-SHA-256", server_error=word)

    assert failure.outcome is outcome
    assert failure.intercepted is intercepted


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (smtp("535 5.7.8 no"), MechanismOutcome.FINAL),
        (imap_reply("NO authentication failure"), MechanismOutcome.FINAL),
        (client_syntax.read_status(b"-ERR [AUTH] authenticating: authentication failure"), MechanismOutcome.FINAL),
        (imap_reply("NO bad protocol / cancel"), MechanismOutcome.NOT_JUDGED),
        (client_syntax.read_status(b"-ERR [AUTH] authenticating: bad protocol / cancel"), MechanismOutcome.NOT_JUDGED),
        (smtp("501 5.5.4 undefined error!"), MechanismOutcome.NOT_JUDGED),
    ],
    ids=str,
)
def test_a_bound_proof_is_refused_or_was_not_read(reply: Reply, outcome: MechanismOutcome) -> None:
    """Replies of Cyrus 3.6.1, to a channel binding that it does not know and to a wrong password."""
    assert failed(reply, mechanism=PLUS).outcome is outcome
    assert failed(reply, mechanism=PLUS).intercepted is (outcome is MechanismOutcome.FINAL)


def test_an_expired_password_ends_it_and_an_expired_token_does_not() -> None:
    reply = smtp("535 5.7.8 expired")

    assert failed(reply).outcome is MechanismOutcome.FINAL
    assert failed(reply, mechanism="XOAUTH2").outcome is MechanismOutcome.JUDGED


@pytest.mark.parametrize(
    ("server", "certificate", "alone"),
    [
        (HERE, b"", True),
        (FAR, b"", False),
        (FAR, b"DER", True),
        (Server("mail.example.org", trust=Trust.dangerously_accept_any_certificate()), b"DER", False),
        (Server("mail.example.org", trust=Trust.pin("sha256:" + "0" * 64)), b"DER", True),
    ],
)
def test_nobody_listens_behind_verified_tls_and_on_this_machine(
    server: Server, certificate: bytes, alone: bool
) -> None:
    assert nobody_listens(server, certificate) is alone


def test_the_secret_itself_is_the_weakest() -> None:
    names = [PLUS, "SCRAM-SHA-256", "CRAM-MD5", "PLAIN"]

    assert sorted(names, key=strength, reverse=True) == names
    assert strength("LOGIN") == strength("USER") == strength("PLAIN")
    assert strength("APOP") == strength("CRAM-MD5")


# A connection in clear to another machine, which a test cannot open.


class Answers:
    """Runner of a login with prepared replies, one for each command; keeps the commands' first two words."""

    def __init__(self, *replies: str) -> None:
        self.replies = list(replies)
        self.said: list[str] = []

    def run(self, flow: Flow[tuple[str, ...]]) -> tuple[str, ...]:
        try:
            want = next(flow)
            while True:
                if isinstance(want, Send):
                    self.said.append(" ".join(want.data.decode().split()[:2]))
                answer = b"" if isinstance(want, Send | ReceivePending) else f"{self.replies.pop(0)}\r\n".encode()
                want = flow.send(answer)
        except StopIteration as end:
            return tuple(end.value)


def log_in(
    answers: Answers,
    offered: str,
    *,
    server: Server = FAR,
    certificate: bytes = b"",
    credentials: Credentials = ADA,
    memory: RememberedFacts | None = None,
) -> Sequence[str]:
    line = LoginLine(SmtpReplies(), server, tuple(offered.split()), certificate)
    return answers.run(authenticate(line, credentials, memory))


CHALLENGE = f"334 {b64encode(b'<1@example.org>').decode()}"


@pytest.mark.parametrize("refusal", ["504 no", "535 5.7.8 no"])
def test_nothing_weaker_follows_on_a_clear_line_to_another_machine(refusal: str) -> None:
    """A man in the middle would answer 504 to SCRAM, and get the password."""
    answers = Answers(refusal)

    with pytest.raises(errors.AuthenticationRefused) as refused:
        log_in(answers, "SCRAM-SHA-256 CRAM-MD5 PLAIN LOGIN")

    assert refused.value.tried == ("SCRAM-SHA-256",)
    assert answers.said == ["AUTH SCRAM-SHA-256"]


def test_what_says_no_more_of_the_password_follows_what_the_server_cannot_do() -> None:
    answers = Answers("504 no", "334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6", "235 in")

    assert log_in(answers, "PLAIN LOGIN") == ("PLAIN", "LOGIN")


def test_after_a_judged_proof_nothing_follows_on_a_clear_line_to_another_machine() -> None:
    answers = Answers("535 5.7.8 no")

    with pytest.raises(errors.AuthenticationRefused):
        log_in(answers, "PLAIN LOGIN")

    assert answers.said == ["AUTH PLAIN"]


def test_over_verified_tls_one_more_follows() -> None:
    answers = Answers(CHALLENGE, "535 5.7.8 no", "235 in")

    assert log_in(answers, "CRAM-MD5 PLAIN", certificate=b"no binding") == ("CRAM-MD5", "PLAIN")


def test_what_worked_where_nobody_listened_is_not_said_first_in_clear() -> None:
    memory = RememberedFacts()
    memory.remember_mechanism("ada", "PLAIN")
    answers = Answers("504 no")

    with pytest.raises(errors.AuthenticationRefused) as refused:
        log_in(answers, "CRAM-MD5 PLAIN", memory=memory)

    assert refused.value.tried == ("CRAM-MD5",)


def test_what_worked_and_was_refused_now_is_forgotten() -> None:
    """The password may have changed: the next login begins with the strongest mechanism again."""
    memory = RememberedFacts()
    memory.remember_mechanism("ada", "PLAIN")

    with pytest.raises(errors.AuthenticationRefused) as refused:
        log_in(Answers("535 5.7.8 no", "454 4.7.0 no"), "CRAM-MD5 PLAIN", server=HERE, memory=memory)

    assert refused.value.tried == ("PLAIN", "CRAM-MD5")
    assert memory.auth == {}


def test_what_worked_is_tried_first_where_nothing_stronger_is_offered() -> None:
    memory = RememberedFacts()
    memory.remember_mechanism("ada", "LOGIN")
    answers = Answers("334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6", "235 in")

    assert log_in(answers, "PLAIN LOGIN", memory=memory) == ("LOGIN",)


def test_a_password_that_scram_cannot_carry_leaves_by_another_mechanism() -> None:
    """RFC 4013 forbids some characters; nothing was sent by then."""
    answers = Answers(CHALLENGE, "235 in")

    tried = log_in(answers, "SCRAM-SHA-256 CRAM-MD5", server=HERE, credentials=Password("ada", "a\u0007é"))

    assert tried == ("CRAM-MD5",)


def test_a_token_that_nothing_can_carry_is_refused_before_a_word() -> None:
    answers = Answers()
    source = TokenSource("ada", lambda: "a\1b")
    flow = authenticate(LoginLine(SmtpReplies(), HERE, ("XOAUTH2", "OAUTHBEARER"), b""), source)

    assert isinstance(next(flow), Fetch)
    with pytest.raises(errors.InvalidServer, match="control character"):
        flow.send(b"a\1b")

    assert answers.said == []
