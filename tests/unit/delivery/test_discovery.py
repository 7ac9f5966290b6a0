"""Discovery of the servers for an address, from a name server and a web server on loopback, good and hostile ones."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator

import pytest
import trustme
from dns import flags, message, rcode, resolver, rrset
from hypothesis import given, settings
from hypothesis import strategies as st

from courriel import Sandbox, Trust, errors
from courriel.delivery.discovery import autoconfig, fetch
from courriel.delivery.discovery.discover import discover
from courriel.delivery.discovery.proposal import FoundServer
from courriel.delivery.urls import providers
from courriel.delivery.urls.route import Route
from courriel.doctor.domain import mta_sts, policy_file
from courriel.model.address import Address
from courriel.model.servers.server import Dialect, Security, Server
from courriel.network.https import exchange as https
from fast_part import examples
from servers.web import ok, web

Zone = dict[tuple[str, str], list[str]]
ADA = Address.parse("ada@firm.example")
CONFIG = """<?xml version="1.0"?>
<clientConfig version="1.1"><emailProvider id="firm.example"><domain>firm.example</domain>
 <incomingServer type="imap"><hostname>imap.%EMAILDOMAIN%</hostname><port>993</port><socketType>SSL</socketType>
  <username>%EMAILLOCALPART%</username><authentication>password-cleartext</authentication></incomingServer>
 <incomingServer type="pop3"><hostname>pop.firm.example</hostname><port>110</port><socketType>plain</socketType>
  <username>%EMAILADDRESS%</username><authentication>password-cleartext</authentication></incomingServer>
 <outgoingServer type="smtp"><hostname>smtp.firm.example</hostname><port>25</port><socketType>plain</socketType>
  <username>%EMAILADDRESS%</username><authentication>password-cleartext</authentication></outgoingServer>
 <outgoingServer type="smtp"><hostname>smtp.firm.example</hostname><port>587</port><socketType>STARTTLS</socketType>
  <username>%EMAILADDRESS%</username><authentication>password-cleartext</authentication></outgoingServer>
