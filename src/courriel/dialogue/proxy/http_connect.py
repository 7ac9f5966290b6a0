"""Conversation with an HTTP proxy, by CONNECT (RFC 9110 9.3.6)."""

from __future__ import annotations

from courriel import errors
from courriel.dialogue.proxy.answers import login_refused, no_proxy, refusal, repeats_login
from courriel.dialogue.proxy.wants import Glance, Hear, Say, Tunnel
from courriel.model.servers.proxy import Proxy
from courriel.wire.proxy import http_connect

_NO_PROXY = (400, 404, 405, 501)  # what servers of web pages answer to CONNECT
_LOGIN = (401, 407)  # tinyproxy answers 401 to a wrong password
_FORBIDDEN = (402, 403, 451)


def open_tunnel(proxy: Proxy, host: str, port: int) -> Tunnel:
    """Have the proxy connect to a host: a name, which it resolves, or an IP address. Raises ProxyError."""
    yield Say(http_connect.connect(host, port, proxy.user, proxy.password))
    head = bytearray()
    status = 100
    left = http_connect.MOST_OCTETS
    while status // 100 == 1:  # interim answers precede the final one (RFC 9110 15.2)
        head.clear()
        while not http_connect.is_complete(head):
            # One by one: what follows the empty line is the mail server's. With 2xx there is no content.
            head += yield Hear(1)
            left -= 1
            if not http_connect.may_begin(head) or not left:
                raise _emptied(head, no_proxy(proxy, bytes(head) + (yield Glance())))
        status = http_connect.status(head) or 0
    if status // 100 != 2:
        raise _emptied(head, _refusal(proxy, f"{host}:{port}", status, bytes(head)))
    if http_connect.is_page(head):
        page = no_proxy(proxy, bytes(head).partition(b"\n")[0], "it sends a page, as the portal of a network does")
        raise _emptied(head, page)


# The steps.


def _emptied(head: bytearray, error: errors.ProxyError) -> errors.ProxyError:
    """The same error, once the answer is gone that it is about: reporters of errors record the locals of frames."""
    head.clear()
    return error


def _refusal(proxy: Proxy, place: str, status: int, head: bytes) -> errors.ProxyError:
    line = head.partition(b"\n")[0]
    if status in _LOGIN:
        known = http_connect.logins(head)
        named = known and not repeats_login(proxy, ", ".join(known))
        if named and "basic" not in (each.lower() for each in known):
            return refusal(proxy, f"takes no login but by {', '.join(known)}", "PROXY-LOGIN-KIND", line)
        return login_refused(proxy, line)
    if status in _FORBIDDEN:
        return refusal(proxy, f"does not allow a connection to {place}", "PROXY-REFUSES-SERVER", line)
    if status in _NO_PROXY or status // 100 not in (4, 5):
        return no_proxy(proxy, line)
    return refusal(proxy, f"cannot reach {place}", "PROXY-CANNOT-REACH", line)
