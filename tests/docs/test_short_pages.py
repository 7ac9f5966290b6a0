"""The short how-to pages: two screens at most, the same in both languages, and their commands and URLs are ours."""

from __future__ import annotations

import ast
import re
import shlex
import textwrap
from pathlib import Path

import click
import pytest

from courriel import Route
from courriel.cli.program import program

DOCS = Path(__file__).parents[2] / "docs"
SHORT = [
    "confirmation", "cron", "mail-tests", "newsletter", "observing", "office-gmail", "orders", "password-reset",
    "platforms", "private-authority", "proxy", "secrets", "several-machines",
]  # fmt: skip
TWINS = [name + ending for name in SHORT for ending in (".md", ".fr.md")]
SCREEN = (100, 60)  # columns and lines of an ordinary window
URL = re.compile(
    r"(?<![\w+])((?:(?:smtps?|smtp\+starttls|imaps)://|(?:gmail|office365(?:\+imap)?|graph|outlook):)[^\s\"'`|)]+)"
)
PYTHON = re.compile(r"```python\n(.*?)```", re.DOTALL)
CODE = re.compile(r"```[^\n]*\n(.*?)```|`([^`\n]+)`", re.DOTALL)
COMMAND = re.compile(r"(?:^|\s)courriel ([a-z-][^|>&;]*)")


def text_of(page: str) -> str:
    return (DOCS / page).read_text("utf-8")


def codes(page: str) -> list[str]:
    """What is written as code, but for Python, which runs."""
    return [block or word for block, word in CODE.findall(PYTHON.sub("", text_of(page)))]


def words_of(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:  # within the quotes of another command
        return command.replace('"', "").split()


def shape_of(block: str) -> str:
    """What a block does, without the words that are said to people."""
    tree = ast.parse(block)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = ""
    return ast.dump(tree)


@pytest.mark.parametrize("page", TWINS)
def test_a_short_page_has_two_screens_at_most(page: str) -> None:
    width, height = SCREEN
    lines = [row for line in text_of(page).splitlines() for row in textwrap.wrap(line, width) or [""]]

    assert len(lines) <= 2 * height


@pytest.mark.parametrize("name", SHORT)
def test_both_languages_show_the_same(name: str) -> None:
    english, french = text_of(f"{name}.md"), text_of(f"{name}.fr.md")

    assert [*map(shape_of, PYTHON.findall(english))] == [*map(shape_of, PYTHON.findall(french))]
    for mark in (r"^## ", r"^- ", r"^\| ", r"^```"):
        assert len(re.findall(mark, english, re.MULTILINE)) == len(re.findall(mark, french, re.MULTILINE)), mark


@pytest.mark.parametrize("page", TWINS)
def test_every_link_leads_to_a_page_of_the_same_language(page: str) -> None:
    french = page.endswith(".fr.md")
    links = re.findall(r"\]\((?!https:)([^)#]+)", text_of(page))
    twin = page.replace(".fr.md", ".md") if french else page.replace(".md", ".fr.md")

    assert links[0] == twin
    for link in links[1:]:
        assert (DOCS / link).exists(), link
        if link.endswith(".md") and not link.startswith("decisions/"):
            assert link.endswith(".fr.md") is french, link


@pytest.mark.parametrize("page", TWINS)
def test_every_command_and_option_exists(page: str) -> None:
    lines = [line.split("#")[0] for code in codes(page) for line in code.splitlines()]
    found = [words_of(match[1].replace("…", "")) for line in lines for match in COMMAND.finditer(line)]
    for words in (each for each in found if each[0] != "sendmail"):
        group: click.Command = program
        rest = list(words)
        while isinstance(group, click.Group) and rest:
            group = group.get_command(click.Context(group), rest.pop(0))  # type: ignore[assignment]
            assert group is not None, words
        known = {spelling for each in group.params for spelling in each.opts}
        assert {each for each in rest if each.startswith("--")} <= known, words


@pytest.mark.parametrize("page", TWINS)
def test_every_url_to_paste_is_accepted(page: str) -> None:
    for url in {match for code in codes(page) for match in URL.findall(code) if "…" not in match}:
        assert Route.parse(url.replace("%d", "/run")) is not None
