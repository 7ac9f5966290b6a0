"""`courriel config new`: propose a profile for a mail address, and try it when asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from courriel.cli.command import Command, GlobalOptions, option
from courriel.cli.i18n import Bilingual, say, visible

if TYPE_CHECKING:
    from courriel.cli.reporting import CommandReport
    from courriel.delivery.discovery.proposal import Proposal
    from courriel.delivery.urls.route import Route

NO_HOST, OUTSIDE = 68, 77
_SOURCES = {
    "provider": Bilingual("la table des fournisseurs", "the table of providers"),
    "mx": Bilingual("les serveurs MX du domaine, qui sont ceux d'un fournisseur", "the domain's MX, a provider's"),
    "srv": Bilingual("les enregistrements SRV du domaine", "the domain's SRV records"),
    "autoconfig": Bilingual("la configuration automatique du domaine", "the domain's autoconfiguration"),
}


@click.command(
    "new",
    cls=Command,
    words=Bilingual(
        "Propose un profil pour une adresse : d'après la table des fournisseurs, puis le DNS du domaine (MX, SRV) et "
        "sa configuration automatique (HTTPS). Rien n'est écrit, et rien n'est envoyé ; --try ouvre une session.",
        "Proposes a profile for an address: by the table of providers, then the domain's DNS (MX, SRV) and its "
        "autoconfiguration (HTTPS). Nothing is written and nothing is sent; --try opens a session.",
    ),
    examples=["courriel config new ada@example.org", "courriel config new ada@example.org --try --password env:MAIL"],
    usage=Bilingual("ADRESSE", "ADDRESS"),
)
@click.argument("address")
@option(
    "--try",
    "attempt",
    is_flag=True,
    fr="Essaie le profil : connexion, TLS, authentification. Aucun message n'est envoyé.",
    en="Tries the profile: connection, TLS, login. No mail is sent.",
)
@option(
    "--password",
    fr="Où est le mot de passe, pour --try et pour le profil : env:NOM, file:/chemin, keyring, prompt.",
    en="Where the password lies, for --try and for the profile: env:NAME, file:/path, keyring, prompt.",
    value=Bilingual("RÉFÉRENCE", "REFERENCE"),
)
@option(
    "--timeout",
    type=click.FloatRange(min=0.1, max=300),
    default=20.0,
    fr="Durée maximale de la recherche, en secondes (20).",
    en="Longest duration of the search, in seconds (20).",
    value=Bilingual("SECONDES", "SECONDS"),
)
@click.pass_obj
def command(manner: GlobalOptions, address: str, attempt: bool, password: str | None, timeout: float) -> int:
    """Search, propose, and try when asked."""
    from courriel.cli.reporting import CommandReport
    from courriel.delivery.discovery.discover import discover

    report = CommandReport(manner)
    found = discover(address, total=timeout)
    if found is None:
        report.failing(
            NO_HOST,
            "NotFound",
            say(
                f"rien ne dit quels sont les serveurs de « {address} » : demandez-les à votre hébergeur",
                f'nothing says which are the servers of "{address}": ask your hosting company for them',
            ),
        )
        return report.status
    route = _route(found, password)
    if attempt and route.server is not None and route.server.host in found.foreign:
        _not_tried(report, found, route.server.host, password)
        return report.status
    mechanism = _try_login(report, route, manner) if attempt else ""
    if report.status:
        return report.status
    if not report.values(_proposal_object(found, route, mechanism)):
        _show(report, found, route, password, mechanism)
    return 0


# The steps.


def _route(found: Proposal, password: str | None) -> Route:
    """The route of the proposal, with the reference to the password; a wrong reference is refused here."""
    from courriel._dataclass import replace
    from courriel.delivery.secrets import SecretReference
    from courriel.delivery.urls.route import Route

    route = Route.parse(found.sending)
    return replace(route, password=SecretReference.parse(password)) if password else route


def _not_tried(report: CommandReport, found: Proposal, host: str, password: str | None) -> None:
    """Refuse the trial of a server that nobody but the domain's own records has named: it would get the password."""
    todo = f"courriel doctor {found.sending} --password {password or 'prompt'}"
    report.failing(
        OUTSIDE,
        "OutsideTheDomain",
        say(
            f"non essayé : {host} est hors du domaine de « {found.address.spec} » ; s'il est le bon : {visible(todo)}",
            f'not tried: {host} is outside the domain of "{found.address.spec}"; if it is right: {visible(todo)}',
        ),
    )


def _try_login(report: CommandReport, route: Route, manner: GlobalOptions) -> str:
    """Open a session and log in; return the mechanism. An error is reported, with its cause and remedy."""
    from courriel import SmtpSession, errors
    from courriel.cli.password_prompt import with_password

    try:
        with SmtpSession(route.server_to_reach(), with_password(route, ask=manner.ask).credentials()) as session:
            return session.mechanism
    except errors.CourrielError as failed:
        report.failed(failed)
        return ""


def _show(report: CommandReport, found: Proposal, route: Route, password: str | None, mechanism: str) -> None:
    from shlex import quote

    sources = str(_SOURCES[found.source])
    report.line(
        say(f"# Trouvé par {sources} : {visible(found.detail)}", f"# Found by {sources}: {visible(found.detail)}")
    )
    if found.foreign:
        hosts = ", ".join(found.foreign)
        report.line(say(f"# Hors du domaine, à vérifier : {hosts}", f"# Outside the domain, check before use: {hosts}"))
    report.line(f"url = {_toml_string(found.sending)}")
    report.line(f"password = {_toml_string(password or 'keyring')}")
    report.line(f"from = {_toml_string(found.address.spec)}")
    if password is None and route.server is not None:
        saving = visible(f"keyring set {route.server.host} {quote(route.user)}")
        report.line(
            say(
                f'# le mot de passe, une fois : {saving} (pip install "courriel[keyring]") ; ou env:NOM à sa place',
                f'# the password, once: {saving} (pip install "courriel[keyring]"); or env:NAME in its place',
            )
        )
    for url in found.reading:
        report.line(f"# {say('lire', 'read')}{say(' : ', ': ')}courriel inbox {visible(url)} list")
    report.aside(
        say(
            "À mettre dans courriel.toml (où : courriel config show) ; puis : courriel doctor",
            "To be put into courriel.toml (where: courriel config show); then: courriel doctor",
        )
    )
    if mechanism:
        report.aside(
            say(
                f"Essayé : connexion, TLS et authentification ({mechanism}) réussies.",
                f"Tried: connection, TLS and login ({mechanism}) succeeded.",
            )
        )


def _toml_string(text: str) -> str:
    """A basic string of TOML."""
    import json

    return json.dumps(text, ensure_ascii=False)


def _proposal_object(found: Proposal, route: Route, mechanism: str) -> dict[str, object]:
    return {
        "ok": True,
        "address": found.address.spec,
        "source": found.source,
        "detail": found.detail,
        "url": found.sending,
        "server": route.name,
        "reading": list(found.reading),
        "provider": found.provider.name if found.provider else None,
        "foreign": list(found.foreign),
        "mechanism": mechanism or None,
        "sysexit": 0,
    }
