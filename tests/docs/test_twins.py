"""Each page has its twin in the other language, with headings of the same levels and the same code, words apart."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
ENGLISH_ONLY = {"hazards"}
"""Pages for contributors, which say of themselves that they are in English."""
LANGUAGE = {"--lang", ".en", ".fr"}
"""What chooses a language, and differs with it."""
_BLOCK = re.compile(r"^ *(?P<fence>```+|~~~+)(?P<kind>[^\n]*)\n(?P<code>.*?)^ *(?P=fence) *$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of code of a page, with its language."""

    kind: str
    code: str

    @property
    def shape(self) -> list[str]:
        """What the code does, without its texts and the names that it gives: these are in the reader's language."""
        if "wlangage import" in self.code or self.kind in ("wl", "wlangage"):
            return [str(len(self.code.splitlines()))]  # its names are French or English themselves
        if self.kind == "python":
            try:
                return list(_nodes(ast.parse(self.code)))
            except SyntaxError:
                pass  # a piece of a function: its options are compared
        said = re.findall(r"(?<![\w-])--[a-z-]+|\bcourriel [a-z]+", self.code)
        return [word for word in said if word not in LANGUAGE]


def pages() -> Iterator[tuple[str, Path, Path]]:
    """Each page by its name: its English file and its French one, whether it is there or not."""
    for file in sorted(DOCS.glob("*.md")):
        if file.name.endswith(".fr.md") or (DOCS / f"{file.stem}.en.md").exists():
            continue
        name = file.name.removesuffix(".md").removesuffix(".en")
        yield name, file, DOCS / (f"{name}.md" if file.name.endswith(".en.md") else f"{name}.fr.md")


def headings(page: Path) -> list[int]:
    """Levels of its headings, in order."""
    return [len(signs) for signs in re.findall(r"^(#+) ", _BLOCK.sub("", page.read_text("utf-8")), re.MULTILINE)]


def blocks(page: Path) -> list[Block]:
    """Its code, in order; what stands behind the language is the name of a file, which may be translated."""
    return [
        Block(found["kind"].strip().split(" ")[0], found["code"]) for found in _BLOCK.finditer(page.read_text("utf-8"))
    ]


def _nodes(tree: ast.AST) -> Iterator[str]:
    """Kinds of its nodes in order, and the attributes that it uses, which are not its own."""
    if isinstance(tree, ast.JoinedStr):
        return
    if isinstance(tree, ast.Attribute) and f".{tree.attr}" not in LANGUAGE:
        yield f".{tree.attr}"
    else:
        yield type(tree).__name__
    for child in ast.iter_child_nodes(tree):
        yield from _nodes(child)


TWINS = {name: (english, french) for name, english, french in pages() if name not in ENGLISH_ONLY}


def test_each_page_has_a_twin() -> None:
    assert [name for name, (_, french) in TWINS.items() if not french.exists()] == []
    assert len(TWINS) > 40


@pytest.mark.parametrize("name", TWINS)
def test_twins_have_the_same_headings_and_the_same_code(name: str) -> None:
    english, french = TWINS[name]

    assert headings(english) == headings(french)
    assert [block.kind for block in blocks(english)] == [block.kind for block in blocks(french)]
    for one, other in zip(blocks(english), blocks(french), strict=True):
        assert one.shape == other.shape, f"{one.code}\n---\n{other.code}"


def test_a_twin_that_differs_is_found() -> None:
    said = Block("python", 'send(to="bob@example.org", subject="Hello").retryable')

    assert said.shape == Block("python", 'send(to="eve@example.org", subject="Bonjour").retryable').shape
    assert said.shape != Block("python", 'send(to="eve@example.org").retryable').shape
    assert said.shape != Block("python", 'send(to="bob@example.org", subject="Hello").hint').shape
    assert Block("sh", "courriel send --json").shape != Block("sh", "courriel send --text").shape
