"""The WLangage structure `Email`, variables of its type, and attachments.

`Email` is two things in one name, as in the WLangage: `Email.Sujet = …` sets the predeclared structure of the current
thread or task; `courrier = Email()` declares a variable, as `courrier est un Email` does.
"""

from __future__ import annotations

import os
from enum import IntEnum
from typing import TypeVar

from courriel.wlangage.program_state import here
from courriel.wlangage.reading.received import complete, import_source
from courriel.wlangage.sending.attaching import load_attached
from courriel.wlangage.sending.recipients import split_recipients
from courriel.wlangage.sending.sources import build_source
from courriel.wlangage.structures.constants import MailPriority, Sensitivity
from courriel.wlangage.structures.properties import (
    NotThat,
    Property,
    Structure,
    as_text,
    flag,
    limit,
    moment,
    number,
    series,
    text,
)


class emailAttache(Structure):
    """An attachment: its name, its content (`bytes`, or text), its type, and its identifier for `cid:`."""

    __slots__ = ()
    wlangage_type = "emailAttache"

    Nom = Name = text()
    Contenu = Content = Property[bytes | str | None, object](lambda: None, lambda value: _as_content(value))  # noqa: PLW0108 - it stands below
    TypeContenu = ContentType = text()
    Identifiant = Identifier = text()
    ContentDescription = text()


def _as_content(value: object) -> bytes | str:
    if isinstance(value, str | bytes | bytearray | memoryview):
        return value if isinstance(value, str) else bytes(value)
    raise NotThat("des octets (bytes) ou une chaîne sont attendus", "octets (bytes) or a string are expected")


E = TypeVar("E", bound=IntEnum)


def _as_one_of(kind: type[E], value: object) -> E:
    if isinstance(value, int) and not isinstance(value, bool) and value in set(kind):
        return kind(value)
    raise NotThat("une de ses constantes est attendue", "one of its constants is expected")


def _no_certificate(value: object) -> None:
    if value is not None:
        raise NotThat(
            "S/MIME n'est pas fait : rien n'est signé par un certificat, et rien n'est attendu",
            "S/MIME is not built: nothing is signed with a certificate, and nothing is expected",
        )


def _as_attached(value: object) -> emailAttache | str:
    if isinstance(value, emailAttache):
        return value
    if isinstance(value, str | os.PathLike):
        return os.fspath(value)
    raise NotThat(
        "un emailAttache, ou le chemin d'un fichier, est attendu", "an emailAttach, or the path of a file, is expected"
    )


class EmailVariable(Structure):
    """A mail, to send or received. `Email()` makes one.

    Of a mail received with its header only the rest is fetched on first access; an error is then in `Erreur`.
    """

    __slots__ = ()
    wlangage_type = "Email"

    Expéditeur = Expediteur = Sender = text()
    AdresseExpéditeur = AdresseExpediteur = SenderAddress = text()
    Destinataire = Recipient = series(as_text, str, split=split_recipients)
    NbDestinataire = NbRecipient = limit()
    Cc = series(as_text, str, split=split_recipients)
    NbCc = limit()
    Cci = Bcc = series(as_text, str, split=split_recipients)
    NbCci = NbBcc = limit()
    Sujet = Subject = text()
    Message = TexteBrut = PlainText = text()
    HTML = text()
    Attache = Attach = series(_as_attached, emailAttache)
    NbAttache = NbAttach = limit()
    AccuséRéception = AccuseReception = AcknowledgementReceipt = flag()
    DispositionNotification = ConfirmationLecture = ReadConfirmation = flag()
    Source = text()
    ID = MessageID = text()
    IdentifiantMail = MailIdentifier = AsynchronousEmailIdentifier = number()
    EnDehors = Out = flag()
    Erreur = Error = text()
    DateRéception = DateReception = ReceptionDate = moment()
    Priorité = Priorite = Priority = Property[MailPriority, int](
        lambda: MailPriority.NORMALE, lambda value: _as_one_of(MailPriority, value)
    )
    Confidentialité = Confidentialite = Confidentiality = Property[Sensitivity, int](
        lambda: Sensitivity.NORMAL, lambda value: _as_one_of(Sensitivity, value)
    )
    Référence = Reference = text()
    Entête = Entete = Header = text()
    AttachIdentifier = series(as_text, str)
    Certificate = Property[None, object](lambda: None, lambda value: _no_certificate(value))  # noqa: PLW0108 - it stands below

    def complete(self, name: str) -> None:
        """Fetch the part of a received mail to which the property belongs."""
        complete(self, name)

    def ConstruitSource(self, Options: int = 0) -> bool:
        """Write the mail into `Source`; see EmailConstruitSource."""
        return build_source(self, Options)

    def ImporteSource(self) -> bool:
        """Read `Source` into the other properties; see EmailImporteSource."""
        return import_source(self)

    def ChargeFichierAttaché(self, NomFichier: str | os.PathLike[str], Nom: str = "") -> bool:
        """Attach a file under its own name or another; Faux, with the reason in ErreurInfo, when it cannot be read."""
        return load_attached(self, NomFichier, Nom)

    BuildSource = ConstruitSource
    ImportSource = ImporteSource
    ChargeFichierAttache = LoadAttachedFile = ChargeFichierAttaché


class _Predeclared(EmailVariable):
    """The predeclared structure: each thread or task has its own values."""

    __slots__ = ()

    @property
    def memory(self) -> dict[str, object]:
        """Values set in this thread or task."""
        return here().email

    def __call__(self, **values: object) -> EmailVariable:
        """Declare a variable: `courrier = Email()`."""
        return EmailVariable(**values)

    def __instancecheck__(self, thing: object) -> bool:
        """Make `isinstance(courrier, Email)` work for variables."""
        return isinstance(thing, EmailVariable)


Email = _Predeclared()
