"""Facts of a mail provider, as lines and as JSON: servers, form of the login, limits, help."""

from __future__ import annotations

from typing import TYPE_CHECKING

from courriel.cli.i18n import say
from courriel.failures import Text

if TYPE_CHECKING:
    from courriel.cli.reporting import CommandReport
    from courriel.delivery.urls.providers import Provider, SendingLimits

_SECURITY = {
    "tls": Text("TLS immédiat", "TLS from the first byte"),
    "starttls": Text("STARTTLS", "STARTTLS"),
}
_ACCEPTED = {
    "password": Text("le mot de passe de la boîte", "the password of the mailbox"),
    "app-password": Text("un mot de passe d'application", "an app password"),
    "oauth2": Text("un jeton OAuth 2 (auth=xoauth2)", "an OAuth 2 token (auth=xoauth2)"),
    "graph-token": Text(
        "un jeton OAuth 2 (courriel login microsoft --for graph)",
        "an OAuth 2 token (courriel login microsoft --for graph)",
    ),
    "api-key": Text("une clé d'API, dans password=", "an API key, in password="),
    "smtp-credentials": Text(
        "des identifiants SMTP, faits dans la console SES de la région (pas les clés AWS)",
        "SMTP credentials, made in the SES console of the region (not the AWS keys)",
    ),
}
_COUNTED = {"messages": Text("messages", "messages"), "recipients": Text("destinataires", "recipients")}


def find(asked: str) -> Provider | None:
    """The provider of a short name, a title, a domain, a mail address or the name of a server; None when unknown."""
    from courriel.delivery.urls import providers

    name = asked.strip().rstrip(":").lower()
    domain = name.rpartition("@")[2]
    title = next((each for each in providers.all() if each.title.lower() == name), None)
    return providers.by_name(name) or title or providers.by_domain(domain) or providers.by_server(domain)


def nearest(asked: str) -> str:
    """The short name nearest to one that no provider has; empty when none is near."""
    from difflib import get_close_matches

    from courriel.delivery.urls import providers

    return next(iter(get_close_matches(asked.strip().lower(), [each.name for each in providers.all()], 1, 0.75)), "")


def show(report: CommandReport, provider: Provider) -> None:
    """Print the facts of a provider."""
    domains = f" ({', '.join(provider.domains)})" if provider.domains else ""
    report.line(f"{provider.name}  {provider.title}{domains}")
    security = _SECURITY[provider.security.value].in_()
    how = say("demandes HTTPS", "HTTPS requests") if provider.by_http else security
    report.entry("Envoi", "Sending", f"{place(provider)} {provider.port}, {how}")
    places = [f"{host} {port}" for host, port in ((provider.imap, 993), (provider.pop, 995)) if host]
    report.entry("Lecture", "Reading", ", ".join(places))
    report.entry("Nom", "Login", _login(provider))
    report.entry("Accepte", "Accepts", _accepted_logins(provider))
    for text in _limits(provider.limits):
        report.entry("Limites", "Limits", text)
    report.entry("Aide", "Help", _help_page(provider))
    report.entry("URL", "URL", url(provider))


def as_object(provider: Provider) -> dict[str, object]:
    """The facts of a provider as JSON: 0 and null for what is not known."""
    limits = provider.limits
    return {
        "name": provider.name,
        "title": provider.title,
        "domains": list(provider.domains),
        "smtp": None if provider.by_http else _server(provider),
        "https": _server(provider) if provider.by_http else None,
        "imap": provider.imap or None,
        "pop3": provider.pop or None,
        "login": provider.login,
        "imap_login": provider.imap_login,
        "accepts": list(provider.accepts),
        "app_password": provider.app_password or None,
        "limits": {
            "per_minute": limits.per_minute,
            "per_hour": limits.per_hour,
            "per_day": limits.per_day,
            "counted": limits.counted,
            "per_message": limits.per_message,
            "connections": limits.connections,
            "note": say(*limits.note) or None,
        },
        "help": provider.help or None,
        "checked": provider.checked or None,
        "url": url(provider),
    }


def url(provider: Provider) -> str:
    """The URL for sending by this provider, with an example address."""
    return provider.usage or f"{provider.name}:{provider.example}"


def place(provider: Provider) -> str:
    """The server's name, with a word for the region where it has one in each."""
    return provider.host.replace("{region}", say("RÉGION", "REGION"))


# The steps.


def _server(provider: Provider) -> dict[str, object]:
    return {"host": provider.host, "port": provider.port, "security": provider.security.value}


def _login(provider: Provider) -> str:
    if provider.login == "any":
        return say("ce que le fournisseur a donné", "what the provider has handed out")
    user_name = say(f"l'adresse entière : {provider.example}", f"the whole address: {provider.example}")
    local = say(
        f"ce qui précède l'arobase : {provider.example.partition('@')[0]}",
        f"what stands before the at sign: {provider.example.partition('@')[0]}",
    )
    sending = user_name if provider.login == "full" else local
    if provider.imap_login == provider.login:
        return sending
    reading = user_name if provider.imap_login == "full" else local
    return say(f"{sending} ; pour lire, {reading}", f"{sending}; for reading, {reading}")


def _accepted_logins(provider: Provider) -> str:
    accepted = say(" ou ", " or ").join(_ACCEPTED[name].in_() for name in provider.accepts)
    return f"{accepted} ({provider.app_password})" if provider.app_password else accepted


def _limits(limits: SendingLimits) -> list[str]:
    """Limits in words, and those of other offers; that none is known, when there is none."""
    counted = _COUNTED[limits.counted].in_()
    known = (
        (limits.per_minute, say("messages par minute", "messages a minute")),
        (limits.per_hour, say(f"{counted} par heure", f"{counted} an hour")),
        (limits.per_day, say(f"{counted} par jour", f"{counted} a day")),
        (limits.per_message, say("destinataires par message", "recipients of one message")),
        (limits.connections, say("connexions à la fois", "connections at once")),
    )
    numbers = ", ".join(f"{number} {unit}" for number, unit in known if number)
    note = say(*limits.note)
    return [each for each in (numbers, note) if each] or [
        say("non publiées, ou inconnues", "not published, or not known")
    ]


def _help_page(provider: Provider) -> str:
    looked_up = say(f"consultée le {provider.checked}", f"looked up on {provider.checked}") if provider.checked else ""
    return f"{provider.help} ({looked_up})" if looked_up else provider.help
