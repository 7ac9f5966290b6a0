"""`courriel explain` and `courriel providers`: what is pasted, what is typed, and what is not known."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from courriel import Sandbox
from courriel.cli.providers import facts
from courriel.delivery.urls import providers
from courriel.delivery.urls.route import Route

from .conftest import LETTER, Ran

Run = Callable[..., Ran]


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("json", [(), ("--json",)])
def test_what_courriel_printed_is_explained(
    courriel: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, language: str, json: tuple[str, ...]
) -> None:
    monkeypatch.setenv("WORD", "wrong")
    via = sandbox.url.replace("://", "://ada@") + ("&" if "?" in sandbox.url else "?") + "password=env:WORD"
    failed = courriel("send", *LETTER, "--via", via, "--lang", language, *json)
    assert failed.status == 77

    ran = courriel("explain", "-", stdin=(failed.out + failed.err).encode())

    assert ran.status == 0
    assert "LOGIN-REFUSED" in ran.out


@pytest.mark.parametrize(
    ("language", "said"),
    [("en", "Tried      SCRAM-SHA-256, CRAM-MD5; offered but not tried: PLAIN, LOGIN, XOAUTH2, OAUTHBEARER"),
     ("fr", "Essayé     SCRAM-SHA-256, CRAM-MD5 ; proposés mais non essayés : PLAIN, LOGIN, XOAUTH2, OAUTHBEARER")],
)  # fmt: skip
def test_a_refused_login_names_what_was_tried_and_what_was_not(
    courriel: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, language: str, said: str
) -> None:
    monkeypatch.setenv("WORD", "wrong")
    via = sandbox.url.replace("://", "://ada@") + ("&" if "?" in sandbox.url else "?") + "password=env:WORD"

    ran = courriel("send", *LETTER, "--via", via, "--lang", language)
    notes = courriel("send", *LETTER, "--via", via, "--lang", language, "--json").json["notes"]

    assert said in ran.err
    assert notes == [said.partition("     ")[2].strip() if language == "fr" else said.removeprefix("Tried").strip()]


@pytest.mark.slow
def test_the_end_of_a_long_log_is_read(courriel: Run) -> None:
    log = "2026-11-30 12:00:00 nothing of note\n" * 50_000 + "550 5.1.1 no such user\n"

    assert "RECIPIENT-UNKNOWN" in courriel("explain", stdin=log.encode()).out
    assert "RECIPIENT-UNKNOWN" in courriel("explain", "-", stdin=log.encode()).out


@pytest.mark.parametrize("asked", ["orange", "Orange", "orange:", "ada@wanadoo.fr", "orange.fr", "imap.orange.fr"])
def test_a_provider_is_explained_by_its_facts(courriel: Run, asked: str) -> None:
    ran = courriel("explain", asked)

    assert ran.status == 0
    assert "smtp.orange.fr 465, TLS from the first byte" in ran.out
    assert "the whole address: ada@orange.fr" in ran.out
    assert courriel("explain", asked, "--json").json["provider"]["name"] == "orange"
    assert courriel("explain", asked, "--lang", "fr").out.count("l'adresse entière") == 1


def test_a_mistyped_id_is_answered_with_the_nearest_and_says_so(courriel: Run) -> None:
    ran = courriel("explain", "GMIAL-BAD")
    french = courriel("explain", "GMIAL-BAD", "--lang", "fr")
    exact = courriel("explain", "gmail-bad-credentials", "--json").json

    assert ran.status == 0
    assert "GMAIL-BAD-CREDENTIALS" in ran.out
    assert 'No failure is called "GMIAL-BAD"; the nearest is GMAIL-BAD-CREDENTIALS:' in ran.err
    assert "la plus proche est GMAIL-BAD-CREDENTIALS" in french.err
    assert courriel("explain", "GMIAL-BAD", "--json").json["mistyped"] is True
    assert (exact["failure"], exact["mistyped"]) == ("GMAIL-BAD-CREDENTIALS", False)


@pytest.mark.parametrize(
    ("asked", "english", "french"),
    [
        ("I have 500 questions", "I do not know this one", "je ne connais pas cette erreur"),
        (
            "550 5.7.1 no",
            "550: an address not available, or a refusal by policy",
            "550 : adresse indisponible, ou refus par une règle",
        ),
        ("ornage", "did you mean orange?", "vouliez-vous dire orange ?"),
    ],
)
def test_what_is_not_known_is_not_guessed(courriel: Run, asked: str, english: str, french: str) -> None:
    ran = courriel("explain", asked)

    assert (ran.status, ran.out) == (65, "")
    assert english in ran.err
    assert "courriel doctor ada@example.org" in ran.err
    assert french in courriel("explain", asked, "--lang", "fr").err
    assert courriel("explain", asked, "--json").json["error"] == "NotKnown"


def test_all_providers_are_listed(courriel: Run) -> None:
    lines = courriel("providers").out.splitlines()
    listed = courriel("providers", "--json").json["providers"]

    assert [line.split()[0] for line in lines] == [each.name for each in providers.all()]
    assert [each["name"] for each in listed] == [each.name for each in providers.all()]
    assert {"infomaniak", "bbox", "ionos.fr", "ionos"} <= {each["name"] for each in listed}


@pytest.mark.parametrize("provider", providers.all(), ids=lambda each: each.name)
def test_each_provider_is_shown_in_both_languages(courriel: Run, provider: providers.Provider) -> None:
    english = courriel("providers", provider.name).out
    french = courriel("providers", provider.name, "--lang", "fr").out

    host = provider.host.replace("{region}", "REGION")
    assert f"{host} {provider.port}" in english
    assert provider.help in english
    assert "  Limits     " in english
    assert "  Limites    " in french
    assert f"({provider.checked})" not in english
    assert not provider.limits or provider.checked, "limits come with the day on which they were looked up"
    assert Route.parse(facts.url(provider)).server is not None


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("infomaniak", "500 recipients a day"),
        ("office365", "30 messages a minute, 10000 recipients a day, 500 recipients of one message, 3 connections"),
        ("ionos.fr", "500 messages an hour"),
        ("gmail", "2000 messages a day with Workspace"),
        ("icloud", "an app password (https://account.apple.com)"),
        ("icloud", "for reading, what stands before the at sign"),
        ("bbox", "smtp.bbox.fr 465"),
        ("ses", "50 recipients of one message"),
        ("ses.eu-west-3", "email-smtp.eu-west-3.amazonaws.com 465"),
        ("graph", "HTTPS requests"),
        ("graph", "courriel login microsoft --for graph"),
        ("brevo", "99 recipients of one message"),
        ("mailjet", "an API key"),
    ],
)
def test_limits_and_logins_are_told(courriel: Run, name: str, said: str) -> None:
    assert said in courriel("providers", name).out


def test_an_unknown_provider_ends_with_66(courriel: Run) -> None:
    ran = courriel("providers", "infomaniac")

    assert (ran.status, ran.out) == (66, "")
    assert "did you mean infomaniak?" in ran.err
    assert "courriel config new ada@example.org" in ran.err
    assert "n'est pas un fournisseur connu" in courriel("providers", "xyz", "--lang", "fr").err


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("connect ECONNREFUSED Mail.Firm.example:587", "mail.firm.example"),
        ("dial tcp 10.0.0.1:587: connection refused (smtp.firm.example:587)", "smtp.firm.example"),
        ("ConnectionRefusedError: [Errno 111] Connection refused at app.js:587", "smtp.example.org"),
        ("connect ECONNREFUSED 10.0.0.1:587", "smtp.example.org"),
        ("Connection refused: poczta.firma.pl:465", "poczta.firma.pl"),
    ],
)
def test_the_remedy_names_the_server_of_the_text(courriel: Run, text: str, host: str) -> None:
    ran = courriel("explain", text)

    assert f"smtps://{host}," in ran.out
