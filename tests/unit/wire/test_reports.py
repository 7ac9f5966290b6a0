"""Reports about earlier mails: each form of bounce, complaint and automatic reply, and what is none."""

from __future__ import annotations

import base64
import pickle
import sys
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courriel import (
    Letter,
    Message,
    RecipientReport,
    Report,
    ReportKind,
    Sandbox,
    Security,
    Server,
    SmtpSession,
    failures,
)
from unit.wire import report_letters as letters


def report_in(raw: bytes) -> Report:
    found = Letter.parse(raw).report
    assert found is not None
    return found


def only(raw: bytes) -> RecipientReport:
    (recipient,) = report_in(raw).recipients
    return recipient


# Delivery reports of the standard.


def test_a_bounce_of_postfix_has_all_that_it_says() -> None:
    report = report_in(letters.delivery_report(letters.POSTFIX))

    assert report.kind is ReportKind.DELIVERY
    assert report.certain
    assert report.message_id == "<invoice-1@example.org>"
    assert report.envid == "QQ314159"
    assert report.reporting_mta == "mx.example.org"
    assert report.arrival_date == datetime.fromisoformat("2026-11-30T09:00:00+01:00")
    assert report.original_header("subject") == "Rechnung für November"
    assert report.recipients == (
        RecipientReport(
            recipient="bob@example.net",
            action="failed",
            status="5.1.1",
            diagnostic="550 5.1.1 <bob@example.net>: Recipient address rejected: User unknown in virtual mailbox table",
            remote_mta="mail.example.net",
            original_recipient="robert@example.org",
        ),
    )
    assert report.failed == report.recipients
    assert report.recipients[0].permanent


def test_each_recipient_has_its_own_fate() -> None:
    full, late = report_in(letters.delivery_report(letters.SENDMAIL)).recipients

    assert (full.action, full.status, full.permanent) == ("failed", "5.2.2", True)
    assert (late.recipient, late.action, late.status, late.permanent) == (
        "carol@example.net",
        "delayed",
        "4.4.1",
        False,
    )


def test_the_status_is_the_more_exact_one_of_two() -> None:
    assert only(letters.delivery_report(letters.EXIM)).status == "5.1.1"
    assert only(letters.delivery_report(letters.EXIM.replace("550 5.1.1", "451 4.7.1"))).status == "5.0.0"
    assert only(letters.delivery_report(letters.POSTFIX.replace("Status: 5.1.1", "Status: 5.7.1"))).status == "5.7.1"


def test_a_reason_that_stands_in_the_text_alone_is_found_there() -> None:
    status = letters.EXIM.partition("Remote-MTA")[0]
    text = "The following address(es) failed:\n\n  bob@example.net\n    550 5.1.1 nobody\n    lives here\n\nSorry.\n"

    recipient = only(letters.delivery_report(status, text=text))

    assert (recipient.diagnostic, recipient.status) == ("550 5.1.1 nobody lives here", "5.1.1")


def test_a_server_is_named_without_its_address() -> None:
    report = report_in(letters.delivery_report(letters.GMAIL, original=None))

    assert report.recipients[0].remote_mta == "mail.example.net"
    assert report.recipients[0].status == "5.1.1"


@pytest.mark.parametrize(("header", "text"), [letters.FRENCH, letters.GERMAN], ids=["French", "German"])
def test_the_language_of_a_report_does_not_matter(header: str, text: str) -> None:
    report = report_in(letters.delivery_report(letters.EXCHANGE, header=header, text=text, original=None))

    assert report.certain
    assert report.recipients[0].status == "5.1.10"
    assert report.message_id == "<invoice-1@example.org>", "by what it answers: nothing came back"


