"""Routes of a provider's short name, as gmail:ada@gmail.com; and the most helpful error for an unknown scheme."""

from __future__ import annotations

from courriel import errors
from courriel.delivery.percent import nearest, refusal, unquote
from courriel.delivery.secrets import FORMS
from courriel.delivery.urls import option_values, providers, schemes
from courriel.delivery.urls.route import Route
from courriel.delivery.urls.server_route import assembled
from courriel.delivery.urls.url_parts import UrlParts, parse_options
from courriel.model.servers.server import Dialect, Security

_READING = {"pop": "pops", "pop3": "pops", "imap": "imaps"}
"""Suffixes of a provider's short name, and the scheme each means."""


def named_route(parts: UrlParts) -> Route:
    """The route of a provider's short name, or else the most helpful error."""
    if parts.scheme in schemes.LATER:
        raise refusal(schemes.LATER[parts.scheme])
    if parts.scheme in schemes.AMBIGUOUS:
        raise refusal(schemes.AMBIGUOUS[parts.scheme])
    name, plus, protocol = parts.scheme.partition("+")
    reading = _READING.get(protocol, "") if plus else ""
    provider = providers.by_name(name if reading else parts.scheme)
    if provider is None:
        raise _unknown_scheme(parts.scheme, tuple(each.name for each in providers.all()))
    if provider.by_http:
        raise refusal(f"{provider.title} has no {'IMAP' if reading == 'imaps' else 'POP3'}")
    if provider.regional:
        raise refusal(f"{provider.name}: the region belongs to the name, as {provider.usage}")
    if reading and not provider.place_of(reading):
        raise refusal(f"{provider.title} has no {'IMAP' if reading == 'imaps' else 'POP3'}")
    if parts.authority is not None or ("/" in parts.path and provider.login != "any"):
        raise refusal(f"{parts.scheme}: your address follows without slashes, as {parts.scheme}:{provider.example}")
    usable = schemes.usable_options(schemes.SERVERS[reading].dialect if reading else Dialect.SMTP)
    options = parse_options(parts, tuple(name for name in usable if name != "tls"))
    address = unquote(parts.path, "the address") or option_values.single(options, "user")
    if parts.path and "user" in options:
        raise refusal("the user stands twice, behind the colon and in user=")
    options.pop("user", None)
    if ":" in address:
        raise refusal(
            f"{parts.scheme}: no password stands here as itself; add ?password= with {FORMS}",
            hint_id="PASSWORD-NOT-A-REFERENCE",
        )
    user, sender = provider.login_of(address, reading)
    notes = provider.notes(tokens=bool(set(options.get("auth", ())) & set(schemes.TOKEN_MECHANISMS)), login=bool(user))
    if reading:
        return assembled(reading, provider.place_of(reading), 0, user, None, options, notes)
    if sender and "from" not in options:
        options["from"] = [sender]
    scheme = "smtps" if provider.security is Security.TLS else "smtp+starttls"
    return assembled(scheme, provider.host, provider.port, user, None, options, notes)


def _unknown_scheme(scheme: str, short_names: tuple[str, ...]) -> errors.InvalidUrl:
    known = [*schemes.every_scheme(), *schemes.LATER, *short_names]
    if "." in scheme or scheme == "localhost":
        close = nearest(scheme, [name for name in known if "." in name])
        advice = close or f"; if it is a server, write smtps://{scheme} or another scheme before it"
        return refusal(f"{scheme!r} is not a scheme{advice}")
    close = nearest(scheme, known)
    if close:
        return refusal(f"{scheme!r} is not a scheme{close}")
    return refusal(
        f"{scheme!r} is not a scheme: {', '.join(schemes.every_scheme())}; nor the short name of a provider:"
        f" {', '.join(short_names)}"
    )
