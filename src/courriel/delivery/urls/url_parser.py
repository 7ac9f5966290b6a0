"""
Strict parser of server URLs: from text to a `Route`.

Ambiguous URLs are refused, with the spelling of each reading. An error quotes the invalid part, except where it may be
part of a password that was not percent-encoded.
"""

from __future__ import annotations

import os
import re

from courriel import errors
from courriel._dataclass import dataclass
from courriel._lazy_re import expression
from courriel.delivery.percent import check_characters, nearest, refusal, unquote
from courriel.delivery.secrets import FORMS, MASK, SecretReference
from courriel.delivery.urls import option_values, schemes
from courriel.delivery.urls.option_values import Options
from courriel.delivery.urls.route import Route, RouteKind, default_port, default_security
from courriel.delivery.urls.route_checks import is_target
from courriel.model.server import Dialect, Security, Server

_URL = expression(r"([A-Za-z][A-Za-z0-9+.-]*):(?://([^/?]*))?([^?]*)(?:\?(.*))?")
_LONGEST_SHOWN = 5  # characters of an invalid port that are quoted: in smtp://ada:secret it is the password
_PORT = expression(r"[1-9][0-9]{0,4}")
_OPTION = expression(r"[a-z_]{1,40}")
_READING = {"pop": "pops", "pop3": "pops", "imap": "imaps"}
"""Suffixes of a provider's short name, and the scheme each means."""
_CLEAR = {Dialect.POP3: "pop", Dialect.IMAP: "imap"}
_ENCODE = "what is # / ? @ : or % in a user name or a password is written %23 %2F %3F %40 %3A %25"


@dataclass(frozen=True, slots=True)
class _UrlParts:
    """A URL split into parts, undecoded; `authority` is None without //."""

    scheme: str
    authority: str | None
    path: str
    query: str | None

    @property
    def suspicious(self) -> bool:
        """Whether an @ stands behind the authority: then any part may belong to a password."""
        return "@" not in (self.authority or "") and "@" in self.path + (self.query or "")


def read(url: str) -> Route:
    """Parse a URL. Raises InvalidUrl."""
    if not isinstance(url, str):
        raise refusal(f"a way out is a URL, a profile, a Route or a Server, and not {type(url).__name__}")
    for word in ("failover", "roundrobin"):
        if url.startswith((f"{word}(", f"{word}:")):
            raise refusal(schemes.LATER[word])
    check_characters(url)
    parts = _split_url(url)
    try:
        if parts.scheme in schemes.SERVERS:
            return _server_route(parts)
        if parts.scheme in schemes.KEPT:
            return _kept_route(parts)
        if parts.scheme in schemes.FOLDERS:
            return _folder_route(parts)
        if parts.scheme == schemes.PROGRAM:
            return _program_route(parts)
        return _named_route(parts)
    except (errors.InvalidServer, errors.InvalidAddress) as wrong:
        # Its text quotes the invalid part, which cannot contain a secret at this point.
        raise refusal(str(wrong), wrong.hint_id) from wrong


# The steps.


def _split_url(url: str) -> _UrlParts:
    if "#" in url:
        raise refusal(f"a # stands in the URL, where it means the end: {_ENCODE}")
    match = _URL.fullmatch(url)
    if match is None:
        raise refusal(
            "a URL begins with a scheme, as smtps://smtp.example.org (TLS, 465), smtp+starttls://smtp.example.org"
            " (STARTTLS, 587), smtp://localhost or memory:"
        )
    return _UrlParts(match[1].lower(), match[2], match[3], match[4])


def _server_route(parts: _UrlParts) -> Route:
    login, at, host_port = (parts.authority or "").rpartition("@")
    user, password = _login(login) if at else ("", None)
    host, port = _host_and_port(parts, host_port)
    reading = schemes.SERVERS[parts.scheme].dialect.value in schemes.READING_KINDS
    options = _options(parts, schemes.READING_OPTIONS if reading else schemes.SERVER_OPTIONS)
    return _assembled(parts.scheme, host, port, user, password, options)


def _kept_route(parts: _UrlParts) -> Route:
    if parts.authority or parts.path:
        raise refusal(f"{parts.scheme}: stands alone, nothing but ?from= follows it")
    return Route(_kind(parts.scheme), sender=option_values.sender(_options(parts, ("from",))))


def _folder_route(parts: _UrlParts) -> Route:
    if parts.authority or not parts.path.startswith("/"):
        raise refusal(f"{parts.scheme}: three slashes and a whole path, as {parts.scheme}:///var/mail/kept")
    folder = unquote(parts.path, "the folder")
    if folder.startswith("//") or folder.strip("/") == "" or "\\" in folder:
        raise refusal(
            f"the folder {folder!r}: a whole path of this machine is wanted, as {parts.scheme}:///var/mail/kept"
        )
    if os.name == "nt" and re.match(r"/[A-Za-z]:/", folder):
        folder = folder[1:]
    return Route(_kind(parts.scheme), folder=folder, sender=option_values.sender(_options(parts, ("from",))))


