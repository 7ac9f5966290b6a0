"""Broken and hostile letters: parsed without errors, in time linear in their size (hazards H51, H80, H81)."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from courriel import Letter
from courriel.wire.parse.header import LONGEST_HEADER, MOST_FIELDS
from courriel.wire.parse.letter import LONGEST_HTML, MOST_DEFECTS
from courriel.wire.parse.parts import DEEPEST, MOST_PARTS
from courriel.wire.parse.words import LONGEST_VALUE
from fast_part import examples
from hostile.lists import hostile, shown
from unit.wire.parse.broken_letters import broken_letters, many_parts, nested


def read_all(raw: bytes) -> Letter:
    """Read every property of a letter, and check the rules for all letters."""
    letter = Letter.parse(raw)
    lines = [
        letter.subject, letter.message_id, *letter.in_reply_to, *letter.references,
        *(text for field in letter.headers for text in field),
        *(text for each in everybody(letter) for text in (each.name, each.spec, str(each))),
        *(text for each in letter.attachments for text in (each.name, each.content_type, each.content_id)),
        *letter.defects,
    ]  # fmt: skip
    for line in lines:
        assert not any(each < " " or "\x7f" <= each <= "\x9f" or "\ud800" <= each <= "\udfff" for each in line)
        assert not {"\u2028", "\u2029"} & {*line}
    for text in (letter.text, letter.html):
        assert "\r" not in text
        assert "\0" not in text
        text.encode()
    names = [each.name for each in letter.attachments]
    assert len({name.casefold() for name in names}) == len(names)
    assert all(name and Path(name).name == name and "\\" not in name and ":" not in name for name in names)
    assert letter.date is None or letter.date.utcoffset() is not None
    assert letter.raw == raw
    return letter


def everybody(letter: Letter) -> list[object]:
    one = [letter.sender] if letter.sender else []
    return [*one, *letter.to, *letter.cc, *letter.bcc, *letter.reply_to]


@pytest.mark.slow
@settings(max_examples=examples(400))
@given(broken_letters())
def test_every_broken_letter_is_shown(raw: bytes) -> None:
    read_all(raw)


@given(st.binary(max_size=2000))
def test_octets_of_any_kind_are_a_letter(raw: bytes) -> None:
    read_all(raw)


@pytest.mark.slow
@given(broken_letters(), st.integers(1, 40))
def test_a_letter_cut_anywhere_is_a_letter(raw: bytes, step: int) -> None:
    for end in range(0, len(raw), max(step, len(raw) // 20)):
        read_all(raw[:end])


def test_octets_without_a_header_are_all_body() -> None:
    letter = read_all(b"Hello, this is no mail.\nAnd has: two lines?\n\nAnd more.")

    assert letter.text == "Hello, this is no mail.\nAnd has: two lines?\n\nAnd more."
    assert letter.headers == ()


def test_a_body_that_follows_the_header_without_an_empty_line_is_read() -> None:
    letter = read_all(b"Subject: hello\r\nThis is the body already.\r\nAll of it.\r\n")

    assert letter.subject == "hello"
    assert letter.text == "This is the body already.\nAll of it.\n"
    assert letter.defects == ("no empty line stands between the header and the body",)


def test_a_line_that_is_no_field_does_not_end_the_header() -> None:
    letter = read_all(b"Subject: hello\r\nnonsense\r\nTo: a@b.com\r\n\r\nbody")

    assert [name for name, _ in letter.headers] == ["Subject", "To"]
    assert letter.text == "body"
    assert len(letter.defects) == 1


def test_the_first_line_of_a_mailbox_file_is_passed_over() -> None:
    letter = read_all(b"From ada Wed Nov 25 10:00:00 2026\nSubject: hello\n\nbody")

    assert (letter.subject, letter.text) == ("hello", "body")
    assert len(letter.defects) == 1


# Encoded words that decode to line ends, and addresses hidden in names (hazard H81).


@pytest.mark.parametrize(
    "field", [b"=?utf-8?q?a=0D=0ABcc:_evil@x.com?=", b"=?utf-8?b?YQ0KQmNjOiBldmlsQHguY29t?=", b"a\rBcc: evil@x.com"]
)
def test_a_subject_cannot_become_two_lines(field: bytes) -> None:
    letter = read_all(b"Subject: " + field + b"\r\n\r\n")

    assert letter.subject == "a Bcc: evil@x.com"
    assert letter.bcc == ()
    assert letter.defects == ("a line break within a header value became a space",)


def test_a_name_cannot_bring_another_address() -> None:
    letter = read_all(b"From: =?utf-8?q?=3Cceo=40corp=2Ecom=3E=2C?= <ada@example.org>\r\n\r\n")

    assert letter.sender is not None
    assert (letter.sender.name, letter.sender.spec) == ("<ceo@corp.com>,", "ada@example.org")


@pytest.mark.parametrize("text", hostile("header_values"), ids=shown)
def test_hostile_values_are_one_line(text: str) -> None:
    read_all(b"Subject: " + text.encode("utf-8", "surrogatepass") + b"\r\n\r\n")


@pytest.mark.parametrize("text", hostile("addresses"), ids=shown)
def test_hostile_addresses_are_shown_and_never_written_to_unless_they_are_one(text: str) -> None:
    raw = text.encode("utf-8", "surrogatepass").replace(b"\r\n", b"\r\n ")
    letter = read_all(b"From: <" + raw + b">\r\nTo: " + raw + b"\r\n\r\n")

    for each in everybody(letter):
        address = each.address  # type: ignore[attr-defined]
        assert address is None or address.spec.rpartition("@")[2].isprintable()


# Names (hazard H80, list `filenames`).


@pytest.mark.parametrize("name", hostile("filenames"), ids=shown)
def test_a_hostile_name_is_saved_within_the_folder(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "in" / "here"
    folder.mkdir(parents=True)
    percent = "".join(f"%{octet:02X}" for octet in name.encode("utf-8", "surrogatepass"))
    raw = b"Content-Type: a/b\r\nContent-Disposition: attachment; filename*=utf-8''" + percent.encode() + b"\r\n\r\nx"

    (enclosure,) = read_all(raw).attachments
    path = enclosure.save(folder)

    assert path.parent == folder
    assert [each for each in tmp_path.rglob("*") if each.is_file()] == [path]
    assert path.read_bytes() == b"x"


def test_a_hostile_content_id_is_mere_text() -> None:
    letter = read_all(b"Content-Type: image/png\r\nContent-ID: <../(.*)+$\x00\r\n x>\r\n\r\nx")

    assert letter.attachments[0].content_id == "../(.*)+$\ufffd x"


# Charsets and transfer encodings.


def test_an_unknown_charset_is_guessed() -> None:
    letter = read_all(b"Content-Type: text/plain; charset=x-klingon\r\n\r\n\xc3\xa9t\xc3\xa9")

    assert letter.text == "été"
    assert letter.defects == ("the charset 'x-klingon' is not known; it was guessed",)


def test_base64_that_is_none_is_left_as_it_came() -> None:
    letter = read_all(b"Content-Transfer-Encoding: base64\r\n\r\nHello! (this) is: not, base64; -- at all.\r\n")

    assert letter.text == "Hello! (this) is: not, base64; -- at all.\n"
    assert letter.defects == ("what is said to be base64 is none, and is left as it came",)


# Limits.


def test_a_thousand_multiparts_within_each_other_are_left_as_they_are_at_some_depth() -> None:
    letter = read_all(nested(1000))

    (rest,) = letter.attachments
    assert rest.content_type == "multipart/mixed"
    assert rest.content.startswith(b"--b%d\r\n" % DEEPEST)
    assert any(f"more than {DEEPEST} deep" in each for each in letter.defects)
    assert read_all(nested(DEEPEST - 1)).text == "the innermost\n"


@pytest.mark.slow
def test_parts_without_end_are_read_up_to_a_number() -> None:
    letter = read_all(many_parts(100_000, b"Content-Type: image/png\r\n\r\nx"))

    assert len(letter.attachments) == MOST_PARTS
    assert letter.defects[0] == f"it has more than {MOST_PARTS} parts; the rest was left out"


@pytest.mark.slow
def test_a_header_of_megabytes_is_read_up_to_a_size() -> None:
    letter = read_all(b"Subject: " + b"=?utf-8?q?x?=\r\n " * 200_000 + b"\r\nTo: a@b.com\r\n\r\nbody")

    assert len(letter.subject) <= LONGEST_VALUE
    assert sum(len(value) for _, value in letter.headers) < LONGEST_HEADER
    assert letter.text == "body"
    assert f"a header is longer than {LONGEST_HEADER} octets; the rest was left out" in letter.defects
    assert f"a header field is longer than {LONGEST_VALUE} octets; the rest of it was left out" in letter.defects


def test_fields_without_end_are_read_up_to_a_number() -> None:
    letter = read_all(b"A: b\r\n" * 20_000 + b"\r\nbody")

    assert len(letter.headers) == MOST_FIELDS
    assert letter.text == "body"


def test_defects_without_end_are_told_up_to_a_number() -> None:
    several = b"".join(b"--b\r\nContent-Transfer-Encoding: x%d\r\n\r\nx\r\n" % rank for rank in range(500))
    letter = read_all(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + several + b"--b--")

    assert len(letter.defects) == MOST_DEFECTS


@pytest.mark.slow
def test_text_is_made_of_the_beginning_of_endless_html() -> None:
    letter = read_all(b"Content-Type: text/html\r\n\r\n" + b"<p>" + b"x " * LONGEST_HTML)

    assert len(letter.text) <= LONGEST_HTML
    assert len(letter.html) > LONGEST_HTML
    assert any("the text was made from its beginning" in each for each in letter.defects)


GROWING: dict[str, Callable[[int], bytes]] = {
    "parts": many_parts,
    "parts without an empty line": lambda n: many_parts(n, b"A: b"),
    "parts of one name": lambda n: many_parts(n, b"Content-Type: a/b; name=x\r\n\r\nx"),
    "levels": nested,
    "lines that look like boundaries": lambda n: many_parts(1, b"\r\n" + b"--\r\n--x\r\n" * n),
    "header lines": lambda n: b"A: b\r\n" * n + b"\r\n",
    "header lines that are none": lambda n: b"nonsense\r\n" * n + b"\r\n",
    "addresses": lambda n: b"To: " + b"a@b.com," * n + b"\r\n\r\n",
    "comments": lambda n: b"To: " + b"(" * n + b")" * n + b"\r\n\r\n",
    "quotes": lambda n: b'To: "' + b'\\"' * n + b"\r\n\r\n",
    "encoded words": lambda n: b"Subject: " + b"=?utf-8?q?x?= " * n + b"\r\n\r\n",
    "parameters": lambda n: b"Content-Type: text/plain" + b"; a=b" * n + b"\r\n\r\n",
    "parameters in pieces": lambda n: b"Content-Type: a/b" + b"".join(b"; name*%d=x" % i for i in range(n)) + b"\n\n",
    "charsets": lambda n: b"Subject: " + b" ".join(b"=?c%d?q?x?=" % i for i in range(n)) + b"\r\n\r\n",
}


@pytest.mark.slow
@pytest.mark.parametrize("shape", GROWING)
def test_twice_as_much_costs_twice_the_work_at_most(shape: str) -> None:
    make = GROWING[shape]
    work_of(make(10))  # one-time work of a process

    small, large = work_of(make(400)), work_of(make(800))

    assert large < 2.2 * small + 500


@pytest.mark.slow
@pytest.mark.parametrize(
    "raw",
    [
        b'To: "' + b'\\"' * 500_000,
        b"To: " + b"<" * 1_000_000,
        b"To: " + b'"<' * 500_000,
        b"Subject: " + b"=?a?q?" * 200_000,
        b"Subject: " + b"=?" * 500_000,
        b"Content-Type: " + b"a" * 1_000_000,
        b"Content-Type: a/b" + b'; a="\\' * 200_000,
        b"Content-Type: a/b" + b"; " * 500_000,
        b"Date: " + b"1" * 1_000_000,
        b"References: " + b"<" * 1_000_000,
        b"Content-Type: text/html\r\n\r\n" + b"<meta " * 300_000,
    ],
    ids=lambda raw: raw[:24].decode(),
)
@pytest.mark.timeout(20)
def test_no_expression_backtracks(raw: bytes) -> None:
    # Quadratic time would be hours here: the limit is no measure of speed.
    read_all(raw + b"\r\n\r\n")


def work_of(raw: bytes) -> int:
    """Number of calls, of functions in Python or C, to read everything: the same on every machine."""
    calls = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        letter = Letter.parse(raw)
        _ = letter.defects
    finally:
        sys.setprofile(before)
    return calls
