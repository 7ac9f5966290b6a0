"""The command as a whole: help, version, language, colours, errors, start-up time."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import courriel as library
from cli.conftest import LETTER, Ran
from courriel import Sandbox
from courriel.cli import program as program_module

Run = Callable[..., Ran]


def test_the_version_is_that_of_the_library(process: Run) -> None:
    ran = process("--version")

    assert (ran.status, ran.out, ran.err) == (0, f"courriel {library.__version__}\n", "")


@pytest.mark.slow
def test_starting_loads_click_and_nothing_that_is_heavy() -> None:
    asked = "import sys; from courriel.cli.main import main; main(['--help']); print(*sys.modules)"

    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)

    loaded = set(done.stdout.split())
    assert "click" in loaded
    assert not loaded & {
        "asyncio",
        "email",
        "logging",
        "ssl",
        "socket",
        "rich",
        "tomllib",
        "json",
        "courriel.session.smtp",
    }


def test_without_click_one_sentence_says_what_to_install(process: Run, tmp_path: Path) -> None:
    asked = (
        "import sys, importlib.util as util; found = util.find_spec\n"
        "util.find_spec = lambda name, *more: None if name == 'click' else found(name, *more)\n"
        "from courriel.cli.main import main; sys.exit(main(sys.argv[1:]))"
    )

    for language, beginning in (("fr", "La commande"), ("en", "The command")):
        done = subprocess.run(
            [sys.executable, "-c", asked, "send", "--lang", language], capture_output=True, text=True, check=False
        )

        assert done.returncode == 69
        assert done.stderr.startswith(beginning)
        assert done.stderr.endswith('pip install "courriel[cli]"\n')
        assert done.stderr.count("\n") == 1


COMMANDS = ("", "send", "sandbox", "demo", "config", "config show", "explain", "providers")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_begins_with_an_example_in_both_languages(courriel: Run, command: str) -> None:
    english = courriel(*command.split(), "--help", "--lang", "en")
    french = courriel(*command.split(), "--lang=fr", "--help")

    assert english.status == french.status == 0
    assert english.out.startswith("Example")
    assert french.out.startswith("Exemple")
    assert "\n  courriel " in english.out
    assert "Usage: courriel" in english.out
    assert "Utilisation : courriel" in french.out
    for said in ("Usage:", "Options:", "Commands:", "Show this message", "Shows", "default"):
        assert said not in french.out


def test_help_says_every_option_in_french_and_in_english(courriel: Run) -> None:
    english = courriel("send", "--help").out.splitlines()
    french = courriel("send", "--help", "--lang", "fr").out.splitlines()

    explained = [line for line in english if line.startswith("  --") and len(line.split("  ")) > 2]
    assert explained
    assert not [line for line in explained if line in french]


def test_without_arguments_it_shows_its_help(courriel: Run) -> None:
    assert courriel().out == courriel("--help").out


@pytest.mark.slow
def test_the_locale_chooses_the_language(process: Run) -> None:
    assert process("--help", LANG="fr_FR.UTF-8").out.startswith("Exemples :")
    assert process("--help", LANG="fr_FR.UTF-8", LC_ALL="C.UTF-8").out.startswith("Examples:")
    assert process("--help", "--lang", "en", LANG="fr_CA.UTF-8").out.startswith("Examples:")


@pytest.mark.slow
def test_a_terminal_without_accents_gets_escapes_and_no_error(process: Run) -> None:
    ran = process("send", "--frobnicate", "--lang", "fr", PYTHONIOENCODING="ascii", PYTHONUTF8="0")

    assert ran.status == 64
    assert "\\u2717 option inconnue" in ran.err


@pytest.mark.parametrize(
    ("arguments", "fr", "en"),
    [
        (["--frobnicate"], "option inconnue : --frobnicate", "unknown option: --frobnicate"),
        (["sned"], "« sned » n'est pas une commande", '"sned" is not a command'),
        (["send", "--sujbect", "x"], "option inconnue : --sujbect (peut-être --subject ?)", "(perhaps --subject?)"),
        (["send", "--to"], "--to : une valeur est attendue", "--to: a value is expected"),
        (["send", "--json=1"], "--json ne prend pas de valeur", "--json takes no value"),
        (["demo", "--lang", "de"], "--lang : valeurs possibles : fr, en", "--lang: possible values: fr, en"),
        (
            ["send", "--on-refused", "cry"],
            "valeurs possibles : deliver, abandon",
            "possible values: deliver, abandon",
        ),
        (["sandbox", "--port", "many"], "--smtp-port : un nombre est attendu", "--smtp-port: a number is expected"),
        (["sandbox", "--port", "70000"], "(de 0 à 65535)", "(from 0 to 65535)"),
        (["sandbox", "--user", "ada"], "--user se lit NOM:MOT-DE-PASSE", "--user is written NAME:PASSWORD"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_in_the_arguments_ends_with_64(courriel: Run, arguments: list[str], fr: str, en: str) -> None:
    english = courriel("--lang=en", *arguments)
    french = courriel("--lang=fr", *arguments)

    assert english.status == french.status == 64
    assert english.out == french.out == ""
    assert en in english.err
    assert fr in french.err


@pytest.mark.slow
def test_a_mistake_in_the_arguments_ends_with_64_in_a_process_too(process: Run) -> None:
    ran = process("send", "--frobnicate")

    assert (ran.status, ran.out) == (64, "")


def test_colours_follow_the_option_before_the_terminal(courriel: Run) -> None:
    wrong = ("send", "no-such.eml", "--via", "null:")

    assert "\x1b[" in courriel(*wrong, "--color", "always").err
    assert "\x1b[" not in courriel(*wrong, "--color", "never").err
    assert "\x1b[" not in courriel(*wrong).err


def test_an_internal_error_is_a_sentence_and_status_70(courriel: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object, **named: object) -> None:
        raise LookupError("oh dear")

    monkeypatch.setattr(program_module.program, "main", broken)

    ran = courriel("send")

    assert ran.status == 70
    assert "please report" in ran.err
    assert "LookupError: oh dear" in ran.err
    assert "Traceback" not in ran.err


def test_ctrl_c_ends_with_130(courriel: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: object, **named: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(program_module.program, "main", interrupted)

    ran = courriel("send", "--lang", "fr")

    assert (ran.status, ran.err) == (130, "Interrompu.\n")


def test_ctrl_c_while_sending_says_that_the_message_may_have_left(
    courriel: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*arguments: object, **named: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("courriel.session.smtp.SmtpSession.send", interrupted)

    ran = courriel("send", "--via", sandbox.url, *LETTER)

    assert ran.status == 130
    assert "may have left; not resent" in ran.err


@pytest.mark.slow
def test_ctrl_c_before_sending_says_only_interrupted() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"smtp://127.0.0.1:{silent.getsockname()[1]}"
        command = [sys.executable, "-m", "courriel", "send", "--via", url, *LETTER, "--text", "x"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as sending:
            line, _ = silent.accept()
            with line:
                sending.send_signal(signal.SIGINT)
                out, err = sending.communicate(timeout=20)

    assert (sending.returncode, out, err.strip()) == (130, "", "Interrupted.")


@pytest.mark.slow
def test_a_broken_pipe_gives_no_traceback() -> None:
    asked = "import os, sys; os.close(1); from courriel.cli.main import main; sys.exit(main(['explain', 'GREYLISTED']))"

    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=False)

    assert "Traceback" not in done.stderr


def test_settings_are_shown_with_their_source_and_without_secrets(
    courriel: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("courriel.toml").write_text('[profiles.billing]\nurl = "smtps://bill@smtp.example.org"\n')
    monkeypatch.setenv("COURRIEL_URL", "smtps://ada:hunter2@smtp.example.org")

    ran = courriel("config", "show")
    data = courriel("config", "show", "--json")

    assert ran.status == data.status == 0
    assert "smtps://ada:***@smtp.example.org" in ran.out
    assert "COURRIEL_URL" in ran.out
    assert "courriel.toml" in ran.out
    assert "hunter2" not in ran.out + data.out
    assert [each["name"] for each in data.json["settings"]] == ["url", "profiles.billing"]


def test_a_setting_that_cannot_be_read_ends_with_78(courriel: Run) -> None:
    Path("courriel.toml").write_text("url = [")

    assert courriel("config", "show").status == 78


@pytest.mark.parametrize(
    ("asked", "known"),
    [
        ("550 5.1.1 no such user", "RECIPIENT-UNKNOWN"),
        ("tls-port-mixup", "TLS-PORT-MIXUP"),
        ("ssl.SSLError: [SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1006)", "TLS-PORT-MIXUP"),
    ],
)
def test_what_is_pasted_is_explained(courriel: Run, asked: str, known: str) -> None:
    by_argument = courriel("explain", asked)
    by_input = courriel("explain", stdin=asked.encode())
    french = courriel("explain", asked, "--lang", "fr")

    assert by_argument == by_input
    assert by_argument.status == 0
    assert known in by_argument.out
    assert "  Fix  " in by_argument.out
    assert "  À faire    " in french.out
    assert courriel("explain", asked, "--json").json["failure"] == known


def test_an_unknown_error_is_reported_as_unknown(courriel: Run) -> None:
    ran = courriel("explain", "the moon is blue")

    assert (ran.status, ran.out) == (65, "")
    assert "I do not know this one" in ran.err
    assert courriel("explain", stdin=b"").status == 64


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="closed by a shell")
@pytest.mark.parametrize(("closed", "told"), [("<&-", True), (">&-", False), ("2>&-", True), ("<&- >&- 2>&-", False)])
def test_a_stream_that_was_closed_is_the_null_device(tmp_path: Path, closed: str, *, told: bool) -> None:
    """As some services and cron jobs start a program: the mail leaves, and nothing is printed into its connection."""
    mail = tmp_path / "mail.eml"
    mail.write_bytes(b"From: ada@example.org\r\nTo: bob@example.org\r\nSubject: x\r\n\r\nHi\r\n")
    started = [sys.executable, "-m", "courriel", "send", str(mail), "--via"]
    with Sandbox() as server:
        ran = subprocess.run(
            ["sh", "-c", f'exec "$@" {closed}', "sh", *started, f"smtp://127.0.0.1:{server.port}"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

        assert ran.returncode == 0, ran.stderr
        assert [letter.recipients for letter in server.letters] == [("bob@example.org",)]
        assert ("accepted" in ran.stdout) is told
