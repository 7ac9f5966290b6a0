"""Texts of the unsubscribe page, in English and French, and the language that a reader prefers."""

from __future__ import annotations

from enum import Enum

from courriel._dataclass import dataclass
from courriel.failures import Language, language

_MOST = 20  # languages of a header that are looked at


class AnswerKind(Enum):
    """Kind of an answer: its name and its HTTP status."""

    ASKED = "asked", 200
    DONE = "done", 200
    UNDONE = "undone", 200
    NOT_DONE = "not done", 500
    NOT_UNDONE = "not undone", 500
    TOO_LATE = "too late", 410
    WRONG = "wrong", 404
    EXPIRED = "expired", 410
    NO_CLICK = "no click", 400
    TOO_SLOW = "too slow", 408
    TOO_LARGE = "too large", 413
    NO_FORM = "no form", 415
    NO_METHOD = "no method", 405
    TOO_MANY = "too many", 429

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.value[1]


@dataclass(frozen=True, slots=True)
class Words:
    """Heading, text and button of one answer; {list} and {address} are filled in."""

    heading: str
    text: str
    button: str = ""


_WORDS = {
    AnswerKind.ASKED: (
        Words("Unsubscribe from {list}?", "{address} will get no more of these mails.", "Unsubscribe"),
        Words("Vous désabonner de {list}\N{NBSP}?", "{address} ne recevra plus ces messages.", "Me désabonner"),
    ),
    AnswerKind.DONE: (
        Words(
            "You are unsubscribed",
            "{address} will get no more of {list}. A mail that is on its way may still arrive.",
            "Subscribe again",
        ),
        Words(
            "Désabonnement enregistré",
            "{address} ne recevra plus {list}. Un message déjà en route peut encore arriver.",
            "Me réabonner",
        ),
    ),
    AnswerKind.UNDONE: (
        Words("You are subscribed again", "{address} gets {list}, as before.", "Unsubscribe"),
        Words("Abonnement rétabli", "{address} reçoit {list}, comme avant.", "Me désabonner"),
    ),
    AnswerKind.NOT_DONE: (
        Words("You are not unsubscribed yet", "Something went wrong on our side. Please try again.", "Try again"),
        Words("Le désabonnement n'est pas fait", "Un problème est survenu chez nous. Réessayez.", "Réessayer"),
    ),
    AnswerKind.NOT_UNDONE: (
        Words("You are not subscribed again", "Something went wrong on our side. Please try again.", "Try again"),
        Words("L'abonnement n'est pas rétabli", "Un problème est survenu chez nous. Réessayez.", "Réessayer"),
    ),
    AnswerKind.TOO_LATE: (
        Words("Nothing was changed", "It is too late to subscribe again here. Please write to the sender."),
        Words("Rien n'a changé", "Il est trop tard pour se réabonner ici. Écrivez à l'expéditeur."),
    ),
    AnswerKind.WRONG: (
        Words("This link is not valid", "Part of it may be missing. Open it again from the mail itself."),
        Words("Ce lien n'est pas valable", "Il en manque peut-être un morceau. Rouvrez-le depuis le message."),
    ),
    AnswerKind.EXPIRED: (
        Words("This link has expired", "Nothing was changed. Use the link of a newer mail, or write to the sender."),
        Words("Ce lien a expiré", "Rien n'a changé. Prenez celui d'un message plus récent, ou écrivez à l'expéditeur."),
    ),
    AnswerKind.NO_CLICK: (
        Words("Nothing was changed", "The request does not say List-Unsubscribe=One-Click (RFC 8058)."),
        Words("Rien n'a changé", "La demande ne dit pas List-Unsubscribe=One-Click (RFC 8058)."),
    ),
    AnswerKind.TOO_SLOW: (
        Words("Nothing was changed", "The request did not arrive in time."),
        Words("Rien n'a changé", "La demande n'est pas arrivée à temps."),
    ),
    AnswerKind.TOO_LARGE: (
        Words("Nothing was changed", "The request is too large."),
        Words("Rien n'a changé", "La demande est trop grande."),
    ),
    AnswerKind.NO_FORM: (
        Words("Nothing was changed", "The request is not a form."),
        Words("Rien n'a changé", "La demande n'est pas un formulaire."),
    ),
    AnswerKind.NO_METHOD: (
        Words("Nothing was changed", "This address takes GET and POST."),
        Words("Rien n'a changé", "Cette adresse accepte GET et POST."),
    ),
    AnswerKind.TOO_MANY: (
        Words("This link is not valid", "There were too many such links. Try again in a minute."),
        Words("Ce lien n'est pas valable", "Il y en a eu trop de ce genre. Réessayez dans une minute."),
    ),
}  # fmt: skip


def words_for(kind: AnswerKind, chosen: Language) -> Words:
    """The texts of an answer in this language."""
    english, french = _WORDS[kind]
    return french if chosen == "fr" else english


def preferred(accept_language: str) -> Language:
    """English or French, by the weights of Accept-Language (RFC 9110 12.5.4); else the language of this process."""
    best: Language | None = None
    most = 0.0
    for each in accept_language.split(",", _MOST)[:_MOST]:
        name, _, parameters = each.partition(";")
        tag = name.strip().lower().partition("-")[0]
        weight = _weight(parameters)
        if tag in ("en", "fr") and weight > most:
            best, most = "fr" if tag == "fr" else "en", weight
    return best or language()


# The steps.


def _weight(parameters: str) -> float:
    name, _, value = parameters.partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        return min(float(value[:8]), 1.0)
    except ValueError:
        return 0.0
