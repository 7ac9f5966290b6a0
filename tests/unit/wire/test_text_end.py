"""The end of a dot-stuffed text is found wherever the text is cut, and so is a dot that servers disagree about."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courriel.wire.text_end import END, TextEnd

TEXTS = st.lists(st.sampled_from([b".", b"\r\n", b"\r", b"\n", b"a", b"..", b"\r\n.\r\n"]), max_size=12).map(b"".join)
CUTS = st.lists(st.integers(1, 7), max_size=40)


def pieces(text: bytes, cuts: list[int]) -> list[bytes]:
    made, at = [], 0
    for cut in [*cuts, len(text)]:
        made.append(text[at : at + cut])
        at += cut
    return [piece for piece in made if piece]


@given(TEXTS, CUTS)
def test_the_end_is_where_it_is_however_the_text_is_cut(text: bytes, cuts: list[int]) -> None:
    expected = (b"\r\n" + text).find(END)
    end, passed = TextEnd(), 0
    for piece in pieces(text, cuts):
        found = end.find(piece)
        if found >= 0:
            assert passed + found == expected - 2 + len(END)
            return
        end.go_past(piece)
        passed += len(piece)

    assert expected < 0


@given(TEXTS, CUTS)
def test_a_doubtful_dot_is_seen_however_the_text_is_cut(text: bytes, cuts: list[int]) -> None:
    whole = b"\r\n" + text + b"x"
    alone = re.finditer(rb"(?=(\r\n|\r|\n)\.(\r\n|\r|\n))", whole)
    wanted = any(found[1] + found[2] != b"\r\n\r\n" for found in alone if not _middle_of_an_end(whole, found.start()))
    end, seen = TextEnd(), False
    for piece in pieces(text + b"x", cuts):
        seen = seen or end.is_doubtful(piece)
        end.go_past(piece)

    assert seen == wanted


def _middle_of_an_end(text: bytes, at: int) -> bool:
    """Whether the line feed here is the second octet of CR LF."""
    return text[at : at + 1] == b"\n" and at > 0 and text[at - 1 : at] == b"\r"


@pytest.mark.parametrize("text", [b".\r\n", b"a\r\n.\r\n", b"a\r\n..\r\n.\r\n"])
def test_an_end_of_the_usual_kind_is_not_doubtful(text: bytes) -> None:
    assert not TextEnd().is_doubtful(text)
    assert TextEnd().find(text) == len(text)
