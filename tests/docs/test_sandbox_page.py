"""The pages on the sandbox: the sample prints what it says; options, addresses and search words are complete."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from courriel.cli.sandbox.command import command
from courriel.sandbox.store.query import read_query
from courriel.sandbox.web.app import OWN

ROOT = Path(__file__).parent.parent.parent
PAGES = ["docs/sandbox.md", "docs/sandbox.fr.md"]


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_the_sample_prints_what_its_comments_say(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)

    exec(compile(block, page, "exec"), {})

    expected = re.findall(r"print\(.*\)  # (.+)", block)
    assert len(expected) == 2
    assert capsys.readouterr().out.splitlines() == expected


@pytest.mark.parametrize("page", PAGES)
def test_every_option_of_the_command_is_told(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    own = {name for parameter in command.params for name in parameter.opts if name.startswith("--")}
    shared = {"--json", "--color", "--no-input", "--lang", "--config", "--help"}

    assert own - shared >= {"--web-port", "--data"}
    for name in own - shared:
        assert f"`{name}`" in text, name


@pytest.mark.parametrize("page", PAGES)
def test_every_address_for_tests_is_there(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    told = {address.partition("?")[0].replace("latest", "{number}") for address in re.findall(r"`(/api/[^`]*)`", text)}

    assert told - {"/api/", "/api/v1/messages"} <= {route.path for route in OWN}


@pytest.mark.parametrize("page", PAGES)
def test_every_search_word_is_understood(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    (line,) = re.findall(r"^(?:Search|Recherche) ?: (.*?)\n\n", text, re.DOTALL | re.MULTILINE)
    words = [word for word in re.findall(r"`([^`]+)`", line) if word.endswith(":") or ":" in word]

    assert len(words) > 10
    for word in words:
        query = read_query(f"{word}x" if word.endswith(":") else word)
        assert not query.remarks, word
        assert not query.empty, word
