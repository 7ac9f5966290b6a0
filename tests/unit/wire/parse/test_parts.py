"""MIME parts: headers, boundaries and transfer encodings, valid and invalid."""

from __future__ import annotations

from base64 import b64encode, encodebytes
from binascii import b2a_qp, b2a_uu

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courriel.wire.parse.header import LONGEST_HEADER, Header, read_header
from courriel.wire.parse.parts import leaves
from courriel.wire.parse.transfer import unpacked
from unit.wire.parse.test_values import Heard


def taken_apart(raw: bytes) -> tuple[list[tuple[str, bytes]], Heard]:
    """Type and body of each part, and the defects."""
    heard = Heard()
    header, start = read_header(raw, 0, lambda line: False, heard)
    found = leaves(raw, header, start, heard)
    return [(leaf.label.content_type, raw[leaf.start : leaf.end]) for leaf in found], heard


def mixed(*lines: bytes, boundary: bytes = b"b") -> bytes:
    return b"Content-Type: multipart/mixed; boundary=" + boundary + b"\r\n\r\n" + b"\r\n".join(lines)


# Headers.


def test_folded_lines_are_one_value() -> None:
    header, body = read_header(b"A: one\r\n two\r\nB:three\r\n\r\nbody", 0, lambda line: False, Heard())

    assert header == Header([(b"A", b"one two"), (b"B", b"three")])
    assert body == 25
    assert header.all("a") == [b"one two"]
    assert header.first("c") == b""


def test_a_continued_line_that_continues_nothing_is_no_field() -> None:
    heard = Heard()

    header, _ = read_header(b" lonely\r\nA: one\r\n\r\n", 0, lambda line: False, heard)

    assert header.fields == (("A", b"one"),)
    assert len(heard) == 1


def test_a_header_is_kept_up_to_a_size_and_read_to_its_end() -> None:
    heard = Heard()
    raw = b"A: " + b"x" * LONGEST_HEADER + b"\r\n y\r\nB: z\r\n\r\nbody"

    header, body = read_header(raw, 0, lambda line: False, heard)

    assert sum(len(value) for _, value in header.fields) <= LONGEST_HEADER
    assert [name for name, _ in header.fields] == ["A", "B"]
    assert raw[body:] == b"body"
    assert len({*heard}) == 1


# Boundaries.


def test_the_line_end_before_a_boundary_belongs_to_it() -> None:
    assert taken_apart(mixed(b"--b", b"", b"one", b"", b"--b", b"", b"--b--"))[0] == [
        ("text/plain", b"one\r\n"),
        ("text/plain", b""),
    ]
    assert taken_apart(b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\r\n\n--b--")[0] == [
        ("text/plain", b"one\r\n")
    ]


def test_white_space_after_a_boundary_does_not_count() -> None:
    assert taken_apart(mixed(b"--b \t", b"", b"one", b"--b-- "))[0] == [("text/plain", b"one")]


def test_a_line_that_only_begins_like_a_boundary_is_text() -> None:
    parts, heard = taken_apart(mixed(b"--b", b"", b"--bb", b"x--b", b"--b-", b"--b--"))

    assert parts == [("text/plain", b"--bb\r\nx--b\r\n--b-")]
    assert heard == []


def test_a_boundary_that_begins_the_whole_is_one() -> None:
    heard = Heard()

    found = leaves(b"--b\n\none\n--b--", Header([(b"Content-Type", b"multipart/x; boundary=b")]), 0, heard)

    assert [(leaf.start, leaf.end, leaf.within) for leaf in found] == [(5, 8, "multipart/x")]
    assert heard == []


def test_an_outer_boundary_ends_what_is_open_within() -> None:
    parts, heard = taken_apart(
        mixed(
            b"--b",
            b"Content-Type: multipart/mixed; boundary=c",
            b"",
            b"--c",
            b"",
            b"one",
            b"--b",
            b"",
            b"two",
            b"--b--",
        )
    )

    assert [body for _, body in parts] == [b"one", b"two"]
    assert heard == []


def test_two_that_have_the_same_boundary_are_told_apart_by_their_order() -> None:
    parts, _ = taken_apart(
        mixed(
            b"--b",
            b"Content-Type: multipart/mixed; boundary=b",
            b"",
            b"--b",
            b"",
            b"in",
            b"--b--",
            b"--b",
            b"",
            b"out",
            b"--b--",
        )
    )

    assert [body for _, body in parts] == [b"in", b"out"]


