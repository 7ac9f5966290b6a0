"""`courriel providers`: known mail providers, with servers, form of the login and limits; no connection is made."""

from __future__ import annotations

import click

from courriel.cli.command import Command, GlobalOptions
from courriel.cli.i18n import Bilingual, say

NO_INPUT = 66


@click.command(
    cls=Command,
    words=Bilingual(
        "Montre les fournisseurs de courrier connus : serveurs, forme du nom, mot de passe ou OAuth 2, limites "
        "d'envoi, aide. Avec un nom, une adresse ou un domaine : ce fournisseur seulement. Aucune connexion n'est "
        "établie.",
        "Shows the known mail providers: servers, form of the login, password or OAuth 2, sending limits, help. With a "
        "name, an address or a domain: that provider only. No connection is made.",
    ),
    examples=["courriel providers", "courriel providers orange", "courriel providers ada@gmail.com"],
    usage=Bilingual("[NOM]", "[NAME]"),
)
@click.argument("name", required=False)
@click.pass_obj
def command(manner: GlobalOptions, name: str | None) -> int:
    """List the providers, or show one."""
    from courriel.cli.providers import facts
    from courriel.cli.reporting import CommandReport
    from courriel.delivery.urls import providers

    report = CommandReport(manner)
    if name is None:
        chosen = providers.all()
    elif found := facts.find(name):
        chosen = (found,)
    else:
        report.failing(NO_INPUT, "NotFound", _unknown_provider(name))
        report.aside(
            say(
                "  La liste : courriel providers ; pour une autre adresse : courriel config new ada@example.org",
                "  The list: courriel providers; for any other address: courriel config new ada@example.org",
            )
        )
        return report.status
    listed = [facts.as_object(each) for each in chosen]
    if report.values({"ok": True, "providers": listed, "sysexit": 0}):
        return 0
    if name is not None:
        facts.show(report, chosen[0])
        return 0
    wide = max(len(each.name) for each in chosen)
    for each in chosen:
        domains = f" ({', '.join(each.domains)})" if each.domains else ""
        report.line(f"{each.name.ljust(wide)}  {facts.place(each)}:{each.port}  {each.title}{domains}")
    return 0


def _unknown_provider(name: str) -> str:
    from courriel.cli.providers.facts import nearest

    unknown = say(f"« {name} » n'est pas un fournisseur connu", f'"{name}" is no known provider')
    near = nearest(name)
    return unknown + say(f" ; vouliez-vous dire {near} ?", f"; did you mean {near}?") if near else unknown
