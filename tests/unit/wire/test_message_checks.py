"""Checks of a received message: what other servers might refuse."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courriel.model.content import has_long_line
from courriel.wire.mime.checks import check_message


@given(st.lists(st.sampled_from([b"\r\n", b"\r", b"\n", b"a", b"bc", b"\r\r\n"]), max_size=30), st.integers(0, 6))
def test_a_line_is_longer_exactly_where_a_split_finds_one(parts: list[bytes], limit: int) -> None:
    content = b"".join(parts)

    assert has_long_line(content, limit, end=b"\r\n") is (max(map(len, content.split(b"\r\n"))) > limit)


@pytest.mark.parametrize(
    ("content", "kinds"),
    [
        (b"a\r\nb\r\n", []),
        (b"a\nb\r\n", ["bare-lf"]),
        (b"a\rb\r\n", ["bare-cr"]),
        (b"a\0\r\n", ["nul"]),
        (b"x" * 998 + b"\r\n", []),
        (b"a\r\n" + b"x" * 999 + b"\r\nb", ["long-line"]),
        (b"\xe9\r\n", ["eight-bit"]),
    ],
)
def test_each_deviation_is_found_alone(content: bytes, kinds: list[str]) -> None:
    assert [finding.kind for finding in check_message(content)] == kinds


def test_how_many_and_how_long_is_said() -> None:
    said = " ".join(map(str, check_message(b"\0\0\n\n\n" + b"x" * 1200)))

    assert "NUL (2 of them)" in said
    assert "bare LF (3 of them)" in said
    assert "1,205 octets" in said
