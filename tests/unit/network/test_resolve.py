"""Name resolution, and the name for EHLO."""

from __future__ import annotations

import socket
import threading

import pytest

from courriel import InvalidServer, Security, Server
from courriel.model.servers.server import Dialect
from courriel.network.connecting import resolve


@pytest.mark.parametrize(
    ("name", "address", "introduced"),
    [
        ("mail.example.org", ("192.0.2.1", 25), b"mail.example.org"),
        ("localhost", ("192.0.2.1", 25), b"[192.0.2.1]"),
        ("15b0717dc4c2", ("172.17.0.2", 25), b"[172.17.0.2]"),
        ("macbook.local", ("192.0.2.1", 25), b"[192.0.2.1]"),
        ("localhost.localdomain", ("192.0.2.1", 25), b"[192.0.2.1]"),
        ("my_pc.example.org", ("192.0.2.1", 25), b"[192.0.2.1]"),
        ("é.example.org", ("192.0.2.1", 25), b"[192.0.2.1]"),
        ("pc", ("2001:db8::1", 25, 0, 0), b"[IPv6:2001:db8::1]"),
        ("pc", ("fe80::1%eth0", 25, 0, 2), b"[IPv6:fe80::1]"),
        ("pc", "", b"[127.0.0.1]"),
    ],
)
def test_ehlo_has_the_full_host_name_or_the_address(
    monkeypatch: pytest.MonkeyPatch, name: str, address: object, introduced: bytes
) -> None:
    """Hazard H33: never "localhost", never the id of a container."""
    monkeypatch.setattr(socket, "gethostname", lambda: name)

    assert resolve.our_name(address) == introduced


def test_an_address_needs_no_name_service() -> None:
    assert resolve.places_at_once(Server("127.0.0.1", 25)) == [(socket.AF_INET, ("127.0.0.1", 25))]
    assert resolve.places_at_once(Server("/run/lmtp", security=Security.NONE, dialect=Dialect.LMTP)) == [
        (socket.AF_UNIX, "/run/lmtp")
    ]
    assert resolve.places_at_once(Server("mx.example.org")) is None


def test_a_unix_socket_is_refused_where_the_system_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socket, "AF_UNIX")

    with pytest.raises(InvalidServer, match=r"/run/lmtp: this system has no Unix sockets"):
        resolve.places_at_once(Server("/run/lmtp", security=Security.NONE, dialect=Dialect.LMTP))


@pytest.mark.parametrize("trouble", [socket.gaierror(socket.EAI_NONAME, "no"), UnicodeError("label too long")])
def test_an_unknown_name_is_reported(monkeypatch: pytest.MonkeyPatch, trouble: Exception) -> None:
    def fail(*_: object, **__: object) -> object:
        raise trouble

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    answered = threading.Event()
    answers: list[object] = []

    def done(answer: object) -> None:
        answers.append(answer)
        answered.set()

    resolve.ask(Server("nowhere.example"), done)

    assert answered.wait(10)
    assert isinstance(answers[0], socket.gaierror)
