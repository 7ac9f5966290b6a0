"""`courriel outbox`: what waits, what became of it, and what a person can do about it."""

from __future__ import annotations

from importlib import import_module

import click

from courriel.cli.command import Group
from courriel.cli.speaking import Words

_LOOKING = {
    "list": Words("Énumère les messages, une ligne chacun.", "Lists the mails, a line each."),
    "show": Words("Montre un message, et le sort de chaque destinataire.", "Shows a mail, and each recipient's fate."),
    "stats": Words("Compte les messages, par voie et par état.", "Counts the mails, by way out and state."),
    "export": Words("Écrit un message dans un fichier .eml.", "Writes a mail to an .eml file."),
}
_ACTING = {
    "retry": Words("Essaie maintenant ce qui attend ou est retenu.", "Tries now what waits or is held."),
    "hold": Words("Retient des messages.", "Keeps mails back."),
    "release": Words("Relâche des messages retenus.", "Releases mails that are held."),
    "forget": Words("Renonce à des messages retenus.", "Gives up mails that are held."),
    "cancel": Words("Annule des messages qui ne sont pas partis.", "Takes back mails that have not left."),
    "pause": Words("Arrête une voie : rien ne part plus par elle.", "Stops a way out: nothing leaves by it."),
    "resume": Words("Remet une voie en marche, tout de suite.", "Starts a way out again, at once."),
    "prune": Words("Oublie les messages terminés depuis longtemps.", "Forgets mails that ended long ago."),
}
_KEEPING = {
    "backup": Words("Copie la boîte d'envoi, en marche ou non.", "Copies the outbox, while it is used or not."),
    "restore": Words("Refait une boîte d'envoi d'une sauvegarde.", "Makes an outbox out of a backup."),
    "check": Words("Cherche ce qui ne va pas dans la boîte.", "Looks for what is wrong with the outbox."),
    "compact": Words("Rend la place des messages oubliés au disque.", "Gives the room of forgotten mails back."),
}
_HOMES = ((_LOOKING, "looking"), (_ACTING, "acting"), (_KEEPING, "keeping"))


def _load(name: str) -> click.Command:
    home = next(home for names, home in _HOMES if name in names)
    command: click.Command = getattr(import_module(f"courriel.cli.outbox_{home}"), f"{name}_")
    return command


command = Group(
    "outbox",
    words=Words(
        "La boîte d'envoi : ce qui attend, ce qu'il en est advenu, ce qu'on peut y faire.",
        "The outbox: what waits, what became of it, what can be done about it.",
    ),
    examples=[
        "courriel outbox stats",
        Words("courriel outbox list --state retenu", "courriel outbox list --state held"),
        "courriel outbox retry --all",
    ],
    table=_LOOKING | _ACTING | _KEEPING,
    load=_load,
)
