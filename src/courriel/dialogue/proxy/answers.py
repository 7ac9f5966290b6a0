"""Errors of a proxy, from its answers; its own words are quoted as its own, and never as the mail server's."""

from __future__ import annotations

from base64 import b64encode

from courriel import errors
from courriel.model.servers.proxy import Proxy
from courriel.wire.smtp.client_syntax import printable

_LONGEST_SHOWN = 200  # octets of an answer that are quoted
_NOT_SHOWN = "its answer repeats the login, and is not shown"
_SPEAKERS = (
    (b"HT", "it speaks HTTP: http:// asks such a proxy"),
    (b"\x05", "it speaks SOCKS5: socks5h:// asks such a proxy"),
    (b"\x00", "it speaks SOCKS4, which is not supported"),
    (b"\x15\x03", "it speaks TLS: a proxy that is reached by TLS is not supported"),
    (b"220", "a mail server answers there (SMTP)"),
    (b"+OK", "a mail server answers there (POP3)"),
    (b"* OK", "a mail server answers there (IMAP)"),
    (b"SSH-", "an SSH server answers there"),
)


def refusal(proxy: Proxy, sentence: str, hint_id: str, answer: bytes = b"") -> errors.ProxyError:
    """The error of a proxy whose answer means this; an answer that repeats the login is not quoted."""
    said = printable(answer[:_LONGEST_SHOWN].rstrip(b"\r\n")).strip()
    if said and repeats_login(proxy, printable(answer)):
        said = _NOT_SHOWN
    text = f"the proxy {proxy} {sentence}{f': {said}' if said else ''}"
    error = errors.ProxyError(text, stage="connect", hint_id=hint_id)
    error.proxy, error.answer = proxy.name, said
    return error


def repeats_login(proxy: Proxy, said: str) -> bool:
    """Password in the answer of a proxy: True when it repeats ours, plain or in a form that proxies make of it."""
    if not proxy.password:
        return False
    from courriel.dialogue.login_replies import SaidAtLogin  # noqa: PLC0415 - only where a proxy refuses

    known = SaidAtLogin()
    known.add_secret(proxy.password)
    known.add_secret(b64encode(f"{proxy.user}:{proxy.password}".encode()).decode())
    return known.repeated_in(said)


def no_proxy(proxy: Proxy, answer: bytes, who: str = "") -> errors.ProxyError:
    """The error for an answer that no proxy of this kind gives; `who` says who does."""
    who = who or next((told for begins, told in _SPEAKERS if answer.startswith(begins)), "")
    what = f"gives an answer that is not one of {'an HTTP' if proxy.scheme == 'http' else 'a SOCKS5'} proxy"
    return refusal(proxy, f"{what} ({who})" if who else what, "PROXY-NOT-A-PROXY", answer)


def login_refused(proxy: Proxy, answer: bytes = b"") -> errors.ProxyError:
    """The error for a login that the proxy refuses, or misses."""
    what = f"refuses the login of {proxy.user!r}" if proxy.user else "wants a login, and none is set for it"
    return refusal(proxy, what, "PROXY-LOGIN-REFUSED", answer)
