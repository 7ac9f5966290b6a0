"""Stored logins: mode, rotation, lock, full disk, keyring, damage; and never two refreshes at once."""

from __future__ import annotations

import json
import logging
import os
import stat
import subprocess
import sys
import threading
import time
import types
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courriel import TokenSource, errors
from courriel.delivery.oauth import sources, store
from courriel.delivery.oauth.login import StoredLogin
from servers.oauth import Answer, OAuthServer

SECRETS = ("refresh-secret", "access-secret", "typed-secret")


def test_what_is_stored_is_read_again_and_is_for_its_owner_only(login: StoredLogin, state: Path) -> None:
    store.save(login)

    (file,) = state.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    assert store.load(login.name) == login
    assert store.names() == ["ada@example.org"]


@pytest.mark.slow
@given(st.text(min_size=1, max_size=60).filter(lambda name: name.isprintable() and len(name.lower()) <= 200))
def test_every_name_is_a_file_of_its_own_in_the_folder(name: str) -> None:
    path = store.path_of(name)

    assert path.parent == store.folder()
    assert store.unquote(path.stem, "") == name.lower()


@pytest.mark.parametrize("name", ["", "a\nb", "a\0b", "x" * 300])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(errors.UsageError, match="the name of a login"):
        store.load(name)


def test_a_login_that_is_not_there_says_how_to_make_one() -> None:
    with pytest.raises(errors.UsageError, match=r"nobody@example\.org") as missing:
        store.load("nobody@example.org")

    assert missing.value.failure is not None
    assert missing.value.failure.id == "LOGIN-NOT-FOUND"
    assert missing.value.sysexit == 78


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"{}", b"[" * 100000, b'{"name": 1}', b"\xff", b"x" * 300000,
     b'{"name": "a", "provider": "evil", "mailbox": "a", "grant": "browser", "hosts": ["h"]}'],
)  # fmt: skip
def test_a_damaged_file_is_named_and_not_quoted(login: StoredLogin, state: Path, content: bytes) -> None:
    store.save(login)
    (file,) = state.iterdir()
    file.write_bytes(content)

    with pytest.raises(errors.UsageError, match="cannot be read") as damaged:
        store.load(login.name)

    assert damaged.value.hint_id == "LOGIN-NOT-STORED"
    assert damaged.value.__cause__ is None


@pytest.mark.parametrize("mode", [0o644, 0o620, 0o604])
def test_a_file_that_others_may_read_is_not_used(login: StoredLogin, state: Path, mode: int) -> None:
    store.save(login)
    (file,) = state.iterdir()
    file.chmod(mode)

    with pytest.raises(errors.UsageError, match="chmod 600"):
        store.load(login.name)


def test_a_link_is_not_followed(login: StoredLogin, state: Path, tmp_path: Path) -> None:
    store.save(login)
    (file,) = state.iterdir()
    file.rename(tmp_path / "elsewhere")
    file.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(errors.UsageError, match="cannot be read"):
        store.load(login.name)


def test_a_login_is_forgotten_with_everything(login: StoredLogin, state: Path) -> None:
    store.save(login)

    store.forget(login.name)

    assert list(state.iterdir()) == []
    with pytest.raises(errors.UsageError):
        store.forget(login.name)


def test_no_secret_shows_itself(login: StoredLogin) -> None:
    full = replace(login, client_secret="typed-secret")

    assert not any(secret in repr(full) for secret in SECRETS)
    assert not any(secret in json.dumps(full.public()) for secret in SECRETS)


# Refreshing.


def test_an_expired_token_is_refreshed_and_the_new_ones_are_stored(oauth: OAuthServer, login: StoredLogin) -> None:
    store.save(login)
    source = sources.stored(login.name)

    token = source.fetch()

    assert token.value == oauth.access_tokens[0]
    kept = store.load(login.name)
    assert kept.access_token == token.value
    assert kept.refresh_token == "refresh-secret-1"
    assert source.fetch() == token
    assert len(oauth.asked) == 1