</emailProvider></clientConfig>"""


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Zone]:
    """The zone of a name server on loopback, which the resolver asks; records may be added."""
    zone: Zone = {}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.bind(("127.0.0.1", 0))

        def serve() -> None:
            while True:
                data, client = line.recvfrom(4096)
                if not data:
                    return
                if answer := _answer(zone, data):
                    line.sendto(answer, client)

        thread = threading.Thread(target=serve)
        thread.start()
        asked = resolver.Resolver(configure=False)
        asked.nameservers, asked.port = ["127.0.0.1"], line.getsockname()[1]
        monkeypatch.setattr(resolver, "default_resolver", asked)
        monkeypatch.setattr(https, "_connect", _nobody)
        yield zone
        line.sendto(b"", line.getsockname())
        thread.join()


def _answer(zone: Zone, data: bytes) -> bytes:
    query = message.from_wire(data)
    (question,) = query.question
    name, kind = str(question.name).lower(), question.rdtype.name
    if (name, "SILENT") in zone:
        return b""
    reply = message.make_response(query)
    reply.flags |= flags.AA
    if (name, "SERVFAIL") in zone:
        reply.set_rcode(rcode.SERVFAIL)
    elif (name, "CNAME") in zone:
        reply.answer.append(rrset.from_text(question.name, 60, "IN", "CNAME", *zone[name, "CNAME"]))
    elif (name, kind) in zone:
        reply.answer.append(rrset.from_text(question.name, 60, "IN", kind, *zone[name, kind]))
    else:
        reply.set_rcode(rcode.NXDOMAIN)
    return reply.to_wire()


def _nobody(server: Server, until: float) -> socket.socket:
    raise socket.gaierror(socket.EAI_NONAME, f"{server} is not there")


# The sources.


@pytest.mark.slow
def test_an_address_of_a_provider_is_not_looked_up() -> None:
    for provider in providers.all():
        for domain in provider.domains:
            found = discover(f"ada+x%y@{domain}")

            assert found is not None
            assert (found.source, found.provider, found.foreign) == ("provider", provider, ())
            route = Route.parse(found.sending)
            assert route.server is not None
            assert route.server.host == provider.host
            assert route.user == ("ada+x%y" if provider.login == "local" else f"ada+x%y@{domain}")
            assert all(Route.parse(url).reads for url in found.reading)


@pytest.mark.parametrize(
    ("exchanger", "name"),
    [
        ("aspmx.l.google.com.", "gmail"),
        ("firm-example.mail.protection.outlook.com.", "office365"),
        ("mx1.mail.ovh.net.", "ovh"),
        ("mta-gw.infomaniak.ch.", "infomaniak"),
        ("spool.mail.gandi.net.", "gandi"),
        ("mx00.ionos.fr.", "ionos.fr"),
        ("mx01.mail.icloud.com.", "icloud"),
    ],
)
def test_the_exchanger_of_a_provider_tells_the_provider(zone: Zone, exchanger: str, name: str) -> None:
    zone["firm.example.", "MX"] = [f"20 other.{exchanger}", f"10 {exchanger}"]

    found = discover("ada@firm.example")

    assert found is not None
    assert (found.source, found.sending) == ("mx", f"{name}:ada@firm.example")
    assert found.detail == f"MX {exchanger.rstrip('.')}"


def test_an_exchanger_that_only_resembles_a_provider_is_not_taken(zone: Zone) -> None:
    zone["firm.example.", "MX"] = ["10 evilgoogle.com.", "20 google.com.evil.example."]

    assert discover("ada@firm.example") is None


def test_srv_records_tell_the_servers(zone: Zone) -> None:
    zone["_submissions._tcp.firm.example.", "SRV"] = ["20 1 465 b.firm.example.", "10 5 465 low.firm.example.",
                                                      "10 9 4650 mail.firm.example."]  # fmt: skip
    zone["_imaps._tcp.firm.example.", "SRV"] = ["0 1 993 imap.elsewhere.example."]
    zone["_imap._tcp.firm.example.", "SRV"] = ["0 0 0 ."]
    zone["_pop3._tcp.firm.example.", "SRV"] = ["0 1 110 pop.firm.example."]

    found = discover("ada@firm.example")

    assert found is not None
    assert found.source == "srv"
    assert found.sending == "smtps://ada%40firm.example@mail.firm.example:4650"
    assert found.reading == (
        "imaps://ada%40firm.example@imap.elsewhere.example",
        "pop3+starttls://ada%40firm.example@pop.firm.example",
    )
    assert found.foreign == ("imap.elsewhere.example",)
    assert all(Route.parse(url) for url in (found.sending, *found.reading))


@pytest.mark.parametrize(
    "target",
    ["10 1 0 mail.firm.example.", "10 1 465 localhost.", "10 1 465 a_b.firm.example.", r"10 1 465 a\032b.firm.example.",
     r"10 1 465 x\@evil.example.", "10 1 465 192.0.2.1."],
)  # fmt: skip
def test_a_record_with_an_unusable_target_is_passed_over(zone: Zone, target: str) -> None:
    zone["_submissions._tcp.firm.example.", "SRV"] = [target, "20 1 465 second.firm.example."]

    found = discover("ada@firm.example")

    assert found is not None
    assert found.sending == "smtps://ada%40firm.example@second.firm.example"


def test_a_domain_without_anything_has_no_proposal(zone: Zone) -> None:
    zone["firm.example.", "MX"] = ["10 mx.firm.example."]

    assert discover("ada@firm.example") is None


@pytest.mark.parametrize("trouble", ["SERVFAIL", "CNAME"])
def test_a_broken_zone_is_an_error_and_no_hang(zone: Zone, trouble: str) -> None:
    for name in ("firm.example.", "_submissions._tcp.firm.example."):
        zone[name, trouble] = [name]

    with pytest.raises(errors.ConnectionFailed) as failed:
        discover("ada@firm.example")

    assert failed.value.stage == "connect"


def test_a_silent_name_server_costs_no_more_than_the_limit(zone: Zone) -> None:
    for name in ("firm.example.", "_submissions._tcp.firm.example."):
        zone[name, "SILENT"] = []

    with pytest.raises(errors.TimedOut):
        discover("ada@firm.example", total=0.2)


def test_a_broken_source_does_not_hide_the_next(zone: Zone) -> None:
    zone["firm.example.", "SERVFAIL"] = []
    zone["_submission._tcp.firm.example.", "SRV"] = ["0 1 587 mail.firm.example."]

    found = discover("ada@firm.example")

    assert found is not None
    assert found.sending == "smtp+starttls://ada%40firm.example@mail.firm.example"


# Autoconfiguration.


def test_the_file_is_read_and_servers_in_clear_are_left_out() -> None:
    found = autoconfig.servers(CONFIG.encode(), ADA)

    assert [(each.dialect, each.host, each.port, each.security, each.user) for each in found] == [
        (Dialect.IMAP, "imap.firm.example", 993, Security.TLS, "ada"),
        (Dialect.SMTP, "smtp.firm.example", 587, Security.STARTTLS, "ada@firm.example"),
    ]


def test_a_server_of_tokens_only_is_proposed_with_tokens() -> None:
    (*_, sending) = autoconfig.servers(CONFIG.replace("password-cleartext", "OAuth2").encode(), ADA)

    assert sending.url == "smtp+starttls://ada%40firm.example@smtp.firm.example?auth=xoauth2"


@pytest.mark.parametrize(
    ("xml", "why"),
    [
        (b"<html>Not Found", "no XML"),
        (b"", "no XML"),
        (b"\x00\xff\xfe", "no XML"),
        (b'<!DOCTYPE c [<!ENTITY a "x">]><clientConfig>&a;</clientConfig>', "document type"),
        (b'<!DOCTYPE c SYSTEM "file:///etc/passwd"><clientConfig/>', "document type"),
        (b"<clientConfig>" + b"<a>" * 100, "nested"),
        (b"<clientConfig>" + b" " * autoconfig.LONGEST + b"</clientConfig>", "longer"),
        (b'<?xml version="1.0" encoding="no-such-thing"?><clientConfig/>', "no XML"),
    ],
)
def test_a_hostile_file_is_refused(xml: bytes, why: str) -> None:
    with pytest.raises(errors.RemoteProtocolError, match=why):
        autoconfig.servers(xml, ADA)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("smtp.firm.example", "/var/run/smtp"),
        ("smtp.firm.example", "127.0.0.1"),
        ("smtp.firm.example", "localhost"),
        ("smtp.firm.example", "smtp.firm.example:25/?tls=none"),
        ("587", "99999"),
        ("587", "-1"),
        ("587", "٥٨٧"),
        ("STARTTLS", "none"),
        ("<username>%EMAILADDRESS%</username>", "<username>a&#10;b</username>"),
        ("<username>%EMAILADDRESS%</username>", ""),
        ('type="smtp"', 'type="lmtp"'),
    ],
)
def test_an_entry_that_lies_is_left_out(old: str, new: str) -> None:
    found = autoconfig.servers(CONFIG.replace(old, new).encode(), ADA)

    assert [each for each in found if each.dialect is Dialect.SMTP] == []


@given(st.binary(max_size=400))
@settings(max_examples=examples(100), deadline=None)
def test_any_bytes_are_servers_or_an_error(xml: bytes) -> None:
    for given_xml in (xml, CONFIG.encode().replace(b"firm", xml[:20])):
        try:
            found = autoconfig.servers(given_xml, ADA)
        except errors.RemoteProtocolError:
            continue
        assert all(Route.parse(each.url) for each in found)


@given(st.text(min_size=1, max_size=40))
@settings(max_examples=examples(100), deadline=None)
def test_any_host_makes_a_url_or_an_error(host: str) -> None:
    try:
        found = FoundServer(Dialect.SMTP, host, 465, Security.TLS, "ada@firm.example")
    except errors.InvalidServer:
        return
    assert Route.parse(found.url).server is not None


# The fetch, over real TLS.


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


def trusting(authority: trustme.CA) -> Trust:
    return Trust.data(authority.cert_pem.bytes())


def test_the_domains_own_file_is_fetched_without_the_address(
    zone: Zone, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bytes] = []

    def answer(request: bytes) -> bytes:
        asked.append(request)
        return ok(CONFIG.encode())

    with web(authority, "autoconfig.firm.example", answer=answer) as site:
        monkeypatch.setattr(https, "_connect", site.connect)
        found = discover("ada@firm.example", trust=trusting(authority))

    assert found is not None
    assert found.source == "autoconfig"
    assert found.detail == "https://autoconfig.firm.example/mail/config-v1.1.xml"
    assert found.sending == "smtp+starttls://ada%40firm.example@smtp.firm.example"
    assert found.reading == ("imaps://ada@imap.firm.example",)
    assert asked[0].startswith(b"GET /mail/config-v1.1.xml HTTP/1.1\r\n")
    assert b"ada" not in asked[0]


def test_the_well_known_file_is_the_second(zone: Zone, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(request: bytes) -> bytes:
        well_known = request.startswith(b"GET /.well-known/autoconfig/mail/config-v1.1.xml")
        return ok(CONFIG.encode()) if well_known else b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"

    with web(authority, "autoconfig.firm.example", "firm.example", answer=answer) as site:
        monkeypatch.setattr(https, "_connect", site.connect)
        found = discover("ada@firm.example", trust=trusting(authority))

    assert found is not None
    assert found.detail.startswith("https://firm.example/.well-known/")


def test_another_certificate_is_refused(zone: Zone, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> None:
    with web(authority, "other.example", answer=lambda _: ok(CONFIG.encode())) as site:
        monkeypatch.setattr(https, "_connect", site.connect)
        with pytest.raises(errors.TlsFailed):
            discover("ada@firm.example", trust=trusting(authority))


@pytest.mark.parametrize(
    ("location", "found"),
    [
        ("/moved.xml", True),
        ("https://a.example/moved.xml", True),
        ("https://evil.example/moved.xml", False),
        ("http://a.example/moved.xml", False),
        ("//evil.example/moved.xml", False),
        ("https://a.example.evil.example/moved.xml", False),
        ("", False),
    ],
)
def test_a_redirect_is_followed_on_the_same_host_only(
    authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, location: str, found: bool
) -> None:
    asked: list[bytes] = []

    def answer(request: bytes) -> bytes:
        asked.append(request)
        if request.startswith(b"GET /moved.xml"):
            return ok(b"here")
        return b"HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % location.encode()

    with web(authority, "a.example", answer=answer) as site:
        monkeypatch.setattr(https, "_connect", site.connect)
        content = fetch.get("https://a.example/x.xml", time.monotonic() + 10, trusting(authority))

    assert content == (b"here" if found else None)
    assert len(asked) == (2 if found else 1)


@pytest.mark.parametrize(
    ("said", "longest"),
    [
        (ok(b"<" * 10_000_000), autoconfig.LONGEST + 1),
        (b"HTTP/1.1 302 Found\r\nLocation: /x.xml\r\nContent-Length: 0\r\n\r\n", None),
        (b"nonsense\r\n\r\n", None),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", 0),
        (b"HTTP/1.1 500 No\r\n\r\n", None),
    ],
)
def test_a_hostile_web_server_gives_nothing_or_little(
    authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, said: bytes, longest: int | None
) -> None:
    with web(authority, "a.example", answer=lambda _: said) as site:
        monkeypatch.setattr(https, "_connect", site.connect)
        content = fetch.get("https://a.example/x.xml", time.monotonic() + 10, trusting(authority))

    assert (None if content is None else len(content)) == longest


def test_a_web_server_that_drips_is_left_in_time(authority: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> None:
    with web(authority, "a.example", answer=lambda _: None) as site:
        monkeypatch.setattr(https, "_connect", site.connect)

        assert fetch.get("https://a.example/x.xml", time.monotonic() + 0.3, trusting(authority)) is None


# The command.


def test_without_dnspython_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "dns", None)
    monkeypatch.setattr(https, "_connect", _nobody)

    with pytest.raises(errors.MissingExtra, match=r"courriel\[doctor\]"):
        discover("ada@firm.example")


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_command_proposes_a_profile_that_can_be_pasted(
    zone: Zone, capsys: pytest.CaptureFixture[str], language: str
) -> None:
    import tomllib

    from courriel.cli.main import main

    zone["_submissions._tcp.firm.example.", "SRV"] = ["0 1 465 mail.hoster.example."]
    zone["_imaps._tcp.firm.example.", "SRV"] = ["0 1 993 mail.hoster.example."]

    status = main(["config", "new", "ada@firm.example", "--password", "env:MAIL", "--lang", language])

    out = capsys.readouterr().out
    assert status == 0
    assert tomllib.loads(out) == {
        "url": "smtps://ada%40firm.example@mail.hoster.example", "password": "env:MAIL", "from": "ada@firm.example",
    }  # fmt: skip
    assert "mail.hoster.example" in out.splitlines()[1]
    assert ("Hors du domaine" if language == "fr" else "Outside the domain") in out


def test_the_command_tries_the_profile_when_asked(
    zone: Zone, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from courriel.cli.config import new as config_new
    from courriel.cli.main import main

    zone["_submissions._tcp.firm.example.", "SRV"] = ["0 1 465 mail.firm.example."]
    with Sandbox(users={"ada": "sesame"}) as sandbox:
        here = Route.parse(sandbox.url.replace("://", "://ada@"))
        monkeypatch.setattr(config_new, "_route", lambda found, password: _replaced(here, password))
        monkeypatch.setenv("MAIL", "sesame")
        good = main(["config", "new", "ada@firm.example", "--try", "--password", "env:MAIL", "--json"])
        told = json.loads(capsys.readouterr().out)
        monkeypatch.setenv("MAIL", "wrong")
        bad = main(["config", "new", "ada@firm.example", "--try", "--password", "env:MAIL"])
        refused = capsys.readouterr()
        letters = list(sandbox.letters)

    assert (good, bad) == (0, 77)
    assert told["mechanism"] == "SCRAM-SHA-256"
    assert "LOGIN-REFUSED" in refused.err
    assert refused.out == ""
    assert letters == []


def test_no_password_is_tried_at_a_server_outside_the_domain(
    zone: Zone, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from courriel.cli.config import new as config_new
    from courriel.cli.main import main

    zone["_submissions._tcp.firm.example.", "SRV"] = ["0 1 465 mail.hoster.example."]
    monkeypatch.setattr(config_new, "_try_login", None)

    status = main(["--lang", "en", "config", "new", "ada@firm.example", "--try", "--password", "env:MAIL"])

    out, err = capsys.readouterr()
    assert (status, out) == (77, "")
    assert "not tried: mail.hoster.example is outside the domain" in err
    assert "courriel doctor smtps://ada%40firm.example@mail.hoster.example --password env:MAIL" in err


def _replaced(route: Route, password: str) -> Route:
    from courriel._dataclass import replace
    from courriel.delivery.secrets import SecretReference

    return replace(route, password=SecretReference.parse(password))


@pytest.mark.parametrize(
    ("arguments", "status"),
    [(("nobody",), 65), (("ada@firm.example", "--password", "sesame"), 64), (("ada@firm.example",), 68)],
)
def test_the_command_reports_what_it_cannot_do(
    zone: Zone, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], status: int
) -> None:
    from courriel.cli.main import main

    if "--password" in arguments:
        zone["_submissions._tcp.firm.example.", "SRV"] = ["0 1 465 mail.firm.example."]

    assert main(["config", "new", *arguments]) == status
    assert "Traceback" not in capsys.readouterr().err


# The policy of MTA-STS, by the same exchange.


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", "answers with status 404"),
        (b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", "answers with status 302"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n", "is no text/plain"),
        (b"nonsense\r\n\r\n", "does not answer as a web server"),
    ],
)
def test_what_is_no_policy_is_an_error_of_its_own(
    authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, said: bytes, error: str
) -> None:
    with web(authority, "mta-sts.a.example", answer=lambda _: said) as site:
        monkeypatch.setattr(https, "_connect", site.connect)

        with pytest.raises(errors.CourrielError, match=error):
            policy_file.fetch_policy(POLICY_URL, trusting(authority))


def test_a_policy_is_fetched_with_a_certificate_for_its_own_name(
    authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 14\r\n\r\nversion: STSv1"
    with web(authority, "mta-sts.a.example", answer=lambda _: said) as site:
        monkeypatch.setattr(https, "_connect", site.connect)
        assert policy_file.fetch_policy(POLICY_URL, trusting(authority)) == b"version: STSv1"

    with web(authority, "other.example", answer=lambda _: said) as site:
        monkeypatch.setattr(https, "_connect", site.connect)
        with pytest.raises(errors.TlsFailed, match="the certificate"):
            policy_file.fetch_policy(POLICY_URL, trusting(authority))


@pytest.mark.slow
def test_a_policy_of_a_gigabyte_is_cut(authority: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> None:
    said = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n" + b"mx: a\n" * 2_000_000
    with web(authority, "mta-sts.a.example", answer=lambda _: said) as site:
        monkeypatch.setattr(https, "_connect", site.connect)

        assert len(policy_file.fetch_policy(POLICY_URL, trusting(authority))) == mta_sts.LONGEST_POLICY + 1


POLICY_URL = "https://mta-sts.a.example/.well-known/mta-sts.txt"
