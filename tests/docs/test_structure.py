"""Paths and modules named by the pages and by the comments: each exists, and both languages name the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "courriel"
HANDBOOKS = ["CONTRIBUTING.md", "CONTRIBUTING.fr.md"]
PAGES = sorted(
    page.relative_to(ROOT).as_posix()
    for folder in (".", "docs", "docs/decisions", "tests", "bench")
    for page in (ROOT / folder).glob("*.md")
)

PATH = re.compile(r"(?<![\w/.<:-])(?![ab]/src/)(?:[\w-]+/)+[\w-]+\.(?:py|sql|toml|md)\b")
"""A file with its folder, as in `wire/smtp/envelope.py`; not in the head of a diff (`a/src/…`)."""
MODULE = re.compile(
    r"`(?:courriel\.)?((?:wire|dialogue|network|model|compose|delivery|failures|cli|wlangage)(?:\.[a-z]\w*)+)`"
)
"""A dotted name in a storey, as in `network.blocking`; not `outbox.put`, which begins with a variable."""
STOREY = re.compile(r"(?<![\w.])courriel((?:\.[a-z_]\w*){2,})")
"""A dotted name with two parts or more behind the package, as in `courriel.outbox.work`."""
ELSEWHERE = {".peers/quick.md", "tests/transcripts/x.txt"}
"""What a run writes, and an example."""


def missing_paths(text: str, beside: Path) -> list[str]:
    """Give the paths in a text that lead nowhere, from the root, the package, the tests, or the page's own folder."""
    starts = (ROOT, ROOT / "src", PACKAGE, ROOT / "tests", beside)
    return [
        path
        for path in PATH.findall(text)
        if path not in ELSEWHERE and not any((start / path).exists() for start in starts)
    ]


def missing_modules(text: str) -> list[str]:
    """Give the dotted names in a text whose module does not exist."""
    names = [*MODULE.findall(text), *(name.removeprefix(".") for name in STOREY.findall(text))]
    return [name for name in names if name not in metrics() and not names_module(name)]


def metrics() -> set[str]:
    """Give the names of the outbox's metrics and of their attributes, which look like modules."""
    text = (PACKAGE / "integrations" / "names.py").read_text(encoding="utf-8")
    return set(re.findall(r'"(?:courriel\.)?((?:outbox|network)\.[a-z_]+)"', text))


def names_module(name: str) -> bool:
    """Whether each part of a dotted name is a folder or a module, until one is a name that its module defines."""
    here = PACKAGE
    for part in name.split("."):
        if (here / f"{part}.py").is_file():
            return True
        if not (here / part).is_dir():
            defined = here / "__init__.py"
            return here != PACKAGE and re.search(rf"\b{part}\b", code(defined)) is not None
        here /= part
    return True


def code(file: Path) -> str:
    """A module without its docstring."""
    return re.sub(r'\A""".*?"""', "", file.read_text(encoding="utf-8"), flags=re.DOTALL)


@pytest.mark.parametrize("page", PAGES)
def test_each_path_and_module_of_a_page_exists(page: str) -> None:
    file = ROOT / page

    text = file.read_text(encoding="utf-8")

    assert missing_paths(text, file.parent) == []
    assert missing_modules(text) == []


@pytest.mark.slow
def test_comments_and_docstrings_name_modules_that_exist() -> None:
    wrong = {
        file.relative_to(ROOT).as_posix(): missing
        for file in sorted(PACKAGE.rglob("*.py"))
        if (missing := missing_modules(file.read_text(encoding="utf-8")))
    }

    assert wrong == {}


def test_paths_and_modules_that_do_not_exist_are_found() -> None:
    text = "`wire/smtp.py`, `network.calling`, courriel.outbox.carrier, `wire/smtp/envelope.py`, `network.blocking`"

    assert missing_paths(text, ROOT) == ["wire/smtp.py"]
    assert missing_modules(text) == ["network.calling", "outbox.carrier"]


@pytest.mark.parametrize("page", HANDBOOKS)
def test_the_table_of_places_names_files_that_exist(page: str) -> None:
    for row in places(page):
        for path in row:
            inside = ROOT if path.startswith(("docs/", "tests/")) else PACKAGE
            assert (inside / path).exists(), path


def test_the_table_of_places_is_the_same_in_both_languages() -> None:
    english, french = (places(page) for page in HANDBOOKS)

    assert english == french
    assert len(english) >= 12


def test_each_folder_of_the_tests_stands_in_their_table() -> None:
    page = (ROOT / "tests" / "README.md").read_text(encoding="utf-8")
    table = "\n".join(line.split("|")[1] for line in page.splitlines() if line.startswith("| `"))

    folders = {entry.name for entry in (ROOT / "tests").iterdir() if entry.is_dir() and entry.name[0] not in "._"}

    assert set(re.findall(r"`(\w+)`", table)) == folders


def places(page: str) -> list[list[str]]:
    """Give the paths of each row of the table."""
    rows = [line for line in (ROOT / page).read_text(encoding="utf-8").splitlines() if line.startswith("| ")][2:]
    return [re.findall(r"`([\w-]+(?:/[\w.-]+)+)`", row) for row in rows]
