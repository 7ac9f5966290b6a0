"""
Values of the options in server URLs: from the texts behind the `?` to values of the model.

Each function reads its own options, which the parser has found to be known; a wrong value raises InvalidUrl.
"""

from __future__ import annotations

from courriel._dataclass import replace
from courriel._lazy_re import expression
from courriel.delivery.percent import nearest, refusal
from courriel.model.address import Address
from courriel.model.servers.server import Timeouts
from courriel.model.servers.trust import ClientCertificate, Trust

_SECONDS = expression(r"[0-9]{1,6}(?:\.[0-9]{1,3})?")
_NUMBER = expression(r"[1-9][0-9]{0,8}")

Options = dict[str, list[str]]
"""Texts of each option, percent-decoded, in the order of the URL."""


def mechanisms(options: Options, user: str, usable: tuple[str, ...]) -> tuple[str, ...]:
    """Login mechanisms of `auth=`; empty for none or when it is missing."""
    if "auth" not in options:
        return ()
    names = tuple(single(options, "auth").lower().split(","))
    if names == ("none",):
        if user:
            raise refusal(f"auth=none, and yet {user!r} is to log in: leave one of them out")
        return ()
    for name in names:
        if name not in usable:
            known = [*usable, "none"]
            raise refusal(f"auth={name!r} is not a way to log in{nearest(name, known)}: {', '.join(known)}")
    if len(set(names)) < len(names):
        raise refusal(f"auth={','.join(names)}: the same mechanism twice")
    return names


def trust(options: Options) -> Trust:
    """Trust of `verify=`, `ca=` and `pin=`."""
    if flag(options, "verify", "0"):
        if "ca" in options or "pin" in options:
            raise refusal("verify=0 beside ca= or pin=: the certificate is checked, or it is not")
        return Trust.dangerously_accept_any_certificate()
    pins = options.get("pin", [])
    for pin in pins:
        if not pin.lower().startswith("sha256:"):
            raise refusal(f"pin={pin!r}: sha256: and the fingerprint of the certificate")
    words = [*options.get("ca", []), *pins]
    if any(word.lower().startswith("sha256:") for word in options.get("ca", [])):
        raise refusal("ca= holds a fingerprint: that is pin=")
    return Trust.of_words(words) if words else Trust.system()


def client_certificate(options: Options) -> ClientCertificate | None:
    """Client certificate of `client_cert=` and `client_key=`."""
    if "client_cert" in options:
        return ClientCertificate(single(options, "client_cert"), single(options, "client_key") or None)
    if "client_key" in options:
        raise refusal("client_key= without client_cert=: a key alone says nothing")
    return None


def timeouts(options: Options) -> Timeouts:
    """Time limits of `connect_timeout=`, `timeout=` and `total=`, in seconds."""
    connect = seconds(options, "connect_timeout")
    silence = seconds(options, "timeout")
    timeouts = Timeouts(connect=connect) if connect else Timeouts()
    if silence:
        timeouts = Timeouts.silence(silence, connect=connect)
    total = seconds(options, "total")
    return replace(timeouts, total=total) if total else timeouts


def flag(options: Options, name: str, only: str) -> bool:
    """Switch that has a single value, `only`; False when it is missing."""
    if name not in options:
        return False
    if single(options, name) != only:
        raise refusal(f"{name}={single(options, name)!r}: {only} is the only value; leave it out otherwise")
    return True


def number(options: Options, name: str) -> int:
    """A number from 1 on; 0 when the option is missing."""
    if name not in options:
        return 0
    text = single(options, name)
    if not _NUMBER.fullmatch(text):
        raise refusal(f"{name}={text!r}: a number from 1 on, as {name}=4")
    return int(text)


def sender(options: Options) -> Address | None:
    """Sender of `from=`."""
    return Address.parse(single(options, "from")) if "from" in options else None


def redirect_to(options: Options) -> Address | None:
    """The one address of `redirect_to=`."""
    return Address.parse(single(options, "redirect_to")) if "redirect_to" in options else None


def allowlist(options: Options) -> tuple[str, ...] | None:
    """Addresses and domains of `allowlist=`, separated by commas; None without it."""
    return tuple(single(options, "allowlist").split(",")) if "allowlist" in options else None


def seconds(options: Options, name: str) -> float | None:
    """Seconds above zero; None when the option is missing."""
    if name not in options:
        return None
    text = single(options, name)
    if not _SECONDS.fullmatch(text) or float(text) == 0:
        raise refusal(f"{name}={text!r}: a number of seconds above zero, as {name}=30 or {name}=2.5")
    return float(text)


def single(options: Options, name: str) -> str:
    """Text of an option that stands once; empty when it is missing."""
    return options[name][0] if name in options else ""
