"""Server settings: host, security, time limits, credentials."""

from __future__ import annotations

import pytest

from courriel import Envelope, External, Notify, Password, Security, Server, Timeouts, Token, TokenSource, errors
from courriel.model.servers.server import Dialect


@pytest.mark.parametrize(
    ("security", "port"),
    [(Security.TLS, 465), (Security.STARTTLS, 587), (Security.NONE, 25), (Security.OPPORTUNISTIC, 25)],
)
def test_the_port_follows_security(security: Security, port: int) -> None:
    assert Server("mx.example.org", security=security).port == port
    assert Server("mx.example.org", 2525, security).port == 2525


def test_lmtp_has_a_port_of_its_own() -> None:
    assert Server("/run/dovecot/lmtp", security=Security.NONE, dialect=Dialect.LMTP).port == 24


@pytest.mark.parametrize(
    ("host", "shown", "local"),
    [
        ("mx.example.org", "mx.example.org:465", False),
        ("mx.example.org.", "mx.example.org.:465", False),
        ("société.fr", "xn--socit-esab.fr:465", False),
        ("127.0.0.1", "127.0.0.1:465", True),
        ("[::1]", "[::1]:465", True),
        ("fe80::1%eth0", "[fe80::1%eth0]:465", False),
        ("localhost", "localhost:465", True),
        ("mail_relay.internal", "mail_relay.internal:465", False),
        ("/run/lmtp", "/run/lmtp:465", True),
    ],
)
def test_a_host_is_a_name_an_address_or_a_local_socket(host: str, shown: str, local: bool) -> None:
    server = Server(host)

    assert str(server) == shown
    assert server.local is local


@pytest.mark.parametrize(
    "host",
    [
        "", " ", "mx.example.org ", "mx example.org", "smtp://mx.example.org", "ada@mx.example.org", "mx..example.org",
        ".example.org", "-mx.example.org", "mx.example.org:25", "mx.example.org\r\nQUIT", "mx\0", "a" * 64 + ".org",
        "a." * 127 + "org", "[127.0.0.1", "1:2", "\ud800", "/run/\0lmtp", "/run/\nlmtp", "xn--a.\u2603\ufe0f",
    ],
)  # fmt: skip
def test_any_other_text_is_no_host(host: str) -> None:
    with pytest.raises(errors.InvalidServer) as refused:
        Server(host)

    assert refused.value.failure is not None
    assert refused.value.failure.id == "HOST-MALFORMED"
    assert "\r" not in str(refused.value)


@pytest.mark.parametrize("port", [-1, 65536, "25", 25.0, True])
def test_a_port_is_a_number_between_its_bounds(port: object) -> None:
    with pytest.raises(errors.InvalidServer):
        Server("mx.example.org", port)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["a b", "x\r\nMAIL FROM:<a@b>", "é.example", "-x", "[not an address]"])
def test_an_ehlo_name_is_a_host_name_or_an_address(name: str) -> None:
    with pytest.raises(errors.InvalidServer):
        Server("mx.example.org", ehlo_name=name)


def test_the_certificate_s_name_may_be_another_than_the_host_s() -> None:
    assert Server("192.0.2.1", tls_name="mx.example.org").expected_name == "mx.example.org"
    assert Server("mx.example.org").expected_name == "mx.example.org"


@pytest.mark.parametrize("limit", [0, -1, float("inf"), float("nan"), "10", None])
def test_a_time_limit_is_finite_and_above_zero(limit: object) -> None:
    with pytest.raises(errors.InvalidServer):
        Timeouts(message=limit)  # type: ignore[arg-type]


def test_silence_sets_the_same_limit_for_every_stage_but_goodbye() -> None:
    limits = Timeouts.silence(60)

    assert {limits.of(stage) for stage in ("connect", "secure", "greeting", "authenticate", "data", "message")} == {60}
    assert limits.of("goodbye") == 5
    assert limits.total is None


@pytest.mark.parametrize(
    "make",
    [
        lambda: Password("", "secret"),
        lambda: Password("ada", ""),
        lambda: Password("a\0da", "secret"),
        lambda: Password("ada", "\ud800"),
        lambda: External("\ud800"),
        lambda: TokenSource("a\0", lambda: "token"),
    ],
)
def test_what_no_mechanism_can_carry_is_refused_without_showing_it(make: object) -> None:
    with pytest.raises(errors.InvalidServer) as refused:
        make()  # type: ignore[operator]

    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("value", [Password("ada", "s3cret"), Token("s3cret"), TokenSource("ada", lambda: "s3cret")])
def test_no_value_shows_its_secret(value: object) -> None:
    """Hazard H31."""
    assert "s3cret" not in repr(value)
    assert "s3cret" not in str(value)


def test_each_recipient_stands_once_in_an_envelope() -> None:
    envelope = Envelope.of("ada@example.org", ["bob@example.org", "Bob <bob@EXAMPLE.org>", "cleo@example.org"])

    assert [address.spec for address in envelope.recipients] == ["bob@example.org", "cleo@example.org"]
    assert envelope.sender is not None


@pytest.mark.parametrize("sender", [None, ""])
def test_nobody_may_answer_a_message_without_a_sender(sender: str | None) -> None:
    assert Envelope.of(sender, "bob@example.org").sender is None


@pytest.mark.parametrize(
    "options",
    [{"notify": frozenset({Notify.NEVER, Notify.DELAY})}, {"envid": "a b"}, {"envid": "a\r"}, {"envid": "x" * 101}],
)
def test_invalid_envelope_options_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(errors.InvalidMessage):
        Envelope.of("ada@example.org", "bob@example.org", **options)


def test_binary_needs_chunking() -> None:
    with pytest.raises(errors.InvalidServer, match="binary"):
        Server("smtp.example.org", binary=True, chunking=False)


def test_one_silence_for_every_stage_is_one_for_the_whole_opening_too() -> None:
    assert Timeouts.silence(10).opening == 10
    assert Timeouts.silence(10, connect=3).opening == 10
    assert Timeouts.silence(10, connect=30).opening == 40
