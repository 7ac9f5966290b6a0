"""IMAP syntax: arguments that cannot become commands, answers that cannot fill the memory."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courriel import Search, errors
from courriel.wire.imap import search_arguments, syntax
from hostile.lists import hostile, shown


@pytest.mark.slow
@given(st.text())
def test_a_text_is_refused_or_can_be_read_back(value: str) -> None:
    try:
        written = syntax.text("it", value)
    except errors.UsageError:
        assert any(c < " " or c == "\x7f" or "\ud800" <= c <= "\udfff" for c in value)
        return

    if isinstance(written, syntax.Counted):
        assert written.decode() == value
    else:
        assert written[:1] == written[-1:] == b'"'
        assert re.sub(rb"\\(.)", rb"\1", written[1:-1]).decode("ascii") == value
        assert not re.search(rb'(?<!\\)(?:\\\\)*"', written[1:-1])


@pytest.mark.parametrize("value", [text for text in hostile("imap_args") if any(c < " " for c in text)], ids=shown)
def test_a_control_character_is_refused_and_not_shown(value: str) -> None:
    with pytest.raises(errors.UsageError, match="subject holds a control character") as refused:
        syntax.text("subject", value)

    assert value not in str(refused.value)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("ada", b'"ada"'),
        ('p"a\\ss', b'"p\\"a\\\\ss"'),
        ("a\r\nA2 LOGOUT", syntax.Counted(b"a\r\nA2 LOGOUT")),
        ("ß", syntax.Counted("ß".encode())),
        ("x" * 1000, syntax.Counted(b"x" * 1000)),
    ],
    ids=["plain", "quoted", "two lines", "not ASCII", "long"],
)
def test_a_secret_may_hold_anything_and_is_counted_where_it_is_not_plain(value: str, written: bytes) -> None:
    assert syntax.secret(value) == written
    assert type(syntax.secret(value)) is type(written)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"OK done", syntax.AnswerStatus("OK", "", "done")),
        (b"no [ALERT] watch out\r\n", syntax.AnswerStatus("NO", "ALERT", "watch out")),
        (b"OK [UIDVALIDITY 7] ok", syntax.AnswerStatus("OK", "UIDVALIDITY 7", "ok")),
        (b"BYE", syntax.AnswerStatus("BYE", "", "")),
        (b"OK [] x", syntax.AnswerStatus("OK", "", "x")),
        (b"OKAY then", None),
        (b"3 EXISTS", None),
        (b"", None),
    ],
)
def test_a_status_is_read(line: bytes, expected: syntax.AnswerStatus | None) -> None:
    assert syntax.read_status(line) == expected


def test_a_status_cannot_steer_the_terminal() -> None:
    status = syntax.read_status(b"NO [\x1b[31mX] \x1b[2J gone")

    assert status is not None
    assert "\x1b" not in status.shown
    assert status.shown.startswith("NO ")


@given(st.binary())
def test_no_line_makes_reading_fail(line: bytes) -> None:
    syntax.read_status(line)
    syntax.counted_at_end(line)
    syntax.capabilities(line.decode("latin-1"))


@pytest.mark.parametrize(
    ("line", "size"),
    [
        (b"* 1 FETCH (BODY[] {12}\r\n", 12),
        (b"* 1 FETCH (BODY[] {12+}", 12),
        (b"{0}\n", 0),
        (b"{-1}\r\n", None),
        (b"{12} x\r\n", None),
        (b"{9999999999999999999}\r\n", 9999999999999999999),
        (b"{" + b"9" * 5000 + b"}\r\n", 10**18),
        (b"{" + b"9" * 5000 + b"+}\r\n", 10**18),
        (b"plain\r\n", None),
    ],
)
def test_counted_octets_are_seen_at_the_end_of_a_line(line: bytes, size: int | None) -> None:
    assert syntax.counted_at_end(line) == size


def test_capabilities_are_known_by_name() -> None:
    assert syntax.capabilities("IMAP4rev1 auth=plain AUTH=LOGIN IDLE") == {
        "IMAP4REV1": "", "AUTH": "PLAIN LOGIN", "IDLE": "",
    }  # fmt: skip


@given(st.sets(st.integers(1, 60)))
def test_numbers_written_in_ranges_are_the_same_when_read(uids: set[int]) -> None:
    written = syntax.uid_set(list(uids))

    assert (syntax.read_uid_set(written.encode(), 60) if uids else []) == sorted(uids)
    assert written.count(",") + 1 <= max(1, len(uids))


@pytest.mark.parametrize("words", [b"", b"1:", b":2", b"1-2", b"0", b"4294967296", b"1:4294967295", b"x", b"1,,2"])
def test_what_is_no_list_of_letters_is_refused(words: bytes) -> None:
    with pytest.raises(errors.RemoteProtocolError):
        syntax.read_uid_set(words, 1000)


def test_a_range_may_be_written_backwards() -> None:
    assert syntax.read_uid_set(b"5:3,9", 10) == [3, 4, 5, 9]


@pytest.mark.parametrize(
    ("word", "flag"), [("seen", "\\Seen"), ("Deleted", "\\Deleted"), ("$Label1", "$Label1"), ("NonJunk", "NonJunk")]
)
def test_a_flag_has_a_word(word: str, flag: str) -> None:
    assert syntax.flag(word) == flag


@pytest.mark.parametrize("word", ["", "\\Seen", "two words", "a(b", 'a"b', "é", "x" * 201, "a\r\nb", "a]", "*", "%", 7])
def test_what_cannot_be_a_flag_is_refused(word: str) -> None:
    with pytest.raises(errors.UsageError, match="is not a flag"):
        syntax.flag(word)


def test_flags_come_back_as_words() -> None:
    assert syntax.words_of((b"\\Seen", b"\\FLAGGED", b"$Work", "x")) == {"seen", "flagged", "$Work", "x"}


# Searching.


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, b"ALL"),
        ({"unseen": True}, b"UNSEEN"),
        ({"seen": True, "deleted": False}, b"SEEN UNDELETED"),
        ({"recent": False}, b"OLD"),
        ({"recent": True}, b"RECENT"),
        ({"keyword": "a", "not_keyword": ("b", "c")}, b"KEYWORD a UNKEYWORD b UNKEYWORD c"),
        ({"subject": 'say "hi" \\'}, b'SUBJECT "say \\"hi\\" \\\\"'),
        ({"sender": "été"}, b"FROM \xc3\xa9t\xc3\xa9"),
        ({"message_id": "<1@x>"}, b'HEADER MESSAGE-ID "<1@x>"'),
        ({"header": {"X-A": ""}}, b'HEADER "X-A" ""'),
        ({"since": dt.date(2026, 2, 3), "sent_on": dt.date(999, 12, 31)}, b"SINCE 3-Feb-2026 SENTON 31-Dec-0999"),
        ({"larger": 10, "smaller": 20}, b"LARGER 10 SMALLER 20"),
        ({"above": 7}, b"UID 8:*"),
        ({"above": 2**32 - 1}, b"UID 4294967295:*"),
        ({"uids": (1, 2, 3, 9)}, b"UID 1:3,9"),
        ({"uids": ()}, b"NOT ALL"),
        ({"none_of": Search(seen=True, draft=True)}, b"NOT ( SEEN DRAFT )"),
        ({"any_of": (Search(seen=True),)}, b"( SEEN )"),
        ({"any_of": (Search(seen=True), Search(draft=True), Search())}, b"OR ( SEEN ) OR ( DRAFT ) ( ALL )"),
    ],
    ids=str,
)
def test_a_search_is_written(wanted: dict[str, object], expected: bytes) -> None:
    assert b" ".join(search_arguments.arguments(Search(**wanted))) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize("text", hostile("imap_args"), ids=shown)
@pytest.mark.parametrize(
    "place", ["sender", "to", "cc", "bcc", "subject", "body", "text", "message_id", "keyword", "not_keyword"]
)
def test_no_argument_of_a_search_becomes_a_command(place: str, text: str) -> None:
    try:
        words = search_arguments.arguments(Search(**{place: text}))  # type: ignore[arg-type]
    except errors.UsageError:
        return

    assert not any(c in word for word in words for c in (b"\r", b"\n", b"\0"))
    assert words[-1] == syntax.text("it", text)


def test_only_what_is_not_ascii_needs_a_charset() -> None:
    assert not search_arguments.needs_charset(search_arguments.arguments(Search(subject="ete")))
    assert search_arguments.needs_charset(search_arguments.arguments(Search(none_of=Search(subject="été"))))
