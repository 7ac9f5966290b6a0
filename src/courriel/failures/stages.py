"""Stage of the conversation that a pasted text tells of, by the words of mail programs and libraries."""

from __future__ import annotations

from courriel._lazy_re import expression

# In the order in which they are looked for: the later stage is named where a text names several.
_WORDS = (
    ("message", expression(r"\bSMTPDataError\b|\bMessageRefused\b|DATA END command failed|reply to end of DATA")),
    (
        "recipient",
        expression(
            r"\bSMTPRecipientsRefused\b|\bRecipientsRefused\b|\bSMTPAddressFailedException\b"
            r"|RCPT TO command failed|reply to RCPT TO|all recipients were rejected|\bRCPT failed"
        ),
    ),
    (
        "sender",
        expression(
            r"\bSMTPSenderRefused\b|\bSenderRefused\b|\bSMTPSenderFailedException\b"
            r"|MAIL FROM command failed|reply to MAIL FROM|Mail command failed|\bMAIL failed"
        ),
    ),
    (
        "authenticate",
        expression(
            r"\bSMTPAuthenticationError\b|\bAuthenticationRefused\b|\bAuthenticationFailedException\b|\bEAUTH\b"
            r"|\bMailKit\.Security\.AuthenticationException\b|Invalid login: |Password command failed|Login denied"
            r"|Failed to authenticate on SMTP server|reply to AUTH|command: 'AUTH"
        ),
    ),
    (
        "hello",
        expression(r"\bSMTPHeloError\b|(?:EHLO|HELO) command failed|reply to (?:EHLO|HELO)|command: '(?:EHLO|HELO)'"),
    ),
    ("greeting", expression(r"\bSMTPConnectError\b|Invalid greeting")),
)
_BY_FUNCTION = {
    "create_connection": "connect",
    "open_connection": "connect",
    "sock_connect": "connect",
    "do_handshake": "secure",
    "wrap_socket": "secure",
}


def stage_of(text: str, function: str = "") -> str:
    """Name the stage of a text without its frames, "" when it names none; `function` raised the error (Python)."""
    return next((stage for stage, words in _WORDS if words.search(text)), _BY_FUNCTION.get(function, ""))
