"""The pages on testing and on bad weather: fixtures, words, names and variables are those that there are."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from courriel.model import recipient_rule
from courriel.sandbox import weather
from courriel.testing import MailAssertion, MailFaults, MailOutbox, plugin

ROOT = Path(__file__).parent.parent.parent
PAGES = ["docs/testing.md", "docs/testing.fr.md"]


def text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def own(kind: type) -> set[str]:
    return {name for name in vars(kind) if not name.startswith("_")}


@pytest.mark.parametrize("page", PAGES)
def test_every_fixture_and_what_it_has_is_told(page: str) -> None:
    fixtures = {name for name, found in vars(plugin).items() if type(found).__name__ == "FixtureFunctionDefinition"}
    words = set(inspect.signature(MailAssertion.__call__).parameters) - {"self"}

    told = set(re.findall(r"[A-Za-z_]\w+", " ".join(re.findall(r"`([^`\n]+)`", text(page)))))

    assert fixtures == {"mail_server", "mail_outbox", "mail_faults", "assert_mail"}
    assert fixtures | words | own(MailOutbox) <= told | {"sandbox"}
    assert own(MailFaults) - {"name", "begin"} <= told


@pytest.mark.parametrize("page", PAGES)
def test_every_variable_and_field_is_told(page: str) -> None:
    for name in (recipient_rule.REDIRECT, recipient_rule.ALLOWLIST, recipient_rule.CAPTURE, recipient_rule.FIELD):
        assert f"`{name}" in text(page)


@pytest.mark.parametrize("page", PAGES)
def test_the_faults_of_the_examples_can_be_played(page: str) -> None:
    (marks,) = re.findall(r"mail_faults\((.*)\)\n", text(page))
    names = re.findall(r'"([^"]+)"', marks)

    assert len(names) > 3
    assert None not in map(weather.by_name, names)


@pytest.mark.parametrize(("page", "language"), [("docs/sandbox.md", 1), ("docs/sandbox.fr.md", 0)])
def test_the_weather_is_told_as_the_code_has_it(page: str, language: int) -> None:
    rows = dict(re.findall(r"^\| `([\w-]+)` \| (.*) \|$", text(page), re.MULTILINE))

    for name, told in weather.NAMES.items():
        assert rows[name] == told[language]


@pytest.mark.parametrize("page", ["docs/sandbox.md", "docs/sandbox.fr.md"])
def test_the_addresses_of_the_page_make_weather(page: str) -> None:
    addresses = re.findall(r"`([\w-]+)@(?:example\.org|…)`", text(page))

    assert len(addresses) == 8
    assert None not in map(weather.by_address, addresses)