@pytest.mark.parametrize(
    ("fields", "charset"),
    [
        ("Content-Type: message/global-delivery-status", "8bit"),
        ("Content-Type: message/global-delivery-status\nContent-Transfer-Encoding: base64", "base64"),
    ],
)
def test_addresses_beyond_ascii_are_read_as_they_are_meant(fields: str, charset: str) -> None:
    status = letters.UTF_8 if charset == "8bit" else base64.encodebytes(letters.UTF_8.encode()).decode()
    original = "Content-Type: message/global-headers", letters.HEAD

    report = report_in(letters.delivery_report(status, status_type=fields, original=original))

    assert report.recipients[0].recipient == "用户@example.net"
    assert report.recipients[0].original_recipient == "andré@example.net"
    assert report.recipients[0].diagnostic == "550 5.6.7 l'adresse n'est pas acceptée"
    assert report.message_id == "<invoice-1@example.org>"


@pytest.mark.parametrize(
    "original",
    [
        ("Content-Type: text/rfc822-headers", letters.HEAD),
        ("Content-Type: message/rfc822-headers", letters.HEAD),
        ("Content-Type: message/global", letters.ORIGINAL),
        (
            "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64",
            base64.encodebytes(letters.ORIGINAL.encode()).decode(),
        ),
        ("Content-Type: message/rfc822", letters.ORIGINAL[:-30]),
    ],
)
def test_the_mail_comes_back_in_many_ways(original: tuple[str, str]) -> None:
    report = report_in(letters.delivery_report(letters.POSTFIX, original=original))

    assert report.message_id == "<invoice-1@example.org>"
    assert dict(report.original_headers)["From"] == "Ada <ada@example.org>"


def test_a_mail_that_does_not_come_back_is_not_known() -> None:
    report = report_in(letters.delivery_report(letters.POSTFIX, original=None))

    assert report.message_id == ""
    assert report.original_headers == ()
    assert report.original_header("Subject") == ""
    assert report.recipients[0].recipient == "bob@example.net"


@pytest.mark.parametrize(
    ("end", "recipients", "message_id"),
    [
        ("Reporting-MTA: dns", [], ""),
        ("Final-Recipient: rfc822; bob@example.net", ["bob@example.net"], ""),
        ("Diagnostic-Code: smtp", ["bob@example.net"], ""),
        ("Content-Type: message/rfc822", ["bob@example.net"], ""),
        ("Message-ID: <invoice-1@example.org>", ["bob@example.net"], "<invoice-1@example.org>"),
    ],
)
def test_a_report_that_was_cut_off_says_what_is_left(end: str, recipients: list[str], message_id: str) -> None:
    whole = letters.delivery_report(letters.POSTFIX)

    report = report_in(whole[: whole.index(end.encode()) + len(end)])

    assert report.kind is ReportKind.DELIVERY
    assert [each.recipient for each in report.recipients] == recipients
    assert report.message_id == message_id


@pytest.mark.parametrize(
    ("field", "action", "status"),
    [
        ("Action: failed (expanded)", "failed", "5.1.1"),
        ("Action: FAILED", "failed", "5.1.1"),
        ("Action: error\nStatus: 4.0.0", "failed", "4.0.0"),
        ("X-Action: none", "failed", "5.1.1"),
        ("Action: relayed\nStatus: 2.0.0", "relayed", "2.0.0"),
        ("Action: expanded\nStatus: 2.0.0", "expanded", "2.0.0"),
        ("Action: delivered\nStatus: 2.1.5 (250 ok)", "delivered", "2.1.5"),
        ("Action: vanished", "failed", "5.1.1"),
        ("Status: unknown", "failed", "5.1.1"),
    ],
)
def test_actions_and_codes_are_read_as_they_are_written(field: str, action: str, status: str) -> None:
    rest = "\n".join(
        line
        for line in letters.POSTFIX.split("\n")
        if not line.startswith(("Action:", "Status:", "Diagnostic", "    "))
    )
    fields = field if "Status" in field else f"{field}\nStatus: 5.1.1"
    fields += "\nDiagnostic-Code: smtp; 550 5.1.1 no" if "unknown" in field else ""

    recipient = only(letters.delivery_report(rest.replace("Remote-MTA", f"{fields}\nRemote-MTA")))

    assert (recipient.action, recipient.status) == (action, status)


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("rfc822;<bob@example.net>", "bob@example.net"),
        ("bob@example.net", "bob@example.net"),
        ("<bob@example.net>", "bob@example.net"),
        ("X-LOCAL; bob", "bob"),
        ("rfc822; bob@example.net (Bob (the first))", "bob@example.net"),
        ('rfc822; "bob (1)"@example.net', '"bob (1)"@example.net'),
        ("rfc822; bob\\x{41}@example.net", "bob\\x{41}@example.net"),
        ("utf-8; bob\\x{FFFFFF}@example.net", "bob\\x{FFFFFF}@example.net"),
        ("utf-8; bob\\x{0A}x", "bob x"),
    ],
)
def test_recipients_are_read_with_any_type(value: str, address: str) -> None:
    status = letters.EXIM.replace("rfc822;bob@example.net", value)

    assert only(letters.delivery_report(status)).recipient == address


