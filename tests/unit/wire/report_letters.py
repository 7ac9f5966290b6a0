"""Letters that machines write about earlier mails, made to the form of each: nobody's mails, everybody's forms."""

from __future__ import annotations

from collections.abc import Sequence

ORIGINAL = """\
Return-Path: <ada@example.org>
Received: from client.example.org by mx.example.org; Mon, 30 Nov 2026 09:00:00 +0100
From: Ada <ada@example.org>
To: bob@example.net
Subject: =?utf-8?Q?Rechnung_f=C3=BCr_November?=
Message-ID: <invoice-1@example.org>
Date: Mon, 30 Nov 2026 09:00:00 +0100

Please find the invoice.
"""
HEAD = ORIGINAL.partition("\n\n")[0] + "\n"

DAEMON = """\
Return-Path: <>
From: Mail Delivery System <MAILER-DAEMON@mx.example.org>
To: ada@example.org
Subject: Undelivered Mail Returned to Sender
Date: Mon, 30 Nov 2026 09:01:00 +0100
Message-ID: <report-1@mx.example.org>
Auto-Submitted: auto-replied
"""


def letter(header: str, body: str) -> bytes:
    """Octets of a letter, with CRLF."""
    return f"{header}\n{body}".replace("\n", "\r\n").encode("utf-8")


def multipart(header: str, content_type: str, parts: Sequence[tuple[str, str]], *, end: str = "--=_b--\n") -> bytes:
    """A multipart of parts, each of MIME fields and a body; without its end it was cut off."""
    body = "".join(f"--=_b\n{fields}\n\n{content}\n" for fields, content in parts)
    return letter(f'{header}MIME-Version: 1.0\nContent-Type: {content_type}; boundary="=_b"\n', body + end)


def delivery_report(
    status: str,
    *,
    text: str = "It could not be delivered.",
    header: str = DAEMON,
    original: tuple[str, str] | None = ("Content-Type: message/rfc822", ORIGINAL),
    status_type: str = "Content-Type: message/delivery-status",
    content_type: str = "multipart/report; report-type=delivery-status",
    end: str = "--=_b--\n",
) -> bytes:
    """A report as RFC 3464 has it: text, fields, and what comes back."""
    parts = [("Content-Type: text/plain; charset=utf-8", text), (status_type, status)]
    return multipart(header, content_type, [*parts, *([original] if original else [])], end=end)


POSTFIX = """\
Reporting-MTA: dns; mx.example.org
Original-Envelope-Id: QQ314159
X-Postfix-Queue-ID: 4F2B81
X-Postfix-Sender: rfc822; ada@example.org
Arrival-Date: Mon, 30 Nov 2026 09:00:00 +0100 (CET)

Final-Recipient: rfc822; bob@example.net
Original-Recipient: rfc822;robert@example.org
Action: failed
Status: 5.1.1
Remote-MTA: dns; mail.example.net
Diagnostic-Code: smtp; 550 5.1.1 <bob@example.net>: Recipient address rejected:
    User unknown in virtual mailbox table
"""
SENDMAIL = """\
Reporting-MTA: dns; mx.example.org
Received-From-MTA: DNS; client.example.org
Arrival-Date: Mon, 30 Nov 2026 09:00:00 +0100

Final-Recipient: RFC822; bob@example.net
Action: failed
Status: 5.2.2
Remote-MTA: DNS; mail.example.net
Diagnostic-Code: SMTP; 552 5.2.2 Mailbox full
Last-Attempt-Date: Mon, 30 Nov 2026 09:00:10 +0100

Final-Recipient: RFC822; carol@example.net
Action: delayed
Status: 4.4.1
Will-Retry-Until: Sat, 5 Dec 2026 09:00:00 +0100
"""
EXIM = """\
Reporting-MTA: dns; mx.example.org

Action: failed
Final-Recipient: rfc822;bob@example.net
Status: 5.0.0
Remote-MTA: dns; mail.example.net
Diagnostic-Code: smtp; 550 5.1.1 no such user here
"""
GMAIL = """\
Reporting-MTA: dns; googlemail.example
Arrival-Date: Mon, 30 Nov 2026 00:00:00 -0800 (PST)
X-Original-Message-ID: <invoice-1@example.org>

Final-Recipient: rfc822; bob@example.net
Action: failed
Status: 5.1.1
Remote-MTA: dns; mail.example.net. (2001:db8::1, the server for the domain example.net.)
Diagnostic-Code: smtp; 550-5.1.1 The email account that you tried to reach does not exist. Please try
 550-5.1.1 double-checking the recipient's email address for typos or
 550 5.1.1 unnecessary spaces.
Last-Attempt-Date: Mon, 30 Nov 2026 00:00:01 -0800 (PST)
"""
EXCHANGE = """\
Reporting-MTA: dns;AM0PR01.eurprd01.prod.exchange.example
Received-From-MTA: dns;mx.example.org
Arrival-Date: Mon, 30 Nov 2026 08:00:00 +0000

Final-Recipient: rfc822;bob@example.net
Action: failed
Status: 5.1.10
Diagnostic-Code: smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound;
 Recipient bob@example.net not found by SMTP address lookup
X-Display-Name: bob@example.net
"""
EXCHANGE_HEADER = """\
Return-Path: <>
From: Microsoft Outlook <MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@example.net>
To: ada@example.org
Subject: {subject}
In-Reply-To: <invoice-1@example.org>
References: <invoice-1@example.org>
Auto-Submitted: auto-replied
X-Auto-Response-Suppress: DR, RN, NRN, OOF, AutoReply
"""
FRENCH = (
    EXCHANGE_HEADER.format(subject="=?utf-8?Q?Non_remis=C2=A0:_Facture?="),
    "Échec de la remise à ces destinataires.",
)
GERMAN = (
    EXCHANGE_HEADER.format(subject="Unzustellbar: Rechnung"),
    "Fehler bei der Nachrichtenzustellung an folgende Empfänger.",
)

