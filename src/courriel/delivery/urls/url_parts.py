"""
Parts of a server URL: scheme, login, host and port, options; each is decoded, and checked by itself.

An error quotes the invalid part, except where it may be part of a password that was not percent-encoded.
"""

from __future__ import annotations

import re

from courriel import errors
from courriel._dataclass import dataclass
from courriel._lazy_re import expression
from courriel.delivery.percent import nearest, refusal, unquote
from courriel.delivery.secrets import MASK, SecretReference
from courriel.delivery.urls import schemes
from courriel.delivery.urls.option_values import Options

_URL = expression(r"([A-Za-z][A-Za-z0-9+.-]*):(?://([^/?]*))?([^?]*)(?:\?(.*))?")
_LONGEST_SHOWN = 5  # characters of an invalid port that are quoted: in smtp://ada:secret it is the password
_PORT = expression(r"[1-9][0-9]{0,4}")
_OPTION = expression(r"[a-z_]{1,40}")
_ENCODE = "what is # / ? @ : or % in a user name or a password is written %23 %2F %3F %40 %3A %25"


@dataclass(frozen=True, slots=True)
class UrlParts:
    """A URL split into parts, undecoded; `authority` is None without //."""

    scheme: str
    authority: str | None
    path: str
    query: str | None

    @property
    def suspicious(self) -> bool:
        """True for a URL with an @ behind its authority: a password with a / in it, of which no part may be quoted."""
        return "@" not in (self.authority or "") and "@" in self.path + (self.query or "")


def split_url(url: str) -> UrlParts:
    """Split a URL at its delimiters. Raises InvalidUrl."""
    if "#" in url:
        raise refusal(f"a # stands in the URL, where it means the end: {_ENCODE}")
    match = _URL.fullmatch(url)
    if match is None:
        raise refusal(
            "a URL begins with a scheme, as smtps://smtp.example.org (TLS, 465), smtp+starttls://smtp.example.org"
            " (STARTTLS, 587), smtp://localhost or memory:"
        )
    return UrlParts(match[1].lower(), match[2], match[3], match[4])


def parse_login(text: str) -> tuple[str, SecretReference | None]:
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


def parse_host(parts: UrlParts, host_port: str) -> tuple[str, int]:
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


def _port(text: str, parts: UrlParts) -> int:
    if not text:
        return 0
    number = text[1:]
    if _PORT.fullmatch(number) and int(number) < 65536:
        return int(number)
    if parts.suspicious or len(number) > _LONGEST_SHOWN:
        raise refusal(f"what follows the host's colon is not a port; if it is a password: {_ENCODE}")
    raise refusal(f"{number!r} is not a port: a number from 1 to 65535 follows the colon")


def parse_options(parts: UrlParts, usable: tuple[str, ...]) -> Options:
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


def _unusable(parts: UrlParts, name: str, usable: tuple[str, ...]) -> errors.InvalidUrl:
    if name in schemes.SERVER_OPTIONS:
        return refusal(
            f"{name}= makes no sense with {parts.scheme}: {', '.join(f'{each}=' for each in usable)} can stand here"
        )
    if parts.suspicious or not _OPTION.fullmatch(name.lower()):
        return refusal(f"what follows the ? is not an option; if it belongs to a password: {_ENCODE}")
    return refusal(f"{name!r} is not an option{nearest(name, list(usable))}: {', '.join(usable)}")
