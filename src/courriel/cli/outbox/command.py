"""`courriel outbox`: list, show and change the mails of an outbox, and maintain its file."""

from __future__ import annotations

from importlib import import_module

import click

from courriel.cli.command import Group
from courriel.cli.i18n import Bilingual

_LOOKING = {
    "list": Bilingual("Énumère les messages, une ligne chacun.", "Lists the mails, a line each."),
    "show": Bilingual(
        "Montre un message, et le résultat pour chaque destinataire.", "Shows a mail, and the result of each recipient."
    ),
    "stats": Bilingual("Compte les messages, par voie et par état.", "Counts the mails, by lane and state."),
    "export": Bilingual("Écrit un message dans un fichier .eml.", "Writes a mail to an .eml file."),
}
_ACTING = {
    "retry": Bilingual(
        "Essaie maintenant les messages reportés, retenus ou en échec.", "Retries waiting, held or failed mails now."
    ),
    "hold": Bilingual("Retient des messages.", "Puts mails on hold."),
    "release": Bilingual("Libère des messages retenus.", "Releases mails on hold."),
    "forget": Bilingual("Renonce à des messages retenus.", "Gives up mails on hold."),
    "cancel": Bilingual("Annule des messages non envoyés.", "Cancels mails not sent yet."),
    "pause": Bilingual("Arrête une voie : elle n'envoie plus rien.", "Stops a lane: it sends nothing more."),
    "resume": Bilingual("Remet une voie en marche, tout de suite.", "Starts a lane again, at once."),
    "prune": Bilingual("Supprime les messages terminés depuis longtemps.", "Deletes mails finished long ago."),
}
_KEEPING = {
    "backup": Bilingual("Copie la boîte d'envoi, même en service.", "Copies the outbox, even while it is in use."),
    "restore": Bilingual("Restaure une boîte d'envoi d'une sauvegarde.", "Restores an outbox from a backup."),
    "check": Bilingual("Vérifie l'intégrité de la boîte.", "Checks the integrity of the outbox."),
    "compact": Bilingual(
        "Rend au disque la place des messages supprimés.", "Gives the space of deleted mails back to the disk."
    ),
}
_SUPPRESSING = {
    "suppressed": Bilingual("Énumère les adresses qui ne reçoivent plus rien.", "Lists addresses that get no mail."),
    "suppress": Bilingual("Met des adresses sur cette liste.", "Puts addresses on that list."),
    "lift": Bilingual("Retire des adresses de cette liste.", "Takes addresses off that list."),
}
_HOMES = ((_LOOKING, "looking"), (_ACTING, "acting"), (_KEEPING, "keeping"), (_SUPPRESSING, "suppressing"))


def _load(name: str) -> click.Command:
    home = next(home for names, home in _HOMES if name in names)
    command: click.Command = getattr(import_module(f"courriel.cli.outbox.{home}"), f"{name}_")
    return command


command = Group(
    "outbox",
    words=Bilingual(
        "Montre les messages de la boîte d'envoi et leurs résultats, les modifie, et entretient son fichier.",
        "Shows the mails of the outbox and their results, changes them, and maintains its file.",
    ),
    examples=[
        "courriel outbox stats",
        Bilingual("courriel outbox list --state retenu", "courriel outbox list --state held"),
        "courriel outbox retry --all",
    ],
    table=_LOOKING | _ACTING | _KEEPING | _SUPPRESSING,
    load=_load,
)