def test_fields_of_the_first_recipient_may_follow_without_an_empty_line() -> None:
    report = report_in(letters.delivery_report(letters.POSTFIX.replace("\n\n", "\n")))

    assert report.envid == "QQ314159"
    assert report.recipients[0].recipient == "bob@example.net"


def test_a_bounce_within_a_multipart_of_a_filter_is_found() -> None:
    raw = letters.delivery_report(letters.POSTFIX, content_type="multipart/mixed")

    assert not report_in(raw).certain


def test_exchange_is_a_server_even_where_the_sender_is_not_told() -> None:
    header = letters.FRENCH[0].replace("Return-Path: <>\n", "")

    report = report_in(letters.delivery_report(letters.EXCHANGE, header=header, content_type="multipart/mixed"))

    assert report.recipients[0].status == "5.1.10"


def test_a_bounce_that_a_person_forwards_is_none() -> None:
    raw = letters.delivery_report(letters.POSTFIX, content_type="multipart/mixed", header="From: bob@example.net\n")

    assert Letter.parse(raw).report is None


def test_a_bounce_of_a_bounce_is_about_the_bounce() -> None:
    inner = letters.delivery_report(letters.SENDMAIL).decode().replace("=_b", "=_inner").replace("\r\n", "\n")

    report = report_in(letters.delivery_report(letters.POSTFIX, original=("Content-Type: message/rfc822", inner)))

    assert [each.recipient for each in report.recipients] == ["bob@example.net"]
    assert report.message_id == "<report-1@mx.example.org>"


def test_mails_within_mails_are_not_entered() -> None:
    nested = letters.ORIGINAL
    for depth in range(300):
        head = f'Message-ID: <{depth}@x>\nContent-Type: multipart/mixed; boundary="{depth}"\n'
        nested = f"{head}\n--{depth}\nContent-Type: message/rfc822\n\n{nested}\n--{depth}--\n"

    report = report_in(letters.delivery_report(letters.POSTFIX, original=("Content-Type: message/rfc822", nested)))

    assert report.message_id == "<299@x>"


@pytest.mark.slow
def test_a_report_of_very_many_recipients_is_read_up_to_a_limit() -> None:
    head, _, recipient = letters.POSTFIX.partition("\n\n")
    many = "\n\n".join(recipient.replace("bob", f"bob{number}").strip() for number in range(11_000))

    report = report_in(letters.delivery_report(f"{head}\n\n{many}", original=None))

    assert 9_999 <= len(report.recipients) <= 10_001


def test_what_a_report_says_is_of_one_line_and_visible() -> None:
    status = letters.EXIM.replace("no such user here", "no\x1b[31m such\n user =?utf-8?q?=E2=82=AC?=\x07")

    assert only(letters.delivery_report(status)).diagnostic == "550 5.1.1 no\ufffd[31m such user €\ufffd"


# What failures mean.


def test_a_failure_is_explained_in_the_language_that_is_spoken() -> None:
    recipient = only(letters.delivery_report(letters.POSTFIX))

    failures.speak("fr")
    try:
        french = recipient.explanation
    finally:
        failures.speak(None)

    assert recipient.failure is not None
    assert "does not exist" in recipient.explanation
    assert "n'existe pas" in french
    assert recipient.hint


