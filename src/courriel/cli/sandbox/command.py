"""`courriel sandbox`: a practice mail server on this machine."""

from __future__ import annotations

import click

from courriel.cli.command import Command, GlobalOptions, option
from courriel.cli.i18n import Bilingual, say


@click.command(
    cls=Command,
    words=Bilingual(
        "Lance un serveur SMTP d'entraînement : il accepte tout, affiche ce qu'il reçoit, ne transmet rien ; "
        "les messages reçus se lisent par POP3 et par IMAP. "
        "Sans TLS, par STARTTLS ou par TLS immédiat, avec une autorité de certification temporaire. Ctrl-C l'arrête.",
        "Starts a practice SMTP server: it accepts all mail, shows it, and forwards nothing; what it received is read "
        "by POP3 and IMAP. Without TLS, with "
        "STARTTLS or with TLS from the first byte, by a temporary certificate authority. Ctrl-C stops it.",
    ),
    examples=["courriel sandbox", "courriel sandbox --port 0 --folder mails --user ada:secret"],
)
@option("--host", default="127.0.0.1", value=Bilingual("HÔTE", "HOST"), fr="Adresse d'écoute ; par défaut 127.0.0.1.",
        en="Address to listen on; default: 127.0.0.1.")  # fmt: skip
@option("--port", type=click.IntRange(0, 65535), default=1025,
        value="PORT", fr="Port ; par défaut 1025. 0 : un port libre.",
        en="Port; default: 1025. 0: any free port.")  # fmt: skip
@option("--tls-port", type=click.IntRange(0, 65535), default=0,
        value="PORT", fr="Port pour TLS immédiat ; par défaut un port libre.",
        en="Port for TLS from the first byte; default: any free port.")  # fmt: skip
@option("--folder", value=Bilingual("DOSSIER", "FOLDER"),
        fr="Dossier des messages (.eml) ; par défaut un dossier temporaire.",
        en="Folder for the mails (.eml); default: a temporary one.")  # fmt: skip
@option("--user", multiple=True, value=Bilingual("NOM:MOT-DE-PASSE", "NAME:PASSWORD"),
        fr="Compte autorisé à s'authentifier ; se répète. Sans cette option, tous le sont.",
        en="Account that may log in; may be repeated. Without it, any may.")  # fmt: skip
@click.pass_obj
def command(
    manner: GlobalOptions, host: str, port: int, tls_port: int, folder: str | None, user: tuple[str, ...]
) -> int:
    """Run the server until the process is stopped."""
    from courriel.cli.sandbox.watching import watch

    return watch(manner, host, port, tls_port, folder, dict(map(_user, user)) or None)


def _user(given: str) -> tuple[str, str]:
    name, colon, password = given.partition(":")
    if not (name and colon and password):
        # The text may be a password: it is not quoted.
        raise click.UsageError(say("--user se lit NOM:MOT-DE-PASSE", "--user is written NAME:PASSWORD"))
    return name, password
