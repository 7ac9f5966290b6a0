"""The page of the bridge: its programs send through it to a real provider, its commands and settings are ours."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from bridge.conftest import PASSWORD, Open, Provider
from courriel import Route, wlangage
from courriel.cli.program import program
from courriel.delivery.oauth.login import StoredLogin
from courriel.failures import table
from servers.accounts import ADA, BOB

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ("oauth-bridge.md", "oauth-bridge.fr.md")


def text_of(page: str) -> str:
    return (DOCS / page).read_text("utf-8")


def programs(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", text_of(page), re.DOTALL)


@pytest.fixture
def quiet_wlangage() -> Iterator[None]:
    """The mail and the sessions of the WLangage face, as they were."""
    yield
    wlangage.EmailFermeSession(ADA.user)


@pytest.mark.acceptance
@pytest.mark.usefixtures("fresh_login", "quiet_wlangage")
@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("number", [0, 1], ids=["smtplib", "WLangage"])
def test_its_programs_send_to_a_provider_that_takes_nothing_but_oauth(
    provider: Provider, opened: Open, page: str, number: int
) -> None:
    source = programs(page)[number].replace("ada@firm.example", ADA.user)
    running = opened(provider.smtp())
    assert "login:" not in source

    exec(compile(source.replace("1587", str(running.bridge.smtp_port)), page, "exec"), {"password": PASSWORD})

    (letter,) = provider.postfix.letters(BOB.user)
    assert b"Authenticated sender: ada@example.org" in letter.raw
    assert re.search(rb"Subject: (Report|Rapport|The figures|Les chiffres)\n", letter.raw)


@pytest.mark.acceptance
def test_the_provider_takes_no_password(provider: Provider) -> None:
    from courriel import Password, Server, SmtpSession, Trust, errors

    server = Server("localhost", provider.postfix.submissions_port, trust=Trust.file(str(provider.postfix.ca_file)))

    with pytest.raises(errors.NotSupported), SmtpSession(server, Password(ADA.user, ADA.password)):
        pass


@pytest.mark.acceptance
@pytest.mark.parametrize("page", PAGES)
def test_the_bridge_in_python_opens(
    provider: Provider, fresh_login: StoredLogin, page: str, capsys: pytest.CaptureFixture[str]
) -> None:
    source = re.sub(r'url = ".*"', f"url = {provider.smtp()!r}", programs(page)[2])

    exec(compile(source, page, "exec"), {"password": PASSWORD})

    assert re.fullmatch(r"127\.0\.0\.1 [0-9]+\n", capsys.readouterr().out)


@pytest.mark.parametrize("page", PAGES)
def test_every_command_and_option_exists(page: str) -> None:
    said = re.findall(r"(?:^|`)(courriel (?:oauth-bridge|login)[^`\n>]*)", text_of(page), re.MULTILINE)
    assert len(said) >= 6
    for command in said:
        group: click.Command = program
        rest = shlex.split(command)[1:]
        while isinstance(group, click.Group) and rest:
            found = group.get_command(click.Context(group), rest.pop(0))
            assert found is not None, command
            group = found
        known = {spelling for each in group.params for spelling in each.opts}
        assert {each for each in rest if each.startswith("--")} <= known, command


@pytest.mark.parametrize("page", PAGES)
def test_the_settings_can_be_read(page: str) -> None:
    (block,) = re.findall(r"```toml\n(.*?)```", text_of(page), re.DOTALL)

    named = tomllib.loads(block)["bridge"]

    urls = [named["ada"], *named["billing"]]
    assert all(Route.parse(url).takes_token for url in urls)


@pytest.mark.parametrize("page", PAGES)
def test_the_failures_that_it_shows_exist(page: str) -> None:
    shown = re.findall(r"\| ([A-Z]+(?:-[A-Z]+)+)\n", text_of(page))

    assert shown
    assert set(shown) <= set(table.by_id())


def test_both_languages_have_the_same_parts() -> None:
    english, french = map(text_of, PAGES)

    for mark in (r"^## ", r"^\d+\. ", r"^```", r"^- \*\*", r"^\| "):
        assert len(re.findall(mark, english, re.MULTILINE)) == len(re.findall(mark, french, re.MULTILINE)), mark
