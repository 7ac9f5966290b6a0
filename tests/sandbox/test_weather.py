"""Bad weather of the practice server, by name and by address: each is met by a client as what it is."""

from __future__ import annotations

import contextlib
import re
import socket
from collections.abc import Iterator

import pytest

from courriel import Message, Sandbox, Security, Server, SmtpSession, Timeouts, errors
from courriel.sandbox import weather


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as opened:
        yield opened


def message(to: str = "bob@example.org", text: str = "Ci-joint.") -> Message:
    return Message(sender="ada@example.org", to=[to], subject="Facture", text=text)


def send(sandbox: Sandbox, *messages: Message, security: Security = Security.NONE, limit: float = 10) -> None:
    server = sandbox.server(security)
    limits = Timeouts(**{name: limit for name in Timeouts.__match_args__ if name not in ("opening", "total")})
    patient = Server(server.host, server.port, security, trust=server.trust, timeouts=limits)
    with SmtpSession(patient) as session:
        for each in messages:
            session.send(each)


# Certificates.


@pytest.mark.parametrize(
    ("name", "failure"),
    [
        ("certificate-expired", "CERT-EXPIRED"),
        ("certificate-not-yet-valid", "CERT-NOT-YET-VALID"),
        ("certificate-self-signed", "CERT-SELF-SIGNED"),
        ("certificate-other-name", "CERT-WRONG-NAME"),
        ("certificate-unknown-authority", "CERT-UNKNOWN-ISSUER"),
        ("certificate-weak", "CERT-REFUSED"),
        ("CERT-EXPIRED", "CERT-EXPIRED"),
    ],
)
@pytest.mark.parametrize("security", [Security.TLS, Security.STARTTLS])
def test_a_bad_certificate_is_told_for_what_it_is(
    sandbox: Sandbox, name: str, failure: str, security: Security
) -> None:
    sandbox.play(name, times=1)

    with pytest.raises(errors.TlsFailed) as refused:
        send(sandbox, message(), security=security)

    assert refused.value.failure is not None
    assert refused.value.failure.id == failure
    send(sandbox, message(), security=security)  # the next one is good again
    assert [letter.subject for letter in sandbox.letters] == ["Facture"]


@pytest.mark.parametrize(
    ("name", "failure"),
    [("starttls-stripped", "STARTTLS-NOT-OFFERED"), ("starttls-injected", "INJECTED-BEFORE-TLS")],
)
def test_a_client_that_wants_starttls_does_not_go_on_without_it(sandbox: Sandbox, name: str, failure: str) -> None:
    sandbox.play(name)

    with pytest.raises(errors.CourrielError) as refused:
        send(sandbox, message(), security=Security.STARTTLS)

    assert refused.value.failure is not None
    assert refused.value.failure.id == failure
    assert sandbox.letters == []
    assert set(sandbox.faults_met) == {name}


# The line.


@pytest.mark.slow
def test_the_line_is_cut_at_any_octet_and_the_result_is_never_a_lie(sandbox: Sandbox) -> None:
    whole = _conversation()
    for octets in range(1, len(whole) + 1):
        sandbox.clear()
        sandbox.play(f"cut-at-{octets}", times=1)

        heard = _say(sandbox, whole)

        taken = heard.count(b"\r\n250 2.0.0 Message taken")
        assert len(sandbox.letters) == taken == (octets >= whole.index(b"QUIT")), octets
        assert (b"\r\n221" in heard) == (octets == len(whole)), octets


def test_a_server_that_drips_is_understood(sandbox: Sandbox) -> None:
    sandbox.play("drip", times=1)

    with socket.create_connection((sandbox.host, sandbox.port), timeout=10) as line:
        pieces = [line.recv(1000), line.recv(1000)]

    assert [len(piece) for piece in pieces] == [1, 1]
    assert b"".join(pieces) == b"22"


# After the dot.


