"""Remedies: each URL, option, command and piece of Python that one names is accepted by the program itself."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from courriel import Message, Password, Server, failures
from courriel.cli.program import program
from courriel.delivery.urls import providers
from courriel.delivery.urls.route import Route
from courriel.wlangage import remedies

URL = re.compile(r"(?:smtps?|smtp\+starttls|submission|imaps?|imap\+starttls|pops?|pop3\+starttls)://[^\s,;)»]+")
OPTIONS = re.compile(r"(?<![\w/])(?<!\w)\?([a-z_]+=[^\s,;)»`]+)")
REFERENCE = re.compile(r"\bpassword=(?:env|file|keyring|prompt|cmd)[^\s,;)]*")
COMMAND = re.compile(r"\bcourriel ((?:[a-z]+ ?){1,2})")
PYTHON = re.compile(r"\b(?:Message|Server|Password)\([^()…]*\)")


def remedies_of() -> Iterator[tuple[str, str]]:
    for record in failures.all():
        texts = [record.cause, record.fix, *(clue.more for clue in record.clues if clue.more)]
        if record.id in remedies.IN_WLANGAGE:
            texts.append(remedies.IN_WLANGAGE[record.id])
        for text in texts:
            for language in ("fr", "en"):
                yield record.id, text.in_(language, host="smtp.example.org", port=465, user="ada")


def cut(found: str) -> str:
    """What was found, without the full stop of its sentence."""
    return found.rstrip(".:?'")


TEXTS = sorted(set(remedies_of()))
NAMED = [(name, cut(url)) for name, text in TEXTS for url in URL.findall(text)]
ASKED = [(name, cut(option)) for name, text in TEXTS for option in OPTIONS.findall(text)]


def test_remedies_name_something() -> None:
    assert len({url for _, url in NAMED}) > 8
    assert {option.partition("=")[0] for _, option in ASKED} >= {"pool", "auth", "ehlo", "ca", "pin", "tls", "from"}


@pytest.mark.parametrize("url", sorted({url for _, url in NAMED}))
def test_every_url_is_accepted(url: str) -> None:
    given = re.sub(r"/(?:chemin|path)/[\w.]+", "/etc/ssl/certs/ca-certificates.crt", url)

    Route.parse(re.sub(r"(empreinte|fingerprint)", "0" * 64, given))


@pytest.mark.parametrize("option", sorted({option for _, option in ASKED}))
def test_every_option_is_accepted(option: str) -> None:
    given = re.sub(r"(empreinte|fingerprint)", "0" * 64, option)
    scheme = "smtp" if "tls=" in given else "smtps"
    credentials = "" if "tls=opportunistic" in given else "ada@"

    Route.parse(f"{scheme}://{credentials}smtp.example.org?{given}")


@pytest.mark.parametrize("reference", sorted({cut(found) for _, text in TEXTS for found in REFERENCE.findall(text)}))
def test_every_reference_to_a_password_is_accepted(reference: str) -> None:
    Route.parse(f"smtps://ada@smtp.example.org?{reference}")


@pytest.mark.parametrize("words", sorted({cut(found).strip() for _, text in TEXTS for found in COMMAND.findall(text)}))
def test_every_command_exists(words: str) -> None:
    first, *_ = words.split()
    if first in program.table or first in SENTENCES:
        return
    pytest.fail(f"courriel {words}")


SENTENCES = {"avec", "does", "fait", "gives", "le", "log", "ne", "s", "so", "with"}
"""Words that follow the name of the program where a sentence is about it, and no command."""


def message(**given: object) -> Message:
    """A message with what a remedy leaves out."""
    return Message(**({"sender": "ada@example.org", "to": "bob@example.org", "text": ""} | given))  # type: ignore[arg-type]


@pytest.mark.parametrize("source", sorted({found for _, text in TEXTS for found in PYTHON.findall(text)}))
def test_every_piece_of_python_runs(source: str) -> None:
    names = {"Message": message, "Server": Server, "Password": Password}
    unknown = {"octets": b"Subject: x\r\n\r\n", "content": b"Subject: x\r\n\r\n"} | dict.fromkeys(
        ("utilisateur", "user", "secret"), "ada"
    )
    given = source.replace("mot de passe", "secret")
    if given.startswith("Server(") and "'" not in given:
        given = given.replace("Server(", "Server('smtp.example.org', ")

    eval(given, names | unknown)


def test_the_url_of_every_provider_is_accepted() -> None:
    for provider in providers.all():
        route = Route.parse(provider.usage or f"{provider.name}:{provider.example}")

        assert route.server is not None
        assert route.server.host == provider.host.replace("{region}", "eu-west-3")
