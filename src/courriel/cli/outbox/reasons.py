"""Reasons that the outbox keeps of a mail, as sentences: its own words are codes, everything else is said as it is."""

from __future__ import annotations

from courriel.cli.i18n import Bilingual, visible
from courriel.failures import spoken

_REASONS = {
    "unsure": Bilingual("peut-être arrivé, aucune réponse n'est notée", "may have arrived, no answer is written down"),
    "unsure, and not found": Bilingual("peut-être arrivé, pas retrouvé", "may have arrived, and was not found"),
    "poison": Bilingual("cinq processus d'envoi sont morts avec ce message", "five workers died with this mail"),
    "lost": Bilingual(
        "le processus d'envoi qui l'avait a disparu avant de l'envoyer",
        "the worker that had it was gone before sending",
    ),
    "operator": Bilingual("retenu à la main", "held by hand"),
    "canceled": Bilingual("annulé à la main", "canceled by hand"),
    "expired": Bilingual("sa durée de vie est passée", "its time was over"),
    "found": Bilingual("retrouvé parmi les messages envoyés", "found among the sent mails"),
}


def reason_of(why: str) -> str:
    """The reason in the language of the terminal; "" for none."""
    return str(_REASONS[why]) if why in _REASONS else visible(spoken(why))
