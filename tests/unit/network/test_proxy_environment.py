"""The environment's proxy: which variable names it, and for which servers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courriel import InvalidServer, Proxy, Server
from courriel.network.connecting.proxy.environment import is_excepted, proxy_of


def named(host: str, **variables: str) -> Proxy | None:
    return proxy_of(Server(host, 587, proxy=Proxy.environment()), variables)


SOCKS = Proxy("socks5h", "proxy.example.org", 1080)
HTTP = Proxy("http", "proxy.example.org", 3128)


@pytest.mark.parametrize(
    ("variables", "proxy"),
    [
        ({}, None),
        ({"ALL_PROXY": "socks5h://proxy.example.org"}, SOCKS),
        ({"all_proxy": "socks5h://proxy.example.org"}, SOCKS),
        ({"HTTPS_PROXY": "http://proxy.example.org:3128"}, HTTP),
        ({"https_proxy": "proxy.example.org:3128"}, HTTP),
        ({"HTTP_PROXY": "http://proxy.example.org:3128"}, None),  # a header of a web request may set it (httpoxy)
        ({"HTTPS_PROXY": "http://proxy.example.org:3128", "ALL_PROXY": "socks5h://proxy.example.org"}, SOCKS),
        ({"ALL_PROXY": "socks5h://elsewhere.example", "all_proxy": "socks5h://proxy.example.org"}, SOCKS),
        ({"ALL_PROXY": " ", "HTTPS_PROXY": "http://proxy.example.org:3128"}, HTTP),
        ({"ALL_PROXY": "socks5h://proxy.example.org", "NO_PROXY": "example.net"}, SOCKS),
        ({"ALL_PROXY": "socks5h://proxy.example.org", "NO_PROXY": "example.com"}, None),
        ({"ALL_PROXY": "socks5h://proxy.example.org", "no_proxy": "*"}, None),
    ],
)
def test_the_variable_that_counts(variables: dict[str, str], proxy: Proxy | None) -> None:
    assert named("mx.example.com", **variables) == proxy


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1", "127.8.8.8"])
def test_this_machine_is_reached_directly(host: str) -> None:
    assert named(host, ALL_PROXY="socks5h://proxy.example.org") is None


def test_a_proxy_of_the_server_itself_does_not_depend_on_the_environment() -> None:
    server = Server("mx.example.com", proxy=SOCKS)

    assert proxy_of(server, {"ALL_PROXY": "http://other.example:1", "NO_PROXY": "*"}) == SOCKS


@pytest.mark.parametrize("value", ["https://proxy.example.org:3128", "socks4://s3cret@h", "http://ada:s3cret@h:x"])
def test_a_wrong_variable_is_refused_by_its_name_and_not_quoted(value: str) -> None:
    with pytest.raises(InvalidServer) as refused:
        named("mx.example.com", HTTPS_PROXY=value)

    assert str(refused.value).startswith("HTTPS_PROXY: ")
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    ("host", "exceptions"),
    [
        ("example.org", "example.org"),
        ("mx.example.org", "example.org"),
        ("mx.example.org", ".example.org"),
        ("mx.example.org", "*.example.org"),
        ("MX.Example.org.", "example.ORG"),
        ("mx.example.org", "a.example, mx.example.org"),
        ("mx.example.org", "a.example mx.example.org"),
        ("mx.example.org", "mx.example.org:587"),
        ("mx.example.org", "*"),
        ("192.0.2.7", "192.0.2.7"),
        ("192.0.2.7", "192.0.2.7:587"),
        ("192.0.2.7", "192.0.2.0/24"),
        ("2001:db8::7", "2001:db8::7"),
        ("2001:db8::7", "2001:DB8:0::/32"),
        ("2001:db8::7", "[2001:db8::7]"),
        ("2001:db8::7", "[2001:db8::7]:587"),
    ],
)
def test_servers_that_no_proxy_names(host: str, exceptions: str) -> None:
    assert is_excepted(host, 587, exceptions)


@pytest.mark.parametrize(
    ("host", "exceptions"),
    [
        ("mx.example.org", ""),
        ("mx.example.org", "ample.org"),
        ("example.org", "mx.example.org"),
        ("mx.example.org", "example.org.evil.example"),
        ("mx.example.org", "mx.example.org:25"),
        ("mx.example.org", ".,*."),
        ("mx.example.org", "192.0.2.0/24"),
        ("192.0.2.7", "192.0.2.0/33"),
        ("192.0.2.7", "2.7"),
        ("192.0.2.7", "10.0.0.0/8"),
        ("2001:db8::7", "192.0.2.0/24"),
        ("2001:db8::7", "[2001:db8::7]:25"),
    ],
)
def test_servers_that_no_proxy_does_not_name(host: str, exceptions: str) -> None:
    assert not is_excepted(host, 587, exceptions)


@given(st.sampled_from(["mx.example.org", "192.0.2.7", "2001:db8::7"]), st.text(max_size=60))
def test_any_list_can_be_read(host: str, exceptions: str) -> None:
    assert is_excepted(host, 587, exceptions) in (True, False)
