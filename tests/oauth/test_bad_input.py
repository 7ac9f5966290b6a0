"""What goes wrong outside of us during a login: a page that leads elsewhere, logins that cross, a disk that is full."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from courriel import errors
from courriel.delivery.oauth import store
from courriel.delivery.oauth.browser import by_browser
from courriel.delivery.oauth.grants import OAuthClient
from courriel.delivery.oauth.login import StoredLogin
from courriel.delivery.oauth.loopback import Loopback
from courriel.delivery.oauth.provider import microsoft
from servers.oauth import OAuthServer

BROWSER = Path(__file__).with_name("browser.py")


def test_a_page_that_redirects_elsewhere_ends_with_the_time_and_asks_for_no_token(
    oauth: OAuthServer, late: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = OAuthClient(microsoft("firm.example", authority=oauth.url), oauth.client_id)
    oauth.redirect_to = f"{oauth.url}/elsewhere"

    def open_to_the_end(address: str) -> bool:
        with pytest.raises(urllib.error.HTTPError, match="404") as refused:
            urllib.request.urlopen(address, timeout=20)
        refused.value.close()
        return True

    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr("webbrowser.open", open_to_the_end)

    with Loopback("localhost") as loopback, pytest.raises(errors.TimedOut) as refused:
        by_browser(client, loopback, lambda _address, _opened: None)

    assert refused.value.hint_id == "OAUTH-LOGIN-TOO-LATE"
    assert len(oauth.authorizations) == 1
    assert oauth.asked == []


@pytest.mark.slow
def test_the_redirect_of_one_login_is_nothing_to_another(oauth: OAuthServer, browser: list[str]) -> None:
    """Its browser comes back at the port of the other."""
    client = OAuthClient(microsoft("firm.example", authority=oauth.url), oauth.client_id)
    with Loopback("localhost") as one, Loopback("localhost") as other:
        oauth.redirect_to = other.redirect_uri
        with ThreadPoolExecutor(2) as threads:
            theirs = threads.submit(by_browser, client, other, lambda *_: None, open_browser=False, deadline=20)
            ours = threads.submit(by_browser, client, one, lambda *_: None, deadline=0.5)

    wrong = theirs.exception(30)
    assert isinstance(wrong, errors.RemoteProtocolError)
    assert wrong.hint_id == "OAUTH-STATE-MISMATCH"
    assert isinstance(ours.exception(30), errors.TimedOut)
    assert oauth.asked == []


@pytest.mark.slow
@pytest.mark.parametrize("names", [("ada@example.org", "bob@example.org"), ("ada@example.org", "ada@example.org")])
def test_two_logins_at_once_are_both_whole(oauth: OAuthServer, tmp_path: Path, names: tuple[str, str]) -> None:
    """As processes, for two mailboxes, or for one: there the last login is stored, and its tokens go together."""

    def log_in(number: int) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-W", "error", "-m", "courriel", "login", "microsoft", names[number], "--client-id",
             oauth.client_id, "--authority", oauth.url, "--no-try"],
            capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL,
            env=os.environ | {
                "BROWSER": f"{sys.executable} {BROWSER} %s", "BROWSER_SHOWN": str(tmp_path / f"shown{number}"),
            },
        )  # fmt: skip

    with ThreadPoolExecutor(2) as threads:
        ran = list(threads.map(log_in, range(2)))

    assert [each.returncode for each in ran] == [0, 0], ran
    assert store.names() == sorted(set(names))
    for name in store.names():
        login = store.load(name)
        number = login.refresh_token.rpartition("-")[2]
        assert login.access_token == oauth.access_tokens[int(number) - 1]


FULL_DISK = """
import os
from courriel import TokenSource
from courriel.delivery.oauth import grants, https

answered = https.post

def post(*given, **more):
    answer = answered(*given, **more)
    with open(os.path.join(os.environ["XDG_STATE_HOME"], "filler"), "wb", buffering=0) as filler:
        try:
            while True:
                filler.write(bytes(1024))
        except OSError as full:
            print(full.strerror)
    return answer

https.post = post
print(TokenSource.stored("ada@example.org").fetch().value)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("size", "told"), [("160k", "No space left on device"), ("48k", "cannot be stored")])
def test_a_real_disk_that_fills_up_while_a_token_rotates_loses_nothing(
    oauth: OAuthServer, login: StoredLogin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: str, told: str
) -> None:
    """Room is taken before the old refresh token is used: then the new one is stored, or the old one is still good."""
    oauth.revokes_old = True
    store.save(login)
    state = tmp_path / "state"
    # A disk of its own, seen by this process alone; what is on it in the end is copied out.
    script = (
        f"cp -a {state} {tmp_path}/before && mount -t tmpfs -o size={size},mode=700 tmpfs {state} && "
        f'cp -a {tmp_path}/before/. {state} && {{ {sys.executable} -c "$PROGRAM"; rm -f {state}/filler; '
        f"cp -a {state} {tmp_path}/after; }}"
    )
    own = ["unshare", "--mount", "--user", "--map-root-user"]
    may = subprocess.run([*own, "mount", "-t", "tmpfs", "tmpfs", str(tmp_path)], check=False, timeout=20)
    if may.returncode:
        pytest.skip("this machine lets nobody mount a disk of one's own")

    ran = subprocess.run(
        [*own, "sh", "-c", script],
        capture_output=True, text=True, timeout=60, check=False, env=os.environ | {"PROGRAM": FULL_DISK},
    )  # fmt: skip

    assert told in ran.stdout + ran.stderr
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "after"))
    kept = store.load(login.name)
    assert kept.refresh_token in oauth.refresh_tokens
    assert (kept == login) is (told == "cannot be stored")
    assert len(oauth.asked) == int(told != "cannot be stored")
