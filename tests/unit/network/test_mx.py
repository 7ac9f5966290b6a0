"""MX lookup, with a name server on loopback."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Iterator

import pytest
from dns import flags, message, rcode, resolver, rrset

from courriel import errors
from courriel.delivery.domain import takes_mail
from courriel.network.mx import mail_exchangers

ZONE = {
    ("example.org.", "MX"): ["20 second.example.org.", "10 first.example.org."],
    ("null.example.", "MX"): ["0 ."],
    ("plain.example.", "A"): ["192.0.2.1"],
    ("six.example.", "AAAA"): ["2001:db8::1"],
    ("bare.example.", "TXT"): ["nothing"],
}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A name server that serves the zone; returns the queries it received."""
    heard: list[str] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.bind(("127.0.0.1", 0))

        def serve() -> None:
            while True:
                data, client = line.recvfrom(4096)
                if not data:
                    return
                query = message.from_wire(data)
                (question,) = query.question
                name, kind = str(question.name), question.rdtype.name
                heard.append(f"{name} {kind}")
                if name == "silent.example.":
                    continue
                answer = message.make_response(query)
                answer.flags |= flags.RA
                if name == "broken.example.":
                    answer.set_rcode(rcode.SERVFAIL)
                elif not any(known == name for known, _ in ZONE):
                    answer.set_rcode(rcode.NXDOMAIN)
                elif (name, kind) in ZONE:
                    answer.answer.append(rrset.from_text_list(name, 60, "IN", kind, ZONE[name, kind]))
                line.sendto(answer.to_wire(), client)

        ours = resolver.Resolver(configure=False)
        ours.nameservers = ["127.0.0.1"]
        ours.port = line.getsockname()[1]
        monkeypatch.setattr(resolver, "default_resolver", ours)
        server = threading.Thread(target=serve, daemon=True)
        server.start()
        yield heard
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ending:
            ending.sendto(b"", line.getsockname())
        server.join(10)


@pytest.mark.parametrize(
    ("domain", "hosts"),
    [
        ("example.org", ("first.example.org", "second.example.org")),
        ("plain.example", ("plain.example",)),
        ("six.example", ("six.example",)),
    ],
)
def test_mx_hosts_are_sorted_and_a_domain_without_mx_is_its_own(
    domain: str, hosts: tuple[str, ...], asked: list[str]
) -> None:
    assert mail_exchangers(domain, 5) == hosts
    assert takes_mail(domain, 5)
    assert asked[0] == f"{domain}. MX"


@pytest.mark.parametrize("domain", ["nowhere.example", "null.example", "bare.example"])
def test_a_domain_that_takes_no_mail_raises_name_not_found(domain: str, asked: list[str]) -> None:
    with pytest.raises(errors.NameNotFound):
        mail_exchangers(domain, 5)
    assert not takes_mail(domain, 5)


@pytest.mark.slow
@pytest.mark.timeout(4)
def test_a_silent_name_server_times_out(asked: list[str]) -> None:
    with pytest.raises(errors.TimedOut, match=r"in 0\.3 s"):
        mail_exchangers("silent.example", 0.3)


def test_a_failing_name_server_is_not_reported_as_an_unknown_domain(asked: list[str]) -> None:
    with pytest.raises(errors.ConnectionFailed) as failed:
        takes_mail("broken.example", 5)
    assert not isinstance(failed.value, errors.NameNotFound)


def test_without_the_extra_the_error_has_the_command_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dns", None)

    with pytest.raises(errors.MissingExtra, match=r'pip install "courriel\[dns\]"'):
        mail_exchangers("example.org", 5)