def test_what_did_not_fail_is_not_explained() -> None:
    delivered = RecipientReport("bob@example.net", "delivered", "2.0.0", "550 5.1.1 no such user")
    unknown = RecipientReport("bob@example.net", "failed", "", "it rained")

    assert (delivered.failure, delivered.explanation, delivered.hint) == (None, "", "")
    assert (unknown.explanation, unknown.permanent) == ("", False)
    assert not RecipientReport("bob@example.net", "delayed", "5.1.1").permanent


# Bounces of no standard.


def test_a_bounce_of_qmail_names_its_recipients_and_their_reasons() -> None:
    report = report_in(letters.plain_bounce(letters.QMAIL))

    assert not report.certain
    assert [(each.recipient, each.action, each.status) for each in report.recipients] == [
        ("bob@example.net", "failed", "5.1.1"),
        ("carol@mx.example.org", "failed", "5.1.1"),
    ]
    assert "Remote host said: 550" in report.recipients[0].diagnostic
    assert report.message_id == "<invoice-1@example.org>"


def test_a_bounce_of_an_old_exim_is_told_by_its_field() -> None:
    raw = letters.plain_bounce(letters.OLD_EXIM, more="X-Failed-Recipients: bob@example.net\n")

    report = report_in(raw)

    assert [(each.recipient, each.status) for each in report.recipients] == [("bob@example.net", "5.1.1")]
    assert report.recipients[0].diagnostic.startswith("SMTP error from remote mail server after RCPT TO:")
    assert report.message_id == "<invoice-1@example.org>"
    assert not report.certain


def test_a_failed_recipient_of_whom_nothing_is_said_is_there_all_the_same() -> None:
    raw = letters.plain_bounce("Sorry.\n", more="X-Failed-Recipients: bob@example.net, carol@example.net\n", copy="")

    assert [(each.recipient, each.status, each.diagnostic) for each in report_in(raw).recipients] == [
        ("bob@example.net", "", ""),
        ("carol@example.net", "", ""),
    ]


@pytest.mark.parametrize(
    ("text", "action", "status"),
    [(letters.MDAEMON, "failed", "5.1.1"), (letters.EXIM_WARNING, "delayed", "")],
    ids=["MDaemon", "a warning of Exim"],
)
def test_odd_forms_are_recognised_by_the_extra(text: str, action: str, status: str) -> None:
    (recipient,) = report_in(letters.plain_bounce(text, copy="")).recipients

    assert (recipient.recipient, recipient.action) == ("bob@example.net", action)
    assert status in recipient.status


def test_a_reply_code_alone_tells_the_class_of_the_failure() -> None:
    text = letters.OLD_EXIM.replace("550 5.1.1 unknown user", "550 unknown user")

    assert only(letters.plain_bounce(text, more="X-Failed-Recipients: bob@example.net\n")).status == "5.0.0"


def test_an_absence_that_reads_like_a_bounce_is_an_absence() -> None:
    raw = letters.letter("Return-Path: <>\nFrom: bob@example.net\nAuto-Submitted: auto-replied\n", letters.MDAEMON)

    assert report_in(raw).kind is ReportKind.AUTO_REPLY


def test_without_the_extra_nothing_raises_and_the_standard_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "flufl.bounce", None)

    assert report_in(letters.delivery_report(letters.POSTFIX)).recipients
    assert report_in(letters.plain_bounce(letters.QMAIL)).recipients
    odd = Letter.parse(letters.plain_bounce(letters.MDAEMON, copy="")).report
    assert odd is None or odd.kind is ReportKind.AUTO_REPLY


def test_what_the_extra_cannot_read_is_no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(message: object) -> None:
        raise ValueError(message)

    monkeypatch.setattr("flufl.bounce.all_failures", broken)

    odd = Letter.parse(letters.plain_bounce(letters.MDAEMON, copy="")).report
    assert odd is None or odd.kind is ReportKind.AUTO_REPLY


# Complaints.


