"""`courriel dkim`: group of its commands."""

from __future__ import annotations

from importlib import import_module

import click

from courriel.cli.command import Group
from courriel.cli.i18n import Bilingual


def _load(name: str) -> click.Command:
    module = import_module(f"courriel.cli.dkim.{'check' if name == 'check' else 'keys'}")
    command: click.Command = getattr(module, name)
    return command


command = Group(
    "dkim",
    words=Bilingual(
        "Fait les clés DKIM qui signent le courrier, montre leurs enregistrements, et vérifie des signatures.",
        "Makes the DKIM keys that sign mail, shows their records, and verifies signatures.",
    ),
    examples=[
        "courriel dkim new example.org --selector s1 --key s1.pem",
        "courriel dkim record example.org --selector s1 --key s1.pem --wait",
        "courriel dkim check mail.eml",
    ],
    table={
        "new": Bilingual("Fait une clé, et montre son enregistrement DNS.", "Makes a key, and shows its DNS record."),
        "record": Bilingual(
            "Montre l'enregistrement d'une clé, ou l'attend.", "Shows the record of a key, or waits for it."
        ),
        "check": Bilingual("Vérifie les signatures d'un message.", "Verifies the signatures of a mail."),
    },
    load=_load,
)
