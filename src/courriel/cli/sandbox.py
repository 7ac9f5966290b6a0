"""`courriel sandbox`: a mail server on this machine that takes everything, shows it, and gives nothing on."""

from __future__ import annotations

import click

from courriel.cli.command import Command, Manner, option
from courriel.cli.speaking import Words, say


@click.command(
    cls=Command,
    words=Words(
        "Ouvre un serveur SMTP d'entraînement : il prend tout, montre ce qu'il reçoit, ne transmet rien. "
        "Il parle en clair, par STARTTLS et par TLS immédiat, avec une autorité faite sur place. Ctrl-C le ferme.",
        "Opens an SMTP server to practise on: it takes everything, shows what it gets, and gives nothing on. "
        "It speaks in clear, by STARTTLS and by TLS from the first byte, "
        "with an authority made on the spot. Ctrl-C closes it.",
    ),
    examples=["courriel sandbox", "courriel sandbox --port 0 --folder mails --user ada:secret"],
)
@option("--host", default="127.0.0.1", value=Words("HÔTE", "HOST"), fr="L'adresse où écouter ; 127.0.0.1.",
        en="The address to listen at; 127.0.0.1.")  # fmt: skip
@option("--port", type=click.IntRange(0, 65535), default=1025,
        value="PORT", fr="Le port ; 1025. 0 : n'importe quel port libre.",
        en="The port; 1025. 0: any free port.")  # fmt: skip
@option("--tls-port", type=click.IntRange(0, 65535), default=0,
        value="PORT", fr="Le port de TLS immédiat ; un port libre.",
        en="The port for TLS from the first byte; a free one.")  # fmt: skip
@option("--folder", value=Words("DOSSIER", "FOLDER"),
        fr="Où garder les messages (.eml) ; un nouveau dossier temporaire.",
        en="Where to keep the mails (.eml); a new temporary folder.")  # fmt: skip
@option("--user", multiple=True, value=Words("NOM:MOT-DE-PASSE", "NAME:PASSWORD"),
        fr="Compte autorisé à s'authentifier ; se répète. Sans cette option, tous le sont.",
        en="Account that may log in; may be repeated. Without it, any may.")  # fmt: skip
@click.pass_obj
def command(manner: Manner, host: str, port: int, tls_port: int, folder: str | None, user: tuple[str, ...]) -> int:
    """Open it, and watch until somebody says stop."""
    from courriel.cli.watching import watch

    return watch(manner, host, port, tls_port, folder, dict(map(_user, user)) or None)


def _user(given: str) -> tuple[str, str]:
    name, colon, password = given.partition(":")
    if not (name and colon and password):
        # What stands there may be a password: it is not said again.
        raise click.UsageError(say("--user se lit NOM:MOT-DE-PASSE", "--user is written NAME:PASSWORD"))
    return name, password
