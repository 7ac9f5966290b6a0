"""The group `courriel unsubscribe`: links of newsletters, the key that seals them, and an endpoint to try them at."""

from __future__ import annotations

import secrets

import click

from courriel.cli.command import Command, GlobalOptions, Group, Whole, option
from courriel.cli.i18n import Bilingual

_REFERENCE = Bilingual("RÉFÉRENCE", "REFERENCE")
_LONGEST_LIFE = 36_500  # days


@click.command(
    "link",
    cls=Command,
    words=Bilingual(
        "Fait le lien de désabonnement d'une adresse, pour list_unsubscribe ou l'en-tête List-Unsubscribe. Il est le "
        "même à chaque fois, et l'adresse ne s'y lit pas.",
        "Makes the link to unsubscribe an address, for list_unsubscribe or the header List-Unsubscribe. It is the same "
        "each time, and does not show the address.",
    ),
    examples=[
        "courriel unsubscribe link bob@example.org --list news --url https://example.org/unsubscribe --key env:KEY"
    ],
    usage=Bilingual("ADRESSE", "ADDRESS"),
)
@click.argument("address")
@option("--list", "list_name", required=True, value=Bilingual("NOM", "NAME"), fr="Nom de la liste.",
        en="Name of the list.")  # fmt: skip
@option("--url", required=True, value="URL", fr="Adresse https où le désabonnement répond.",
        en="The https URL where the endpoint answers.")  # fmt: skip
@option("--key", required=True, value=_REFERENCE,
        fr="Où se trouve la clé : env:NOM, file:/chemin, cmd:programme.",
        en="Where the key lies: env:NAME, file:/path, cmd:program.")  # fmt: skip
@option("--days", type=Whole(1, _LONGEST_LIFE), value=Bilingual("JOURS", "DAYS"),
        fr="Durée de validité ; par défaut sans fin.", en="How long it is valid; default: for ever.")  # fmt: skip
@click.pass_obj
def link(manner: GlobalOptions, address: str, list_name: str, url: str, key: str, days: int | None) -> int:
    """Print the link of an address."""
    from datetime import UTC, datetime, timedelta

    from courriel.cli.reporting import CommandReport
    from courriel.integrations.unsubscribe import UnsubscribeLinks

    report = CommandReport(manner)
    expires = None if days is None else datetime.now(UTC) + timedelta(days)
    made = UnsubscribeLinks(url, key).link(address, list_name, expires=expires)
    if not report.values({"ok": True, "link": made, "sysexit": 0}):
        report.line(made)
    return report.status


@click.command(
    "new-key",
    cls=Command,
    words=Bilingual(
        "Fait une clé pour sceller les liens, et la montre cette seule fois. Gardez-la avec vos secrets : qui l'a "
        "peut désabonner tout le monde.",
        "Makes a key to seal the links, and shows it this once. Keep it with your secrets: who has it can unsubscribe "
        "everybody.",
    ),
    examples=["courriel unsubscribe new-key > unsubscribe.key"],
)
@click.pass_obj
def new_key(manner: GlobalOptions) -> int:
    """Print a key of 256 random bits."""
    from courriel.cli.reporting import CommandReport

    report = CommandReport(manner)
    made = secrets.token_urlsafe(32)
    if not report.values({"ok": True, "key": made, "sysexit": 0}):
        report.line(made)
    return report.status


@click.command(
    "serve",
    cls=Command,
    words=Bilingual(
        "Ouvre un point de désabonnement sur cette machine, pour essayer des liens : il montre la page, répond aux "
        "clics et affiche ce qui est demandé, sans rien enregistrer. Ctrl-C l'arrête.",
        "Opens an unsubscribe endpoint on this machine, to try links: it shows the page, answers clicks and prints "
        "what is asked for, and stores nothing. Ctrl-C stops it.",
    ),
    examples=["courriel unsubscribe serve", "courriel unsubscribe serve --port 0 --key env:UNSUBSCRIBE_KEY --json"],
)
@option("--port", type=Whole(0, 65535), default=8058, value="PORT",
        fr="Port ; par défaut 8058. 0 : un port libre.", en="Port; default: 8058. 0: any free port.")  # fmt: skip
@option("--key", value=_REFERENCE,
        fr="Où se trouve la clé : env:NOM, file:/chemin, cmd:programme ; par défaut une clé pour cette fois.",
        en="Where the key lies: env:NAME, file:/path, cmd:program; default: a key for this run.")  # fmt: skip
@option("--address", default="ada@example.org", value=Bilingual("ADRESSE", "ADDRESS"),
        fr="Adresse du lien d'essai ; par défaut ada@example.org.",
        en="Address of the link to try; default: ada@example.org.")  # fmt: skip
@option("--list", "list_name", default="news", value=Bilingual("NOM", "NAME"),
        fr="Liste du lien d'essai ; par défaut news.", en="List of the link to try; default: news.")  # fmt: skip
@click.pass_obj
def serve(manner: GlobalOptions, port: int, key: str | None, address: str, list_name: str) -> int:
    """Run the endpoint until the process is stopped."""
    from courriel.cli.unsubscribe.serving import serve as run

    return run(manner, port, key if key is not None else secrets.token_bytes(32), address, list_name)


_COMMANDS = {"link": link, "new-key": new_key, "serve": serve}

command = Group(
    "unsubscribe",
    words=Bilingual(
        "Liens de désabonnement en un clic (RFC 8058) : la clé, les liens, et de quoi les essayer.",
        "Links for one-click unsubscribe (RFC 8058): the key, the links, and what to try them with.",
    ),
    examples=[
        "courriel unsubscribe serve",
        "courriel unsubscribe new-key > unsubscribe.key",
        "courriel unsubscribe link bob@example.org --list news --url https://example.org/unsubscribe --key env:KEY",
    ],
    table={
        "link": Bilingual("Fait le lien d'une adresse.", "Makes the link of an address."),
        "new-key": Bilingual("Fait une clé.", "Makes a key."),
        "serve": Bilingual("Ouvre un point de désabonnement d'essai.", "Opens an endpoint to try links at."),
    },
    load=lambda name: _COMMANDS[name],
)
