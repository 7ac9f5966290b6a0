"""URLs and routes: meaning of schemes and options, warnings, and writing back."""

from __future__ import annotations

import pickle
import re
from dataclasses import FrozenInstanceError, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from courriel.delivery.secrets import SecretReference
from courriel.delivery.urls import providers
from courriel.delivery.urls.route import Route
from courriel.errors import InvalidUrl
from courriel.model.address import Address
from courriel.model.servers.server import Dialect, Security, Server, Timeouts
from courriel.model.servers.trust import ClientCertificate, Trust
from fast_part import examples

PIN = "sha256:" + "ab" * 32


@pytest.mark.parametrize(
    ("url", "host", "port", "security"),
    [
        ("smtps://smtp.example.org", "smtp.example.org", 465, Security.TLS),
        ("submissions://smtp.example.org", "smtp.example.org", 465, Security.TLS),
        ("smtp+ssl://smtp.example.org", "smtp.example.org", 465, Security.TLS),
        ("smtp+starttls://smtp.example.org", "smtp.example.org", 587, Security.STARTTLS),
        ("submission://smtp.example.org", "smtp.example.org", 587, Security.STARTTLS),
        ("submit://smtp.example.org", "smtp.example.org", 587, Security.STARTTLS),
        ("smtp://smtp.example.org", "smtp.example.org", 25, Security.STARTTLS),
        ("smtp://ada@smtp.example.org", "smtp.example.org", 587, Security.STARTTLS),
        ("smtp://smtp.example.org?user=ada", "smtp.example.org", 587, Security.STARTTLS),
        ("smtp://localhost", "localhost", 25, Security.NONE),
        ("smtp://ada@localhost", "localhost", 587, Security.NONE),
        ("smtp://127.0.0.1:2525", "127.0.0.1", 2525, Security.NONE),
        ("smtp://[::1]:2525", "::1", 2525, Security.NONE),
        ("smtp://localhost?tls=required", "localhost", 25, Security.STARTTLS),
        ("smtp://localhost?tls=none", "localhost", 25, Security.NONE),
        ("smtp://mx.example.org?tls=none", "mx.example.org", 25, Security.NONE),
        ("smtp://mx.example.org?tls=opportunistic", "mx.example.org", 25, Security.OPPORTUNISTIC),
        ("smtps://smtp.example.org?tls=required", "smtp.example.org", 465, Security.TLS),
        ("smtp+starttls://localhost", "localhost", 587, Security.STARTTLS),
        ("smtps://smtp.example.org:8465", "smtp.example.org", 8465, Security.TLS),
        ("SMTPS://SMTP.Example.ORG/", "smtp.example.org", 465, Security.TLS),
        ("smtps://[2001:db8::1]", "2001:db8::1", 465, Security.TLS),
        ("smtps://[fe80::1%25eth0]:465", "fe80::1%eth0", 465, Security.TLS),
        ("smtps://bücher.example", "xn--bcher-kva.example", 465, Security.TLS),
        ("lmtp://localhost", "localhost", 24, Security.NONE),
        ("lmtp://mail.example.org", "mail.example.org", 24, Security.STARTTLS),
        ("lmtp:///run/dovecot/lmtp", "/run/dovecot/lmtp", 24, Security.NONE),
        ("pops://pop.example.org", "pop.example.org", 995, Security.TLS),
        ("pop3s://pop.example.org", "pop.example.org", 995, Security.TLS),
        ("pop3+starttls://pop.example.org", "pop.example.org", 110, Security.STARTTLS),
        ("pop://pop.example.org", "pop.example.org", 110, Security.STARTTLS),
        ("pop3://ada@pop.example.org", "pop.example.org", 110, Security.STARTTLS),
        ("pop://localhost", "localhost", 110, Security.NONE),
        ("pop://ada@127.0.0.1:1110", "127.0.0.1", 1110, Security.NONE),
        ("orange+pop:ada@orange.fr", "pop.orange.fr", 995, Security.TLS),
        ("web.de+pop3:ada@web.de", "pop3.web.de", 995, Security.TLS),
    ],
)
def test_a_scheme_decides_port_and_protection(url: str, host: str, port: int, security: Security) -> None:
    server = Route.parse(url).server

    assert server is not None
    assert (server.host, server.port, server.security) == (host, port, security)


