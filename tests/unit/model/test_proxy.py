"""Proxies as values: what is taken, what is refused, and what is shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courriel import InvalidServer, Proxy, Security, Server
from hostile.lists import hostile


@pytest.mark.parametrize(
    ("url", "value"),
    [
        ("socks5h://proxy.example.org", Proxy("socks5h", "proxy.example.org", 1080)),
        ("SOCKS5://Proxy.Example.org:99/", Proxy("socks5", "proxy.example.org", 99)),
        ("http://ada:p%40ss%3A%2F@proxy.example.org:3128", Proxy("http", "proxy.example.org", 3128, "ada", "p@ss:/")),
        ("http://caf%C3%A9@[2001:db8::1]:8080", Proxy("http", "2001:db8::1", 8080, "café")),
        ("socks5h://127.0.0.1", Proxy("socks5h", "127.0.0.1", 1080)),
        ("http://bücher.example:3128", Proxy("http", "xn--bcher-kva.example", 3128)),
        ("environment", Proxy.environment()),
    ],
)
def test_a_url_is_read(url: str, value: Proxy) -> None:
    assert Proxy.parse(url) == value


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "a proxy is written"),
        ("proxy.example.org:3128", "a proxy is written"),
        ("socks5h:proxy.example.org", "a proxy is written"),
        ("https://proxy.example.org:3128", "reached by TLS"),
        ("socks://proxy.example.org", "SOCKS4 to some"),
        ("socks4a://proxy.example.org", "SOCKS4 knows neither"),
        ("ftp://proxy.example.org", "begins it"),
        ("http://proxy.example.org", "no usual port"),
        ("http://proxy.example.org:0", "not a port"),
        ("http://proxy.example.org:65536", "not a port"),
        ("http://proxy.example.org:s3cret", "%40"),
        ("socks5h://", "not the name of a server"),
        ("socks5h://@proxy.example.org", "empty"),
        ("socks5h://:s3cret@proxy.example.org", "empty"),
        ("socks5h://ada:@proxy.example.org", "empty"),
        ("socks5h://ada:s3@cret@proxy.example.org", "%40"),
        ("socks5h://ada:s3/cret@proxy.example.org", "%2F"),
        ("socks5h://ada:s3#cret@proxy.example.org", "%23"),
        ("socks5h://ada:s3%cret@proxy.example.org", "%25"),
        ("socks5h://ada:s3%FFcret@proxy.example.org", "UTF-8"),
        ("socks5h://ada:***@proxy.example.org", "masked"),
        ("socks5h://a%0D%0Ab:s3cret@proxy.example.org", "control"),
        ("socks5h://proxy.example.org/path", "a proxy is written"),
        ("socks5h://proxy.example.org?x=1", "a proxy is written"),
        ("socks5h://proxy.exa mple.org", "no space"),
        ("http://a%3Ab:s3cret@proxy.example.org:3128", "colon"),
        ("socks5h://" + "a" * 256 + "@proxy.example.org", "256 octets"),
        ("socks5h://ada:" + "é" * 128 + "@proxy.example.org", "256 octets"),
    ],
)
def test_a_wrong_url_is_refused_and_nothing_of_a_password_is_quoted(url: str, words: str) -> None:
    with pytest.raises(InvalidServer) as refused:
        Proxy.parse(url)

    assert words in str(refused.value)
    assert "s3" not in str(refused.value)
    assert "cret" not in str(refused.value)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Proxy("socks5h", ""),
        lambda: Proxy("socks5h", "/run/proxy.sock"),
        lambda: Proxy("socks5h", "proxy.example.org", 70000),
        lambda: Proxy("socks5h", "proxy.example.org", True),
        lambda: Proxy("socks5h", "proxy.example.org", "1080"),  # type: ignore[arg-type]
        lambda: Proxy("gopher", "proxy.example.org"),  # type: ignore[arg-type]
        lambda: Proxy(None, "proxy.example.org"),  # type: ignore[arg-type]
        lambda: Proxy("http", "proxy.example.org", 3128, password="x"),
        lambda: Proxy("http", "proxy.example.org", 3128, b"ada"),  # type: ignore[arg-type]
        lambda: Proxy("http", "proxy.example.org", 3128, "\ud800"),
        lambda: Proxy("environment", "proxy.example.org"),
        lambda: Proxy.parse(3128),  # type: ignore[arg-type]
        lambda: Server("mx.example.org", proxy="socks5h://proxy.example.org"),  # type: ignore[arg-type]
        lambda: Server("/run/dovecot/lmtp", proxy=Proxy("socks5h", "proxy.example.org")),
    ],
)
def test_a_wrong_value_is_refused(make: object) -> None:
    with pytest.raises(InvalidServer):
        make()  # type: ignore[operator]


@pytest.mark.parametrize("host", hostile("proxy_targets"))
def test_no_line_break_gets_into_a_request(host: str) -> None:
    """(hazard H41)"""
    with pytest.raises(InvalidServer):
        Server(host, proxy=Proxy("http", "proxy.example.org", 3128))
    with pytest.raises(InvalidServer):
        Proxy("http", host, 3128)


def test_no_password_is_shown() -> None:
    proxy = Proxy("socks5h", "proxy.example.org", 1080, "ada", "s3cret")

    assert "s3cret" not in f"{proxy} {proxy!r} {Server('mx.example.org', proxy=proxy)!r}"
    assert str(proxy) == "socks5h://proxy.example.org:1080"


def test_this_machine_through_a_proxy_is_another_machine() -> None:
    assert Server("localhost", security=Security.NONE).local
    assert Server("localhost", security=Security.NONE, proxy=Proxy.environment()).local
    assert not Server("localhost", security=Security.NONE, proxy=Proxy("socks5h", "127.0.0.1")).local


@pytest.mark.slow
@given(st.text(max_size=60))
def test_any_text_is_a_proxy_or_our_error(text: str) -> None:
    try:
        proxy = Proxy.parse(text)
    except InvalidServer:
        return
    assert proxy == Proxy.environment() or proxy.port


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_login_is_taken_as_it_is_or_refused(user: str, password: str) -> None:
    try:
        proxy = Proxy("http", "proxy.example.org", 3128, user, password)
    except InvalidServer:
        return
    assert (proxy.user, proxy.password) == (user, password)
