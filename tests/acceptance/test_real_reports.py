"""Reports as real servers write them: what was accepted, and came back or arrived."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from courriel import Letter, Message, Notify, Password, Return, Security, Server, SmtpSession, Trust
from servers.accounts import ADA, BOB
from servers.authority import Authority
from servers.peers import Peer, exim
from servers.postfix import RETURNING, Postfix

pytestmark = pytest.mark.acceptance

GONE = f"gone@{RETURNING}"


def mail(*to: str) -> Message:
    return Message(sender=ADA.user, to=to, subject="Rechnung für November", text="Hello.", message_id="<1@example.org>")


@pytest.fixture
def submission(postfix: Postfix) -> Iterator[SmtpSession]:
    trust = Trust.file(str(postfix.ca_file))
    server = Server(postfix.host, postfix.submission_port, Security.STARTTLS, trust=trust)
    with SmtpSession(server, Password(ADA.user, ADA.password)) as session:
        yield session


@pytest.mark.parametrize("back", [Return.FULL, Return.HEADERS])
def test_postfix_returns_what_was_accepted(postfix: Postfix, submission: SmtpSession, back: Return) -> None:
    submission.send(mail(GONE, BOB.user), envid="order-42+7", ret=back)

    (bounce,) = postfix.letters(ADA.user)
    report = Letter.parse(bounce.raw).report

    assert report is not None
    assert report.certain
    assert (report.message_id, report.envid) == ("<1@example.org>", "order-42+7")
    assert report.original_header("Subject") == "Rechnung für November"
    assert report.reporting_mta == "mx.example.org"
    assert report.arrival_date is not None
    (recipient,) = report.recipients
    assert (recipient.recipient, recipient.action, recipient.status) == (GONE, "failed", "5.1.1")
    assert "doesn't exist" in recipient.diagnostic
    assert recipient.permanent
    assert recipient.failure is not None


def test_postfix_says_that_a_mail_has_arrived(postfix: Postfix, submission: SmtpSession) -> None:
    submission.send(mail(BOB.user), notify=Notify.SUCCESS)

    (note,) = postfix.letters(ADA.user)
    report = Letter.parse(note.raw).report

    assert report is not None
    assert [(each.recipient, each.action) for each in report.recipients] == [(BOB.user, "delivered")]
    assert report.failed == ()


@pytest.fixture(scope="module")
def running_exim(authority: Authority) -> Iterator[Peer]:
    with exim(authority) as running:
        yield running


def test_exim_returns_what_was_accepted(running_exim: Peer) -> None:
    with SmtpSession(running_exim.server()) as session:
        session.send(mail(GONE))

    (raw,) = running_exim.messages(1)
    report = Letter.parse(raw).report

    assert report is not None
    assert report.message_id == "<1@example.org>"
    (recipient,) = report.recipients
    assert (recipient.recipient, recipient.action, recipient.status) == (GONE, "failed", "5.1.1")
    assert "nobody lives here" in recipient.diagnostic