def test_lmtp_is_another_dialect() -> None:
    route = Route.parse("lmtp:///run/dovecot/lmtp")

    assert route.kind == "lmtp"
    assert route.server is not None
    assert route.server.dialect is Dialect.LMTP


@pytest.mark.parametrize(
    ("url", "kind", "folder"),
    [
        ("memory:", "memory", ""),
        ("memory://", "memory", ""),
        ("console:", "console", ""),
        ("null:", "null", ""),
        ("file:///var/mail/kept", "file", "/var/mail/kept"),
        ("file:///kept%20mail", "file", "/kept mail"),
        ("maildir:///home/ada/Mail", "maildir", "/home/ada/Mail"),
    ],
)
def test_some_routes_are_local(url: str, kind: str, folder: str) -> None:
    route = Route.parse(url)

    assert (route.kind, route.folder, route.server) == (kind, folder, None)
    assert route.credentials() is None


@pytest.mark.parametrize(
    ("option", "attribute", "value"),
    [
        ("ca=system", "trust", Trust.system()),
        ("ca=bundled", "trust", Trust.bundled()),
        ("ca=/etc/ca.pem", "trust", Trust.file("/etc/ca.pem")),
        ("ca=system&ca=/etc/ca.pem", "trust", Trust.system() | Trust.file("/etc/ca.pem")),
        (f"pin={PIN}", "trust", Trust.pin(PIN)),
        (f"ca=system&pin={PIN}", "trust", Trust.system().with_pins(PIN)),
        ("verify=0", "trust", Trust.dangerously_accept_any_certificate()),
        ("client_cert=/c.pem", "client_certificate", ClientCertificate("/c.pem")),
        ("client_cert=/c.pem&client_key=/k.pem", "client_certificate", ClientCertificate("/c.pem", "/k.pem")),
        ("name=mail.example.net", "tls_name", "mail.example.net"),
        ("timeout=10", "timeouts", Timeouts.silence(10)),
        ("timeout=10&connect_timeout=2.5", "timeouts", Timeouts.silence(10, connect=2.5)),
        ("connect_timeout=2.5", "timeouts", Timeouts(connect=2.5)),
        ("total=30", "timeouts", Timeouts(total=30)),
        ("timeout=10&total=2.5", "timeouts", replace(Timeouts.silence(10), total=2.5)),
        ("chunking=0", "chunking", False),
        ("ehlo=client.example.org", "ehlo_name", "client.example.org"),
        ("ehlo=[192.0.2.1]", "ehlo_name", "[192.0.2.1]"),
        ("auth=plain&user=ada", "auth", ("plain",)),
        ("auth=SCRAM-SHA-256,plain&user=ada", "auth", ("scram-sha-256", "plain")),
        ("auth=none", "auth", ()),
    ],
)
def test_an_option_says_one_thing_about_the_server(option: str, attribute: str, value: object) -> None:
    route = Route.parse(f"smtps://smtp.example.org?{option}")

    assert getattr(route.server, attribute) == value
    assert Route.parse(route.reveal_url()) == route


def test_credentials_in_clear_are_allowed_by_name_only() -> None:
    route = Route.parse("smtp://ada:secret@relay.example.org:25?tls=none&allow_clear_credentials=1")

    assert route.server is not None
    assert route.server.allow_clear_credentials
    assert "in clear" in route.warnings[0]
    assert Route.parse(route.reveal_url()) == route


def test_the_login_stands_before_the_at_or_in_the_options() -> None:
    before = Route.parse("smtps://ada%40example.org@smtp.example.org?password=env:X&from=Ada%20<ada@example.org>")
    behind = Route.parse("smtps://smtp.example.org?user=ada@example.org&password=env:X&from=Ada%20<ada@example.org>")

    assert before == behind
    assert before.user == "ada@example.org"
    assert before.password == SecretReference("env", "X")
    assert before.sender == Address("ada", "example.org", "Ada")


def test_a_plus_sign_is_a_plus_sign() -> None:
    assert Route.parse("memory:?from=ada+news@example.org").sender == Address("ada+news", "example.org")