def test_a_server_that_does_not_rotate_leaves_the_old_refresh_token(oauth: OAuthServer, login: StoredLogin) -> None:
    oauth.rotates = False
    store.save(login)

    sources.stored(login.name).fetch()

    assert store.load(login.name).refresh_token == "refresh-secret-0"


def test_a_refused_token_is_refreshed_although_it_has_not_expired(oauth: OAuthServer, login: StoredLogin) -> None:
    store.save(login)
    source = sources.stored(login.name)
    first = source.fetch()
    assert source.refresh is not None

    second = source.refresh(first.value)

    assert second.value == oauth.access_tokens[1] != first.value


def test_a_token_that_another_has_replaced_meanwhile_is_not_refreshed_again(
    oauth: OAuthServer, login: StoredLogin
) -> None:
    store.save(login)
    source, other = sources.stored(login.name), sources.stored(login.name)
    first = source.fetch()
    assert source.refresh is not None
    assert other.refresh is not None
    second = other.refresh(first.value)

    assert source.refresh(first.value) == second
    assert len(oauth.asked) == 2


def test_threads_that_refresh_at_once_ask_once(oauth: OAuthServer, login: StoredLogin) -> None:
    store.save(login)
    source = sources.stored(login.name)

    with ThreadPoolExecutor(8) as threads:
        tokens = {future.result() for future in [threads.submit(source.fetch) for _ in range(8)]}

    assert len(tokens) == 1
    assert len(oauth.asked) == 1


PROCESS = """
import sys
from courriel import TokenSource
source = TokenSource.microsoft("ada@example.org")
print("ready", flush=True)
sys.stdin.readline()
print(source.fetch().value, flush=True)
"""


