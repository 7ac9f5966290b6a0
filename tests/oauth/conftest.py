"""Fixtures for tokens: a local authorization server, trusted by the system's store, and a user without logins."""

from __future__ import annotations

import os
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from courriel import failures
from courriel.delivery.oauth import sources
from courriel.delivery.oauth.browser import by_browser
from courriel.delivery.oauth.login import StoredLogin
from servers.authority import Authority
from servers.fixtures import authority, dovecot, postfix, postfix_server
from servers.oauth import OAuthServer, oauth_server

__all__ = ["authority", "dovecot", "postfix", "postfix_server"]


@pytest.fixture(autouse=True)
def state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, authority: Authority) -> Iterator[Path]:
    """The folder of the logins; no keyring, no setting of this machine; the system trusts the test authority."""
    for name in list(os.environ):
        if name.startswith(("COURRIEL_", "EMAIL_", "MAIL", "LC_")) or name in ("LANG", "NO_COLOR", "BROWSER"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("COURRIEL_KEYRING", "0")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("LANG", "en_GB.UTF-8")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca_file))
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    sources.loaded_logins.clear()
    yield tmp_path / "state" / "courriel" / "logins"
    sources.loaded_logins.clear()
    failures.speak(None)


@pytest.fixture
def oauth(authority: Authority) -> Iterator[OAuthServer]:
    """The authorization server."""
    with oauth_server(authority) as running:
        yield running


@pytest.fixture
def login(oauth: OAuthServer) -> StoredLogin:
    """A login at the server, not stored, whose access token has expired; it is for localhost."""
    oauth.refresh_tokens.add("refresh-secret-0")
    return StoredLogin(
        "ada@example.org",
        "microsoft",
        "ada@example.org",
        oauth.client_id,
        "browser",
        ("localhost",),
        tenant="firm.example",
        authority=oauth.url,
        refresh_token="refresh-secret-0",
        access_token="access-secret-0",
        expires_at=1.0,
    )


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A screen, and a browser that follows every redirect to its end; the pages that it showed."""
    shown: list[str] = []
    loading: list[threading.Thread] = []

    def load(address: str) -> None:
        try:
            with urllib.request.urlopen(address, timeout=20) as page:
                shown.append(page.read().decode())
        except urllib.error.HTTPError as refused:
            with refused:
                shown.append(refused.read().decode())

    def open_(address: str) -> bool:
        loading.append(threading.Thread(target=load, args=[address]))
        loading[-1].start()
        return True

    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr("webbrowser.open", open_)
    yield shown
    for each in loading:
        each.join()


@pytest.fixture
def late(monkeypatch: pytest.MonkeyPatch) -> None:
    """The browser has a twentieth of a second to come back."""
    defaults = by_browser.__kwdefaults__ | {"deadline": 0.05}
    monkeypatch.setattr(by_browser, "__kwdefaults__", defaults)