@pytest.mark.parametrize(
    ("url", "user", "host", "port", "security", "sender"),
    [
        ("orange:ada@wanadoo.fr", "ada@wanadoo.fr", "smtp.orange.fr", 465, Security.TLS, "ada@wanadoo.fr"),
        ("free:ada@free.fr", "ada", "smtp.free.fr", 465, Security.TLS, "ada@free.fr"),
        ("free:ada", "ada", "smtp.free.fr", 465, Security.TLS, "ada@free.fr"),
        ("laposte:?user=ada@laposte.net", "ada", "smtp.laposte.net", 465, Security.TLS, "ada@laposte.net"),
        ("web.de:ada@web.de", "ada", "smtp.web.de", 465, Security.TLS, "ada@web.de"),
        ("office365:ada@x.org", "ada@x.org", "smtp.office365.com", 587, Security.STARTTLS, "ada@x.org"),
        ("icloud:ada@me.com", "ada@me.com", "smtp.mail.me.com", 587, Security.STARTTLS, "ada@me.com"),
        ("ovh:ada@x.org?from=b@x.org", "ada@x.org", "ssl0.ovh.net", 465, Security.TLS, "b@x.org"),
        ("ses.eu-west-3:AK/IA+", "AK/IA+", "email-smtp.eu-west-3.amazonaws.com", 465, Security.TLS, "None"),
        ("ses.us-gov-east-1:AKIA", "AKIA", "email-smtp.us-gov-east-1.amazonaws.com", 465, Security.TLS, "None"),
    ],
)
def test_a_short_name_knows_the_server_and_the_form_of_login(
    url: str, user: str, host: str, port: int, security: Security, sender: str
) -> None:
    route = Route.parse(url)

    assert route.server == Server(host, port, security)
    assert (route.user, str(route.sender)) == (user, sender)
    assert Route.parse(route.reveal_url()) == route


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ses:AKIA", "the region belongs to the name, as ses.eu-west-3:"),
        ("ses.paris:AKIA", "is not a scheme"),
        ("ses.eu-west-3.evil.example:AKIA", "is not a scheme"),
        ("orange.eu-west-3:ada@orange.fr", "is not a scheme"),
        ("ses.eu-west-3+imap:AKIA", "Amazon SES has no IMAP"),
        ("graph+pop:ada@contoso.example", "Microsoft Graph has no POP3"),
    ],
)
def test_a_region_that_is_none_is_refused(url: str, said: str) -> None:
    with pytest.raises(InvalidUrl, match=re.escape(said)):
        Route.parse(url)


def test_a_server_of_a_region_is_known_by_its_name() -> None:
    found = providers.by_server("email-smtp.eu-central-1.amazonaws.com")

    assert found is not None
    assert (found.name, found.host) == ("ses.eu-central-1", "email-smtp.eu-central-1.amazonaws.com")
    assert providers.by_server("email-smtp.evil.example.amazonaws.com") is None
    assert providers.by_server("graph.microsoft.com") is None, "it is no server of mail"


def test_a_provider_without_passwords_says_so_first() -> None:
    password = Route.parse("office365:ada@example.org?password=env:P")
    token = Route.parse("office365:ada@example.org?password=env:P&auth=xoauth2")

    assert "OAuth 2" in password.warnings[0]
    assert token.warnings == ()


@pytest.mark.parametrize(
    ("url", "warning"),
    [
        ("smtps://h.example:587", "port 587 normally speaks STARTTLS; you asked for TLS from the first byte"),
        ("smtp+starttls://h.example:465", "port 465 normally speaks TLS from the first byte; you asked for STARTTLS"),
        (
            "smtp://h.example:465?tls=none",
            "port 465 normally speaks TLS from the first byte; you asked for no protection",
        ),
        ("smtps://h.example:25", "port 25 normally speaks mail between servers, STARTTLS at most; you asked for TLS"),
        ("smtps://h.example:993", "port 993 normally speaks IMAP, not mail to be sent"),
        ("smtp://h.example:110", "port 110 normally speaks POP3"),
        ("lmtp://localhost:25", "port 25 normally speaks SMTP; you asked for LMTP"),
        ("smtps://h.example?verify=0", "the certificate of h.example is not verified (verify=0)"),
    ],
)
def test_unusual_settings_give_warnings(url: str, warning: str) -> None:
    (said,) = Route.parse(url).warnings

    assert said.startswith(warning)


