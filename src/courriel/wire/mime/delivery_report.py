"""Delivery report (RFC 3464) as a mail server writes it when a mail that it has taken over comes back."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from email.utils import format_datetime

from courriel.reply import Reply

_BOUNDARY = "=_report_of_the_practice_server"


def delivery_report(
    server: str,
    sender: str,
    recipients: Iterable[str],
    reply: Reply,
    *,
    envid: str,
    header: bytes,
    at: datetime,
    message_id: str,
) -> bytes:
    """The octets of a report to the sender of a mail: this reply was given for these recipients by the next server.

    `header` is that of the mail, which comes back with the report; `envid` the envelope id that it had, or "".
    """
    named = list(recipients)
    delayed = reply.kind == 4
    status = str(reply.enhanced) if reply.enhanced is not None else f"{reply.kind}.0.0"
    about = "".join(
        f"\r\nOriginal-Recipient: rfc822; {name}\r\nFinal-Recipient: rfc822; {name}\r\n"
        f"Action: {'delayed' if delayed else 'failed'}\r\nStatus: {status}\r\nDiagnostic-Code: smtp; {reply}\r\n"
        for name in named
    )
    subject = "Delayed Mail (still being retried)" if delayed else "Undelivered Mail Returned to Sender"
    original_id = f"Original-Envelope-Id: {envid}\r\n" if envid else ""
    text = (
        f"From: Mail Delivery System <MAILER-DAEMON@{server}>\r\nTo: {sender}\r\nSubject: {subject}\r\n"
        f"Date: {format_datetime(at)}\r\nMessage-ID: {message_id}\r\nAuto-Submitted: auto-replied\r\n"
        f"MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status;\r\n"
        f' boundary="{_BOUNDARY}"\r\n\r\n'
        f"--{_BOUNDARY}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
        f"Your mail could not be delivered to {', '.join(named)}:\r\n{reply}\r\n\r\n"
        f"--{_BOUNDARY}\r\nContent-Type: message/delivery-status\r\n\r\n"
        f"Reporting-MTA: dns; {server}\r\n{original_id}{about}\r\n"
        f"--{_BOUNDARY}\r\nContent-Type: text/rfc822-headers\r\n\r\n"
    )
    return text.encode() + header.rstrip() + f"\r\n\r\n--{_BOUNDARY}--\r\n".encode()
