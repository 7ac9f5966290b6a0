"""Help of `courriel sendmail`; the command itself has its own options, see courriel.integrations.sendmail."""

from __future__ import annotations

import click

from courriel.cli.command import Command
from courriel.cli.i18n import Bilingual


@click.command(
    cls=Command,
    words=Bilingual(
        "Prend un message sur l'entrée standard, comme sendmail(8), pour cron, PHP et les autres programmes : dans le "
        "dossier de dépôt de la machine, sinon dans la boîte d'envoi de l'utilisateur. Ne lit jamais les réglages d'un "
        "projet. Avec --now, envoie tout de suite. Options : celles de Postfix et Sendmail (-t -i -f -r -F -N -R -V -B "
        "-bs -bp -q -bm), jointes ou séparées. Rien n'est affiché quand tout va bien.",
        "Takes a message on standard input, as sendmail(8) does, for cron, PHP and others: into the drop folder of "
        "the machine, else into the user's own outbox. It never reads a project's settings. With --now it sends at "
        "once. Options: those of Postfix and Sendmail (-t -i -f -r -F -N -R -V -B -bs -bp -q -bm), joined or apart. "
        "Nothing is printed when all is well.",
    ),
    examples=[
        "courriel sendmail -t -i < message.eml",
        "echo Bonjour | courriel sendmail -f ada@example.org bob@example.org",
        "ln -s $(which courriel) /usr/local/sbin/sendmail",
    ],
    usage=Bilingual("[ADRESSES]", "[ADDRESSES]"),
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def command(words: tuple[str, ...]) -> int:
    """Run it, where it comes from a program that calls this table of commands by itself."""
    from courriel.integrations.sendmail.program import main

    return main("sendmail", words)


command.params = [each for each in command.params if each.name in ("words", "lang")]  # others are those of sendmail
