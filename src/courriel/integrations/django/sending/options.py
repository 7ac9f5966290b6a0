"""
Options of a mailer, from its OPTIONS, or from the settings where there is no MAILERS.

The URL is the first of: the option `url`; `settings.COURRIEL["url"]`; `settings.COURRIEL_URL`; the options or settings
of Django's own SMTP backend (`host`, EMAIL_HOST and their like), so that code with `get_connection(host=…)` goes on;
what courriel's own settings say (COURRIEL_URL in the environment, courriel.toml).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn
from urllib.parse import quote

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from courriel import Route, errors
from courriel._dataclass import dataclass

try:
    from django.core.mail import InvalidMailer as InvalidMailer  # noqa: PLC0414 - the other modules import it from here
except ImportError:  # before Django 6.1

    class InvalidMailer(ImproperlyConfigured):  # type: ignore[no-redef]
        """A mailer that is configured wrongly, as Django 6.1 has it."""

        def __init__(self, message: str, *, alias: str | None) -> None:
            self.alias = alias
            super().__init__(message if alias is None else f"MAILERS[{alias!r}]: {message}")


_OWN = ("url", "outbox")
_SMTP = ("host", "port", "username", "password", "use_tls", "use_ssl", "timeout", "ssl_certfile", "ssl_keyfile")
OPTIONS = (*_OWN, *_SMTP)
"""Every option of the backend: its own, and those of Django's SMTP backend."""

_SETTINGS = {
    "host": "EMAIL_HOST",
    "port": "EMAIL_PORT",
    "username": "EMAIL_HOST_USER",
    "password": "EMAIL_HOST_PASSWORD",
    "use_tls": "EMAIL_USE_TLS",
    "use_ssl": "EMAIL_USE_SSL",
    "timeout": "EMAIL_TIMEOUT",
    "ssl_certfile": "EMAIL_SSL_CERTFILE",
    "ssl_keyfile": "EMAIL_SSL_KEYFILE",
}
_CERTAIN = ("smtp://", "smtps://", "smtp+starttls://", "lmtp://")


@dataclass(frozen=True, slots=True)
class MailerOptions:
    """Checked options of one mailer. `route` is a Route, the name of a profile, or None for courriel's own settings.

    `outbox` is False, True, or the alias of a database.
    """

    route: Route | str | None
    outbox: bool | str = False


def mailer_options(given: Mapping[str, Any], alias: str | None) -> MailerOptions:
    """The options of a mailer; `alias` is None without MAILERS. Raises InvalidMailer."""
    said = {name: value for name, value in given.items() if value is not None}
    if alias is None:
        said = {**_from_settings(said), **said}
    outbox = said.get("outbox", False)
    if not isinstance(outbox, bool | str) or outbox == "":
        invalid(f"outbox: True, or the alias of a database, not {outbox!r}", alias)
    try:
        return MailerOptions(_route(said), outbox)
    except errors.UsageError as wrong:
        raise InvalidMailer(str(wrong), alias=alias) from wrong


def invalid(sentence: str, alias: str | None) -> NoReturn:
    """Raise InvalidMailer."""
    raise InvalidMailer(sentence, alias=alias)


# The steps.


def _from_settings(said: Mapping[str, Any]) -> dict[str, Any]:
    """Options from `settings.COURRIEL`, COURRIEL_URL and EMAIL_*; only read where there is no MAILERS."""
    own = getattr(settings, "COURRIEL", {})
    if not isinstance(own, Mapping):
        invalid(f"settings.COURRIEL: a dict of options, not {type(own).__name__}", None)
    for name in own:
        if name not in OPTIONS:
            invalid(f"settings.COURRIEL: Unknown option {name!r}; the options are {', '.join(OPTIONS)}", None)
    found = {name: value for name, value in own.items() if value is not None}
    if "url" not in found and (url := getattr(settings, "COURRIEL_URL", None)):
        found["url"] = url
    named = any(name in said for name in _SMTP if name not in ("username", "password"))
    if named:
        found = {name: value for name, value in found.items() if name == "outbox"}  # get_connection(host=…)
    if hasattr(settings, "MAILERS"):
        return found  # Django lets nobody read EMAIL_* there
    if "url" not in found and (named or settings.is_overridden("EMAIL_HOST")):
        found |= {name: getattr(settings, setting) for name, setting in _SETTINGS.items() if name not in found}
    return found


def _route(said: Mapping[str, Any]) -> Route | str | None:
    url = said.get("url")
    if url is None and "host" not in said:
        return None
    if url is not None and not isinstance(url, str):
        raise errors.UsageError(f"url: a URL, or the name of a profile, not {type(url).__name__}")
    if url is None:
        url = _url_of(said)
    elif (login := _login(said)) and url.startswith(_CERTAIN):
        scheme, _, rest = url.partition("://")
        authority = rest.split("/", 1)[0].split("?", 1)[0]
        url = f"{scheme}://{login}{rest[authority.rfind('@') + 1 :]}"  # send_mail(auth_user=…, auth_password=…)
    return Route.parse(url) if ":" in url else url


def _url_of(said: Mapping[str, Any]) -> str:
    """The URL that the options of Django's SMTP backend mean."""
    if said.get("use_tls") and said.get("use_ssl"):
        raise errors.UsageError("use_tls and use_ssl exclude each other: one of them at most is True")
    scheme = "smtps" if said.get("use_ssl") else "smtp+starttls" if said.get("use_tls") else "smtp"
    host = str(said["host"] or "localhost")
    host = f"[{host}]" if ":" in host and not host.startswith("[") else host
    port = f":{said['port']}" if said.get("port") else ":25" if scheme == "smtp" else ""
    query = f"?timeout={said['timeout']}" if said.get("timeout") else ""
    if said.get("ssl_certfile"):
        pair = [str(said["ssl_certfile"]), *([str(said["ssl_keyfile"])] if said.get("ssl_keyfile") else [])]
        query += f"{'&' if query else '?'}client_cert={','.join(quote(path, safe='/') for path in pair)}"
    return f"{scheme}://{_login(said)}{host}{port}{query}"


def _login(said: Mapping[str, Any]) -> str:
    if not said.get("username") or not said.get("password"):
        return ""  # Django logs in where both are there
    return f"{quote(str(said['username']), safe='')}:{quote(str(said['password']), safe='')}@"
