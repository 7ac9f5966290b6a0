"""Real components: Dovecot verifies our tokens by key and by introspection, a real browser takes the redirect."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest

import courriel
from courriel import errors
from courriel.delivery.oauth import store
from courriel.delivery.oauth.login import StoredLogin
from servers.authority import Authority
from servers.daemon import wait_until
from servers.dovecot import Dovecot
from servers.dovecot import dovecot as running_dovecot
from servers.oauth import OAuthServer, oauth_server
from servers.packages import need

pytestmark = pytest.mark.acceptance

CHROMIUM = "/usr/bin/chromium"
USER = "ada@example.org"


def reading(dovecot: Dovecot, scheme: str, mechanism: str) -> str:
    port = dovecot.imaps_port if scheme == "imaps" else dovecot.pops_port
    ca = quote(str(dovecot.authority.ca_file))
    return f"{scheme}://ada@localhost:{port}?ca={ca}&auth={mechanism}&password=login:{USER}"


@pytest.mark.parametrize("mechanism", ["xoauth2", "oauthbearer"])
@pytest.mark.parametrize("scheme", ["imaps", "pops"])
def test_dovecot_takes_a_refreshed_token_by_its_key(
    dovecot: Dovecot, oauth: OAuthServer, login: StoredLogin, scheme: str, mechanism: str
) -> None:
    store.save(login)

    with courriel.mailbox(reading(dovecot, scheme, mechanism)) as box:
        assert box.usable

    assert len(oauth.asked) == 1


def test_a_token_that_dovecot_refuses_is_refreshed_once(
    dovecot: Dovecot, oauth: OAuthServer, login: StoredLogin
) -> None:
    """It is expired for the server, whatever our clock says of it."""
    store.save(replace(login, access_token="revoked-token", expires_at=time.time() + 3600))

    with courriel.mailbox(reading(dovecot, "imaps", "xoauth2")) as box:
        assert box.usable

    assert len(oauth.asked) == 1


@pytest.mark.parametrize("mechanism", ["xoauth2", "oauthbearer"])
def test_dovecot_asks_about_a_token_until_it_is_revoked(
    authority: Authority, oauth: OAuthServer, login: StoredLogin, mechanism: str
) -> None:
    store.save(replace(login, access_token="opaque-token", expires_at=time.time() + 3600, refresh_token=""))
    with oauth_server() as asked, running_dovecot(authority, introspection=f"{asked.url}/introspect?token=") as dovecot:
        asked.access_tokens.append("opaque-token")
        with courriel.mailbox(reading(dovecot, "imaps", mechanism)) as box:
            assert box.usable
        asked.access_tokens.clear()

        with pytest.raises(errors.TokenRefused, match="no refresh token"):
            courriel.mailbox(reading(dovecot, "imaps", mechanism)).open()


def test_a_real_browser_goes_through_the_redirect_and_forgets_the_code(oauth: OAuthServer, tmp_path: Path) -> None:
    need(CHROMIUM)
    options = "--headless --no-sandbox --disable-gpu --disable-dev-shm-usage --ignore-certificate-errors"
    profile = tmp_path / "profile"
    browser = tmp_path / "browser"
    # A browser returns at once, and loads the page meanwhile.
    browser.write_text(
        f'#!/bin/sh\n{CHROMIUM} {options} --remote-debugging-port=0 --user-data-dir={profile} "$1" >/dev/null 2>&1 &\n'
        f"echo $! > {tmp_path}/pid\n"
    )
    browser.chmod(0o755)

    try:
        ran = subprocess.run(
            [sys.executable, "-m", "courriel", "login", "microsoft", USER, "--client-id", oauth.client_id,
             "--authority", oauth.url, "--no-try"],
            capture_output=True, text=True, timeout=100, check=False,
            env=os.environ | {"BROWSER": f"{browser} %s", "HOME": str(tmp_path)},
        )  # fmt: skip
        address = shown_in(profile)
    finally:
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGTERM)

    assert ran.returncode == 0, ran.stderr
    assert store.load(USER).refresh_token in oauth.refresh_tokens
    assert re.fullmatch(r"http://localhost:\d+/", address)


def shown_in(profile: Path) -> str:
    """The address of our page in a running Chromium, as its address bar has it once nothing of the login is in it."""
    address = ""

    def forgotten() -> bool:
        nonlocal address
        port = (profile / "DevToolsActivePort").read_text().splitlines()[0]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json", timeout=20) as answer:
            pages = [each["url"] for each in json.load(answer) if each["title"] == "courriel: You are logged in"]
        address = next(iter(pages), "")
        return bool(address) and "?" not in address

    _ = wait_until(forgotten, 20)
    return address