@pytest.mark.parametrize(
    "url",
    [
        "smtps://h.example",
        "smtp+starttls://h.example",
        "smtp://h.example",
        "smtp://localhost:1025",
        "smtps://h.example:9465",
    ],
)
def test_usual_settings_give_no_warning(url: str) -> None:
    assert Route.parse(url).warnings == ()


@pytest.mark.parametrize(
    ("url", "written"),
    [
        ("submissions://h.example:465", "smtps://h.example"),
        ("submit://h.example:587/", "smtp+starttls://h.example"),
        ("smtp://ada@h.example", "smtp+starttls://ada@h.example"),
        ("smtp://h.example", "smtp+starttls://h.example:25"),
        ("smtp://localhost:25?tls=none", "smtp://localhost"),
        ("smtp://localhost?tls=required", "smtp+starttls://localhost:25"),
        ("smtp://h.example?tls=opportunistic", "smtp://h.example?tls=opportunistic"),
        (
            "smtps://h.example?ca=system&timeout=10.50&auth=PLAIN&user=ada",
            "smtps://ada@h.example?timeout=10.5&auth=plain",
        ),
        ("lmtp://localhost?tls=required", "lmtp://localhost?tls=required"),
        ("memory://", "memory:"),
    ],
)
def test_each_route_has_one_spelling(url: str, written: str) -> None:
    assert Route.parse(url).url == written
    assert Route.parse(written) == Route.parse(url)


# Secrets.


def test_a_password_in_the_url_is_masked_wherever_the_route_is_shown() -> None:
    route = Route.parse("smtps://ada:s3cr%2Ft@smtp.example.org")

    for shown in (repr(route), str(route), route.url, f"{route}", repr(route.password), str(route.password)):
        assert "s3cr" not in shown
        assert "***" in shown
    assert route.reveal_url() == "smtps://ada:s3cr%2Ft@smtp.example.org"
    assert pickle.loads(pickle.dumps(route)) == route


def test_a_masked_url_is_not_taken_for_one_with_a_password() -> None:
    masked = Route.parse("smtps://ada:secret@smtp.example.org").url

    with pytest.raises(InvalidUrl, match="has been masked"):
        Route.parse(masked)


def test_a_password_of_three_stars_is_a_password() -> None:
    route = Route.parse("smtps://ada:%2A%2A%2A@smtp.example.org")

    assert Route.parse(route.reveal_url()) == route


def test_the_arguments_of_a_command_are_masked() -> None:
    route = Route.parse("smtps://ada@smtp.example.org?password=cmd:vault%20-token=hunter2%20mail")

    assert "hunter2" not in repr(route)
    assert "cmd:vault" in repr(route)
    assert Route.parse(route.reveal_url()) == route


def test_a_route_is_frozen_and_can_be_a_key() -> None:
    route = Route.parse("smtps://smtp.example.org")

    assert {route: 1}[Route.parse("smtps://smtp.example.org:465")] == 1
    with pytest.raises(FrozenInstanceError):
        route.user = "eve"  # type: ignore[misc]


def test_a_server_value_is_a_route_and_has_a_url_if_its_options_can_be_written() -> None:
    plain = Route.of(Server("smtp.example.org", 587, Security.STARTTLS))
    odd = Route.of(Server("smtp.example.org", timeouts=Timeouts(message=7)))

    assert plain == Route.parse("smtp+starttls://smtp.example.org")
    assert repr(odd) == "Route(<smtp.example.org:465>)"
    with pytest.raises(InvalidUrl, match="cannot be written"):
        odd.reveal_url()


def test_a_route_that_contradicts_itself_cannot_be_made() -> None:
    for parts in (
        {"kind": "smtp"},
        {"kind": "memory", "server": Server("h.example")},
        {"kind": "file"},
        {"kind": "memory", "folder": "/x"},
        {"kind": "memory", "user": "ada"},
        {"kind": "smtp", "server": Server("h.example"), "password": SecretReference("prompt")},
    ):
        with pytest.raises(InvalidUrl):
            Route(**parts)  # type: ignore[arg-type]


