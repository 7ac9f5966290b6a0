"""Conversion of a received Letter into the WLangage structure: at once, or by halves on first access."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from courriel.errors import CourrielError
from courriel.wlangage.errors_shown import email_call
from courriel.wlangage.problem import Impossible, Problem
from courriel.wlangage.program_state import here, program_state
from courriel.wlangage.structures.constants import MailPriority, Sensitivity

if TYPE_CHECKING:
    from courriel import Letter, ReceivedAddress
    from courriel.wlangage.structures.email import EmailVariable

HEADER = frozenset((
    "Expéditeur", "AdresseExpéditeur", "Destinataire", "NbDestinataire", "Cc", "NbCc", "Cci", "NbCci", "Sujet", "ID",
    "AccuséRéception", "DispositionNotification", "DateRéception", "Priorité", "Confidentialité", "Référence", "Entête",
))  # fmt: skip
"""Properties filled from the header."""
CONTENT = frozenset(("Message", "HTML", "Attache", "NbAttache", "AttachIdentifier", "Source"))
"""Properties filled from the content."""

_HEADER, _CONTENT = "<header>", "<content>"  # keys for halves not fetched yet; never names of properties


def fill(email: EmailVariable, letter: Letter) -> None:
    """Fill the structure from a complete letter, replacing its values."""
    letter.load()
    _begin(email)
    _fill_header(email, letter)
    _fill_content(email, letter)


@email_call(False)
def import_source(email: EmailVariable) -> bool:
    """Read the mail's `Source` into its other properties, for EmailImporteSource and the method of variables."""
    from courriel import Letter

    source = email.Source
    if not source.strip():
        raise Impossible(
            "Email.Source est vide : il n'y a rien à importer.", "Email.Source is empty: there is nothing to import."
        )
    fill(email, Letter.parse(source.encode("utf-8", "surrogateescape")))
    email.Source = source
    return True


def fill_header(email: EmailVariable, letter: Letter, *, rest_later: bool = False) -> None:
    """Fill the structure from the header; with `rest_later` the content is fetched on first access."""
    _begin(email)
    _fill_header(email, letter)
    if rest_later:
        email.memory[_CONTENT] = letter


def fill_later(email: EmailVariable, letter: Letter) -> None:
    """Fill the variable on demand: header and content are fetched on first access."""
    _begin(email)
    email.memory[_HEADER] = email.memory[_CONTENT] = letter


def fill_outside(email: EmailVariable) -> None:
    """Clear the structure and set EnDehors: there is no mail."""
    _begin(email)
    email.EnDehors = True


def complete(email: EmailVariable, name: str) -> None:
    """Fetch the half to which a property belongs, once; a failure is reported, and retried on the next access."""
    for half, names, fill_half in ((_HEADER, HEADER, _fill_header), (_CONTENT, CONTENT, _fill_content)):
        if name in names and half in email.memory:
            _fetch(email, half, fill_half)


# The steps.


def _begin(email: EmailVariable) -> None:
    email.memory.clear()


def _fetch(email: EmailVariable, half: str, fill_half: Callable[[EmailVariable, Letter], None]) -> None:
    letter: Letter = email.memory[half]  # type: ignore[assignment]  # what is kept under that name
    already = dict(email.memory)
    try:
        fill_half(email, letter)
    except CourrielError as error:
        problem = Problem.of(error)
        here().problem = problem
        email.Erreur = problem.message(program_state.spoken)
        return
    # Values assigned by the program meanwhile are kept.
    email.memory.update(already)
    del email.memory[half]


def _fill_header(email: EmailVariable, letter: Letter) -> None:
    from courriel.wlangage.mailboxes.arrival import arrival_of

    sender = letter.sender
    if sender is not None:
        email.Expéditeur = sender.name or sender.spec
        email.AdresseExpéditeur = sender.spec
    email.Destinataire = _texts(letter.to)
    email.NbDestinataire = len(email.Destinataire)
    email.Cc = _texts(letter.cc)
    email.NbCc = len(email.Cc)
    email.Cci = _texts(letter.bcc)
    email.NbCci = len(email.Cci)
    email.Sujet = letter.subject
    email.ID = letter.message_id
    email.DateRéception = arrival_of(letter)
    email.Priorité = _priority(letter)
    email.Confidentialité = _SENSITIVITIES.get(letter.header("Sensitivity").strip().casefold(), Sensitivity.NORMAL)
    email.Référence = " ".join(letter.references)
    email.Entête = letter.raw_header.decode("utf-8", "replace")
    email.AccuséRéception = bool(letter.header("Return-Receipt-To"))
    email.DispositionNotification = bool(letter.header("Disposition-Notification-To"))


def _fill_content(email: EmailVariable, letter: Letter) -> None:
    from courriel.wlangage.structures.email import emailAttache

    # surrogateescape, so that the mail can be written back byte for byte.
    email.Source = letter.raw.decode("utf-8", "surrogateescape")
    email.Message = _lines(letter.text)
    email.HTML = _lines(letter.html)
    email.Attache = [
        emailAttache(Nom=each.name, Contenu=each.content, TypeContenu=each.content_type, Identifiant=each.content_id)
        for each in letter.attachments
    ]
    email.NbAttache = len(email.Attache)
    email.AttachIdentifier = [each.content_id for each in letter.attachments]


_SENSITIVITIES = {
    "personal": Sensitivity.PERSONNEL,
    "private": Sensitivity.PRIVÉ,
    "company-confidential": Sensitivity.CONFIDENTIEL,
}


def _priority(letter: Letter) -> MailPriority:
    """The priority by X-Priority or Importance."""
    number = letter.header("X-Priority").strip()[:1]
    importance = letter.header("Importance").strip().casefold()
    if number in ("1", "2") or (not number and importance == "high"):
        return MailPriority.HAUTE
    if number in ("4", "5") or (not number and importance == "low"):
        return MailPriority.BASSE
    return MailPriority.NORMALE


def _lines(text: str) -> str:
    """A text with the line ends of the program."""
    return text.replace("\r\n", "\n").replace("\n", program_state.line_end)


def _texts(people: Iterable[ReceivedAddress]) -> list[str]:
    return [str(each) for each in people]
