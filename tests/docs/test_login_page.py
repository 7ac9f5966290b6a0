"""The walkthroughs of logins: their commands are ours, their pictures are there, and both languages have the same."""

from __future__ import annotations

import re
import shlex
import struct
import tomllib
from pathlib import Path

import click
import pytest

from courriel import Route
from courriel.cli.program import program

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ("login.md", "login.fr.md")
COMMAND = re.compile(r"(?:^|`|\s)(?:\$ )?courriel ((?:login|send|explain) [^`\n]+)")
LARGEST = 60_000  # bytes


def commands(page: str) -> list[list[str]]:
    text = (DOCS / page).read_text("utf-8")
    return [shlex.split(found.replace("…", "")) for found in COMMAND.findall(text)]


@pytest.mark.parametrize("page", PAGES)
def test_every_command_and_option_exists(page: str) -> None:
    tried = commands(page)
    assert len(tried) > 10
    for words in tried:
        group: click.Command = program
        rest = list(words)
        while isinstance(group, click.Group) and rest:
            group = group.get_command(click.Context(group), rest.pop(0))  # type: ignore[assignment]
            assert group is not None, words
        known = {spelling for each in group.params for spelling in each.opts}
        assert {each for each in rest if each.startswith("--")} <= known | {"--lang"}, words


@pytest.mark.parametrize("page", PAGES)
def test_every_url_to_paste_is_accepted(page: str) -> None:
    urls = set(re.findall(r"(?:smtp\+starttls|smtps|imaps|pops)://[^\s\"`]+", (DOCS / page).read_text("utf-8")))

    assert len(urls) >= 5
    for url in urls:
        assert Route.parse(url).server is not None


@pytest.mark.parametrize("page", PAGES)
def test_the_profile_can_be_read(page: str) -> None:
    (block,) = re.findall(r"```toml\n(.*?)```", (DOCS / page).read_text("utf-8"), re.DOTALL)

    office = tomllib.loads(block)["profiles"]["office"]

    assert Route.parse(f"{office['url']}?password={office['password']}").password is not None


@pytest.mark.parametrize("page", PAGES)
def test_the_pictures_are_there_and_small(page: str) -> None:
    """Made by tools/login_screenshots.py."""
    pictures = re.findall(r"!\[[^\]]{10,}\]\((images/[^)]+)\)", (DOCS / page).read_text("utf-8"))

    assert len(pictures) == 2
    for picture in pictures:
        octets = (DOCS / picture).read_bytes()
        assert octets.startswith(b"\x89PNG")
        assert len(octets) < LARGEST
        width, height = struct.unpack(">II", octets[16:24])
        assert 600 <= width <= 1600
        assert 300 <= height <= 1200
        assert (".fr." in picture) == (".fr." in page)


def test_both_languages_have_the_same_steps() -> None:
    english, french = ((DOCS / page).read_text("utf-8") for page in PAGES)

    for mark in (r"^## ", r"^\d+\. ", r"^   ```", r"^\| `[A-Z0-9-]+`"):
        assert len(re.findall(mark, english, re.MULTILINE)) == len(re.findall(mark, french, re.MULTILINE)), mark
