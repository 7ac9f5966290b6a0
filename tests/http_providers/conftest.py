"""Fixtures for HTTP providers: one server that is all three of them, and a user without settings."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import courriel
from courriel import Message, failures
from courriel.delivery.http_providers.transport import HttpTransport
from servers.authority import Authority
from servers.fixtures import authority
from servers.http_providers import HttpProviderServer, http_provider_server

__all__ = ["authority"]

SHORT = {
    "graph": "graph://ada%40contoso.example@{place}",
    "brevo": "brevo://{place}",
    "mailjet": "mailjet://PUBLIC@{place}",
}
SECRETS = {"graph": "token-secret-1", "brevo": "key-secret-1", "mailjet": "key-secret-1"}
PROVIDERS = tuple(SHORT)


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, authority: Authority) -> Iterator[None]:
    """No keyring, no setting of this machine; the system trusts the test authority; each secret in its variable."""
    for name in list(os.environ):
        if name.startswith(("COURRIEL_", "EMAIL_", "MAIL", "LC_")) or name in ("LANG", "NO_COLOR"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("COURRIEL_KEYRING", "0")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("LANG", "en_GB.UTF-8")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca_file))
    for name, secret in SECRETS.items():
        monkeypatch.setenv(f"{name.upper()}_SECRET", secret)
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    yield
    failures.speak(None)


@pytest.fixture
def server(authority: Authority) -> Iterator[HttpProviderServer]:
    """Graph, Brevo and Mailjet."""
    with http_provider_server(authority) as running:
        yield running


@pytest.fixture
def url(server: HttpProviderServer) -> Callable[[str], str]:
    """The URL of a provider, with more options."""

    def make(provider: str, more: str = "") -> str:
        return f"{SHORT[provider].format(place=server.place)}?password=env:{provider.upper()}_SECRET{more}"

    return make


@pytest.fixture
def connect(url: Callable[[str, str], str]) -> Iterator[Callable[..., HttpTransport]]:
    """Transports that are closed at the end."""
    made: list[HttpTransport] = []

    def connect(provider: str, more: str = "") -> HttpTransport:
        transport = courriel.connect(url(provider, more))
        assert isinstance(transport, HttpTransport)
        made.append(transport)
        return transport

    yield connect
    for each in made:
        each.close()


def mail(**more: object) -> Message:
    """A mail that every provider can express."""
    fields: dict[str, object] = {
        "sender": "Ada Lovelace <ada@contoso.example>",
        "to": ["Bób <bob@example.org>"],
        "subject": "Café",
        "text": "Bonjour à tous.\n",
        "html": "<p>Bonjour à tous.</p>",
    }
    return Message(**fields | more)  # type: ignore[arg-type]
