"""The glossary: the same terms in both languages, in order, one sentence each, and modules that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "courriel"
PAGES = ["docs/glossary.md", "docs/glossary.fr.md"]


def rows(page: str) -> list[list[str]]:
    """Give term, meaning and module of each row, without the table's head."""
    lines = (ROOT / page).read_text(encoding="utf-8").splitlines()
    return [line.strip("|").split("|") for line in lines if line.startswith("| ")][2:]


def terms(page: str) -> list[str]:
    return [row[0].strip() for row in rows(page)]


@pytest.mark.parametrize("page", PAGES)
def test_terms_are_in_the_order_of_the_alphabet(page: str) -> None:
    found = terms(page)

    assert found == sorted(set(found), key=lambda term: term.lower().replace("_", " "))


def test_both_languages_have_the_same_terms_and_modules() -> None:
    english, french = (dict(zip(terms(page), [row[2] for row in rows(page)], strict=True)) for page in PAGES)

    assert english == french
    assert len(english) > 60


@pytest.mark.parametrize("page", PAGES)
def test_each_term_has_one_sentence(page: str) -> None:
    for term, meaning, _ in rows(page):
        assert re.fullmatch(r"[^.]+(?:…|\.) ", meaning.replace("courriel.toml", "")), term


def test_each_module_exists() -> None:
    for term, _, place in rows(PAGES[0]):
        if name := re.search(r"`([\w.]+)`", place.replace("`pyproject.toml`", "")):
            path = PACKAGE.joinpath(*name[1].split("."))
            assert path.is_dir() or path.with_suffix(".py").is_file(), f"{term}: {name[1]}"
