"""POP3 syntax of client and server: status lines, lists, and letters cut anywhere."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

import inside
from courriel import errors
from courriel.reply import Reply
from courriel.wire.pop3 import client_syntax, server_syntax
from courriel.wire.pop3.parser import MAX_LINE, Pop3Parser
from courriel.wire.smtp.client_syntax import command
from hostile.lists import hostile, shown

LIMIT = 100_000
CONTENT = st.lists(
    st.sampled_from(
        [b".", b"..", b"\r\n", b"\r\n.", b"x", b"\r", b"\n", b".\n", b"\r\n.\r", b"\r\n..", b"word", b"\xe9"]
    )
).map(b"".join)


def portions(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    return [data[start:end] for start, end in pairwise(places)]


def ended(content: bytes) -> bytes:
    return content if content.endswith(b"\r\n") or not content else content + b"\r\n"


@given(st.lists(CONTENT, min_size=1, max_size=5), st.lists(st.integers(0, 400)), st.booleans())
def test_letters_are_the_same_wherever_they_were_cut(contents: list[bytes], cuts: list[int], refused: bool) -> None:
    said = b"".join(b"+OK here\r\n" + server_syntax.write_letter(content) for content in contents)
    said += b"-ERR no such letter\r\n" if refused else b""
    arrived, found = Pop3Parser(), []

    for portion in portions(said, cuts):
        arrived.add(portion)
        found += arrived.answers(len(contents) + 1 - len(found), LIMIT)

    assert [text for _, text in found if text is not None] == [ended(content) for content in contents]
    assert [status for status, text in found if text is None] == ([b"-ERR no such letter"] if refused else [])
    assert arrived.empty


@given(CONTENT, st.lists(st.integers(0, 400)))
def test_a_letter_that_is_poured_is_the_same_as_one_that_is_held(content: bytes, cuts: list[int]) -> None:
    said = b"+OK here\r\n" + server_syntax.write_letter(content) + b"+OK the next\r\n"
    arrived, poured, status, over = Pop3Parser(), bytearray(), None, False

    for portion in portions(said, cuts):
        arrived.add(portion)
        status = arrived.begin_pouring() if status is None else status
        if status is not None and not over:
            over = arrived.pour(poured.extend)

    assert status == b"+OK here"
    assert over
    assert bytes(poured) == ended(content)
    assert arrived.line() == b"+OK the next"


@given(
    st.lists(st.sampled_from([b"Subject: x\r\n", b"..dots\r\n", b"\r\n", b"y" * 50 + b"\r\n"]), max_size=30).map(
        b"".join
    ),
    st.lists(st.integers(0, 1500)),
)
def test_a_head_is_the_same_wherever_it_was_cut_and_whatever_follows_it(content: bytes, cuts: list[int]) -> None:
    said = (b"+OK\r\n" + server_syntax.write_letter(content)) * 2 + b"-ERR gone\r\n"
    arrived, found = Pop3Parser(), []

    for portion in portions(said, cuts):
        arrived.add(portion)
        found += arrived.answers(3 - len(found), LIMIT, heads=True)

    whole = ended(content)
    head = (
        b"\r\n" if whole.startswith(b"\r\n") else whole[: end + 4] if (end := whole.find(b"\r\n\r\n")) >= 0 else whole
    )
    assert [text for _, text in found] == [head, head, None]
    assert arrived.empty


def test_what_follows_a_head_is_not_kept_and_a_head_without_end_is_refused() -> None:
    arrived = Pop3Parser()
    arrived.add(b"+OK\r\nSubject: x\r\n\r\n")
    for _ in range(1000):
        assert arrived.answers(1, LIMIT, heads=True) == []
        arrived.add(b"y" * 998 + b"\r\n")
    assert inside.kept_of(arrived) < 20_000

    endless = Pop3Parser()
    endless.add(b"+OK\r\nSubject: x\r\n")
    endless.add((b"y" * 998 + b"\r\n") * 1000)
    with pytest.raises(errors.RemoteProtocolError, match="goes on beyond"):
        endless.answers(1, LIMIT, heads=True)


@pytest.mark.parametrize("end", [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n\0.\r\n"])
def test_nothing_else_ends_a_letter(end: bytes) -> None:
    """Hazard H76, on the client side: sequences that other programs take for an end are data."""
    arrived = Pop3Parser()

    arrived.add(b"+OK\r\nhello" + end + b"more\r\n.\r\n")
    ((_, text),) = arrived.answers(2, LIMIT)

    assert text == b"hello" + end.replace(b"\r\n.", b"\r\n") + b"more\r\n"


def test_a_large_letter_is_not_looked_at_twice() -> None:
    """Hazard H66: a letter ten times as large takes ten times the steps; between two portions a few octets are kept."""
    arrived = Pop3Parser()
    arrived.add(b"+OK\r\n")

    for _ in range(1000):
        arrived.add(b"x" * 998 + b"\r\n")
        assert arrived.answers(1, 10**9) == []
        assert inside.unread_of(arrived) < 10_000
    arrived.add(b".\r\n")

    ((_, text),) = arrived.answers(1, 10**9)
    assert text is not None
    assert len(text) == 1_000_000


def test_a_letter_that_goes_on_beyond_the_limit_ends_the_session() -> None:
    arrived = Pop3Parser()
    arrived.add(b"+OK\r\n")

    for _ in range(5):
        arrived.add(b"x" * 1000)
        assert arrived.answers(1, 5000) == []
    arrived.add(b"x" * 1000)

    with pytest.raises(errors.RemoteProtocolError, match="beyond 5000 octets"):
        arrived.answers(1, 5000)


@pytest.mark.parametrize(
    "said", [b"+OK " + b"x" * MAX_LINE, b"x" * (MAX_LINE + 1), b"+OK " + b"x" * MAX_LINE + b"\r\n"]
)
def test_a_status_line_without_end_ends_the_session(said: bytes) -> None:
    """Hazard H67."""
    arrived = Pop3Parser()
    arrived.add(said)

    with pytest.raises(errors.RemoteProtocolError, match="without ending a line"):
        arrived.answers(1, LIMIT)


@pytest.mark.parametrize("said", [b"+OK\n", b"+OK \nhello\r\n.\r\n", b"+OK here\nhello\r\n.\r\n"])
def test_a_line_that_ends_with_a_line_feed_alone_is_no_line(said: bytes) -> None:
    arrived = Pop3Parser()
    arrived.add(said)

    with pytest.raises(errors.RemoteProtocolError, match="LF alone"):
        arrived.answers(1, LIMIT)


def test_a_letter_that_is_here_as_a_whole_has_the_same_limit() -> None:
    arrived = Pop3Parser()
    arrived.add(b"+OK\r\n" + b"x" * 98 + b"\r\n.\r\n" + b"+OK\r\n" + b"x" * 99 + b"\r\n.\r\n")

    assert len(arrived.answers(1, 100)) == 1
    with pytest.raises(errors.RemoteProtocolError, match="beyond 100 octets"):
        arrived.answers(1, 100)


@pytest.mark.parametrize(
    ("line", "kind", "code"),
    [
        (b"+OK ready", 2, ""),
        (b"+OK", 2, ""),
        (b"+ ", 3, ""),
        (b"-ERR", 5, ""),
        (b"-ERR [IN-USE] locked", 4, "IN-USE"),
        (b"-ERR [LOGIN-DELAY] slowly", 4, "LOGIN-DELAY"),
        (b"-ERR [SYS/TEMP] later", 4, "SYS/TEMP"),
        (b"-ERR [sys/perm] never", 5, "SYS/PERM"),
        (b"-ERR [AUTH] no", 5, "AUTH"),
    ],
)
def test_what_a_status_line_says(line: bytes, kind: int, code: str) -> None:
    reply = client_syntax.read_status(line)

    assert reply.kind == kind
    assert client_syntax.response_code(reply) == code
    assert errors.CommandRefused(reply).retryable == (kind == 4)
    assert str(reply) == line.decode().rstrip()


@pytest.mark.parametrize(
    "line", [b"", b"ok", b"+ok", b"+OKAY", b"-ERROR", b"220 mx ESMTP", b"* OK IMAP4", b"SSH-2.0-x"]
)
def test_what_is_no_status_line_ends_the_session(line: bytes) -> None:
    with pytest.raises(errors.RemoteProtocolError, match="not an answer of POP3"):
        client_syntax.read_status(line)


def test_what_a_server_says_does_not_steer_the_terminal() -> None:
    """Hazard H74."""
    assert str(client_syntax.read_status(b"-ERR \x1b[31mred\0")) == "-ERR \\x1b[31mred\\x00"


@pytest.mark.parametrize("argument", hostile("pop_args"), ids=shown)
@pytest.mark.parametrize("verb", ["USER", "PASS", "APOP", "RETR"])
def test_a_control_character_in_an_argument_never_becomes_a_command(verb: str, argument: str) -> None:
    """Hazard H42."""
    with pytest.raises(errors.LocalProtocolError) as refused:
        command(verb, argument)

    assert "DELE" not in str(refused.value)


@pytest.mark.parametrize(
    "listing",
    [b"0 12\r\n", b"4 12\r\n", b"-1 12\r\n", b"1 12\r\n1 13\r\n", b"x 12\r\n", b"1\r\n", b"1 x\r\n", b"1 -5\r\n",
     b"\xd9\xa1 12\r\n", b"1 99999999999999999999\r\n", b"1 " + b"9" * 5000 + b"\r\n", b"9" * 5000 + b" 1\r\n"],
)  # fmt: skip
def test_a_list_that_lies_is_not_believed(listing: bytes) -> None:
    with pytest.raises(errors.RemoteProtocolError):
        client_syntax.read_sizes(listing, 3)


@pytest.mark.parametrize(
    "text",
    ["", "1", "x 1", "1 x", "-1 5", "10000001 5", "1 99999999999999999999", "9" * 5000 + " 1", "1 " + "9" * 5000],
)
def test_a_count_that_lies_is_not_believed(text: str) -> None:
    with pytest.raises(errors.RemoteProtocolError):
        client_syntax.read_stat(Reply(200, (text,)))


def test_lists_are_read_as_they_are_meant() -> None:
    assert client_syntax.read_sizes(b"1 120\r\n3 7 octets\r\n", 3) == {1: 120, 3: 7}
    assert (
        client_syntax.read_uids(b"1 QhdPYR:00WBw1Ph7x7\r\n2 whqtswO00WBw418f9t5JxYwZ\r\n", 2)[1] == "QhdPYR:00WBw1Ph7x7"
    )
    assert client_syntax.read_capabilities(b"TOP\r\nsasl PLAIN LOGIN\r\n\r\nEXPIRE 60\r\n") == {
        "TOP": "", "SASL": "PLAIN LOGIN", "EXPIRE": "60",
    }  # fmt: skip
    assert client_syntax.read_stat(Reply(200, ("2 320 and more",))) == (2, 320)


def test_a_unique_id_that_is_missing_is_not_made_up() -> None:
    with pytest.raises(errors.RemoteProtocolError, match="unique id"):
        client_syntax.read_uids(b"1 \r\n", 1)


def test_a_digest_is_that_of_the_standard() -> None:
    """RFC 1939 7."""
    greeting = "+OK POP3 server ready <1896.697170952@dbc.mtview.ca.us>"

    timestamp = client_syntax.read_timestamp(greeting)

    assert client_syntax.digest(timestamp, "tanstaaf") == "c4c9334bac560ecc979e58001b3e22fb"


@pytest.mark.parametrize(
    "greeting", ["ready", "<no-at>", "<a@b\x80>", "< a@b>", "<a@b", "<@>", "<a@" + "b" * 300 + ">"]
)
def test_what_is_no_timestamp_makes_no_digest(greeting: str) -> None:
    """CVE-2007-1558: with a looser pattern a man in the middle can find out the password."""
    assert client_syntax.read_timestamp(greeting) == ""


@given(st.text())
def test_no_text_of_ours_becomes_a_line_of_its_own(text: str) -> None:
    """Hazard H81."""
    said = server_syntax.write_status(Reply(500, (text,)))

    assert said.count(b"\r\n") == 1
    assert said.endswith(b"\r\n")
    assert len(said) <= 512
    assert said.isascii()


def test_the_head_of_a_letter_ends_with_the_empty_line() -> None:
    letter = b"Subject: hi\r\n\r\none\r\ntwo\r\nthree\r\n"

    assert server_syntax.head_of(letter, 0) == b"Subject: hi\r\n\r\n"
    assert server_syntax.head_of(letter, 2) == b"Subject: hi\r\n\r\none\r\ntwo\r\n"
    assert server_syntax.head_of(letter, 9) == letter
    assert server_syntax.head_of(b"Subject: hi\r\n", 0) == b"Subject: hi\r\n"
