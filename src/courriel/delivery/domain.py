"""A domain as a place where mail goes."""

from __future__ import annotations

from courriel.errors import NameNotFound
from courriel.network.exchangers import mail_exchangers


def takes_mail(domain: str, seconds: float) -> bool:
    """Whether mail for a domain has somewhere to go; its servers are not called.

    Raises TimedOut and ConnectionFailed when the name service does not answer, MissingExtra (`courriel[dns]`).
    """
    try:
        return bool(mail_exchangers(domain, seconds))
    except NameNotFound:
        return False
