"""Transfer encodings that every server accepts."""

from __future__ import annotations

from base64 import b64decode
from quopri import decodestring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courriel.model.content import has_long_line, is_dotless
from courriel.wire.mime.transfer import base64_size, encode_base64, encode_quoted_printable, encode_text, with_crlf

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=300) | st.text(
    "a =.\t\r\né\x0c\x85\u2028", max_size=300
)


@given(TEXT)
def test_quoted_printable_reads_back_and_keeps_its_lines_short(text: str) -> None:
    data = with_crlf(text)

    written = encode_quoted_printable(data)

    assert decodestring(written) == data
    assert written.isascii()
    lines = written.split(b"\r\n")
    assert all(len(line) <= 76 for line in lines)
    # White space at the end of a line may be lost in transport (RFC 2045 6.7, rule 3).
    assert not any(line.endswith((b" ", b"\t")) for line in lines)
    assert written.count(b"\r") == written.count(b"\n") == len(lines) - 1


@pytest.mark.parametrize("text", ["x" * 74 + " \r\né", "x" * 68 + "é ", "x" * 68 + "é\t", "é" * 11 + "x" * 8 + " "])
def test_a_blank_at_the_end_of_a_line_makes_no_coded_line_of_77_characters(text: str) -> None:
    written = encode_quoted_printable(text.encode())

    assert max(map(len, written.split(b"\r\n"))) <= 76
    assert decodestring(written) == text.encode()


@given(TEXT, st.booleans())
def test_text_in_any_code_has_only_whole_line_ends_and_no_long_line(text: str, eight_bit: bool) -> None:
    encoding, data = encode_text(text, eight_bit)

    assert data.count(b"\r") == data.count(b"\n") == data.count(b"\r\n")
    assert not has_long_line(data)
    assert data.isascii() or (encoding == "8bit" and eight_bit)


@given(st.binary(max_size=500) | st.integers(0, 60_000).map(bytes))
def test_base64_reads_back_and_is_as_long_as_was_said(data: bytes) -> None:
    written = encode_base64(data)

    assert b64decode(written) == data
    assert len(written) == base64_size(len(data))
    assert all(len(line) <= 76 for line in written.split(b"\r\n"))


@given(st.lists(st.integers(0, 1010), max_size=8))
def test_long_lines_are_found_wherever_they_stand(lengths: list[int]) -> None:
    data = b"\r\n".join(b"x" * length for length in lengths)

    assert has_long_line(data) == (max(lengths, default=0) > 998)


@given(st.lists(st.sampled_from([b".", b"a", b"\r\n"]), max_size=8).map(b"".join))
def test_a_dot_at_the_beginning_of_a_line_is_found(data: bytes) -> None:
    assert is_dotless(data) == (not any(line.startswith(b".") for line in data.split(b"\r\n")))
