"""Values of a wrong type are refused when a value is made, with the remedy; lazy strings count as text."""

from __future__ import annotations

from collections import UserString
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courriel import errors
from courriel.compose.rich import RichTemplate
from courriel.compose.template import Template
from courriel.model.address import Address
from courriel.model.envelope import Envelope, Notify, Return
from courriel.model.messages.attachment import Attachment
from courriel.model.messages.message import Message
from courriel.model.received.search import Search
from courriel.model.servers.credentials import External, Password, Token, TokenSource, check_credentials
from courriel.model.servers.server import Dialect, Security, Server, Timeouts
from courriel.model.servers.trust import Trust

FIELDS: dict[str, Any] = {"sender": "ada@example.org", "to": "bob@example.org"}
A, B = Address("a", "x.org"), Address("b", "x.org")


class Lazy:
    """Lazy string like Django's gettext_lazy: it has the methods of a text, and is translated late."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __str__(self) -> str:
        return self._text

    def __getattr__(self, name: str) -> object:
        return getattr(self._text, name)


class Word(StrEnum):
    HELLO = "Hello"


@pytest.mark.parametrize("kind", [Message, Template, RichTemplate])
@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"text": None}, "text: text is expected, not None; leave it out"),
        ({"subject": 3}, r"subject: text is expected, not int; str\(…\) makes text of it"),
        ({"subject": None}, "subject: "),
        ({"subject": ["a"]}, "subject: text is expected, not list"),
        ({"html": b"<p>x</p>"}, r'html: text is expected, not bytes; \.decode\("utf-8"\) makes text of it'),
        ({"text": 10**5000}, "text: text is expected, not int"),
        ({"text": str}, "text: text is expected, not type"),
        ({"to": 3}, "to: "),
        ({"to": [None]}, "to: "),
        ({"cc": b"a@x.org"}, "cc: "),
        ({"bcc": {"a@x.org": "A"}}, "bcc: "),
        ({"headers": {"X-A": 3}}, "X-A: text is expected, not int"),
        ({"headers": {3: "a"}}, "headers: text is expected, not int"),
        ({"headers": "X-A"}, "headers: a mapping of names to values, or pairs of them, not str"),
        ({"headers": [("X-A",)]}, "headers: a pair is a name and a value"),
        ({"headers": 3}, "headers: "),
        ({"list_unsubscribe": 3}, "list_unsubscribe: "),
        ({"list_unsubscribe": [b"https://x.org"]}, "list_unsubscribe: text is expected, not bytes"),
    ],
)
def test_a_field_of_another_kind_is_named_when_the_message_is_made(
    kind: Callable[..., object], fields: dict[str, Any], said: str
) -> None:
    with pytest.raises(errors.UsageError, match=said):
        kind(**{**FIELDS, **fields})


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"message_id": 3}, "message_id: "),
        ({"in_reply_to": 3}, "in_reply_to: one message id, or several, not int"),
        ({"references": [b"<a@b>"]}, "references: text is expected, not bytes"),
        ({"date": "2026-11-29"}, "date: a datetime with a time zone, not str"),
        ({"one_click": "yes"}, "one_click: True or False, not 'yes'"),
        ({"delivery_receipt": None}, "delivery_receipt: True or False, not None"),
        ({"read_receipt": 3}, "read_receipt: "),
        ({"priority": [1]}, "priority: high, normal or low"),
        ({"sender": ["a@x.org"]}, "sender: one address is expected here, not a list"),
        ({"sender": ("Ada", "a@x.org")}, "sender: an address is text, not a pair"),
    ],
)
def test_a_field_of_another_kind_that_only_a_message_has_is_named(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(errors.UsageError, match=said):
        Message(**{**FIELDS, **fields})


@pytest.mark.parametrize("make", [Lazy, UserString])
def test_a_lazy_string_is_a_text_wherever_a_text_is(make: Callable[[str], Any]) -> None:
    message = Message(
        sender=make("Ada <ada@example.org>"),
        to=[make("bob@example.org")],
        cc=make("cleo@example.org"),
        subject=make("Été"),
        text=make("Bonjour"),
        html=make("<p>Bonjour</p>"),
        headers={"X-A": make("b"), make("X-C"): "d"},
        list_unsubscribe=make("https://x.org"),
        in_reply_to=make("<a@b>"),
    )
    filled = Template(sender="a@x.org", to="{email}", subject=make("{word}")).fill(
        email=make("b@x.org"), word=make("w")
    )
    rich = RichTemplate(sender="a@x.org", to="b@x.org", subject=make("{{ word }}")).fill(word=make("w"))

    assert (type(message.subject), message.subject, message.text, message.html) == (
        str,
        "Été",
        "Bonjour",
        "<p>Bonjour</p>",
    )
    assert (message.sender.name, message.to[0].spec, message.cc[0].spec) == (
        "Ada",
        "bob@example.org",
        "cleo@example.org",
    )
    assert message.headers == (("X-A", "b"), ("X-C", "d"))
    assert b"Bonjour" in message.as_bytes()
    assert (filled.subject, rich.subject) == ("w", "w")


def test_a_kind_of_str_becomes_a_plain_one() -> None:
    assert type(Message(**FIELDS, subject=Word.HELLO).subject) is str
    assert Message(**FIELDS, subject=Word.HELLO).subject == "Hello"


THINGS = st.sampled_from(
    [None, 3, 2.5, True, b"x", ["x"], ("x", "y"), {"x": "y"}, object(), Path("x"), str, "\ud800", "\0"]
)
NAMES = st.sampled_from([name for name in Message.__slots__ if name != "attachments"])


@given(st.dictionaries(NAMES, THINGS, min_size=1, max_size=3))
def test_nothing_but_our_errors_leaves_the_making_of_a_message_and_what_was_made_can_be_written(
    fields: dict[str, Any],
) -> None:
    try:
        message = Message(**{**FIELDS, **fields})
    except errors.UsageError:
        return

    assert message.as_bytes()


# Servers and logins.


@pytest.mark.parametrize(
    ("word", "security"), [("starttls", Security.STARTTLS), ("TLS", Security.TLS), ("none", Security.NONE)]
)
def test_security_is_taken_as_a_word(word: Any, security: Security) -> None:
    server = Server("x.org", security=word, dialect="smtp")  # type: ignore[arg-type]

    assert (server.security, server.dialect) == (security, Dialect.SMTP)
    assert server == Server("x.org", security=security)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"security": "ssl"}, '"tls", "starttls", "none", "opportunistic"'),
        ({"security": True}, '"starttls"'),
        ({"security": None}, '"starttls"'),
        ({"dialect": "http"}, '"smtp", "lmtp", "pop3", "imap"'),
        ({"trust": "ca.pem"}, r"Trust\.file\(path\)"),
        ({"timeouts": 10}, r"Timeouts\.silence\(10\)"),
        ({"client_certificate": "cert.pem"}, "ClientCertificate"),
        ({"auth": [3]}, "plain"),
        ({"auth": 3}, "plain"),
        ({"binary": "yes"}, "binary: True or False"),
        ({"allow_clear_credentials": None}, "allow_clear_credentials: True or False"),
        ({"ehlo_name": 3}, "EHLO name"),
        ({"tls_name": 3}, "is not the name of a server"),
        ({"port": "587"}, "a port is a number"),
        ({"host": None}, "is not the name of a server"),
        ({"host": b"x.org"}, "is not the name of a server"),
        ({"host": "smtps://ada:secret@x.org"}, r"courriel\.send\(via=…\)"),
    ],
)
def test_a_server_says_which_words_there_are(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(errors.InvalidServer, match=said) as refused:
        Server(**{"host": "x.org", **fields})

    assert "secret" not in str(refused.value)


def test_a_mechanism_alone_and_a_list_of_them_are_taken() -> None:
    assert Server("x.org", auth="PLAIN").auth == ("plain",)  # type: ignore[arg-type]
    assert Server("x.org", auth=["login", "Plain"]).auth == ("login", "plain")  # type: ignore[arg-type]
    assert Server("x.org", trust=Trust.bundled(), timeouts=Timeouts.silence(9)).timeouts.connect == 9


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Password("ada", b"hunter2"), "the password is text, not bytes"),
        (lambda: Password("ada", None), "the password is text, not None"),
        (lambda: Password(3, "hunter2"), "the user name is text, not int"),
        (lambda: Password("ada", "hunter2\ud800"), "half a character"),
        (lambda: Password("ada", ""), "an empty password"),
        (lambda: Token("hunter2\udcff"), "half a character"),
        (lambda: Token("hunter2\0"), "NUL"),
        (lambda: Token(b"hunter2"), "the token is text, not bytes"),
        (lambda: Token(""), "an empty token"),
        (lambda: Token("hunter2", expires_at="tomorrow"), "seconds since 1970"),
        (lambda: TokenSource("ada", "hunter2"), r"TokenSource\(user, lambda: token\)"),
        (lambda: TokenSource("ada", Token("hunter2")), r"TokenSource\(user, lambda: token\)"),
        (lambda: TokenSource("", lambda: "hunter2"), "an empty user name"),
        (lambda: External(3), "the user name is text"),
        (lambda: check_credentials(("ada", "hunter2")), r"Password\('ada', secret\)"),
        (lambda: check_credentials("hunter2"), r"Password\('ada', secret\)"),
        (lambda: check_credentials(Token("hunter2")), r"TokenSource\('ada@example\.org', lambda: token\)"),
        (lambda: check_credentials(lambda: "hunter2"), r"TokenSource\('ada@example\.org', function\)"),
        (lambda: check_credentials({"user": "ada", "password": "hunter2"}), "Password, TokenSource or External"),
    ],
)
def test_a_login_of_another_kind_is_refused_and_never_shown(make: Callable[[], object], said: str) -> None:
    with pytest.raises(errors.InvalidServer, match=said) as refused:
        make()

    assert "hunter2" not in str(refused.value)


def test_lazy_strings_are_users_and_secrets_too() -> None:
    assert Password(Lazy("ada"), Lazy("hunter2")) == Password("ada", "hunter2")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Server("smtp.example.org:587"), r"Server\(host, 587\)"),
        (lambda: Trust.file(3), "a path is text, not int"),
        (lambda: Trust.file(b"ca.pem"), "a path is text, not bytes"),
        (lambda: Trust.data(Path("ca.pem")), r"a path is Trust\.file\(path\)"),
        (lambda: Trust.pin(3), "a fingerprint is text, not int"),
        (lambda: Address(3, "x.org"), "the local of an address is text, not int"),
        (lambda: Address("a", None), "the domain of an address is text, not None"),
        (lambda: Address("a", "x.org", b"Ada"), "the name of an address is text, not bytes"),
        (lambda: A.with_name(3), "the name of an address is text, not int"),
        (lambda: Address.parse_list(b"a@x.org"), "the list of addresses is text, not bytes"),
        (lambda: Attachment("x", 3, 3), "its source is octets, or a path, not int"),
        (lambda: Attachment.data(b"", None), "attachment name: text is expected"),
        (lambda: Attachment.data(b"", "x", content_type=3), "content_type: text is expected"),
        (lambda: Message.parse("From: a@x.org\n\n"), r"octets, not str; text\.encode\(\)"),
        (lambda: Message.parse(Path("mail.eml")), r"octets, not .*; a file is read by \.read_bytes\(\)"),
    ],
)
def test_parts_of_other_kinds_are_refused_with_the_remedy(make: Callable[[], object], said: str) -> None:
    with pytest.raises(errors.UsageError, match=said):
        make()


# Envelopes and searches.


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Envelope("a@x.org", (B,)), r"Envelope\.of"),
        (lambda: Envelope(A, ("b@x.org",)), r"Envelope\.of"),
        (lambda: Envelope(A, [B]), r"Envelope\.of"),
        (lambda: Envelope(A, (B,), envid=["x"]), "ENVID"),
        (lambda: Envelope(A, (B,), ret="FULL"), r"Return\.FULL"),
        (lambda: Envelope(A, (B,), notify="FAILURE"), "NOTIFY"),
        (lambda: Envelope(A, (B,), notify=Notify.FAILURE), "NOTIFY"),
        (lambda: Envelope(A, (B,), require_tls="yes"), "require_tls"),
        (lambda: Envelope.of(["a@x.org"], "b@x.org"), "one address is expected here"),
        (lambda: Envelope.of("a@x.org", "b@x.org, c@x.org"), "give a list"),
    ],
)
def test_an_envelope_of_other_kinds_is_refused(make: Callable[[], object], said: str) -> None:
    with pytest.raises(errors.UsageError, match=said):
        make()


def test_an_envelope_of_the_right_kinds_is_made() -> None:
    envelope = Envelope.of(None, ["b@x.org", B], notify=frozenset([Notify.FAILURE]), ret=Return.FULL, require_tls=True)

    assert (envelope.sender, envelope.recipients) == (None, (B,))


@pytest.mark.parametrize("header", ["x", b"x", 3, [("a",)], ["ab", "cd"], [("a", 3)], [(3, "a")], {"": "x"}])
def test_a_search_of_header_fields_is_a_mapping_or_pairs(header: Any) -> None:
    with pytest.raises(errors.UsageError, match="search: header"):
        Search(header=header)


def test_a_mapping_and_pairs_are_the_same_search() -> None:
    assert Search(header={"List-Id": "x"}) == Search(header=[("List-Id", "x")]) == Search(header=(("List-Id", "x"),))  # type: ignore[arg-type]
