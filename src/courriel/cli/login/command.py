"""The group `courriel login`, and its commands for stored logins: list, show, refresh, forget."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from courriel.cli.command import Command, GlobalOptions, Group
from courriel.cli.i18n import Bilingual, label, say, visible
from courriel.failures import spoken

if TYPE_CHECKING:
    from courriel.delivery.oauth.login import StoredLogin

_GRANTS = {
    "browser": Bilingual("navigateur", "browser"),
    "device": Bilingual("code d'appareil", "device code"),
    "program": Bilingual("programme (client credentials)", "program (client credentials)"),
    "service-account": Bilingual("compte de service", "service account"),
}


@click.command(
    "list",
    cls=Command,
    words=Bilingual(
        "Montre les connexions enregistrées, sans aucun jeton.", "Shows the stored logins, without tokens."
    ),
    examples=["courriel login list"],
)
@click.pass_obj
def list_(manner: GlobalOptions) -> int:
    """Print one line for each login."""
    from courriel.cli.reporting import CommandReport
    from courriel.delivery.oauth import store
    from courriel.errors import CourrielError

    report = CommandReport(manner)
    names = store.names()
    if not names:
        report.aside(
            say(
                "Aucune connexion n'est enregistrée ; courriel login microsoft ou courriel login google en fait une.",
                "No login is stored; courriel login microsoft or courriel login google makes one.",
            )
        )
    for name in names:
        try:
            login = store.load(name)
        except CourrielError as broken:
            report.failed(broken)
            continue
        if not report.values({"ok": True, **_login_object(login), "sysexit": 0}):
            report.line(f"{visible(name)}  {login.provider}  {_GRANTS[login.grant]}  {visible(', '.join(login.hosts))}")
    return report.status


@click.command(
    "show",
    cls=Command,
    words=Bilingual(
        "Montre une connexion : serveurs, droits, échéance, et ce qu'on peut lire du jeton. Jamais le jeton.",
        "Shows a login: servers, permissions, expiry, and what can be read in the token. Never the token.",
    ),
    examples=["courriel login show ada@firm.example"],
    usage=Bilingual("NOM", "NAME"),
)
@click.argument("name")
@click.pass_obj
def show(manner: GlobalOptions, name: str) -> int:
    """Print everything but the secrets."""
    from courriel.cli.reporting import CommandReport
    from courriel.delivery.oauth import diagnosis, store

    report = CommandReport(manner)
    login = store.load(store.normal(name))
    found = diagnosis.findings(login, time.time())
    content: dict[str, object] = {"ok": True, **_login_object(login)}
    content["findings"] = [{"sentence": each.sentence, "failure": each.failure or None} for each in found]
    if report.values(content | {"sysexit": 0}):
        return 0
    kept = say("trousseau", "keyring") if store.uses_keyring(login.name) else say("fichier 0600", "file, mode 0600")
    rows = (
        (say("Nom", "Name"), login.name),
        (say("Fournisseur", "Provider"), f"{login.provider} {login.tenant}".rstrip()),
        (say("Boîte", "Mailbox"), login.mailbox),
        (say("Application", "Application"), login.client_id),
        (say("Par", "By"), str(_GRANTS[login.grant])),
        (say("Serveurs", "Servers"), ", ".join(login.hosts)),
        (say("Jeton jusqu'à", "Token until"), _date_text(login.expires_at)),
        (say("Rangée dans", "Kept in"), kept),
        (say("Dans une URL", "In a URL"), f"password=login:{login.name}"),
    )
    for title, text in rows:
        report.line(f"{title:14} {visible(text)}")
    for each in found:
        report.line(f"{each.mark} {visible(spoken(each.sentence))}")
    return report.status


@click.command(
    "refresh",
    cls=Command,
    words=Bilingual(
        "Demande un nouveau jeton maintenant, sans utilisateur : dit si la connexion vaut encore.",
        "Asks for a new token now, without the user: says whether the login is still valid.",
    ),
    examples=["courriel login refresh ada@firm.example"],
    usage=Bilingual("NOM", "NAME"),
)
@click.argument("name")
@click.pass_obj
def refresh(manner: GlobalOptions, name: str) -> int:
    """Refresh the tokens of a login."""
    from courriel.cli.reporting import CommandReport
    from courriel.delivery.oauth import sources, store

    report = CommandReport(manner)
    login = sources.renew(store.normal(name), force=True)
    if not report.values({"ok": True, **_login_object(login), "sysexit": 0}):
        until = _date_text(login.expires_at)
        report.line(
            say(
                f"Nouveau jeton pour {visible(login.name)}, valable jusqu'à {until}",
                f"New token for {visible(login.name)}, valid until {until}",
            )
        )
    return report.status


@click.command(
    "forget",
    cls=Command,
    words=Bilingual(
        "Efface une connexion et ses jetons de cette machine. Le consentement se retire chez le fournisseur.",
        "Removes a login and its tokens from this machine. The consent stays at the provider, and is withdrawn there.",
    ),
    examples=["courriel login forget ada@firm.example"],
    usage=Bilingual("NOM", "NAME"),
)
@click.argument("name")
@click.pass_obj
def forget(manner: GlobalOptions, name: str) -> int:
    """Remove a login."""
    from courriel.cli.reporting import CommandReport
    from courriel.delivery.oauth import store

    report = CommandReport(manner)
    name = store.normal(name)
    store.forget(name)
    if not report.values({"ok": True, "name": name, "sysexit": 0}):
        report.line(f"{label('Oubliée', 'Forgotten')}{visible(name)}")
    return report.status


# The steps.


def _login_object(login: StoredLogin) -> dict[str, object]:
    return {
        "name": login.name,
        "provider": login.provider,
        "mailbox": login.mailbox,
        "grant": login.grant,
        "client_id": login.client_id,
        "tenant": login.tenant or None,
        "hosts": list(login.hosts),
        "scopes": list(login.scopes),
        "expires_at": login.expires_at,
    }


def _date_text(seconds: float | None) -> str:
    if seconds is None:
        return say("inconnu", "unknown")
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _load(name: str) -> click.Command:
    if name in _STORED:
        return _STORED[name]
    from courriel.cli.login import providers

    return {"microsoft": providers.microsoft, "google": providers.google}[name]


_STORED = {"list": list_, "show": show, "refresh": refresh, "forget": forget}

command = Group(
    "login",
    words=Bilingual(
        "Se connecte chez Microsoft ou Google, et enregistre la connexion : ?password=login:NOM l'emploie ensuite.",
        "Logs in at Microsoft or Google, and stores the login: ?password=login:NAME uses it from then on.",
    ),
    examples=[
        "courriel login microsoft ada@firm.example --client-id 11111111-2222-3333-4444-555555555555",
        "courriel login google ada@example.org --client-file client_secret.json",
        "courriel login list",
    ],
    table={
        "microsoft": Bilingual("Se connecte à Microsoft 365.", "Logs in to Microsoft 365."),
        "google": Bilingual("Se connecte à Gmail ou Workspace.", "Logs in to Gmail or Workspace."),
        "list": Bilingual("Montre les connexions enregistrées.", "Shows the stored logins."),
        "show": Bilingual("Montre une connexion, sans son jeton.", "Shows a login, without its token."),
        "refresh": Bilingual("Demande un nouveau jeton.", "Asks for a new token."),
        "forget": Bilingual("Efface une connexion.", "Removes a login."),
    },
    load=_load,
)