# Round trips.

_WORDS = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), min_size=1, max_size=12)
_SECRETS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12)
_HOSTS = st.sampled_from(["smtp.example.org", "localhost", "127.0.0.1", "::1", "2001:db8::1", "fe80::1%eth0", "h"])
_REFERENCES = st.one_of(
    st.builds(SecretReference, st.just("plain"), _SECRETS),
    st.builds(SecretReference, st.just("env"), st.sampled_from(["A", "MAIL_PASSWORD", "_x9"])),
    st.builds(SecretReference, st.sampled_from(["file", "cmd"]), _WORDS),
    st.builds(SecretReference, st.sampled_from(["keyring", "prompt"])),
)
_SENDERS = st.one_of(
    st.none(), st.builds(Address, st.sampled_from(["ada", "a b", "x+y"]), st.just("example.org"), _WORDS)
)
_TRUSTS = st.sampled_from(
    [
        Trust.system(),
        Trust.bundled(),
        Trust.system() | Trust.file("/etc/a b&c?.pem"),
        Trust.pin(PIN),
        Trust.system().with_pins(PIN),
        Trust.dangerously_accept_any_certificate(),
    ]
)
_SECONDS = st.integers(1, 999_999_000).map(lambda thousandths: thousandths / 1000)
_TIMEOUTS = st.one_of(
    st.just(Timeouts()),
    st.builds(lambda seconds: Timeouts(connect=seconds), _SECONDS),
    st.builds(lambda silence, connect: Timeouts.silence(silence, connect=connect), _SECONDS, _SECONDS),
    st.builds(lambda silence, total: replace(Timeouts.silence(silence), total=total), _SECONDS, _SECONDS),
)


@st.composite
def _routes(draw: st.DrawFn) -> Route:
    login = draw(st.booleans())
    host = draw(_HOSTS)
    local = Server(host).local
    securities = [Security.TLS, Security.STARTTLS, Security.NONE] + ([] if login else [Security.OPPORTUNISTIC])
    security = draw(st.sampled_from(securities))
    clear = security is Security.NONE
    server = Server(
        host,
        draw(st.one_of(st.sampled_from([25, 465, 587]), st.integers(1, 65535))),
        security,
        trust=Trust.system() if clear else draw(_TRUSTS),
        client_certificate=None if clear else draw(st.sampled_from([None, ClientCertificate("/c d.pem", "/k.pem")])),
        tls_name="" if clear else draw(st.sampled_from(["", "mail.example.net"])),
        ehlo_name=draw(st.sampled_from(["", "client.example.org", "[192.0.2.1]"])),
        timeouts=draw(_TIMEOUTS),
        auth=draw(st.sampled_from([(), ("plain",), ("scram-sha-256", "login"), ("xoauth2",)])) if login else (),
        allow_clear_credentials=clear and login and (not local or draw(st.booleans())),
        **draw(st.sampled_from([{}, {"binary": True}, {"chunking": False}])),
    )
    user = draw(_WORDS) if login else ""
    password = draw(st.one_of(st.none(), _REFERENCES)) if login else None
    return Route("smtp", server, user, password, draw(_SENDERS))


@pytest.mark.slow
@settings(max_examples=examples(150), deadline=None)
@given(_routes())
def test_a_route_written_out_is_read_back_equal(route: Route) -> None:
    assert Route.parse(route.reveal_url()) == route
    assert route.password is None or route.password.kind != "plain" or f":{route.password.place}@" not in route.url


@pytest.mark.slow
@settings(max_examples=examples(60), deadline=None)
@given(
    st.sampled_from(["file", "maildir"]),
    st.lists(_WORDS.filter(lambda w: "/" not in w and "\\" not in w), min_size=1),
    _SENDERS,
)
def test_a_folder_written_out_is_read_back_equal(kind: str, parts: list[str], sender: Address | None) -> None:
    route = Route(kind, folder="/" + "/".join(parts), sender=sender)  # type: ignore[arg-type]

    assert Route.parse(route.reveal_url()) == route