def test_a_complaint_names_who_complained_about_what() -> None:
    report = report_in(letters.complaint())

    assert report.kind is ReportKind.COMPLAINT
    assert report.certain
    assert [each.recipient for each in report.recipients] == ["bob@example.net"]
    assert (report.recipients[0].action, report.recipients[0].permanent) == ("", False)
    assert (report.feedback_type, report.reported_domain) == ("abuse", "example.org")
    assert (report.message_id, report.envid) == ("<invoice-1@example.org>", "QQ314159")
    assert report.reporting_mta == "mail.example.net"
    assert report.arrival_date is not None


def test_a_complaint_may_hide_its_author() -> None:
    hidden = letters.FEEDBACK.replace("Original-Rcpt-To: <bob@example.net>\n", "")
    redacted = letters.HEAD.replace("bob@example.net", "redacted@example.net")

    report = report_in(letters.complaint(hidden, original=("Content-Type: text/rfc822-headers", redacted)))

    assert report.recipients == (), "a To that somebody has changed is not believed"
    assert report.message_id == "<invoice-1@example.org>"


def test_several_recipients_and_empty_lines_between_the_fields() -> None:
    fields = letters.FEEDBACK.replace(
        "Original-Rcpt-To: <bob@example.net>\n",
        "\nOriginal-Rcpt-To: <bob@example.net>\n\nOriginal-Rcpt-To: <carol@x.org>\n",
    )

    report = report_in(letters.complaint(fields))

    assert [each.recipient for each in report.recipients] == ["bob@example.net", "carol@x.org"]


def test_a_complaint_of_hotmail_names_the_recipient_in_the_mail() -> None:
    report = report_in(letters.microsoft_complaint())

    assert report.kind is ReportKind.COMPLAINT
    assert not report.certain
    assert [each.recipient for each in report.recipients] == ["bob@example.net"]
    assert report.message_id == "<invoice-1@example.org>"


@pytest.mark.parametrize("kind", ["not-spam", "auth-failure"])
def test_feedback_that_is_no_complaint_is_none(kind: str) -> None:
    assert Letter.parse(letters.complaint(letters.FEEDBACK.replace("abuse", kind))).report is None


def test_a_complaint_without_its_type_is_not_certain() -> None:
    report = report_in(letters.complaint(letters.FEEDBACK.replace("Feedback-Type: abuse\n", "")))

    assert (report.feedback_type, report.certain) == ("abuse", False)


# Automatic replies and challenges.


@pytest.mark.parametrize(
    ("subject", "fields", "certain"),
    [
        ("Away", "Auto-Submitted: auto-replied\n", True),
        ("Away", "Auto-Submitted: auto-replied; owner-email=bob\n", True),
        ("Away", "Auto-Submitted: auto-replied (vacation)\nReturn-Path: <>\nPrecedence: bulk\n", True),
        ("Away", "X-Autoreply: yes\n", False),
        ("Away", "Precedence: auto_reply\n", False),
        ("=?utf-8?Q?R=C3=A9ponse_automatique=C2=A0:_Facture?=", "X-Auto-Response-Suppress: All\n", False),
        ("Automatische Antwort: Rechnung", "Auto-Submitted: auto-generated\n", False),
        ("Out of office: Invoice", "Return-Path: <>\n", False),
    ],
)
def test_automatic_replies_are_recognised(subject: str, fields: str, certain: bool) -> None:
    report = report_in(letters.answer(subject, fields))

    assert report.kind is ReportKind.AUTO_REPLY
    assert (report.certain, report.message_id, report.recipients) == (certain, "<invoice-1@example.org>", ())


@pytest.mark.parametrize(
    ("subject", "fields"),
    [
        ("Re: Invoice", ""),
        ("Re: Automatic reply: Invoice", ""),
        ("Automatic reply: how it works", ""),
        ("Backup done", "Auto-Submitted: auto-generated\n"),
        ("Away", "Auto-Submitted: no\n"),
        ("Away", "X-Autoreply: no\n"),
        ("Away", "Auto-Submitted: auto-replied\nList-Id: <news.example.net>\n"),
        ("Away", "Auto-Submitted: auto-replied\nPrecedence: list\n"),
        ("Newsletter", "Precedence: bulk\nReturn-Path: <>\nList-Post: <mailto:a@example.net>\n"),
    ],
)
def test_other_letters_are_no_reports(subject: str, fields: str) -> None:
    assert Letter.parse(letters.answer(subject, fields)).report is None