def _program_route(parts: _UrlParts) -> Route:
    """The route to a transport of a program; nothing is imported here."""
    if parts.authority is not None or not is_target(parts.path):
        raise refusal("python: is followed by a module and a name in it, as python:shop.mail:transport")
    return Route("python", target=parts.path, sender=option_values.sender(_options(parts, ("from",))))


def _named_route(parts: _UrlParts) -> Route:
    """The route of a provider's short name, or else the most helpful error."""
    if parts.scheme in schemes.LATER:
        raise refusal(schemes.LATER[parts.scheme])
    if parts.scheme in schemes.AMBIGUOUS:
        raise refusal(schemes.AMBIGUOUS[parts.scheme])
    from courriel.delivery.urls import providers

    name, plus, protocol = parts.scheme.partition("+")
    reading = _READING.get(protocol, "") if plus else ""
    provider = providers.by_name(name if reading else parts.scheme)
    if provider is None:
        raise _unknown_scheme(parts.scheme, tuple(each.name for each in providers.all()))
    if reading and not provider.place_of(reading):
        raise refusal(f"{provider.title} has no {'IMAP' if reading == 'imaps' else 'POP3'}")
    if parts.authority is not None or "/" in parts.path:
        raise refusal(f"{parts.scheme}: your address follows without slashes, as {parts.scheme}:{provider.example}")
    usable = schemes.READING_OPTIONS if reading else schemes.SERVER_OPTIONS
    options = _options(parts, tuple(name for name in usable if name != "tls"))
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
        return _assembled(reading, provider.place_of(reading), 0, user, None, options, notes)
    if sender and "from" not in options:
        options["from"] = [sender]
    scheme = "smtps" if provider.security is Security.TLS else "smtp+starttls"
    return _assembled(scheme, provider.host, provider.port, user, None, options, notes)


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


def _kind(scheme: str) -> RouteKind:
    kind: RouteKind
    for kind in ("memory", "console", "null", "file", "maildir"):
        if kind == scheme:
            return kind
    raise AssertionError(scheme)  # the tables of schemes and this list differ


def _login(text: str) -> tuple[str, SecretReference | None]:
    """User and password before the @; never quoted in errors."""
    if "@" in text:
        raise refusal("two @ before the host: an @ in the user name or the password is written %40 (ada%40example.org)")
    if "\\" in text:
        raise refusal("a \\ in the user name or the password is written %5C")
    name, colon, secret = text.partition(":")
    user = unquote(name, "the user name")
    if not user:
        raise refusal("an @ without a user name before it")
    if colon and not secret:
        raise refusal(f"the password of {user!r} is empty: leave the colon out, and say where it lies by password=")
    if secret == MASK:
        raise refusal(f"the password of {user!r} has been masked ({MASK}): this URL was made for people to look at")
    return user, SecretReference("plain", unquote(secret, "the password", secret=True)) if colon else None


def _host_and_port(parts: _UrlParts, host_port: str) -> tuple[str, int]:
    """Host and port, 0 for the scheme's default; a path for LMTP."""
    if "\\" in host_port or "%" in host_port.partition("]")[2] or ("%" in host_port and not host_port.startswith("[")):
        raise refusal(f"the host holds a {'%' if '%' in host_port else chr(92)}: a name is written as it is")
    literal = re.fullmatch(r"\[([^\[\]]*)\](.*)", host_port)
    if host_port.startswith("[") and not literal:
        raise refusal("a bracket before the address is never closed: [2001:db8::1]:587")
    host, port = (literal[1], literal[2]) if literal else _split_at_colon(host_port)
    if parts.scheme == "lmtp" and not host_port and parts.path.startswith("/"):
        return unquote(parts.path, "the path"), 0
    if parts.path not in ("", "/"):
        raise refusal(
            f"a / and more stand where nothing follows the host: {_ENCODE}"
            if parts.suspicious
            else f"{parts.path!r} follows the host, where only options may: ?name=value"
        )
    if not host:
        raise refusal(f"no host: {parts.scheme}://smtp.example.org is the least that can be said")
    if literal:
        host = unquote(host, "the address in brackets")
        if ":" not in host or (port and not port.startswith(":")):
            raise refusal("in [brackets] stands an IPv6 address, and only :port may follow: [2001:db8::1]:587")
    return host.lower(), _port(port, parts)


def _split_at_colon(host_port: str) -> tuple[str, str]:
    host, colon, port = host_port.partition(":")
    if ":" in port and re.fullmatch(r"[0-9A-Fa-f:.]+", host_port):
        raise refusal(f"an IPv6 address stands in brackets: [{host_port}]")
    return host, colon + port


def _port(text: str, parts: _UrlParts) -> int:
    if not text:
        return 0
    number = text[1:]
    if _PORT.fullmatch(number) and int(number) < 65536:
        return int(number)
    if parts.suspicious or len(number) > _LONGEST_SHOWN:
        raise refusal(f"what follows the host's colon is not a port; if it is a password: {_ENCODE}")
    raise refusal(f"{number!r} is not a port: a number from 1 to 65535 follows the colon")


