"""`courriel sandbox`: a practice mail server on this machine, with a page to look at what arrives."""

from __future__ import annotations

import click

from courriel.cli.command import Command, GlobalOptions, option
from courriel.cli.i18n import Bilingual, say

_PORT = click.IntRange(0, 65535)


@click.command(
    cls=Command,
    words=Bilingual(
        "Lance un serveur de courrier d'entraînement : il accepte tout, montre ce qu'il reçoit dans une page, ne "
        "transmet rien. Sans TLS, par STARTTLS ou par TLS immédiat, avec une autorité de certification temporaire. "
        "Les ports sont 1025 (SMTP) et 8025 (la page) quand ils sont libres, d'autres sinon. Ctrl-C l'arrête.",
        "Starts a practice mail server: it accepts all mail, shows it in a page, and forwards nothing. Without TLS, "
        "with STARTTLS or with TLS from the first byte, by a temporary certificate authority. The ports are 1025 "
        "(SMTP) and 8025 (the page) when they are free, others if not. Ctrl-C stops it.",
    ),
    examples=[
        "courriel sandbox",
        "courriel sandbox --data mails --keep 500M",
        "courriel sandbox --smtp-port 2525 --web-port 0 --user ada:secret",
        "courriel sandbox --host 0.0.0.0 --allow-host mail",
        "courriel sandbox --play GREYLISTED --play drip",
        "courriel sandbox --once --json",
    ],
)
@option("--host", default="127.0.0.1", value=Bilingual("HÔTE", "HOST"), fr="Adresse d'écoute ; par défaut 127.0.0.1.",
        en="Address to listen on; default: 127.0.0.1.")  # fmt: skip
@option("--smtp-port", "--port", "port", type=_PORT, value="PORT",
        fr="Port ; par défaut 1025 s'il est libre. 0 : un port libre.",
        en="Port; default: 1025 if it is free. 0: any free port.")  # fmt: skip
@option("--tls-port", type=_PORT, default=0, value="PORT", fr="Port pour TLS immédiat ; par défaut un port libre.",
        en="Port for TLS from the first byte; default: any free port.")  # fmt: skip
@option("--pop-port", type=_PORT, default=0, value="PORT", fr="Port pour lire par POP3 ; par défaut un port libre.",
        en="Port for reading by POP3; default: any free port.")  # fmt: skip
@option("--imap-port", type=_PORT, default=0, value="PORT", fr="Port pour lire par IMAP ; par défaut un port libre.",
        en="Port for reading by IMAP; default: any free port.")  # fmt: skip
@option("--web-port", type=_PORT, value="PORT",
        fr="Port de la page ; par défaut 8025 s'il est libre. 0 : un port libre.",
        en="Port of the page; default: 8025 if it is free. 0: any free port.")  # fmt: skip
@option("--no-web", is_flag=True, fr="Sans page.", en="Without the page.")
@option("--allow-host", multiple=True, value=Bilingual("NOM", "NAME"),
        fr="Autre nom par lequel on peut demander la page (Compose) ; se répète.",
        en="Another name by which the page may be asked for (Compose); may be repeated.")  # fmt: skip
@option("--no-password", is_flag=True,
        fr="Page sans mot de passe, même ailleurs que sur cette machine.",
        en="The page without a password, on another address than this machine's too.")  # fmt: skip
@option("--data", value=Bilingual("DOSSIER", "FOLDER"), fr="Garde les messages dans ce dossier, d'une fois à l'autre.",
        en="Keep the mails in this folder, from one time to the next.")  # fmt: skip
@option("--keep", default="10000", value=Bilingual("NOMBRE", "NUMBER"),
        fr="Messages gardés, ou leur taille (500M) ; par défaut 10000. Les plus anciens partent d'abord.",
        en="Mails that are kept, or their size (500M); default: 10000. The oldest go first.")  # fmt: skip
@option("--folder", value=Bilingual("DOSSIER", "FOLDER"), fr="Écrit aussi chaque message dans ce dossier (.eml).",
        en="Write each mail into this folder as well (.eml).")  # fmt: skip
@option("--user", multiple=True, value=Bilingual("NOM:MOT-DE-PASSE", "NAME:PASSWORD"),
        fr="Compte autorisé à s'authentifier ; se répète. Sans cette option, tous le sont.",
        en="Account that may log in; may be repeated. Without it, any may.")  # fmt: skip
@option("--relay", value="URL",
        fr="Serveur par lequel la page peut envoyer un message pour de bon, un à un, après confirmation.",
        en="Server by which the page may send a mail for good, one at a time, after a question.")  # fmt: skip
@option("--unsubscribe-at", value="URL",
        fr="Service à l'essai où la page poste un clic de désabonnement, comme un fournisseur : http://127.0.0.1:8000.",
        en="Service on trial to which the page posts one click to unsubscribe, as a provider does: http://127.0.0.1:8000.",
        )  # fmt: skip
@option("--play", "play", multiple=True, value=Bilingual("NOM", "NAME"),
        fr="Mauvais temps, ou un échec de la table : GREYLISTED, cut-after-dot, certificate-expired… ; se répète.",
        en="Bad weather, or a failure of the table: GREYLISTED, cut-after-dot, certificate-expired…; may be repeated.",
        )  # fmt: skip
@option("--once", is_flag=True, fr="S'arrête après le premier message.", en="Stop after the first mail.")
@click.pass_obj
def command(
    manner: GlobalOptions,
    host: str,
    port: int | None,
    tls_port: int,
    pop_port: int,
    imap_port: int,
    web_port: int | None,
    no_web: bool,
    allow_host: tuple[str, ...],
    no_password: bool,
    data: str | None,
    keep: str,
    folder: str | None,
    user: tuple[str, ...],
    relay: str | None,
    unsubscribe_at: str | None,
    play: tuple[str, ...],
    once: bool,
) -> int:
    """Run the server until the process is stopped."""
    from courriel.cli.sandbox.plan import Plan, kept
    from courriel.cli.sandbox.watching import watch

    most, octets = kept(keep)
    plan = Plan(
        host=host, port=port, tls_port=tls_port, pop_port=pop_port, imap_port=imap_port, web_port=web_port,
        web=not no_web, hosts=allow_host, without_password=no_password, data=data, most=most, octets=octets,
        folder=folder, users=dict(map(_user, user)) or None, relay=relay,
        unsubscribe_at=unsubscribe_at, play=play, once=once,
    )  # fmt: skip
    return watch(manner, plan)


def _user(given: str) -> tuple[str, str]:
    name, colon, password = given.partition(":")
    if not (name and colon and password):
        # The text may be a password: it is not quoted.
        raise click.UsageError(say("--user se lit NOM:MOT-DE-PASSE", "--user is written NAME:PASSWORD"))
    return name, password
