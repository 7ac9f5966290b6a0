"""Check of a mail domain by its MX records."""

from __future__ import annotations

from courriel.errors import NameNotFound
from courriel.network.mx import mail_exchangers


def takes_mail(domain: str, seconds: float) -> bool:
    """Whether a domain accepts mail by its MX records; its servers are not contacted.

    `seconds` limits the lookup. Raises TimedOut and ConnectionFailed when the name server does not answer, MissingExtra
    (`courriel[dns]`).
    """
    try:
        return bool(mail_exchangers(domain, seconds))
    except NameNotFound:
        return False