@pytest.mark.slow
def test_processes_that_refresh_at_once_ask_once(oauth: OAuthServer, login: StoredLogin) -> None:
    """With rotation that revokes: whoever came second with the old refresh token would lose the login."""
    oauth.revokes_old = True
    store.save(login)
    processes = [
        subprocess.Popen([sys.executable, "-c", PROCESS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"

    second = threading.Event()
    # The first exchange lasts until another process asks as well, which none may; half a second is given for it.
    oauth.before_token = lambda: second.set() if len(oauth.asked) > 1 else second.wait(0.5)
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()

    told = [process.communicate(timeout=60)[0].strip() for process in processes]

    assert told == [oauth.access_tokens[0]] * 3
    assert len(oauth.asked) == 1


def test_a_refused_refresh_keeps_the_old_token_and_says_to_log_in_again(oauth: OAuthServer, login: StoredLogin) -> None:
    oauth.refresh_tokens.clear()
    store.save(login)

    with pytest.raises(errors.TokenRefused) as refused:
        sources.stored(login.name).fetch()

    assert refused.value.failure is not None
    assert refused.value.failure.id == "OAUTH-GRANT-REFUSED"
    assert "refresh-secret" not in str(refused.value)
    assert store.load(login.name) == login


@pytest.mark.parametrize("answer", [Answer(500, b"", "text/html"), Answer(200, b"<html>", "text/html")])
def test_a_broken_answer_loses_nothing(oauth: OAuthServer, login: StoredLogin, answer: Answer, state: Path) -> None:
    store.save(login)
    oauth.next_answers.append(answer)

    with pytest.raises(errors.CourrielError):
        sources.stored(login.name).fetch()

    assert store.load(login.name) == login
    assert not [file for file in state.iterdir() if file.name.startswith(".")]


FULL_DISK = """
import resource, sys
from courriel import TokenSource, errors
source = TokenSource.microsoft("ada@example.org")
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
try:
    source.fetch()
except errors.UsageError as full:
    print(full.hint_id, full)
"""


@pytest.mark.slow
def test_a_full_disk_is_noticed_before_the_old_refresh_token_is_used(
    oauth: OAuthServer, login: StoredLogin, state: Path
) -> None:
    store.save(login)

    ran = subprocess.run([sys.executable, "-c", FULL_DISK], capture_output=True, text=True, timeout=60, check=True)

    assert ran.stdout.startswith("LOGIN-NOT-STORED the login of ada@example.org cannot be stored: ")
    assert oauth.asked == []
    assert store.load(login.name) == login
    assert not [file for file in state.iterdir() if file.name.startswith(".")]


def test_a_disk_that_fails_at_the_last_moment_costs_the_next_refresh_and_not_this_mail(
    oauth: OAuthServer, login: StoredLogin, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store.save(login)

    def broken(source: object, target: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "replace", broken)
    source = sources.stored(login.name)

    with caplog.at_level(logging.ERROR, "courriel.oauth"):
        token = source.fetch()

    assert token.value == oauth.access_tokens[0]
    assert "log in again" in caplog.text
    assert "secret" not in caplog.text
    assert source.fetch() == token
    assert store.load(login.name) == login


DYING = """
import os, sys
from courriel import TokenSource
from courriel.delivery.oauth import store
store.LoginFile.store = lambda self, login: os._exit(9)
TokenSource.microsoft("ada@example.org").fetch()
"""


@pytest.mark.slow
def test_a_death_between_answer_and_disk_costs_one_login_and_says_so(oauth: OAuthServer, login: StoredLogin) -> None:
    oauth.revokes_old = True
    store.save(login)
    assert subprocess.run([sys.executable, "-c", DYING], check=False, timeout=60).returncode == 9

    with pytest.raises(errors.TokenRefused) as refused:
        sources.stored(login.name).fetch()

    assert "courriel login" in refused.value.hint


def test_the_lock_is_waited_for_within_limits(login: StoredLogin) -> None:
    with store.lock(login.name), pytest.raises(errors.TimedOut, match="another process"), store.lock(login.name, 0.05):
        raise AssertionError("two hold it")


def test_a_child_that_was_forked_does_not_keep_the_lock(login: StoredLogin) -> None:
    go, done = os.pipe()
    with store.lock(login.name):
        child = os.fork()
        if not child:
            os.read(go, 1)
            os._exit(0)
    try:
        with store.lock(login.name, 5):
            pass
    finally:
        os.write(done, b"x")
        os.waitpid(child, 0)
        os.close(go)
        os.close(done)


def test_a_login_that_is_made_again_is_noticed_by_a_running_program(oauth: OAuthServer, login: StoredLogin) -> None:
    far = time.time() + 3600
    store.save(replace(login, access_token="first", expires_at=far))
    source = sources.stored(login.name)
    assert source.fetch().value == "first"

    store.save(replace(login, access_token="second one", expires_at=far))

    assert source.fetch().value == "second one"


# The keyring.


class Ring:
    """A keyring package of the tests."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, priority: float = 5) -> None:
        self.held: dict[tuple[str, str], str] = {}
        self.locked = False
        self.priority = priority
        module = types.ModuleType("keyring")
        module.get_keyring = lambda: self  # type: ignore[attr-defined]
        for name in ("get_password", "set_password", "delete_password"):
            setattr(module, name, getattr(self, name))
        monkeypatch.setitem(sys.modules, "keyring", module)
        monkeypatch.delenv("COURRIEL_KEYRING")

    def get_password(self, service: str, name: str) -> str | None:
        self._check()
        return self.held.get((service, name))

    def set_password(self, service: str, name: str, secret: str) -> None:
        self._check()
        self.held[service, name] = secret

    def delete_password(self, service: str, name: str) -> None:
        self._check()
        del self.held[service, name]

    def _check(self) -> None:
        if self.locked:
            raise RuntimeError("the collection is locked")


def test_a_keyring_takes_the_secrets_and_the_file_has_none(
    monkeypatch: pytest.MonkeyPatch, login: StoredLogin, state: Path
) -> None:
    ring = Ring(monkeypatch)

    store.save(login)

    (file,) = state.iterdir()
    assert not any(secret in file.read_text() for secret in SECRETS)
    assert store.load(login.name) == login
    assert store.uses_keyring(login.name)
    store.forget(login.name)
    assert ring.held == {}


def test_the_fail_back_end_is_no_keyring(monkeypatch: pytest.MonkeyPatch, login: StoredLogin) -> None:
    Ring(monkeypatch, priority=0)

    store.save(login)

    assert not store.uses_keyring(login.name)
    assert store.load(login.name) == login


def test_a_locked_keyring_leaves_new_tokens_in_the_file(
    monkeypatch: pytest.MonkeyPatch, login: StoredLogin, caplog: pytest.LogCaptureFixture
) -> None:
    ring = Ring(monkeypatch)
    ring.locked = True

    store.save(login)

    assert store.load(login.name) == login
    assert "kept in a file" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize("what", ["locked", "gone", "emptied"])
def test_a_keyring_that_does_not_give_back_is_named(
    monkeypatch: pytest.MonkeyPatch, login: StoredLogin, what: str
) -> None:
    ring = Ring(monkeypatch)
    store.save(login)
    if what == "gone":
        monkeypatch.setitem(sys.modules, "keyring", None)
    elif what == "locked":
        ring.locked = True
    else:
        ring.held.clear()

    with pytest.raises(errors.UsageError, match=r"cannot be read: .*keyring (that|did|holds)") as refused:
        store.load(login.name)

    assert refused.value.hint_id == "LOGIN-NOT-STORED"


# In memory.


def test_a_program_logs_in_by_itself_once_for_all_its_sessions(oauth: OAuthServer) -> None:
    oauth.secret = "program-secret"
    source = TokenSource.client_credentials(
        "ada@example.org",
        token_url=f"{oauth.url}/firm.example/oauth2/v2.0/token",
        client_id=oauth.client_id,
        scope="mail",
        hosts=("mail.example.org",),
        secret="program-secret",
    )
    assert source.refresh is not None

    with ThreadPoolExecutor(4) as threads:
        tokens = {future.result() for future in [threads.submit(source.fetch) for _ in range(4)]}

    (token,) = tokens
    assert source.refresh(token.value) != token
    assert [form["scope"] for form in oauth.asked] == ["mail", "mail"]
    assert "program-secret" not in repr(source)


@pytest.mark.parametrize(
    "make",
    [
        lambda: TokenSource.microsoft("ada@example.org", client_id="1"),
        lambda: TokenSource.microsoft("ada@example.org", tenant="firm.example"),
        lambda: TokenSource.microsoft("ada@example.org", client_id="1", tenant="firm.example"),
        lambda: TokenSource.microsoft("ada@example.org", client_id="1", tenant="a b", secret="x"),
        lambda: TokenSource.microsoft("ada@example.org", client_id="1", tenant="t", certificate="/nowhere"),
        lambda: TokenSource.microsoft("ada@example.org"),
        lambda: TokenSource.google("ada@example.org"),
        lambda: TokenSource.google("ada@example.org", service_account="/nowhere"),
        lambda: TokenSource.client_credentials("a", token_url="http://x", client_id="1", scope="", hosts=("h",)),
        lambda: TokenSource.client_credentials("a", token_url="https://x/t", client_id="1", scope="", hosts=()),
        lambda: TokenSource("a", lambda: "t", hosts="host"),  # type: ignore[arg-type]
        lambda: TokenSource("a", lambda: "t", refresh="t"),  # type: ignore[arg-type]
    ],
)
def test_a_source_that_cannot_work_is_refused_when_it_is_made(make: object) -> None:
    assert callable(make)
    with pytest.raises(errors.UsageError):
        make()