@pytest.mark.slow
@pytest.mark.parametrize(("name", "kept"), [("cut-after-dot", 0), ("silence-after-dot", 0), ("answer-lost", 1)])
def test_after_the_dot_the_client_is_in_doubt(sandbox: Sandbox, name: str, kept: int) -> None:
    sandbox.play(name)

    with pytest.raises(errors.CourrielError) as lost:
        send(sandbox, message(), limit=0.5)

    assert lost.value.in_doubt
    assert len(sandbox.letters) == kept


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cut-in-content", "silence-in-content"])
def test_within_the_content_nothing_is_taken(sandbox: Sandbox, name: str) -> None:
    sandbox.play(name)

    with pytest.raises(errors.CourrielError):
        send(sandbox, message(), limit=0.5)

    assert sandbox.letters == []


def test_a_limit_lets_the_first_mails_pass(sandbox: Sandbox) -> None:
    sandbox.play("rate-limit-2")

    send(sandbox, message(), message())
    with pytest.raises(errors.SenderRefused) as refused:
        send(sandbox, message())

    assert refused.value.reply is not None
    assert refused.value.reply.code == 450
    assert len(sandbox.letters) == 2


# By address.


@pytest.mark.parametrize(
    ("local_part", "error", "code"),
    [
        ("refuse-550", errors.RecipientsRefused, 550),
        ("Refuse-452", errors.RecipientsRefused, 452),
        ("refuse-message-554", errors.MessageRefused, 554),
        ("play-greylisted", errors.RecipientsRefused, 451),
        ("cut-after-dot", errors.ConnectionFailed, None),
        ("hang-up-at-data", errors.ConnectionFailed, None),
    ],
)
def test_an_address_asks_for_its_weather(
    sandbox: Sandbox, local_part: str, error: type[errors.CourrielError], code: int | None
) -> None:
    with pytest.raises(error) as refused:
        send(sandbox, message(f"{local_part}@example.org"))

    if code is not None:
        reply = refused.value.reply
        assert reply is not None
        assert reply.code == code
    send(sandbox, message())  # and nobody else's mail is concerned
    assert [letter.recipients for letter in sandbox.letters] == [("bob@example.org",)]


@pytest.mark.parametrize("address", ["refuse-999@example.org", "refuse-@example.org", "cut@example.org", "drip@a.org"])
def test_other_addresses_are_addresses(sandbox: Sandbox, address: str) -> None:
    send(sandbox, message(address))

    assert sandbox.letters[0].recipients == (address,)


def test_weather_of_an_address_ends_with_its_mail(sandbox: Sandbox) -> None:
    with SmtpSession(sandbox.server()) as session:
        with pytest.raises(errors.MessageRefused):
            session.send(message("refuse-message-554@example.org"))
        session.send(message())

    assert len(sandbox.letters) == 1


def test_weather_of_an_address_is_forgotten_with_its_mail(sandbox: Sandbox) -> None:
    begun = b"EHLO a.example\r\nMAIL FROM:<ada@example.org>\r\nRCPT TO:<cut-after-dot@example.org>\r\nRSET\r\n"

    _say(sandbox, begun + _conversation().partition(b"\r\n")[2])

    assert len(sandbox.letters) == 1


# Names.


def test_an_unknown_name_is_refused_with_those_there_are(sandbox: Sandbox) -> None:
    with pytest.raises(errors.UsageError, match="cut-after-dot"):
        sandbox.play("hurricane")


@pytest.mark.parametrize("name", list(weather.NAMES))
def test_every_name_is_one(name: str) -> None:
    filled = re.sub(r"-N\Z", "-7", name.replace("NNN", "550").replace("STAGE", "hello"))

    found = weather.by_name(filled)

    assert found is not None
    assert found.name == filled


# The steps.


def _conversation() -> bytes:
    return (
        b"EHLO a.example\r\nMAIL FROM:<ada@example.org>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n"
        b"From: ada@example.org\r\n\r\nhello\r\n.\r\nQUIT\r\n"
    )


def _say(sandbox: Sandbox, octets: bytes) -> bytes:
    """Say everything at once; returns all that is answered before the line ends."""
    with socket.create_connection((sandbox.host, sandbox.port), timeout=10) as line:
        line.sendall(octets)
        heard = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := line.recv(4096):
                heard += piece
        return heard
