"""The pages on Django name every option, check and signal, and both languages show the same code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from courriel import Route
from courriel.integrations import django as integration

ROOT = Path(__file__).parent.parent.parent
PAGES = ["docs/django.md", "docs/django.fr.md"]
SOURCE = ROOT / "src" / "courriel" / "integrations" / "django"


def blocks_of(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("page", PAGES)
def test_the_settings_can_be_read(page: str) -> None:
    settings: dict[str, object] = {}
    for block in blocks_of(page)[:3]:
        exec(block, settings)

    assert settings["EMAIL_BACKEND"] == "courriel.integrations.django.EmailBackend"
    assert Route.parse(str(settings["COURRIEL_URL"])).user == "ada"
    assert settings["MAILERS"]["default"]["OPTIONS"]["url"] == settings["COURRIEL_URL"]  # type: ignore[index]
    assert settings["COURRIEL"]["outbox"] is True  # type: ignore[index]


@pytest.mark.parametrize("page", PAGES)
def test_every_example_compiles(page: str) -> None:
    for block in blocks_of(page):
        compile(block, page, "exec")


@pytest.mark.parametrize("page", PAGES)
def test_nothing_that_people_meet_is_left_out(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    options = re.search(
        r"^_OWN = (.*)\n_SMTP = (.*)$", (SOURCE / "sending" / "options.py").read_text("utf-8"), re.MULTILINE
    )
    assert options is not None
    checks = re.findall(r"^    (courriel\.[EW]\d{3})  ", (SOURCE / "checks.py").read_text("utf-8"), re.MULTILINE)
    words = {*re.findall(r'"(\w+)"', options[1] + options[2]), *checks, *integration.__all__}

    assert len(checks) > 8
    assert not {word for word in words if word not in text}


def test_both_languages_show_the_same_code() -> None:
    english, french = ([re.sub(r"#.*", "", block) for block in blocks_of(page)] for page in PAGES)

    assert english == french
