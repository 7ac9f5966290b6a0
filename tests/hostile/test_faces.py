"""Hostile addresses and subjects at the command line and under the WLangage names: sent as meant, or not at all."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from courriel import Message, Security, Server, SmtpSession
from courriel.cli.main import main
from courriel.wlangage import (
    Email,
    EmailEnvoieMessage,
    EmailFermeSession,
    EmailOuvreSessionSMTP,
    EmailRAZ,
    ErreurWLangage,
)
from hostile.lists import hostile, shown
from hostile.recorder import Recorder, addresses
from hostile.test_addresses import DECIDED

LAST = "last@example.org"
IS_A_LIST = {"<a@b.c>,<d@e.f>": ["a@b.c", "d@e.f"]}
"""Refused as one address; where a person types a list, it is two of them."""


@pytest.fixture(scope="module")
def server() -> Iterator[Recorder]:
    with Recorder() as recorder:
        yield recorder


def by_command(server: Recorder, recipient: str, subject: str) -> bool:
    way = f"smtp://127.0.0.1:{server.port}?tls=none"
    said = ["--from", "ada@example.org", f"--to={recipient}", f"--subject={subject}", "--text", "x"]
    return main(["send", "--via", way, *said]) == 0


def by_wlangage(server: Recorder, recipient: str, subject: str) -> bool:
    assert EmailOuvreSessionSMTP("ada", "127.0.0.1", server.port)
    try:
        EmailRAZ()
        Email.Expéditeur, Email.Message = "ada@example.org", "x"
        Email.Destinataire, Email.Sujet = recipient, subject
        return bool(EmailEnvoieMessage("ada"))
    except ErreurWLangage:
        return False
    finally:
        EmailFermeSession("ada")


def transactions(server: Recorder) -> list[list[str]]:
    """Every transaction that the server has heard of; a last mail of ours makes sure that all of it has arrived."""
    with SmtpSession(Server("127.0.0.1", server.port, Security.NONE)) as session:
        session.send(Message(sender=LAST, to="bob@example.org", text="x"))
    heard = server.heard()
    while not heard[-1].transaction or LAST not in heard[-1].transaction[0]:
        heard = server.heard(len(heard) + 1)
    return [each.transaction for each in heard[:-1] if each.transaction]


in_both_faces = pytest.mark.parametrize("face", [by_command, by_wlangage])


@in_both_faces
@pytest.mark.parametrize("text", DECIDED, ids=shown)
def test_a_hostile_recipient_gets_the_mail_alone_or_nobody_does(server: Recorder, face: object, text: str) -> None:
    server.forget()
    expected = [DECIDED[text][0]] if DECIDED[text][0] else IS_A_LIST.get(text)

    sent = face(server, text, "Hello")  # type: ignore[operator]

    said = transactions(server)
    assert sent is (expected is not None)
    assert [addresses(each[1:-1], "RCPT TO") for each in said] == ([expected] if expected else [])


@in_both_faces
@pytest.mark.parametrize("text", hostile("header_values"), ids=shown)
def test_a_hostile_subject_adds_nothing(server: Recorder, face: object, text: str) -> None:
    server.forget()

    sent = face(server, "bob@example.org", text)  # type: ignore[operator]

    said = transactions(server)
    assert len(said) == int(sent)
    assert all(addresses(each[1:-1], "RCPT TO") == ["bob@example.org"] for each in said)
