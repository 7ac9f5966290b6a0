"""Conversation with a SOCKS5 proxy (RFC 1928, RFC 1929)."""

from __future__ import annotations

from courriel.dialogue.proxy.answers import login_refused, no_proxy, refusal
from courriel.dialogue.proxy.wants import Glance, Hear, Say, Tunnel
from courriel.model.servers.proxy import Proxy
from courriel.wire.proxy import socks5


def open_tunnel(proxy: Proxy, host: str, port: int) -> Tunnel:
    """Have the proxy connect to a host: a name, which it resolves, or an IP address. Raises ProxyError."""
    yield Say(socks5.methods(login=bool(proxy.user)))
    answer = yield Hear(2)
    version, method = answer
    if version != socks5.VERSION or method not in (socks5.NO_LOGIN, socks5.BY_PASSWORD, socks5.NONE_FITS):
        raise no_proxy(proxy, answer + (yield Glance()))
    if method == socks5.NONE_FITS or (method == socks5.BY_PASSWORD and not proxy.user):
        raise login_refused(proxy)
    yield from _expect_silence(proxy)
    if method == socks5.BY_PASSWORD:
        yield Say(socks5.login(proxy.user, proxy.password))
        _, refused = yield Hear(2)  # some proxies get the version of this answer wrong
        if refused:
            raise login_refused(proxy)
        yield from _expect_silence(proxy)
    yield Say(socks5.connect(host, port))
    yield from _hear_reply(proxy, host, port)


# The steps.


def _hear_reply(proxy: Proxy, host: str, port: int) -> Tunnel:
    version, reply = head = yield Hear(2)  # some proxies leave out the rest of a refusal
    if version != socks5.VERSION:
        raise no_proxy(proxy, head + (yield Glance()))
    if reply == socks5.SUCCEEDED:
        # The address to which the proxy is bound: nobody needs it, and what follows it is the mail server's.
        _, kind, first = rest = yield Hear(3)
        length = socks5.length_of_address(kind, first)
        if length is None:
            raise no_proxy(proxy, head + rest)
        yield Hear(length)
        return
    place = f"{host}:{port} ({socks5.reason(reply)})"
    if reply == socks5.NOT_ALLOWED:
        raise refusal(proxy, f"does not allow a connection to {place}", "PROXY-REFUSES-SERVER")
    if reply in socks5.NOT_SUPPORTED:
        raise refusal(proxy, f"cannot be asked for {place}", "PROXY-NOT-SUPPORTED")
    raise refusal(proxy, f"cannot reach {place}", "PROXY-CANNOT-REACH")


def _expect_silence(proxy: Proxy) -> Tunnel:
    """Refuse octets that come before the question: they would be taken for its answer."""
    early = yield Glance()
    if early:
        raise no_proxy(proxy, early)
