"""Every door leads to an HTTP provider: the command line, login and doctor among them, in both languages."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from courriel import Route, doctor, errors
from courriel.bridge.accounts import found_accounts
from courriel.cli.main import main
from courriel.delivery.oauth import sources, store
from courriel.delivery.oauth.login import StoredLogin
from http_providers.conftest import PROVIDERS, SECRETS, mail
from servers.authority import Authority
from servers.http_providers import Answer, HttpProviderServer
from servers.oauth import OAuthServer, oauth_server

Url = Callable[..., str]


@dataclass(frozen=True)
class Ran:
    status: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        (line,) = self.out.splitlines()
        value: dict[str, Any] = json.loads(line)
        return value


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    def run(*arguments: str) -> Ran:
        capsys.readouterr()
        ran = Ran(main(list(arguments)), *capsys.readouterr())
        assert not any(secret in ran.out + ran.err for secret in (*SECRETS.values(), "refresh-secret"))
        return ran

    return run


Run = Callable[..., Ran]


@pytest.mark.slow
@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_command_sends_by_a_provider(server: HttpProviderServer, run: Run, url: Url, provider: str) -> None:
    files = []
    for n in range(3):
        path = Path(f"{n}.eml")
        path.write_bytes(mail(to=f"n{n}@example.org").as_bytes())
        files.append(str(path))

    ran = run("--json", "send", "--via", url(provider), files[0])
    both = run("send", "--via", url(provider), *files[1:])

    assert (ran.status, ran.json["server"]) == (0, server.place)
    assert (both.status, len(server.taken)) == (0, 3)
    assert f"accepted by {server.place}" in both.out


@pytest.mark.parametrize(("language", "word"), [("en", "verified addresses"), ("fr", "qu'il a vérifiés")])
def test_the_command_says_cause_and_remedy(
    server: HttpProviderServer, run: Run, url: Url, language: str, word: str
) -> None:
    Path("mail.eml").write_bytes(mail(sender="mallory@elsewhere.example").as_bytes())

    ran = run("--lang", language, "send", "--via", url("brevo"), "mail.eml")

    assert ran.status == 77
    assert word in ran.err


def test_the_command_refuses_what_the_provider_cannot_say(server: HttpProviderServer, run: Run, url: Url) -> None:
    ran = run("--lang", "fr", "send", "--via", url("brevo"), "--from", "ada@contoso.example", "--to", "bob@example.org",
              "--subject", "Texte", "--text", "Seul")  # fmt: skip

    assert (ran.status, server.connections) == (65, 0)
    assert "Brevo ne peut pas envoyer ce message : il n'a pas de HTML" in ran.err


# Login.


@pytest.fixture
def oauth(authority: Authority) -> Iterator[OAuthServer]:
    sources.loaded_logins.clear()
    with oauth_server(authority) as running:
        yield running
    sources.loaded_logins.clear()


def login(oauth: OAuthServer, server: HttpProviderServer, *more: str) -> tuple[str, ...]:
    oauth.claims |= {"aud": "https://graph.microsoft.com", "roles": ["Mail.Send"]}
    server.tokens = oauth.access_tokens  # type: ignore[assignment]
    return (
        "login", "microsoft", "ada@contoso.example", "--for", "graph", "--client-id", oauth.client_id, "--authority",
        oauth.url, "--secret", "env:APP_SECRET", "--server", f"graph://ada%40contoso.example@{server.place}", *more,
    )  # fmt: skip


@pytest.fixture
def app_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_SECRET", "of the application")


@pytest.mark.usefixtures("app_secret")
def test_a_login_for_graph_is_one_of_its_own_and_sends(
    server: HttpProviderServer, oauth: OAuthServer, run: Run
) -> None:
    ran = run("--json", *login(oauth, server))
    (url,) = ran.json["urls"]
    sent = run("send", "--via", url, "--from", "ada@contoso.example", "--to", "bob@example.org", "--text", "Hello")

    assert ran.status == 0
    assert ran.json["name"] == "graph-ada@contoso.example"
    assert ran.json["accepted_by"] == server.place
    assert url.startswith(f"graph://ada%40contoso.example@{server.place}?password=login:graph-ada@contoso.example")
    assert oauth.asked[0]["scope"] == "https://graph.microsoft.com/.default"
    assert sent.status == 0
    assert [taken.recipients for taken in server.taken] == [["bob@example.org"]], "the trial sent nothing"


@pytest.mark.usefixtures("app_secret")
def test_a_token_that_expires_in_the_middle_is_renewed_and_the_mail_leaves_once(
    server: HttpProviderServer, oauth: OAuthServer, run: Run
) -> None:
    (url,) = run("--json", *login(oauth, server)).json["urls"]
    oauth.access_tokens.clear()

    sent = run("send", "--via", url, "--from", "ada@contoso.example", "--to", "bob@example.org", "--text", "Hello")

    assert (sent.status, len(server.taken), oauth.count) == (0, 1, 2)


@pytest.mark.usefixtures("app_secret")
def test_a_login_for_graph_with_a_token_for_exchange_is_refused(
    server: HttpProviderServer, oauth: OAuthServer, run: Run
) -> None:
    arguments = login(oauth, server)
    oauth.claims |= {"aud": "https://outlook.office.com"}

    ran = run(*arguments)

    assert ran.status == 77
    assert "--for graph" in ran.err
    assert not server.heard


def test_the_bridge_has_no_use_for_a_login_for_graph() -> None:
    store.save(
        StoredLogin("graph-ada@contoso.example", "microsoft", "ada@contoso.example", "id", "browser",
                    ("graph.microsoft.com",), purpose="graph", access_token="token-secret-1")
    )  # fmt: skip

    assert found_accounts() == {}


# Doctor.


@pytest.mark.slow
@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_doctor_tries_the_secret_and_sends_nothing(
    server: HttpProviderServer, url: Url, provider: str, run: Run
) -> None:
    found = doctor.examine(url(provider))
    ran = run("--lang", "fr", "doctor", url(provider), "--domain", "")

    assert [(step.name, step.status) for step in found.session_steps] == [
        ("name", "ok"), ("connection", "ok"), ("tls", "ok"), ("login", "ok"),
    ]  # fmt: skip
    assert found.server == server.place
    assert not server.taken
    assert "accepte" in ran.out


def break_key(server: HttpProviderServer) -> None:
    server.keys.clear()
    server.tokens.clear()


def break_answer(server: HttpProviderServer) -> None:
    server.story = [Answer(502, b"<html>")] * 2


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(("broken", "said"), [(break_key, "HTTP 401"), (break_answer, "HTTP 502")])
def test_the_doctor_says_what_is_wrong_with_the_secret(
    server: HttpProviderServer, url: Url, provider: str, broken: Callable[[HttpProviderServer], None], said: str
) -> None:
    broken(server)

    found = doctor.examine(url(provider))

    assert (found.steps[3].name, found.steps[3].status) == ("login", "failed")
    assert said in found.steps[3].finding.en + found.steps[3].said
    assert found.token_refused is (provider == "graph" and broken is break_key)


def test_the_doctor_stops_at_a_certificate_of_a_stranger(
    server: HttpProviderServer, url: Url, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")

    found = doctor.examine(url("brevo"))

    assert [(step.name, step.status) for step in found.session_steps][-1] == ("tls", "failed")
    assert not server.heard


def test_the_doctor_tries_no_recipient(server: HttpProviderServer, url: Url) -> None:
    with pytest.raises(errors.UsageError, match="courriel send --via"):
        doctor.examine(url("brevo"), sender="ada@contoso.example", recipient="bob@example.org")
    assert not server.heard


def test_the_doctor_leaves_the_login_out_when_asked(server: HttpProviderServer, url: Url) -> None:
    found = doctor.examine(Route.parse(url("brevo")), login=False)

    assert found.steps[3].status == "skipped"
    assert not server.heard
