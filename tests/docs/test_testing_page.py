"""The pages on testing and on bad weather: fixtures, words, names and variables are those that there are."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from courriel import Sandbox
from courriel.model import recipient_rule
from courriel.sandbox import weather
from courriel.testing import MailAssertion, MailFaults, MailOutbox, plugin
from servers.packages import need
from servers.peers import NODE_MODULES, need_node

ROOT = Path(__file__).parent.parent.parent
PAGES = ["docs/testing.md", "docs/testing.fr.md"]
PHP = "/usr/bin/php"


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


# Other languages.


@pytest.fixture
def served() -> Iterator[Sandbox]:
    with Sandbox(web_port=0) as sandbox:
        yield sandbox


@pytest.mark.acceptance
@pytest.mark.parametrize("page", PAGES)
def test_the_program_in_node_sends_and_finds_its_mail(page: str, served: Sandbox, tmp_path: Path) -> None:
    node = need_node("nodemailer")
    program = tmp_path / "shop.mjs"
    (tmp_path / "node_modules").symlink_to(NODE_MODULES)
    imports = 'import assert from "node:assert";\nimport nodemailer from "nodemailer";\n'
    program.write_text(imports + sample(page, "js", served), encoding="utf-8")

    subprocess.run([node, str(program)], check=True, timeout=60)

    assert served.letters[-1].recipients == ("bob@example.org",)


@pytest.mark.acceptance
@pytest.mark.parametrize("page", PAGES)
def test_the_program_in_php_sends_and_finds_its_mail(page: str, served: Sandbox, tmp_path: Path) -> None:
    need(PHP)
    program = tmp_path / "shop.php"
    program.write_text("<?php\n" + sample(page, "php", served), encoding="utf-8")
    (command,) = re.findall(r"//   (COURRIEL_URL=.*)", program.read_text(encoding="utf-8"))
    command = command.replace(" php ", f" {PHP} -d zend.assertions=1 ").replace("shop.php", str(program))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

    subprocess.run(
        ["/bin/sh", "-c", command],
        check=True,
        timeout=60,
        env={**os.environ, "PATH": path, "XDG_STATE_HOME": str(tmp_path)},
    )

    assert served.letters[-1].recipients == ("bob@example.org",)


def sample(page: str, language: str, sandbox: Sandbox) -> str:
    """The sample of the page, with the ports of this sandbox."""
    (found,) = re.findall(rf"```{language}\n(.*?)```", text(page), re.DOTALL)
    return str(found).replace("1025", str(sandbox.port)).replace("http://127.0.0.1:8025/", sandbox.web_url or "")
