"""The page of hazards and its citations: each one is found there, all have one form, and users see none of them."""

from __future__ import annotations

import ast
import io
import pydoc
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

import courriel
import courriel.wlangage

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "hazards.md"
ANCHOR = re.compile(r'<a id="(\w+)"></a>\*\*(\w+)\*\*')

ID = re.compile(r"\bH\d+\b")
CITATION = re.compile(r"\b[Hh]azard(?P<many>s?)\s+(?P<ids>H\d{2}\b(?:(?:,| to)\s+H\d{2}\b)*)")

# What was cited before the page: numbers of pains, and letters of attacks, of servers and of the practice server.
OLD = re.compile(r"(?i:\bscars?\b)|\((?:[^()]*[ ,])?[ABC]\d{1,2}(?=[ ,:)])|^[ABC]\d{1,2}(?=[.,:;])", re.MULTILINE)
LOOKS_LIKE_ONE = re.compile(r"(?i:\bscars?\b)|\b[ABCH]\d")

CODE = [
    path
    for folder in ("src", "tests", "tools", "bench")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)  # what the bench has installed
]
PAGES = [
    path
    for pattern in ("*.md", "docs/*.md", "docs/decisions/*.md", "changelog.d/*.md", "bench/*.md", "tests/*.md")
    for path in sorted(ROOT.glob(pattern))
    if path != PAGE
]


def explanations(source: str) -> Iterator[tuple[int, str]]:
    """Give the comments of a Python source, and its texts in three quotation marks, with the line where each begins."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
        elif token.type == tokenize.STRING and token.string.startswith('"""'):
            yield token.start[0], token.string.strip('"')


@cache
def cited() -> list[tuple[str, str]]:
    """Every comment, docstring and page of the tree that might cite a hazard, with its place before it."""
    found: list[tuple[str, str]] = []
    for path in CODE:
        source = path.read_text(encoding="utf-8")
        if LOOKS_LIKE_ONE.search(source):  # the others need not be taken apart
            found += [(f"{path.relative_to(ROOT)}:{line}", text) for line, text in explanations(source)]
    return found + [(str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")) for path in PAGES]


def faults(text: str, known: set[str]) -> list[str]:
    """Say what is wrong with the citations in this text."""
    found = [f"old form: {match[0]}" for match in OLD.finditer(text)]
    for match in CITATION.finditer(text):
        ids = ID.findall(match["ids"])
        found += [f"not on the page: {one}" for one in ids if one not in known]
        if bool(match["many"]) != (len(ids) > 1):
            found.append(f"one hazard, several hazards: {match[0]}")
        for first, last in re.findall(r"(H\d+) to\s+(H\d+)", match["ids"]):
            if first >= last:
                found.append(f"a range that goes backwards: {match[0]}")
    alone = CITATION.sub("", text)
    return found + [f"an id without the word: {match[0]}" for match in ID.finditer(alone)]


@pytest.fixture(scope="module")
def known() -> set[str]:
    return {match[1] for match in ANCHOR.finditer(PAGE.read_text(encoding="utf-8"))}


def test_each_hazard_has_one_id_with_its_anchor_in_order() -> None:
    pairs = ANCHOR.findall(PAGE.read_text(encoding="utf-8"))

    assert all(anchor == shown for anchor, shown in pairs)
    assert [shown for _, shown in pairs] == sorted({shown for _, shown in pairs})
    assert all(re.fullmatch(r"H\d{2}", shown) for _, shown in pairs)


@pytest.mark.slow
def test_each_citation_is_found_on_the_page(known: set[str]) -> None:
    found = [f"{place}: {fault}" for place, text in cited() for fault in faults(text, known)]

    assert not found, "\n".join(found)


@pytest.mark.slow
def test_some_hazards_are_cited() -> None:
    """Otherwise the search itself is broken."""
    assert sum(len(CITATION.findall(text)) for _, text in cited()) > 100


@pytest.mark.parametrize(
    "text",
    [
        "an old citation (scar 35)",
        "(A2)",
        "said in clear (RFC 3207 4.2, B2)",
        "C9, and more",
        "(hazard H99)",
        "(hazard H01, H02)",
        "(hazards H01)",
        "(hazards H05 to H02)",
        "(H01)",
        "see H01",
    ],
)
def test_a_wrong_citation_is_found(text: str, known: set[str]) -> None:
    assert faults(text, known)


@pytest.mark.parametrize(
    "text",
    [
        "(hazard H01)",
        "(RFC 3207 4.2, hazard H62)",
        "Hazards H01, H68: an answer too many.",
        "(hazards H22 to H27, H73)",
        "(hazards\n    H22 to\n    H27)",
        "# C0, DEL, C1, and the two separators (RFC 5321)",
    ],
)
def test_a_right_citation_passes(text: str, known: set[str]) -> None:
    assert not faults(text, known)


@pytest.mark.slow
@pytest.mark.parametrize("face", [courriel, courriel.wlangage])
def test_the_help_of_exports_cites_none(face: ModuleType) -> None:
    exports = [getattr(face, name) for name in face.__all__]
    documented = [export for export in exports if isinstance(export, type | ModuleType) or callable(export)]

    citing = [part for part in documented if CITATION.search(pydoc.render_doc(part, renderer=pydoc.plaintext))]

    assert len(documented) > 50
    assert not citing


def test_pages_for_users_cite_none() -> None:
    for path in PAGES:
        if path.parent in {ROOT, ROOT / "docs", ROOT / "changelog.d"} and not path.name.startswith("CONTRIBUTING"):
            assert not CITATION.search(path.read_text(encoding="utf-8")), path


@pytest.mark.slow
def test_texts_in_the_code_cite_none() -> None:
    """Texts of errors, of log lines and of the command: all strings that are no docstrings."""
    for path in sorted((ROOT / "src").rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        if not ID.search(source):
            continue
        tree = ast.parse(source)
        alone = {
            node.value for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in alone:
                assert not CITATION.search(node.value), f"{path}:{node.lineno}"