def test_preamble_and_epilogue_are_ignored() -> None:
    assert taken_apart(mixed(b"before", b"--b", b"", b"one", b"--b--", b"after"))[0] == [("text/plain", b"one")]


def test_a_multipart_that_is_not_closed_is_read_to_its_end() -> None:
    parts, heard = taken_apart(mixed(b"--b", b"", b"one", b"more"))

    assert parts == [("text/plain", b"one\r\nmore")]
    assert heard == ["a multipart is not closed"]


def test_a_multipart_whose_boundary_is_nowhere_is_text() -> None:
    parts, heard = taken_apart(mixed(b"one", b"two"))

    assert parts == [("text/plain", b"one\r\ntwo")]
    assert "the boundary of a multipart is nowhere in it; it is shown as text" in heard


def test_a_multipart_within_whose_boundary_is_nowhere_is_text_too() -> None:
    parts, _ = taken_apart(mixed(b"--b", b"Content-Type: multipart/x; boundary=c", b"", b"one", b"--b--"))

    assert parts == [("text/plain", b"one")]


def test_a_multipart_without_a_boundary_is_text() -> None:
    parts, heard = taken_apart(b"Content-Type: multipart/mixed\r\n\r\none")

    assert parts == [("text/plain", b"one")]
    assert heard == ["a multipart without a boundary is shown as text"]


def test_a_part_that_breaks_off_within_its_header_is_one() -> None:
    parts, heard = taken_apart(mixed(b"--b", b"Content-Type: image/png", b"--b", b"", b"two", b"--b--"))

    assert parts == [("image/png", b""), ("text/plain", b"two")]
    assert heard == ["a part breaks off within its header"]


def test_a_content_type_that_is_none_is_text() -> None:
    parts, heard = taken_apart(b"Content-Type: nonsense\r\n\r\none")

    assert parts == [("text/plain", b"one")]
    assert heard == ["'nonsense' is no content type; it is taken for text/plain"]


def test_parts_of_a_digest_are_letters_unless_they_say_otherwise() -> None:
    parts, _ = taken_apart(
        b"Content-Type: multipart/digest; boundary=b\r\n\r\n"
        b"--b\r\n\r\none\r\n--b\r\nContent-Type: text/plain\r\n\r\ntwo\r\n--b--"
    )

    assert [kind for kind, _ in parts] == ["message/rfc822", "text/plain"]


# Transfer encodings.


@given(st.binary(max_size=500))
def test_what_was_encoded_is_decoded(content: bytes) -> None:
    heard = Heard()
    lines = b"\n".join(b2a_uu(content[start : start + 45])[:-1] for start in range(0, len(content), 45))

    assert unpacked(encodebytes(content), "base64", heard) == content
    assert unpacked(b2a_qp(content, istext=False), "quoted-printable", heard) == content
    assert unpacked(b"begin 644 x\n" + lines + b"\n`\nend\n", "x-uuencode", heard) == content
    assert unpacked(content, "8bit", heard) == content
    assert heard == []


@pytest.mark.parametrize(
    ("octets", "encoding", "content", "wrong"),
    [
        (b64encode(b"hello") + b"\r\n-- \r\na footer", "base64", b"hello", 1),
        (b"aGVsb\x00G8=", "base64", b"aGVsb\x00G8=", 1),
        (b"aGVs!bG8gdGhlcmUgYWxs", "base64", b"hello there all", 1),
        (b"aGVsbG8", "base64", b"hello", 0),
        (b"aGVsbG8gdGhlcmV", "base64", b"hello there", 0),
        (b"aGVsb", "base64", b"hel", 1),
        (b"", "base64", b"", 0),
        (b"a=zz=3D=", "quoted-printable", b"a=zz=", 0),
        (b"no beginning", "uuencode", b"no beginning", 1),
        (b"begin 644 x\n\xff\xfe\n", "uue", b"", 1),
        (b"begin 644 x\n#0V%T", "x-uue", b"Cat", 0),
        (b"begin 644 x\n\n#0V%T\n \nend\nafter", "x-uuencode", b"Cat", 0),
        (b"x", "rot13", b"x", 1),
    ],
)
def test_transfer_encodings_in_every_state(octets: bytes, encoding: str, content: bytes, wrong: int) -> None:
    heard = Heard()

    assert unpacked(octets, encoding, heard) == content
    assert len(heard) == wrong