def _options(parts: _UrlParts, usable: tuple[str, ...]) -> Options:
    """Parse the query; each option must be known, allowed here, and given once (except ca and pin)."""
    options: Options = {}
    for pair in (parts.query or "").split("&") if parts.query is not None else ():
        name, equals, value = pair.partition("=")
        if name not in usable:
            raise _unusable(parts, name, usable)
        if not equals or not value:
            raise refusal(f"{name}= is empty: give it a value or leave it out")
        if name in options and name not in schemes.SEVERAL:
            raise refusal(f"{name}= stands twice, and only one can be meant")
        options.setdefault(name, []).append(unquote(value, f"{name}="))
    return options


def _unusable(parts: _UrlParts, name: str, usable: tuple[str, ...]) -> errors.InvalidUrl:
    if name in schemes.SERVER_OPTIONS:
        return refusal(
            f"{name}= makes no sense with {parts.scheme}: {', '.join(f'{each}=' for each in usable)} can stand here"
        )
    if parts.suspicious or not _OPTION.fullmatch(name.lower()):
        return refusal(f"what follows the ? is not an option; if it belongs to a password: {_ENCODE}")
    return refusal(f"{name!r} is not an option{nearest(name, list(usable))}: {', '.join(usable)}")


def _assembled(
    scheme: str,
    host: str,
    port: int,
    user: str,
    password: SecretReference | None,
    options: Options,
    notes: tuple[str, ...] = (),
) -> Route:
    """Build the route; all option names have been checked."""
    user, password = _merged_login(user, password, options)
    proxy, proxy_password = None, None
    if "proxy" in options or "proxy_password" in options:
        from courriel.delivery.urls import proxies

        proxy, proxy_password = proxies.read(options, SecretReference.parse)
    local = Server(host, proxy=proxy).local
    security = _security(scheme, option_values.single(options, "tls"), local=local)
    if security is Security.NONE:
        _refuse_tls_options(scheme, options, local)
    dialect = schemes.SERVERS[scheme].dialect
    auth = option_values.mechanisms(
        options, user, schemes.POP_MECHANISMS if dialect is Dialect.POP3 else schemes.MECHANISMS
    )
    clear = option_values.flag(options, "allow_clear_credentials", "1")
    if clear and (security is not Security.NONE or not user):
        raise refusal("allow_clear_credentials=1 makes no sense here: no password goes over a clear line")
    server = Server(
        host,
        0 if host.startswith("/") else port or default_port(scheme, login=bool(user)),
        security,
        trust=option_values.trust(options),
        client_certificate=option_values.client_certificate(options),
        tls_name=option_values.single(options, "name").lower(),
        ehlo_name=option_values.single(options, "ehlo"),
        timeouts=option_values.timeouts(options),
        auth=auth,
        allow_clear_credentials=clear,
        dialect=dialect,
        binary=option_values.flag(options, "binary", "1"),
        chunking=not option_values.flag(options, "chunking", "0"),
        proxy=proxy,
        redirect_to=option_values.redirect_to(options),
        allowlist=option_values.allowlist(options),
    )
    return Route(
        dialect.value,
        server,
        user,
        password,
        option_values.sender(options),
        notes=notes,
        pool=option_values.number(options, "pool"),
        rate=option_values.single(options, "rate"),
        max_messages=option_values.number(options, "max_messages"),
        proxy_password=proxy_password,
    )


def _merged_login(user: str, password: SecretReference | None, options: Options) -> tuple[str, SecretReference | None]:
    """User and password, each before the @ or in an option; both at once are refused."""
    if user and "user" in options:
        raise refusal("the user stands twice, before the @ and in user=")
    if password and "password" in options:
        raise refusal("the password stands twice, before the @ and in password=")
    if "password" in options:
        password = SecretReference.parse(option_values.single(options, "password"))
    return user or option_values.single(options, "user"), password


def _security(scheme: str, word: str, *, local: bool) -> Security:
    fixed = schemes.SERVERS[scheme].security
    match word:
        case "":
            return default_security(scheme, local=local)
        case "required":
            return fixed or Security.STARTTLS
        case "none" | "opportunistic" if fixed:
            raise refusal(
                f"tls={word} contradicts {scheme}://, which says {schemes.WORDS[fixed]}; write"
                f" {_CLEAR.get(schemes.SERVERS[scheme].dialect, 'smtp')}://…?tls={word}"
            )
        case "none":
            return Security.NONE
        case "opportunistic":
            return Security.OPPORTUNISTIC
        case _:
            known = ["required", "opportunistic", "none"]
            raise refusal(f"tls={word!r} is not known{nearest(word, known)}: {', '.join(known)}")


def _refuse_tls_options(scheme: str, options: Options, local: bool) -> None:
    given = [name for name in schemes.TLS_OPTIONS if name in options]
    if given:
        # A trust option on a connection without TLS would have no effect (hazard H27).
        clear = f"{scheme}:// to this machine" if local and "tls" not in options else "tls=none"
        raise refusal(
            f"{given[0]}= is for TLS, and {clear} speaks in clear: add tls=required, or leave {given[0]}= out"
        )
