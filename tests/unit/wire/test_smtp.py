"""SMTP syntax: commands to bytes, bytes to replies, content to stuffed lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from courriel import Envelope, Notify, Return, errors
from courriel.model.content import Content
from courriel.reply import Reply
from courriel.wire.smtp import client_syntax, dot_stuffing
from courriel.wire.smtp import envelope as words
from courriel.wire.smtp.extensions import Extensions

CONTENT = Content((b"\r\n",), 2)
EVERYTHING = {"SIZE": "", "8BITMIME": "", "SMTPUTF8": "", "DSN": "", "REQUIRETLS": ""}


@pytest.mark.slow
@pytest.mark.parametrize("bad", ["\r", "\n", "\0", "\x0b", "\x1b", "\x7f", "\ud800", "\r\nRCPT TO:<evil@x>"])
@pytest.mark.parametrize("place", [0, 1])
def test_no_control_character_gets_into_a_command(bad: str, place: int) -> None:
    """Hazard H41."""
    parts = ["NOOP", "word"]
    parts[place] += bad

    with pytest.raises(errors.LocalProtocolError):
        client_syntax.command(*parts)


def test_a_command_is_one_line() -> None:
    assert client_syntax.command("MAIL", "FROM:<é@x>", "SMTPUTF8") == "MAIL FROM:<é@x> SMTPUTF8\r\n".encode()
    assert client_syntax.command("QUIT") == b"QUIT\r\n"


SCRIPT = b"250-a\r\n250-b c\r\n250 d\r\n354\r\n550-5.1.1 no\n550 5.1.1 really\r\n"
REPLIES = [Reply(250, ("a", "b c", "d")), Reply(354, ("",)), Reply(550, ("5.1.1 no", "5.1.1 really"))]


@given(some.lists(some.integers(0, len(SCRIPT)), max_size=6))
def test_replies_are_the_same_wherever_they_were_cut(cuts: list[int]) -> None:
    buffer = bytearray()
    taken: list[Reply] = []
    for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(SCRIPT)], strict=True):
        buffer += SCRIPT[start:end]
        taken += client_syntax.take_replies(buffer)

    assert taken == REPLIES
    assert not buffer


@pytest.mark.parametrize(
    "said",
    [
        b"abc\r\n", b"25\r\n", b"\r\n", b"999 x\r\n", b"-1 x\r\n", b"250\tx\r\n", b"250x\r\n", b"250-a\r\n251 b\r\n",
        b"150 x\r\n",
        b"250-x\r\n" * 501, b"2" * 9000, b"250-" + b"x" * 70_000 + b"\r\n", b"250-x\r\n" * 499 + b"2" * 9000,
        (b"250-" + b"x" * 4000 + b"\r\n") * 20,
    ],
)  # fmt: skip
def test_what_is_no_reply_is_refused_and_has_a_limit(said: bytes) -> None:
    """Hazards H67, H75."""
    with pytest.raises(errors.RemoteProtocolError):
        client_syntax.take_replies(bytearray(said))


@given(some.binary(max_size=200))
def test_any_octets_are_replies_or_an_error_and_nothing_else(said: bytes) -> None:
    buffer = bytearray(said)
    try:
        replies = client_syntax.take_replies(buffer)
    except errors.RemoteProtocolError:
        return

    assert b"\n" not in buffer or replies == [] or buffer.count(b"\n") < said.count(b"\n")
    assert all(200 <= reply.code <= 599 for reply in replies)


def test_what_a_server_says_cannot_steer_a_terminal() -> None:
    """Hazard H74."""
    (reply,) = client_syntax.take_replies(bytearray(b"220 \x1b[31mred\xff\xe2\x80\xae\x00\r\n"))

    assert reply.text == "\\x1b[31mred\\xff\\u202e\\x00"
    assert reply.text.isprintable()


def test_capabilities_are_read_in_any_case_and_both_forms_of_auth() -> None:
    """Hazard H72, and the trailing space of smtp-sink."""
    reply = Reply(250, ("mx", "size 100", "AUTH=LOGIN PLAIN", "AUTH CRAM-MD5", "8bitmime", "PIPELINING ", " ", ""))

    known = client_syntax.read_capabilities(reply)

    assert known == {"SIZE": "100", "AUTH": "LOGIN PLAIN CRAM-MD5", "8BITMIME": "", "PIPELINING": ""}


@given(
    some.lists(
        some.sampled_from([b".", b"..", b"a", b"\r\n", b"\r\n.", b"\n.", b"\r", b"\n", b"x.y", b""]), max_size=12
    )
)
def test_dots_are_doubled_wherever_the_content_was_cut(chunks: list[bytes]) -> None:
    """Hazard H56: compared with stuffing the whole content at once, line by line."""
    whole = b"".join(chunks)
    judged = b"\r\n".join(b"." + line if line.startswith(b".") else line for line in whole.split(b"\r\n"))

    assert b"".join(dot_stuffing.stuff(chunks)) == judged


def test_an_envelope_in_the_words_of_a_server_that_can_do_everything() -> None:
    content = Content(("é".encode() + b"\r\n",), 4, eight_bit=True, utf8=True)
    envelope = Envelope.of(
        "été@example.org", ["ü+x@example.org", "bob+x@example.org"],
        notify=frozenset({Notify.DELAY}), ret=Return.HEADERS, envid="a=b", require_tls=True,
    )  # fmt: skip

    said = words.announcement(envelope, content, Extensions(EVERYTHING))

    assert said == [
        "MAIL FROM:<été@example.org> SIZE=4 BODY=8BITMIME SMTPUTF8 REQUIRETLS RET=HDRS ENVID=a+3Db",
        "RCPT TO:<ü+x@example.org> NOTIFY=DELAY ORCPT=utf-8;\\x{FC}\\x{2B}x@example.org",
        "RCPT TO:<bob+x@example.org> NOTIFY=DELAY ORCPT=rfc822;bob+2Bx@example.org",
    ]


def test_an_envelope_in_the_words_of_a_server_that_can_do_nothing() -> None:
    envelope = Envelope.of(None, "bob@société.fr", notify=frozenset({Notify.NEVER}), envid="a")

    said = words.announcement(envelope, CONTENT, Extensions({}))

    assert said == ["MAIL FROM:<>", "RCPT TO:<bob@xn--socit-esab.fr>"]


@pytest.mark.parametrize(
    ("lacks", "envelope", "content"),
    [
        ("SMTPUTF8", Envelope.of("été@example.org", "bob@example.org"), CONTENT),
        ("SMTPUTF8", Envelope.of("ada@example.org", "été@example.org"), CONTENT),
        ("SMTPUTF8", Envelope.of("ada@example.org", "bob@example.org"), Content((b"\r\n",), 2, utf8=True)),
        ("8BITMIME", Envelope.of("ada@example.org", "bob@example.org"), Content((b"\r\n",), 2, eight_bit=True)),
        ("REQUIRETLS", Envelope.of("ada@example.org", "bob@example.org", require_tls=True), CONTENT),
    ],
)
def test_what_a_server_cannot_take_is_said_before_anything_is(lacks: str, envelope: Envelope, content: Content) -> None:
    """Hazard H32."""
    extensions = Extensions({name: "" for name in EVERYTHING if name != lacks})

    with pytest.raises(errors.NotSupported) as missing:
        words.announcement(envelope, content, extensions)

    assert missing.value.capability == lacks
    assert words.announcement(envelope, content, Extensions(EVERYTHING))


@pytest.mark.parametrize(
    ("limit", "fits"), [("1", False), ("2", True), ("0", True), ("", True), ("lots", True), ("²", True)]
)
def test_the_size_is_compared_with_what_the_server_takes(limit: str, fits: bool) -> None:
    envelope, extensions = Envelope.of("ada@example.org", "bob@example.org"), Extensions({"SIZE": limit})

    if fits:
        assert words.announcement(envelope, CONTENT, extensions)[0].endswith(" SIZE=2")
    else:
        with pytest.raises(errors.NotSupported, match="at most"):
            words.announcement(envelope, CONTENT, extensions)


def test_an_answer_of_several_lines_is_known_the_second_time_and_only_when_it_is_all_there() -> None:
    said = b"250-mx.example.org\r\n250-PIPELINING\r\n250 SIZE 1\r\n"
    (first,) = client_syntax.take_replies(bytearray(said))

    assert client_syntax.known_replies(said) == (first,)
    assert first.lines == ("mx.example.org", "PIPELINING", "SIZE 1")
    for cut in range(1, len(said)):
        assert client_syntax.known_replies(said[:cut]) is None
        assert client_syntax.known_replies(said + said[:cut]) is None


def test_a_known_line_without_its_end_is_not_an_answer_yet() -> None:
    (reply,) = client_syntax.take_replies(bytearray(b"250 2.1.0 known\r\n"))

    assert client_syntax.known_replies(b"250 2.1.0 known\r\n") == (reply,)
    assert client_syntax.known_replies(b"250 2.1.0 known\r") is None
    assert client_syntax.known_replies(b"250 2.1.0 known") is None


def test_a_server_that_closes_in_several_lines_is_never_known_beforehand() -> None:
    said = b"421-going down\r\n421 for a while\r\n"
    client_syntax.take_replies(bytearray(said))

    assert client_syntax.known_replies(said) is None


@pytest.mark.parametrize("again", [False, True])
def test_the_last_reply_is_given_when_all_have_these_codes(again: bool) -> None:
    said = b"250 2.1.0 all of them\r\n354-go\r\n354 ahead\r\n" + (b"250 once more\r\n" if again else b"")

    for _ in range(2):
        last = client_syntax.last_reply_of(said, (250, 354, 250)[: 2 + again])
        assert last is not None
        assert last.text in ("go ahead", "once more")


@pytest.mark.parametrize(
    "said",
    [b"", b"250 ok", b"250 ok\r\n", b"250 ok\r\n550 no\r\n", b"250 ok\r\n354 go\r\n250 -\r\n", b"250 ok\r\nwhat\r\n"],
)
def test_there_is_no_last_reply_of_fewer_more_other_or_none(said: bytes) -> None:
    assert client_syntax.last_reply_of(said, (250, 354)) is None


@pytest.mark.parametrize("size", ["9" * 5000, "9" * 19, "-1", "٣", "", "x"])
def test_a_size_that_no_message_has_is_no_limit(size: str) -> None:
    extensions = Extensions({"SIZE": size})

    assert extensions.size
    assert extensions.largest > 1 << 60


def test_replies_and_codes_of_thousands_of_digits_are_none() -> None:
    with pytest.raises(errors.RemoteProtocolError):
        client_syntax.take_replies(bytearray(b"2" * 5000 + b" ok\r\n"))
    assert Reply(250, (f"2.{'9' * 5000}.0 ok",)).enhanced is None
