"""Parts of a letter by its BODYSTRUCTURE, nonsense included."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courriel.wire.imap.body_structure import PartSection, sections_in
from courriel.wire.imap.values import read_values

TEXT = '("TEXT" "PLAIN" ("CHARSET" "utf-8") NIL NIL "7BIT" 12 1)'
HTML = '("TEXT" "HTML" NIL NIL NIL "QUOTED-PRINTABLE" 90 3)'
FILE = '("APPLICATION" "PDF" ("NAME" "a") NIL NIL "BASE64" 1000)'
MAIL = f'("MESSAGE" "RFC822" NIL NIL NIL "7BIT" 342 (NIL NIL) ({TEXT} {FILE} "MIXED") 8)'


@pytest.mark.parametrize(
    ("structure", "sections"),
    [
        (TEXT, [PartSection("1", 12)]),
        (
            f'({TEXT}{FILE} "MIXED")',
            [PartSection("1", 12, "multipart/mixed"), PartSection("2", 1000, "multipart/mixed", 1)],
        ),
        (
            f'(({TEXT}{HTML} "ALTERNATIVE" ("BOUNDARY" "x") NIL NIL){MAIL} "mixed" NIL NIL NIL)',
            [
                PartSection("1.1", 12, "multipart/alternative", 0, 1),
                PartSection("1.2", 90, "multipart/alternative", 1, 1),
                PartSection("2", 342, "multipart/mixed", 1),
            ],
        ),
        ("NIL", []),
        ("()", []),
        ("(NIL)", [PartSection("1", 0)]),
        ('("TEXT" "PLAIN" NIL NIL NIL "7BIT" many)', [PartSection("1", 0)]),
        (f"({TEXT})", [PartSection("1", 12, "multipart/mixed")]),
        (f'({TEXT} "X" {FILE})', [PartSection("1", 12, "multipart/x")]),
        ('(() "MIXED")', []),
    ],
)
def test_parts_are_found_as_far_as_they_make_sense(structure: str, sections: list[PartSection]) -> None:
    (value,) = read_values((structure.encode(),))

    assert sections_in(value) == sections


VALUES = st.recursive(
    st.one_of(st.text(max_size=3), st.binary(max_size=3), st.none()), lambda inner: st.lists(inner, max_size=8)
)


@given(VALUES)
def test_nonsense_gives_some_sections_or_none(value: object) -> None:
    numbers = [section.number for section in sections_in(value)]  # type: ignore[arg-type]

    assert len(numbers) == len(set(numbers))


@pytest.mark.parametrize(("parts", "found"), [(200, 200), (201, 0), (1000, 0)])
def test_too_many_parts_are_none_since_some_would_be_missing(parts: int, found: int) -> None:
    (value,) = read_values((f'({TEXT * parts} "MIXED")'.encode(),))

    assert len(sections_in(value)) == found
