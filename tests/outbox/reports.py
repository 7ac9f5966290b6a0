"""Reports about mails, as servers write them: bounces (RFC 3464), complaints (RFC 5965), automatic replies."""

from __future__ import annotations


def bounce(
    to: str = "ada@example.org",
    recipient: str = "bob@example.org",
    *,
    envid: str = "",
    message_id: str = "",
    action: str = "failed",
    status: str = "5.1.1",
    said: str = "550 5.1.1 no such user",
    number: int = 1,
    recipients: tuple[str, ...] = (),
) -> bytes:
    """A delivery report; `recipients` when it speaks of several, each alike."""
    about = "\r\n".join(
        f"Original-Recipient: rfc822;{each}\r\nFinal-Recipient: rfc822;{each}\r\n"
        f"Action: {action}\r\nStatus: {status}\r\n"
        f"Remote-MTA: dns; mx.example.org\r\nDiagnostic-Code: smtp; {said}\r\n"
        for each in recipients or (recipient,)
    )
    original = f"Message-ID: {message_id}\r\n" if message_id else ""
    return (
        "Return-Path: <>\r\nFrom: MAILER-DAEMON@mx.example.org\r\n"
        f"To: {to}\r\nSubject: Undelivered Mail Returned to Sender\r\nAuto-Submitted: auto-replied\r\n"
        f"Message-ID: <bounce-{number}@mx.example.org>\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="=b"\r\n\r\n'
        "--=b\r\nContent-Type: text/plain\r\n\r\nI could not deliver it.\r\n"
        "--=b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.org\r\n"
        + (f"Original-Envelope-Id: {envid}\r\n" if envid else "")
        + f"\r\n{about}\r\n"
        "--=b\r\nContent-Type: message/rfc822\r\n\r\n"
        f"From: ada@example.org\r\nSubject: News\r\n{original}\r\nHello.\r\n"
        "--=b--\r\n"
    ).encode()


def complaint(return_path: str = "", message_id: str = "", *, envid: str = "", number: int = 1) -> bytes:
    """A complaint (ARF) about a mail, with its header."""
    original = f"Return-Path: <{return_path}>\r\n" if return_path else ""
    original += f"Message-ID: {message_id}\r\n" if message_id else ""
    return (
        "From: feedback@provider.example\r\nTo: abuse@example.org\r\nSubject: complaint\r\n"
        f"Message-ID: <arf-{number}@provider.example>\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=feedback-report; boundary="=b"\r\n\r\n'
        "--=b\r\nContent-Type: text/plain\r\n\r\nA complaint.\r\n"
        "--=b\r\nContent-Type: message/feedback-report\r\n\r\n"
        "Feedback-Type: abuse\r\nUser-Agent: Some/1.0\r\nVersion: 1\r\n"
        + (f"Original-Envelope-Id: {envid}\r\n" if envid else "")
        + "\r\n--=b\r\nContent-Type: message/rfc822\r\n\r\n"
        f"{original}From: ada@example.org\r\nTo: bob@example.org\r\nSubject: News\r\n\r\nHello.\r\n--=b--\r\n"
    ).encode()


def absence(message_id: str) -> bytes:
    """An automatic reply: somebody is away."""
    return (
        "From: bob@example.org\r\nTo: ada@example.org\r\nSubject: Out of office: News\r\n"
        f"Auto-Submitted: auto-replied\r\nMessage-ID: <away@example.org>\r\nIn-Reply-To: {message_id}\r\n\r\nAway.\r\n"
    ).encode()
