"""The pages on errors: their samples print what they say, and every error that is exported stands on them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import courriel
from courriel import failures

ROOT = Path(__file__).parent.parent.parent
PAGES = ["docs/errors.md", "docs/errors.fr.md"]


@pytest.mark.parametrize("page", PAGES)
def test_the_samples_print_what_their_comments_say(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 2

    try:
        for block in blocks:
            exec(compile(block, page, "exec"), {})
            expected = re.findall(r"print\(.*\)  # (.+)", block)
            assert expected
            assert capsys.readouterr().out.splitlines()[: len(expected)] == expected
    finally:
        failures.speak(None)


@pytest.mark.parametrize("page", PAGES)
def test_every_exported_error_and_what_it_answers_is_named(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    exported = {
        name
        for name in courriel.__all__
        if isinstance(kind := getattr(courriel, name), type) and issubclass(kind, courriel.CourrielError)
    }
    assert len(exported) > 20

    for name in exported | {"retryable", "in_doubt", "session_usable", "stage", "reply", "refused", "sysexit", "cause",
                            "hint", "advice_against", "failure", "message_id"}:  # fmt: skip
        assert re.search(rf"\b{name}\b", text), name
