"""Invisible characters, and those that change how others are displayed, are removed from the names of saved files."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courriel import ReceivedAttachment
from courriel.model.checks.visible import is_visible, without_invisible

HIDDEN = [
    0x00, 0x1B, 0x7F, 0x85, 0xAD, 0x034F, 0x061C, 0x115F, 0x180E, 0x200B, 0x200D, 0x200E, 0x2028, 0x202E, 0x2060,
    0x2066,
    0x2069, 0x3164, 0xFE0F, 0xFEFF, 0xFFF9, 0xD800, 0xE000, 0xE0001, 0xE0041, 0xE01EF, 0x1D173, 0x10FFFF,
]  # fmt: skip


@pytest.mark.parametrize("number", HIDDEN, ids="U+{:04X}".format)
def test_an_invisible_character_is_left_out_of_a_name(number: int, tmp_path: Path) -> None:
    file = ReceivedAttachment.named(f"invoice{chr(number)}fdp.exe", b"x")

    assert file.name == "invoicefdp.exe"
    assert file.save(tmp_path).name == "invoicefdp.exe"


@given(st.text())
def test_the_rest_of_a_name_is_visible(text: str) -> None:
    left = without_invisible(text)

    assert all(is_visible(each) for each in left)
    assert not any(unicodedata.category(each) in {"Cc", "Cf", "Cs"} for each in left)


@given(st.text(st.characters(categories=("L", "N", "P", "S", "Zs"), exclude_characters="\u115f\u1160\u3164\uffa0")))
def test_letters_of_every_language_stay(text: str) -> None:
    assert without_invisible(text) == text
