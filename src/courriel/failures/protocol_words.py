"""Remedies for POP3 and IMAP: the table has the URLs and ports of SMTP, which are replaced by those of the protocol."""

from __future__ import annotations

import re

from courriel._lazy_re import expression

_OTHER_WORDS = {
    "imap": {"smtps": "imaps", "smtp+starttls": "imap+starttls", "smtp": "imap", "465": "993", "587": "143"},
    "pop3": {"smtps": "pops", "smtp+starttls": "pop3+starttls", "smtp": "pop", "465": "995", "587": "110"},
}
_WORD = expression(r"\b(?:smtps|smtp\+starttls|smtp)(?=://)|\b(?:465|587)\b")


def for_reading(remedy: str, protocol: str) -> str:
    """Return the remedy with the URLs of a protocol for reading; a text that names both protocols stays unchanged."""
    words = _OTHER_WORDS.get(protocol)
    if words is None or "imaps://" in remedy:
        return remedy

    def other(found: re.Match[str]) -> str:
        return words[found[0]]

    return _WORD.sub(other, remedy)
