"""The pages about sendmail: each option that is parsed is told, both languages tell the same, and the example runs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from courriel import errors
from courriel.integrations.sendmail import drain, identity, options, text

ROOT = Path(__file__).parents[2]
PAGES = ["docs/sendmail.md", "docs/sendmail.fr.md"]
NOT_TOLD = set("KDEIMPcdp")
"""Options that only old programs know, and that do nothing here."""


@pytest.mark.parametrize("page", PAGES)
def test_every_option_of_the_page_is_parsed_and_every_letter_that_is_parsed_is_told(page: str) -> None:
    told = re.findall(r"`(-[^`]*)`", (ROOT / page).read_text("utf-8").partition("## Options")[2].partition("\n## ")[0])
    letters = {letter for word in told for letter in re.findall(r"-([A-Za-z])", word)}

    missing = []
    for letter in map(chr, range(ord("A"), ord("z") + 1)):
        try:
            options.parse("sendmail", [f"-{letter}7bit" if letter == "B" else f"-{letter}"])
        except errors.UsageError as wrong:
            known = f"-{letter} is no option" not in str(wrong)
        else:
            known = True
        if letter.isalpha() and known and letter not in letters:
            missing.append(letter)
    assert set(missing) <= NOT_TOLD


@pytest.mark.parametrize("page", PAGES)
def test_the_numbers_and_places_are_those_of_the_code(page: str) -> None:
    words = (ROOT / page).read_text("utf-8")

    assert identity.DROP in words
    assert f"--quota {drain.QUOTA}" in words
    assert str(text.LONGEST_LINE) in words
    assert text.MOST_OCTETS == 50 * 1024 * 1024


def test_both_languages_show_the_same_commands_and_options() -> None:
    english, french = (
        [re.sub(r"#.*|ADR?RESSE?S?|NOM|NAME", "", line) for line in (ROOT / page).read_text("utf-8").splitlines()
         if line.startswith(("    ", "| `-"))]
        for page in PAGES
    )  # fmt: skip

    assert len(english) == len(french)
    assert [line for line in english if line.startswith("    ")] == [line for line in french if line.startswith("    ")]


@pytest.mark.slow
def test_the_example_sends_the_mail_of_a_job() -> None:
    ran = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "cron" / "run.py")],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )

    assert ran.returncode == 0, ran.stderr
    assert "in the drop folder: 1" in ran.stdout
    assert "from box@example.org to ada@example.org" in ran.stdout
    assert "No room for /srv" in ran.stdout
