"""References to secrets: read on each request, never shown."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import pytest

from courriel.delivery import secrets
from courriel.delivery.secrets import SecretReference
from courriel.delivery.urls.route import Route
from courriel.errors import CourrielError, InvalidUrl, MissingExtra, UsageError
from courriel.model.servers.credentials import External, Password, TokenSource


def read(text: str) -> str:
    return SecretReference.parse(text).read(user="ada", host="smtp.example.org")


def test_a_variable_is_read_at_the_moment_of_asking(monkeypatch: pytest.MonkeyPatch) -> None:
    route = Route.parse("smtps://ada@smtp.example.org?password=env:MY_MAIL_WORD")
    monkeypatch.setenv("MY_MAIL_WORD", "first")
    first = route.credentials()
    monkeypatch.setenv("MY_MAIL_WORD", "second")

    assert first == Password("ada", "first")
    assert route.credentials() == Password("ada", "second")


@pytest.mark.parametrize(
    ("content", "secret"),
    [
        (b"word", "word"),
        (b"word\n", "word"),
        (b"word\r\n", "word"),
        (b"word\n\n", "word\n"),
        (b" wo rd \n", " wo rd "),
        ("clé".encode(), "clé"),
    ],
)
def test_a_file_is_the_secret_without_one_line_end(tmp_path: Path, content: bytes, secret: str) -> None:
    file = tmp_path / "word"
    file.write_bytes(content)

    assert read(f"file:{file}") == secret


def test_a_command_says_the_secret_on_its_first_line() -> None:
    assert read(f'cmd:{sys.executable} -c \'print("wo rd"); print("user: ada")\'') == "wo rd"


def test_a_command_is_not_read_by_a_shell(tmp_path: Path) -> None:
    trap = tmp_path / "trap"

    word = read(f"cmd:{sys.executable} -c 'import sys; print(sys.argv[1:])' ; touch {trap} $(id) | cat")

    assert "$(id)" in word
    assert not trap.exists()


def test_a_command_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "COMMAND_TIME_LIMIT", 0.05)

    with pytest.raises(UsageError, match=r"no answer within 0.05 seconds"):
        read(f"cmd:{sys.executable} -c 'import threading; threading.Event().wait()' hunter2")


@pytest.mark.parametrize(
    ("reference", "sentence"),
    [
        ("env:NOT_THERE_AT_ALL", "from env:NOT_THERE_AT_ALL: the variable is not set"),
        ("file:/not/there", "from file:/not/there: No such file or directory"),
        ("file:/", "from file:/: Is a directory"),
        ("cmd:/not/there hunter2", "from cmd:/not/there ***: No such file or directory"),
        ("cmd:pass 'hunter2", "the command cannot be read"),
        (f"cmd:{sys.executable} -c 'print(\"hunter2\"); raise SystemExit(3)'", "the program ended with status 3"),
        (f"cmd:{sys.executable} -c ''", "there is nothing in it"),
        (f"cmd:{sys.executable} -c 'import os; os.write(1, bytes([255]))'", "it is not text in UTF-8"),
        (f"cmd:{sys.executable} -c 'print(\"x\" * 70000)'", "it is longer than 65536 characters"),
    ],
)
def test_an_error_never_quotes_what_was_read(reference: str, sentence: str) -> None:
    with pytest.raises(UsageError) as refused:
        read(reference)

    assert sentence in str(refused.value)
    assert "hunter2" not in str(refused.value)
    assert "'ada' on smtp.example.org" in str(refused.value)
    assert refused.value.hint_id == "PASSWORD-NOT-FOUND"
    assert refused.value.sysexit == 78


def test_an_empty_variable_holds_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMPTY_WORD", "")

    with pytest.raises(UsageError, match="there is nothing in it"):
        read("env:EMPTY_WORD")


@pytest.mark.parametrize("text", ["hunter2", "plain:hunter2", "keyring:hunter2", "env", "ENV:X", ""])
def test_a_password_itself_is_not_a_reference_and_is_not_shown(text: str) -> None:
    with pytest.raises(InvalidUrl) as refused:
        SecretReference.parse(text)

    assert "env:NAME, file:/run/secrets/name, keyring, prompt, login:NAME, or cmd:" in str(refused.value)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("text", ["env:", "env:A B", "env:1A", "file:", "cmd:"])
def test_a_reference_to_nothing_is_refused(text: str) -> None:
    with pytest.raises(InvalidUrl):
        SecretReference.parse(text)


# The person at the terminal.


class Terminal:
    def isatty(self) -> bool:
        return True


def test_a_person_at_a_terminal_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("getpass.getpass", lambda question: asked.append(question) or "typed")

    assert read("prompt") == "typed"
    assert asked == ["Password of ada on smtp.example.org: "]


@pytest.mark.parametrize("stdin", [None, types.SimpleNamespace(isatty=lambda: False)])
def test_without_a_terminal_nothing_is_asked(monkeypatch: pytest.MonkeyPatch, stdin: object) -> None:
    monkeypatch.setattr("sys.stdin", stdin)
    monkeypatch.setattr("getpass.getpass", lambda _: pytest.fail("somebody was asked"))

    with pytest.raises(UsageError, match="there is no terminal to ask at"):
        read("prompt")


# The keyring.


@pytest.fixture
def keyring(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, str], str]:
    """A fake keyring package."""
    kept: dict[tuple[str, str], str] = {}
    module = types.ModuleType("keyring")
    module.__spec__ = types.SimpleNamespace()  # type: ignore[assignment]
    module.get_password = lambda host, user: kept.get((host, user))  # type: ignore[attr-defined]
    refusals = types.ModuleType("keyring.errors")
    refusals.KeyringError = type("KeyringError", (Exception,), {})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "keyring", module)
    monkeypatch.setitem(sys.modules, "keyring.errors", refusals)
    return kept


def test_the_keyring_is_asked_for_this_user_on_this_server(keyring: dict[tuple[str, str], str]) -> None:
    keyring["smtp.example.org", "ada"] = "kept"

    assert read("keyring") == "kept"


def test_the_keyring_is_the_default(keyring: dict[tuple[str, str], str]) -> None:
    keyring["smtp.example.org", "ada"] = "kept"

    assert Route.parse("smtps://ada@smtp.example.org").credentials() == Password("ada", "kept")


def test_an_empty_keyring_says_how_to_fill_it(keyring: dict[tuple[str, str], str]) -> None:
    with pytest.raises(UsageError, match=r"keyring set smtp\.example\.org ada"):
        read("keyring")


def test_a_missing_keyring_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)

    with pytest.raises(MissingExtra, match=r'pip install "courriel\[keyring\]"') as missing:
        read("keyring")

    assert isinstance(missing.value, ImportError)
    assert missing.value.sysexit == 78


def test_a_login_without_a_password_reference_lists_the_forms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("courriel.delivery.urls.route.keyring_is_there", lambda: False)

    with pytest.raises(UsageError, match=r"'ada' is to log in on smtp.example.org, .*add \?password=env:NAME"):
        Route.parse("smtps://ada@smtp.example.org").credentials()


# What a secret is for.


def test_nobody_logs_in_without_a_user() -> None:
    assert Route.parse("smtps://smtp.example.org").credentials() is None


@pytest.mark.parametrize("mechanism", ["xoauth2", "oauthbearer", "oauthbearer,xoauth2"])
def test_a_token_is_fetched_anew_each_time(monkeypatch: pytest.MonkeyPatch, mechanism: str) -> None:
    route = Route.parse(f"smtps://ada@smtp.example.org?password=env:MY_TOKEN&auth={mechanism}")

    source = route.credentials()

    assert isinstance(source, TokenSource)
    for token in ("first", "second"):
        monkeypatch.setenv("MY_TOKEN", token)
        assert source.fetch() == token


def test_a_certificate_logs_in_by_itself() -> None:
    route = Route.parse("smtps://smtp.example.org?auth=external&client_cert=/c.pem")

    assert route.credentials() == External()


def test_no_error_of_a_secret_survives_with_the_secret_in_its_chain() -> None:
    with pytest.raises(CourrielError) as refused:
        read(f"cmd:{sys.executable} -c 'import sys; print(\"hunter2\"); sys.exit(1)'")

    assert refused.value.__cause__ is None
    assert "hunter2" not in repr(refused.value.__context__)
