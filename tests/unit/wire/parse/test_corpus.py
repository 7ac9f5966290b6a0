"""Every letter of the corpus is read as a person would read it, and cut anywhere is still a letter."""

from __future__ import annotations

import pytest

from courriel import Letter
from unit.wire.parse.corpus import CORPUS, Case, value_of
from unit.wire.test_letter_broken import read_all


@pytest.mark.parametrize("case", CORPUS, ids=str)
def test_each_letter_of_the_corpus_is_read_as_it_was_meant(case: Case) -> None:
    letter = Letter.parse(case.raw)

    assert value_of(letter, case.asked) == case.right
    assert all(value_of(letter, case.asked) == case.right for _ in range(2))


@pytest.mark.parametrize("case", CORPUS, ids=str)
def test_cut_anywhere_it_is_a_letter_still(case: Case) -> None:
    for end in range(0, len(case.raw), 7):
        read_all(case.raw[:end])


def test_no_kind_has_a_single_case() -> None:
    kinds = [case.kind for case in CORPUS]

    assert all(kinds.count(kind) > 2 for kind in kinds)