@pytest.mark.parametrize(
    ("subject", "fields", "sender"),
    [
        ("Please confirm your message", "Auto-Submitted: auto-replied\n", "bob@example.net"),
        ("Re: Invoice", "Reply-To: bob-confirm-1480495934.12345.6a09e667f3bc@example.net\n", "bob@example.net"),
        ("Invoice (verification)", "", "bob-1@spamarrest.com"),
        ("=?utf-8?Q?Demande_d=E2=80=99authentification?=", "Precedence: bulk\n", "bob@example.net"),
    ],
)
def test_challenges_are_recognised(subject: str, fields: str, sender: str) -> None:
    report = report_in(letters.answer(subject, fields, sender=sender))

    assert (report.kind, report.certain) == (ReportKind.CHALLENGE, False)
    assert report.message_id == "<invoice-1@example.org>"


def test_a_person_who_asks_to_confirm_is_no_challenge() -> None:
    assert Letter.parse(letters.answer("Please confirm your message")).report is None


def test_a_confirmation_of_receipt_is_an_automatic_reply() -> None:
    fields = "Reporting-UA: laptop; Mailer\nFinal-Recipient: rfc822;bob@example.net\n"
    fields += "Original-Message-ID: <invoice-1@example.org>\nDisposition: manual-action/MDN-sent-manually; displayed\n"
    raw = letters.multipart(
        letters.COMPLAINT_HEADER,
        "multipart/report; report-type=disposition-notification",
        [("Content-Type: text/plain", "Read."), ("Content-Type: message/disposition-notification", fields)],
    )

    report = report_in(raw)

    assert report.kind is ReportKind.AUTO_REPLY
    assert [each.recipient for each in report.recipients] == ["bob@example.net"]
    assert report.message_id == "<invoice-1@example.org>"


@pytest.mark.parametrize("kind", ["tlsrpt", "delivery-status", ""])
def test_a_report_without_its_parts_is_none(kind: str) -> None:
    raw = letters.multipart(
        letters.COMPLAINT_HEADER, f"multipart/report; report-type={kind}", [("Content-Type: text/plain", "Nothing.")]
    )

    assert Letter.parse(raw).report is None


# How a letter has it.


def test_a_letter_of_a_person_is_not_fetched_for_it() -> None:
    def fetched() -> bytes:
        raise AssertionError("fetched")

    letter = Letter.partial(letters.person().partition(b"\r\n\r\n")[0], fetched)

    assert letter.report is None


def test_a_letter_that_may_be_one_is_fetched_once() -> None:
    raw = letters.delivery_report(letters.POSTFIX)
    fetched: list[bytes] = []

    def fetch() -> bytes:
        fetched.append(raw)
        return raw

    letter = Letter.partial(raw.partition(b"\r\n\r\n")[0], fetch)

    assert letter.report is letter.report
    assert letter.report is not None
    assert len(fetched) == 1


@pytest.mark.slow
def test_a_captured_mail_has_the_same_report() -> None:
    with Sandbox() as sandbox:
        with SmtpSession(Server(sandbox.host, sandbox.port, Security.NONE)) as session:
            session.send(Message.parse(letters.delivery_report(letters.POSTFIX)))
        (captured,) = sandbox.letters

    assert captured.report == report_in(letters.delivery_report(letters.POSTFIX))


def test_a_report_is_a_value() -> None:
    report = report_in(letters.delivery_report(letters.POSTFIX))

    assert pickle.loads(pickle.dumps(report)) == report
    assert "Rechnung" not in repr(report)


@pytest.mark.slow
@given(st.binary(max_size=600), st.sampled_from([0, 300, 700, 900, 1400]))
def test_no_octets_raise(octets: bytes, position: int) -> None:
    for raw in (
        letters.delivery_report(letters.POSTFIX),
        letters.complaint(),
        letters.plain_bounce(letters.QMAIL),
        letters.plain_bounce(letters.MDAEMON),
    ):
        _ = Letter.parse(raw[:position] + octets + raw[position:]).report
