"""
Environment variables of other programs, read with the meaning they have there.

| variables | whose |
|---|---|
| EMAIL_URL | dj-email-url, django-environ: `smtps:` is STARTTLS there |
| MAILER_DSN | Symfony |
| EMAIL_HOST, EMAIL_PORT, … | Django |
| MAIL_SERVER, MAIL_PORT, … | Flask-Mail, fastapi-mail |

Each family is converted to a URL of ours by one function; what has no equivalent is refused, or mentioned in a note.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from courriel import errors
from courriel._dataclass import dataclass, replace
from courriel._lazy_re import expression
from courriel.delivery.percent import quote, refusal, unquote
from courriel.delivery.urls.route import Route
from courriel.model.checks.shown import safely_shown

Environment = Mapping[str, str]

_URL = expression(
    r"([A-Za-z][A-Za-z0-9+.-]*)://(?:([^/?#@]*)@)?(\[[^\]]*\]|[^:/?#@]*)(?::([0-9]+))?(/[^?#]*)?(?:\?([^#]*))?"
)
_TRUE = ("1", "y", "yes", "t", "true", "on")
_FALSE = ("", "0", "n", "no", "f", "false", "off", "none")


@dataclass(frozen=True, slots=True)
class Family:
    """Variables of one program: present when the first one is set."""

    variable: str
    reader: Callable[[Environment], tuple[str, tuple[str, ...]]]


def find(environment: Environment) -> tuple[Route, str] | None:
    """The first family that is set: its route, and its variable. Raises InvalidUrl, naming the variable."""
    for family in FAMILIES:
        if not environment.get(family.variable):
            continue
        try:
            url, notes = family.reader(environment)
            route = Route.parse(url)
        except errors.InvalidUrl as wrong:
            raise refusal(
                f"{family.variable}: {wrong} (this is another program's variable; COURRIEL_URL goes before it)",
                wrong.hint_id,
            ) from None
        return replace(route, notes=(*route.notes, *notes)), family.variable
    return None


# The steps: one reader a family.


def _email_url(environment: Environment) -> tuple[str, tuple[str, ...]]:
    """EMAIL_URL of dj-email-url and django-environ; immediate TLS: `?ssl=` in the former, `smtp+ssl:` in the latter."""
    scheme, user, password, host, port, path, query = _split_url(environment["EMAIL_URL"])
    kept = {"console": "console:", "consolemail": "console:", "memory": "memory:", "memorymail": "memory:",
            "dummy": "null:", "dummymail": "null:"}  # fmt: skip
    if scheme in kept:
        return kept[scheme], ()
    if scheme in ("file", "filemail"):
        return f"file://{path}", ()
    if scheme not in ("smtp", "smtps", "smtp+tls", "smtp+ssl", "submission", "submit"):
        raise refusal(f"{scheme!r} is not one of the schemes of EMAIL_URL")
    ssl = scheme == "smtp+ssl" or _boolean("ssl", query.pop("ssl", ""))
    tls = _boolean("tls", query.pop("tls", "")) or scheme in ("smtps", "smtp+tls", "submission", "submit")
    options = {"timeout": query.pop("timeout", ""), "from": query.pop("_default_from_email", "")}
    notes = [f"EMAIL_URL: {name}= is not used" for name in query]
    if scheme == "smtps" and not ssl:
        notes.append(
            "EMAIL_URL: smtps: means STARTTLS there, and is read so; COURRIEL_URL=smtps://… is TLS from the first byte"
        )
    default = "587" if scheme in ("submission", "submit") else ""
    return _url(host or "localhost", port or default, user, password, ssl=ssl, tls=tls, options=options), tuple(notes)


def _mailer_dsn(environment: Environment) -> tuple[str, tuple[str, ...]]:
    """MAILER_DSN of Symfony; its `smtp:` uses STARTTLS when offered, here it is required with a login."""
    dsn = environment["MAILER_DSN"]
    if dsn.startswith(("failover(", "roundrobin(")):
        return _several_dsns(dsn)
    scheme, user, password, host, port, _, query = _split_url(dsn)
    if scheme == "null":
        return "null:", ()
    if scheme == "gmail+smtp":
        # Symfony's bridge has the server built in.
        scheme, host, port = "smtps", "smtp.gmail.com", "465"
    if scheme not in ("smtp", "smtps"):
        raise refusal(f"{scheme}: smtp, smtps, gmail+smtp and null are read from MAILER_DSN")
    options = {"ehlo": query.pop("local_domain", ""), "verify": ""}
    verify = query.pop("verify_peer", "")
    if verify and not _boolean("verify_peer", verify):
        options["verify"] = "0"
    notes = tuple(f"MAILER_DSN: {name}= is not used" for name in query)
    ssl = scheme == "smtps" or port == "465"
    if ssl:
        return _url(host, port or "465", user, password, ssl=True, tls=False, options=options), notes
    if user:
        notes = (*notes, "MAILER_DSN: smtp: means STARTTLS when offered there; with a login it is required here")
        return _url(host, port or "25", user, password, ssl=False, tls=True, options=options), notes
    if host == "localhost":
        # Symfony uses no TLS to localhost; then there is no certificate to verify.
        return _url(host, port or "25", "", "", ssl=False, tls=False, options={"ehlo": options["ehlo"]}), notes
    return _url(host, port or "25", "", "", ssl=False, tls=False, options=options | {"tls": "opportunistic"}), notes


def _several_dsns(dsn: str) -> tuple[str, tuple[str, ...]]:
    """Several of them in brackets, with spaces between; `retry_period` is in seconds there as well."""
    word, _, rest = dsn.partition("(")
    inside, bracket, query = rest.rpartition(")")
    if not bracket or "(" in inside or (query and not query.startswith("?")):
        raise refusal(f"{word}(…): the brackets do not match, or something else than ?retry_period=… follows them")
    urls: list[str] = []
    notes: list[str] = []
    for each in inside.split():
        url, said = _mailer_dsn({"MAILER_DSN": each})
        urls.append(url)
        notes += said
    options: dict[str, str] = {}
    for pair in filter(None, query[1:].split("&")):
        name, _, value = pair.partition("=")
        options[name] = value
    retry = options.pop("retry_period", "")
    notes += [f"MAILER_DSN: {name}= is not used" for name in options]
    return f"{word}({' '.join(urls)}){f'?retry={retry}' if retry else ''}", tuple(dict.fromkeys(notes))


def _django(environment: Environment) -> tuple[str, tuple[str, ...]]:
    return _variables(
        environment,
        host="EMAIL_HOST",
        port="EMAIL_PORT",
        user="EMAIL_HOST_USER",
        password="EMAIL_HOST_PASSWORD",
        tls=("EMAIL_USE_TLS",),
        ssl=("EMAIL_USE_SSL",),
        sender=("DEFAULT_FROM_EMAIL",),
    )


def _flask(environment: Environment) -> tuple[str, tuple[str, ...]]:
    return _variables(
        environment,
        host="MAIL_SERVER",
        port="MAIL_PORT",
        user="MAIL_USERNAME",
        password="MAIL_PASSWORD",
        tls=("MAIL_USE_TLS", "MAIL_STARTTLS"),
        ssl=("MAIL_USE_SSL", "MAIL_SSL_TLS"),
        sender=("MAIL_FROM", "MAIL_DEFAULT_SENDER"),
    )


FAMILIES = (
    Family("EMAIL_URL", _email_url),
    Family("MAILER_DSN", _mailer_dsn),
    Family("EMAIL_HOST", _django),
    Family("MAIL_SERVER", _flask),
)


def _variables(
    environment: Environment,
    *,
    host: str,
    port: str,
    user: str,
    password: str,
    tls: tuple[str, ...],
    ssl: tuple[str, ...],
    sender: tuple[str, ...],
) -> tuple[str, tuple[str, ...]]:
    """Settings in single variables: host, port, and so on; the password is referenced, not copied."""
    login = environment.get(user, "")
    options = {"from": _first(environment, sender)}
    if login and environment.get(password):
        options["password"] = f"env:{password}"
    elif login and environment.get(f"{password}_FILE"):
        options["password"] = f"file:{environment[f'{password}_FILE']}"
    number = environment.get(port, "") or "25"
    if not re.fullmatch(r"[0-9]{1,5}", number):
        raise refusal(f"{port}={safely_shown(number)} is not a port")
    secured = {name: _boolean(name, environment.get(name, "")) for name in (*tls, *ssl)}
    by_tls = any(secured[name] for name in tls)
    by_ssl = any(secured[name] for name in ssl)
    if by_tls and by_ssl:
        raise refusal(f"{tls[0]} and {ssl[0]} are both on, and only one can be meant")
    return _url(environment[host], number, login, "", ssl=by_ssl, tls=by_tls, options=options), ()


def _url(host: str, port: str, user: str, password: str, *, ssl: bool, tls: bool, options: Mapping[str, str]) -> str:
    """A URL of ours. Plain text there is plain text here, explicitly; the usual checks of URLs apply then."""
    if not re.fullmatch(r"\[[0-9A-Fa-f:.]+\]|[^\s:/?#@\[\]%\\]+", host):
        raise refusal(f"{safely_shown(host)} is not the name of a server")
    scheme = "smtps" if ssl else "smtp+starttls" if tls else "smtp"
    if not ssl and not tls:
        options = {"tls": "none", **{name: value for name, value in options.items() if value}}
        port = port or "25"
    login = quote(user) + (":" + quote(password) if password else "")
    query = "&".join(f"{name}={quote(value, safe='/:@,')}" for name, value in options.items() if value)
    return f"{scheme}://{login}{'@' if login else ''}{host}{f':{port}' if port else ''}{'?' if query else ''}{query}"


def _split_url(url: str) -> tuple[str, str, str, str, str, str, dict[str, str]]:
    """Scheme, user, password, host, port, path, options; decoded, except host, path and port."""
    found = _URL.fullmatch(url)
    if found is None:
        raise refusal("it is not a URL (what is # / ? @ : or % in a user name or a password is percent-encoded)")
    scheme, login, host, port, path, query = (part or "" for part in found.groups())
    user, _, password = login.partition(":")
    pairs = (pair.partition("=") for pair in query.split("&") if pair)
    options = {unquote(name, "an option"): unquote(value.replace("+", " "), f"{name}=") for name, _, value in pairs}
    user, password = unquote(user, "the user name"), unquote(password, "the password", secret=True)
    return scheme.lower(), user, password, host, port, path, options


def _boolean(name: str, word: str) -> bool:
    if word.lower() in _TRUE:
        return True
    if word.lower() in _FALSE:
        return False
    raise refusal(f"{name}={safely_shown(word)} is neither true nor false")


def _first(environment: Environment, names: tuple[str, ...]) -> str:
    return next((environment[name] for name in names if environment.get(name)), "")
