"""Conversations with proxies, without I/O: any answer ends in a tunnel or a ProxyError, and none is read too far."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from courriel import Proxy, ProxyError
from courriel.dialogue.proxy.tunnel import open_tunnel
from courriel.dialogue.proxy.wants import Glance, Hear, Say
from courriel.wire.proxy import http_connect

SOCKS = Proxy("socks5h", "proxy.example.org", 1080)
SOCKS_LOGIN = Proxy("socks5h", "proxy.example.org", 1080, "ada", "s3cr:et")
HTTP = Proxy("http", "proxy.example.org", 3128)
HTTP_LOGIN = Proxy("http", "proxy.example.org", 3128, "ada", "s3cr:et")
PROXIES = (SOCKS, SOCKS_LOGIN, HTTP, HTTP_LOGIN)
BOUND = b"\x01\x7f\x00\x00\x01\x04\x38"


class HungUp(Exception):
    """The proxy has said all that it says."""


def talk(proxy: Proxy, answer: bytes, host: str = "mx.example.org", early: bytes = b"") -> tuple[bytes, bytes]:
    """Run a tunnel against a proxy that says this; what was said to it, and what of its words was left unread."""
    said, left = b"", answer
    tunnel = open_tunnel(proxy, host, 587)
    want = next(tunnel)
    try:
        while True:
            match want:
                case Say(data):
                    said += data
                    reply = b""
                case Hear(octets):
                    if len(left) < octets:
                        raise HungUp
                    reply, left = left[:octets], left[octets:]
                case Glance():
                    reply = early
            want = tunnel.send(reply)
    except StopIteration:
        return said, left


def test_socks_asks_for_the_name_and_leaves_the_greeting_unread() -> None:
    said, left = talk(SOCKS, b"\x05\x00" + b"\x05\x00\x00" + BOUND + b"220 mx.example.org")

    assert said == b"\x05\x01\x00" + b"\x05\x01\x00\x03\x0emx.example.org\x02\x4b"
    assert left == b"220 mx.example.org"


@pytest.mark.parametrize(
    ("host", "asked"),
    [
        ("192.0.2.7", b"\x01\xc0\x00\x02\x07"),
        ("2001:db8::7", b"\x04\x20\x01\x0d\xb8" + bytes(11) + b"\x07"),
        ("x" * 63 + ".example", b"\x03\x47" + b"x" * 63 + b".example"),
    ],
)
def test_socks_asks_for_addresses_as_such(host: str, asked: bytes) -> None:
    said, _ = talk(SOCKS, b"\x05\x00" + b"\x05\x00\x00" + BOUND, host)

    assert said.endswith(b"\x05\x01\x00" + asked + b"\x02\x4b")


def test_socks_logs_in_when_the_proxy_asks_for_it() -> None:
    said, _ = talk(SOCKS_LOGIN, b"\x05\x02" + b"\x01\x00" + b"\x05\x00\x00" + BOUND)

    assert said.startswith(b"\x05\x02\x00\x02" + b"\x01\x03ada\x07s3cr:et" + b"\x05\x01\x00")


def test_socks_sends_no_login_that_is_not_asked_for() -> None:
    said, _ = talk(SOCKS_LOGIN, b"\x05\x00" + b"\x05\x00\x00" + BOUND)

    assert b"s3cr" not in said


@pytest.mark.parametrize(
    "bound", [BOUND, b"\x03\x09localhost\x04\x38", b"\x04" + bytes(16) + b"\x04\x38", b"\x03\x00\x04\x38"]
)
def test_socks_reads_the_bound_address_of_every_kind_and_no_more(bound: bytes) -> None:
    _, left = talk(SOCKS, b"\x05\x00" + b"\x05\x00\x00" + bound + b"220")

    assert left == b"220"


def test_http_asks_for_the_name_and_leaves_the_greeting_unread() -> None:
    said, left = talk(HTTP, b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n220 mx.example.org")

    assert said == b"CONNECT mx.example.org:587 HTTP/1.1\r\nHost: mx.example.org:587\r\n\r\n"
    assert left == b"220 mx.example.org"


def test_http_logs_in_by_basic_at_once() -> None:
    said, _ = talk(HTTP_LOGIN, b"HTTP/1.0 200 ok\n\n", "2001:db8::7")

    assert said == (
        b"CONNECT [2001:db8::7]:587 HTTP/1.1\r\nHost: [2001:db8::7]:587\r\n"
        b"Proxy-Authorization: Basic YWRhOnMzY3I6ZXQ=\r\n\r\n"
    )


def test_http_reads_past_interim_answers() -> None:
    _, left = talk(HTTP, b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n220")

    assert left == b"220"


SOCKS_REFUSALS: list[tuple[Proxy, bytes, str, str, bool]] = [
    (SOCKS, b"\x05\xff", "PROXY-LOGIN-REFUSED", "wants a login", False),
    (SOCKS, b"\x05\x02", "PROXY-LOGIN-REFUSED", "wants a login", False),
    (SOCKS_LOGIN, b"\x05\xff", "PROXY-LOGIN-REFUSED", "login of 'ada'", False),
    (SOCKS_LOGIN, b"\x05\x02\x01\x01", "PROXY-LOGIN-REFUSED", "login of 'ada'", False),
    (SOCKS, b"\x05\x00\x05\x01", "PROXY-CANNOT-REACH", "general failure", True),
    (SOCKS, b"\x05\x00\x05\x02", "PROXY-REFUSES-SERVER", "rules of the proxy", False),
    (SOCKS, b"\x05\x00\x05\x03", "PROXY-CANNOT-REACH", "network unreachable", True),
    (SOCKS, b"\x05\x00\x05\x04", "PROXY-CANNOT-REACH", "host unreachable", True),
    (SOCKS, b"\x05\x00\x05\x05", "PROXY-CANNOT-REACH", "connection refused", True),
    (SOCKS, b"\x05\x00\x05\x06", "PROXY-CANNOT-REACH", "time to live", True),
    (SOCKS, b"\x05\x00\x05\x07", "PROXY-NOT-SUPPORTED", "command not supported", False),
    (SOCKS, b"\x05\x00\x05\x08", "PROXY-NOT-SUPPORTED", "address type", False),
    (SOCKS, b"\x05\x00\x05\x5b", "PROXY-CANNOT-REACH", "reply 0x5b", True),
    (SOCKS, b"\x05\x00\x05\x00\x00\x07\x00", "PROXY-NOT-A-PROXY", "not one of a SOCKS5 proxy", False),
    (SOCKS, b"\x05\x07", "PROXY-NOT-A-PROXY", "not one of a SOCKS5 proxy", False),
    (SOCKS, b"\x00\x5b", "PROXY-NOT-A-PROXY", "SOCKS4", False),
    (SOCKS, b"HT", "PROXY-NOT-A-PROXY", "it speaks HTTP", False),
    (SOCKS, b"22", "PROXY-NOT-A-PROXY", "not one of a SOCKS5 proxy", False),
    (SOCKS, b"\x05\x00HT", "PROXY-NOT-A-PROXY", "it speaks HTTP", False),
]
HTTP_REFUSALS: list[tuple[bytes, str, str, bool]] = [
    (b"407 Proxy Authentication Required\r\n", "PROXY-LOGIN-REFUSED", "407 Proxy", False),
    (b"407 x\r\nProxy-Authenticate: Negotiate\r\nProxy-Authenticate: NTLM\r\n", "PROXY-LOGIN-KIND", "Negotiate, NTLM",
     False),
    (b"407 x\r\nProxy-Authenticate: Negotiate, Basic realm=\"a, b\"\r\n", "PROXY-LOGIN-REFUSED", "407 x", False),
    (b"401 Unauthorized\r\n", "PROXY-LOGIN-REFUSED", "401", False),  # so says tinyproxy
    (b"403 Forbidden\r\n", "PROXY-REFUSES-SERVER", "403 Forbidden", False),
    (b"451 Unavailable For Legal Reasons\r\n", "PROXY-REFUSES-SERVER", "451", False),
    (b"400 Bad Request\r\n", "PROXY-NOT-A-PROXY", "400", False),
    (b"404 Not Found\r\n", "PROXY-NOT-A-PROXY", "404", False),
    (b"405 Method Not Allowed\r\n", "PROXY-NOT-A-PROXY", "405", False),
    (b"301 Moved\r\nLocation: http://portal\r\n", "PROXY-NOT-A-PROXY", "301", False),
    (b"429 Too Many Requests\r\n", "PROXY-CANNOT-REACH", "429", True),
    (b"500 Unable to connect\r\n", "PROXY-CANNOT-REACH", "500", True),
    (b"502 Bad Gateway\r\n", "PROXY-CANNOT-REACH", "502", True),
    (b"503 Service Unavailable\r\n", "PROXY-CANNOT-REACH", "503", True),
    (b"504 Gateway Timeout\r\n", "PROXY-CANNOT-REACH", "504", True),
    (b"200 OK\r\nContent-Type: text/html\r\nContent-Length: 120\r\n", "PROXY-NOT-A-PROXY", "portal", False),
]  # fmt: skip


def refusals() -> Iterator[tuple[Proxy, bytes, str, str, bool]]:
    yield from SOCKS_REFUSALS
    for answer, *known in HTTP_REFUSALS:
        yield HTTP_LOGIN, b"HTTP/1.1 " + answer + b"\r\n", *known  # type: ignore[misc]


@pytest.mark.parametrize(("proxy", "answer", "failure", "words", "retryable"), list(refusals()))
def test_each_refusal_has_its_failure_and_its_words(
    proxy: Proxy, answer: bytes, failure: str, words: str, retryable: bool
) -> None:
    with pytest.raises(ProxyError) as refused:
        talk(proxy, answer)

    error = refused.value
    assert (error.hint_id, error.stage, error.retryable) == (failure, "connect", retryable)
    assert words in str(error)
    assert error.reply is None, "the words of a proxy are not the mail server's"
    assert error.proxy == proxy.name
    assert error.hint


@pytest.mark.parametrize("proxy", [SOCKS, HTTP])
@pytest.mark.parametrize(
    "greeting",
    [b"220 mx.example.org ESMTP\r\n", b"+OK ready\r\n", b"* OK IMAP4rev1\r\n", b"SSH-2.0-x\r\n", b"\x15\x03\x01"],
)
def test_another_server_in_place_of_the_proxy_is_recognised(proxy: Proxy, greeting: bytes) -> None:
    with pytest.raises(ProxyError) as refused:
        talk(proxy, greeting, early=greeting[2 if proxy is SOCKS else 1 :])

    assert refused.value.hint_id == "PROXY-NOT-A-PROXY"
    assert "answers there" in str(refused.value) or "it speaks" in str(refused.value)


@pytest.mark.parametrize("proxy", [SOCKS, SOCKS_LOGIN])
def test_an_answer_that_comes_before_its_question_is_refused(proxy: Proxy) -> None:
    with pytest.raises(ProxyError) as refused:
        talk(proxy, b"\x05\x00", early=b"\x05\x00\x00" + BOUND)

    assert refused.value.hint_id == "PROXY-NOT-A-PROXY"


def test_an_answer_without_end_is_refused() -> None:
    flood = b"HTTP/1.1 200 OK\r\n" + b"X-Filler: aaaaaaaaaaaaaaaaaaaaaaaa\r\n" * 2000

    with pytest.raises(ProxyError) as refused:
        talk(HTTP, flood)

    assert refused.value.hint_id == "PROXY-NOT-A-PROXY"


@pytest.mark.slow
def test_interim_answers_without_end_are_refused() -> None:
    with pytest.raises(ProxyError):
        talk(HTTP, b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000)


def test_the_words_of_a_proxy_are_made_visible_and_short() -> None:
    with pytest.raises(ProxyError) as refused:
        talk(HTTP, b"HTTP/1.1 403 \x1b[31m" + b"x" * 5000 + b"\r\n\r\n")

    assert "\x1b" not in str(refused.value)
    assert len(str(refused.value)) < 500


def test_no_want_shows_the_login() -> None:
    tunnel = open_tunnel(HTTP_LOGIN, "mx.example.org", 587)

    assert "YWRh" not in repr(next(tunnel))
    tunnel.close()


OCTETS = st.binary(max_size=60)


@given(st.sampled_from(PROXIES), OCTETS, OCTETS)
@example(SOCKS, b"\x05\x00\x05\x00\x00\x03\xff", b"")
@example(HTTP, b"HTTP/1.1 2", b"")
@example(HTTP, b"HTTP/1.1 \xb2\xb0\xb0 \r\n\r\n", b"")
def test_any_octets_end_in_a_tunnel_or_in_our_error(proxy: Proxy, answer: bytes, early: bytes) -> None:
    try:
        said, left = talk(proxy, answer, early=early)
    except (ProxyError, HungUp):
        return
    assert answer.endswith(left)
    assert said


@given(st.binary(max_size=40), st.sampled_from([b"\r\n", b"\n"]), st.lists(st.binary(max_size=20), max_size=5))
def test_any_head_of_http_ends_in_a_tunnel_or_in_our_error(reason: bytes, end: bytes, headers: list[bytes]) -> None:
    head = end.join((b"HTTP/1.1 " + reason, *headers, b"", b""))

    try:
        talk(HTTP, head)
    except (ProxyError, HungUp):
        return
    assert http_connect.status(head.partition(end + end)[0]) is not None


@given(st.binary(max_size=200))
def test_what_logins_an_answer_offers_is_read_from_any_octets(head: bytes) -> None:
    assert all(name.isascii() for name in http_connect.logins(b"Proxy-Authenticate: " + head))
