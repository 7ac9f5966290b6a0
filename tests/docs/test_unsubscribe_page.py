"""The page on one-click unsubscribe: its newsletter runs whole, and both languages show the same."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from courriel import Sandbox
from courriel.integrations.unsubscribe.form import LARGEST
from courriel.integrations.unsubscribe.links import SHORTEST_KEY, UNDO_SECONDS
from courriel.integrations.unsubscribe.wrong_tokens import WRONG

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ["unsubscribe.md", "unsubscribe.fr.md"]
CLICK = {"List-Unsubscribe": "One-Click"}


def text_of(page: str) -> str:
    return (DOCS / page).read_text(encoding="utf-8")


def blocks_of(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", text_of(page), re.DOTALL)


def shape_of(block: str) -> str:
    """What a block does, without the words that are said to people."""
    tree = ast.parse(block)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = ""
    return ast.dump(tree)


def run(block: str, page: str) -> dict[str, Any]:
    values: dict[str, Any] = {"__name__": "newsletter"}
    exec(compile(block, page, "exec"), values)
    return values


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with the key of the page, made as the page says."""
    monkeypatch.chdir(tmp_path)
    command = [sys.executable, "-m", "courriel", "unsubscribe", "new-key"]
    with (tmp_path / "unsubscribe.key").open("wb") as file:
        subprocess.run(command, stdout=file, check=True, timeout=60)


@pytest.mark.slow
@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("page", PAGES)
def test_the_newsletter_runs_and_who_clicks_gets_no_other_issue(page: str) -> None:
    send, serve, *_ = blocks_of(page)
    readers = ["bob@example.org", "zoe@example.org"]
    with Sandbox() as sandbox:
        newsletter = run(send, page)
        newsletter["send_issue"](1, readers, sandbox.url)
        first = {letter.recipients[0]: letter.header("List-Unsubscribe") for letter in sandbox.letters}
        sandbox.clear()
        service = run(serve, page)
        with httpx.Client(transport=httpx.WSGITransport(service["app"])) as provider:
            clicked = provider.post(first["bob@example.org"].strip("<>"), data=CLICK)
        newsletter["send_issue"](2, readers, sandbox.url)
        second = [letter.recipients for letter in sandbox.letters]

    assert sorted(first) == readers
    assert clicked.status_code == 200
    assert second == [("zoe@example.org",)]


@pytest.mark.slow
@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("page", PAGES)
def test_the_other_examples_run(page: str) -> None:
    own, mounted, setting, urls = blocks_of(page)[2:]

    assert callable(run(own, page)["app"])
    assert run(mounted, page)["service"].routes
    assert run(setting, page)["COURRIEL_UNSUBSCRIBE"]["key"].startswith("env:")
    compile(urls, page, "exec")


def test_both_languages_show_the_same() -> None:
    english, french = PAGES

    assert [shape_of(block) for block in blocks_of(english)] == [shape_of(block) for block in blocks_of(french)]
    rows = [[line for line in text_of(page).splitlines() if line.startswith("| ")] for page in PAGES]
    assert len(rows[0]) == len(rows[1])


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_to_a_page_of_the_same_language(page: str) -> None:
    other = next(each for each in PAGES if each != page)
    links = re.findall(r"\]\(([^)]+)\)", text_of(page))

    assert other in links
    for link in links:
        assert (DOCS / link).exists(), link
        if link != other and not link.startswith("decisions/"):
            assert link.endswith(".fr.md") is page.endswith(".fr.md"), link


def test_the_numbers_of_the_page_are_those_of_the_code() -> None:
    assert (SHORTEST_KEY, WRONG, UNDO_SECONDS) == (32, 20, 3600)
    assert LARGEST == 10_000