UTF_8 = """\
Reporting-MTA: dns; mx.example.org
Arrival-Date: Mon, 30 Nov 2026 09:00:00 +0100

Original-Recipient: utf-8; andr\\x{E9}@example.net
Final-Recipient: utf-8; 用户@example.net
Action: failed
Status: 5.6.7
Diagnostic-Code: smtp; 550 5.6.7 l'adresse n'est pas acceptée
"""

QMAIL = """\
Hi. This is the qmail-send program at mx.example.org.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<bob@example.net>:
192.0.2.25 does not like recipient.
Remote host said: 550 5.1.1 no such user
Giving up on 192.0.2.25.

<carol@mx.example.org>:
Sorry, no mailbox here by that name. (#5.1.1)

--- Below this line is a copy of the message.

"""
OLD_EXIM = """\
This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  bob@example.net
    SMTP error from remote mail server after RCPT TO:<bob@example.net>:
    host mail.example.net [192.0.2.25]: 550 5.1.1 unknown user

------ This is a copy of the message, including all the headers. ------

"""
EXIM_WARNING = """\
This message was created automatically by mail delivery software.
A message that you sent has not yet been delivered to one or more of its
recipients after more than 24 hours on the queue on mx.example.org.

The address to which the message has not yet been delivered is:

  bob@example.net
    Delay reason: connection timed out

No action is required on your part. Delivery attempts will continue for
some time, and this warning may be repeated at intervals if the message
remains undelivered.
"""
MDAEMON = """\
The following addresses did NOT receive a copy of your message:

> bob@example.net

--- Session Transcript ---
 Attempting SMTP connection to [192.0.2.25 : 25]
 RCPT To:<bob@example.net>
 550 5.1.1 User unknown
"""


def plain_bounce(text: str, *, header: str = DAEMON, more: str = "", copy: str = ORIGINAL) -> bytes:
    """A bounce that is a text, with or without the mail behind it."""
    return letter(header + more, text + copy)


FEEDBACK = """\
Feedback-Type: abuse
User-Agent: Feedback/1.0
Version: 1
Original-Mail-From: <ada@example.org>
Original-Rcpt-To: <bob@example.net>
Arrival-Date: Mon, 30 Nov 2026 09:00:00 +0100
Reporting-MTA: dns; mail.example.net
Source-IP: 192.0.2.1
Reported-Domain: example.org
Original-Envelope-Id: QQ314159
"""
COMPLAINT_HEADER = """\
Return-Path: <feedback@example.net>
From: Abuse desk <feedback@example.net>
To: abuse@example.org
Subject: FW: Invoice
"""


def complaint(
    fields: str = FEEDBACK,
    *,
    original: tuple[str, str] | None = ("Content-Type: message/rfc822", ORIGINAL),
    header: str = COMPLAINT_HEADER,
    content_type: str = "multipart/report; report-type=feedback-report",
) -> bytes:
    """A complaint as RFC 5965 has it."""
    parts = [("Content-Type: text/plain", "This is a report."), ("Content-Type: message/feedback-report", fields)]
    return multipart(header, content_type, [*parts, *([original] if original else [])])


def microsoft_complaint() -> bytes:
    """A complaint as Hotmail's programme wrote it: the mail as an attachment, with the recipient in a field."""
    header = "From: <staff@hotmail.com>\nTo: abuse@example.org\nSubject: complaint about message from 192.0.2.1\n"
    returned = f"X-HmXmrOriginalRecipient: <bob@example.net>\n{ORIGINAL}"
    return multipart(header, "multipart/mixed", [("Content-Type: message/rfc822", returned)])


def person(fields: str = "", text: str = "I am here.") -> bytes:
    """A letter of a person, with more fields."""
    return letter(f"From: Bob <bob@example.net>\nTo: ada@example.org\nSubject: Re: Invoice\n{fields}", text)


def answer(subject: str, fields: str = "", *, sender: str = "Bob <bob@example.net>") -> bytes:
    """A letter that answers the invoice, written by whatever the fields say."""
    head = f"From: {sender}\nTo: ada@example.org\nSubject: {subject}\nIn-Reply-To: <invoice-1@example.org>\n"
    return letter(head + fields, "I am away until Monday.")
