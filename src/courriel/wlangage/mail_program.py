"""The mail program of the desktop: EmailLanceAppli, EmailOuvreMessagerie; and what has no window here."""

from __future__ import annotations

import os
import struct
import sys
from typing import TYPE_CHECKING
from urllib.parse import quote

from courriel.wlangage.errors_shown import email_call
from courriel.wlangage.problem import Impossible
from courriel.wlangage.program_state import program_state
from courriel.wlangage.structures.constants import Architecture
from courriel.wlangage.structures.email import Email, EmailVariable

if TYPE_CHECKING:
    from collections.abc import Iterable

_LONGEST = 2000
"""Characters of a `mailto:` URL that mail programs of all systems take."""


@email_call(False)
def EmailLanceAppli(Mail: EmailVariable | None = None) -> bool:
    """Open the mail program of this desktop with a new mail, made of the structure `Email` or a variable.

    It is opened by a `mailto:` URL (RFC 6068), which has no attachments: with some the result is Faux, and ErreurInfo
    says so. Faux as well where there is no desktop.
    """
    email = Email if Mail is None else Mail
    if email.Attache:
        raise Impossible(
            "Un programme de messagerie ne reçoit pas de fichiers attachés d'ici : envoyez par EmailEnvoieMessage.",
            "A mail program takes no attached files from here: send with EmailSendMessage.",
        )
    return _open(mailto(email))


@email_call(False)
def EmailOuvreMessagerie(Mail: EmailVariable | None = None) -> bool:
    """Open the mail program of this desktop; see EmailLanceAppli."""
    return EmailLanceAppli(Mail)


def EmailAppGetArchitecture() -> Architecture:
    """arch32 or arch64: the architecture of this Python, as there is no other program that sends."""
    return Architecture.BITS_64 if struct.calcsize("P") == 8 else Architecture.BITS_32


def EmailProgressBar(*arguments: object) -> bool:
    """Take a progress bar, and do nothing with it: there is no window."""
    return True


def mailto(email: EmailVariable) -> str:
    """The `mailto:` URL of a mail (RFC 6068)."""
    fields = [
        ("cc", ",".join(email.Cc)), ("bcc", ",".join(email.Cci)), ("subject", email.Sujet), ("body", email.Message),
    ]  # fmt: skip
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in fields if value)
    return f"mailto:{_recipients(email.Destinataire)}{'?' if query else ''}{query}"


# The steps.


def _recipients(people: Iterable[str]) -> str:
    from courriel import Address

    return ",".join(quote(Address.parse(each).spec, safe="@") for each in people)


def _open(url: str) -> bool:
    """Open a URL where there is a desktop. Raises Impossible where there is none, in a trial, and for a long text."""
    if program_state.elsewhere is not None:
        raise Impossible(
            "Pendant un essai (--sandbox, --via) aucun programme de messagerie ne s'ouvre.",
            "During a trial (--sandbox, --via) no mail program is opened.",
        )
    if len(url) > _LONGEST:
        raise Impossible(
            "Ce message est trop long pour un programme de messagerie : envoyez par EmailEnvoieMessage.",
            "This mail is too long for a mail program: send with EmailSendMessage.",
        )
    there = sys.platform in ("win32", "darwin") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if there:
        import webbrowser

        if webbrowser.open(url):
            return True
    raise Impossible(
        "Il n'y a pas de bureau, ou pas de programme de messagerie, ici : envoyez par EmailEnvoieMessage.",
        "There is no desktop, or no mail program, here: send with EmailSendMessage.",
    )
