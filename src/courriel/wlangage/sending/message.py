"""Conversion of the WLangage structure into a Message: addresses and files are checked before connecting."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from courriel.errors import CourrielError, InvalidAddress
from courriel.wlangage.problem import Impossible, shown
from courriel.wlangage.structures.constants import MailPriority, Sensitivity

if TYPE_CHECKING:
    from courriel import Address, Attachment, Message
    from courriel.wlangage.structures.email import EmailVariable, emailAttache

T = TypeVar("T")


def message_of(email: EmailVariable, session: str = "") -> Message:
    """The message of the structure. Raises Impossible for the first invalid property.

    `session` is the name of the session that sends it: without a sender it is the sender, when it is an address.
    """
    from courriel import Message

    origin = sender_of(email, session)
    to, cc, bcc = recipients_of(email)
    files = [_attachment(each, rank) for rank, each in enumerate(_limited(email.Attache, email.NbAttache), 1)]
    try:
        return Message(
            sender=origin,
            to=to,
            cc=cc,
            bcc=bcc,
            subject=email.Sujet,
            text=email.Message,
            html=email.HTML,
            attachments=files,
            read_receipt=email.DispositionNotification,
            # A read receipt has priority over a delivery report.
            delivery_receipt=email.AccuséRéception and not email.DispositionNotification,
            priority=_PRIORITIES[email.Priorité],
            headers=[("Sensitivity", _SENSITIVITIES[email.Confidentialité])] if email.Confidentialité else (),
            references=email.Référence.split(),
            in_reply_to=email.Référence.split()[-1:],
        )
    except CourrielError as wrong:
        raise _message_error(wrong) from wrong


def sender_of(email: EmailVariable, session: str = "") -> Address:
    """The sender: AdresseExpéditeur with Expéditeur as display name, Expéditeur alone, or the session's name."""
    from courriel import Address

    if not (email.Expéditeur or email.AdresseExpéditeur):
        if "@" in session:
            with suppress(InvalidAddress):
                return Address.parse(session)
        raise Impossible(
            "L'expéditeur manque : renseignez Email.Expéditeur.",
            "The sender is missing: set Email.Sender.",
            hint_id="NO-SENDER",
        )
    try:
        if not email.AdresseExpéditeur:
            return Address.parse(email.Expéditeur)
        address = Address.parse(email.AdresseExpéditeur)
        name = email.Expéditeur if email.Expéditeur != address.spec else ""
        return Address(address.local, address.domain, name or address.name)
    except InvalidAddress as wrong:
        sender = email.AdresseExpéditeur or email.Expéditeur
        raise Impossible(
            f"L'adresse de l'expéditeur n'en est pas une : « {shown(sender)} ».",
            f'The address of the sender is not one: "{shown(sender)}".',
            because=wrong,
        ) from wrong


def recipients_of(email: EmailVariable) -> tuple[list[Address], list[Address], list[Address]]:
    """Recipients in Destinataire, Cc and Cci, as many of each as its Nb… property allows."""
    to = _addresses("Destinataire", _limited(email.Destinataire, email.NbDestinataire))
    cc = _addresses("Cc", _limited(email.Cc, email.NbCc))
    bcc = _addresses("Cci", _limited(email.Cci, email.NbCci))
    if not (to or cc or bcc):
        raise Impossible(
            "Le message n'a aucun destinataire : renseignez Email.Destinataire, Email.Cc ou Email.Cci.",
            "The message has no recipient: set Email.Recipient, Email.Cc or Email.Bcc.",
            hint_id="NO-RECIPIENT",
        )
    return to, cc, bcc


# The steps.

_PRIORITIES: dict[int, str] = {MailPriority.HAUTE: "high", MailPriority.NORMALE: "normal", MailPriority.BASSE: "low"}
_SENSITIVITIES: dict[int, str] = {
    Sensitivity.PERSONNEL: "Personal",
    Sensitivity.PRIVÉ: "Private",
    Sensitivity.CONFIDENTIEL: "Company-Confidential",
}
_FIELDS = {
    "subject": ("Email.Sujet", "Email.Subject"),
    "text": ("Email.Message", "Email.Message"),
    "html": ("Email.HTML", "Email.HTML"),
}


def _message_error(wrong: CourrielError) -> Impossible:
    """The error of the message, with the WLangage name of the property."""
    field, _, reason = str(wrong).partition(": ")
    fr, en = _FIELDS.get(field, ("Email", "Email"))
    known = wrong.failure
    french = known.cause.fr if known else f"ce message ne peut pas partir ({wrong})"
    return Impossible(f"{fr} : {french}", f"{en}: {reason or wrong}", because=wrong)


def _addresses(field: str, texts: Iterable[str]) -> list[Address]:
    """Each text is one address, whatever commas it has; one invalid address stops the whole mail."""
    from courriel import Address

    found: list[Address] = []
    for rank, text in enumerate(texts, 1):
        try:
            found.append(Address.parse(text))
        except InvalidAddress as wrong:
            raise Impossible(
                f"Email.{field}[{rank}] n'est pas une adresse : « {shown(text)} ». Rien n'a été envoyé.",
                f'Email.{field}[{rank}] is not an address: "{shown(text)}". Nothing was sent.',
                because=wrong,
            ) from wrong
    return found


def _attachment(given: emailAttache | str, rank: int) -> Attachment:
    from courriel import Attachment

    try:
        if isinstance(given, str):
            return Attachment.file(given)
        if given.Contenu is None:
            raise Impossible(
                f"Email.Attache[{rank}] n'a pas de contenu : renseignez Contenu, ou donnez le chemin d'un fichier.",
                f"Email.Attach[{rank}] has no content: set Content, or give the path of a file.",
            )
        name = os.path.basename(given.Nom.replace("\\", "/")) or _name_for(rank, given.TypeContenu)  # noqa: PTH119 - a text, not a path
        return Attachment.data(
            given.Contenu,
            name,
            content_type=given.TypeContenu or None,
            inline=bool(given.Identifiant),
            content_id=given.Identifiant.strip("<>") or None,
        )
    except Impossible:
        raise
    except CourrielError as wrong:
        label = f"« {given} »" if isinstance(given, str) else f"n° {rank}"
        raise Impossible(
            f"Le fichier attaché {label} ne peut pas être joint. Rien n'a été envoyé.",
            f"The attached file {label} cannot be attached. Nothing was sent.",
            because=wrong,
        ) from wrong


def _name_for(rank: int, content_type: str) -> str:
    """A name for an attachment without one (the original drops it), with an extension for its type."""
    import mimetypes

    return f"attache-{rank}{mimetypes.guess_extension(content_type.partition(';')[0].strip()) or '.bin'}"


def _limited(items: list[T], limit: int | None) -> list[T]:
    return list(items) if limit is None else list(items)[:limit]
