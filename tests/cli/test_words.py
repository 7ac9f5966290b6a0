"""Texts of the command in both languages: no English in French texts, warnings once, prompts for missing input."""

from __future__ import annotations

import logging
import os
import pty
import re
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cli.conftest import LETTER, USERS, Ran
from courriel import Sandbox
from courriel.cli import logs, program
from courriel.cli.inbox import command as inbox
from courriel.cli.outbox import command as outbox
from courriel.cli.outbox.words import STATES
from courriel.cli.send import command as send

Run = Callable[..., Ran]

COMMANDS = (
    *program.program.table,
    *(f"outbox {name}" for name in outbox.command.table),
    "config show",
    "",
)
# Words that are the same in both languages: names.
SAME = re.compile(r"^(?:courriel\b.*|\$.*|--html HTML|--port PORT.*|--tls-port PORT|[\d, .]+|)$")
ENGLISH = re.compile(
    r"\b(the|is|are|not|of|with|from|to|by|for|and|or|this|that|which|who|what|has|have|was|were|default|expected|"
    r"missing|unknown|only|shows|lists|sends|reads|writes|keeps|starts|stops|seconds|recipient|sender|address|file)\b"
)


def explained(ran: Ran) -> list[str]:
    """The translated lines of a help text, without examples and option names."""
    text = ran.out.partition("\n\n")[2]
    lines = (re.sub(r"^(?:-h, )?(?:--[\w-]+|\w+)(?: \S+)?(?:  +|$)", "", line.strip()) for line in text.splitlines())
    return [line for line in lines if line and not SAME.match(line)]


@pytest.mark.parametrize("command", COMMANDS)
def test_no_line_of_help_is_the_same_in_both_languages(courriel: Run, command: str) -> None:
    english = explained(courriel(*command.split(), "--help", "--lang", "en"))
    french = explained(courriel(*command.split(), "--help", "--lang", "fr"))

    assert english
    assert [line for line in french if line in english and not re.fullmatch(r"[\W\w]*\|[\W\w]*|\S+", line)] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_no_english_word_stands_in_a_french_help_text(courriel: Run, command: str) -> None:
    for line in explained(courriel(*command.split(), "--help", "--lang", "fr")):
        names = (
            r"--\S+|\b(?:env|file|cmd|login):|\S+\.(?:eml|toml|h|db)\b|\S*\|\S*|\([\w ]+\)|[A-Z]{2,}\S*|sysexits"
            r"|courriel \w+|\S+://\S+"
        )
        assert not ENGLISH.search(re.sub(names, "", line)), line


@pytest.mark.parametrize("command", COMMANDS)
def test_a_short_h_is_help_too(courriel: Run, command: str) -> None:
    assert courriel(*command.split(), "-h") == courriel(*command.split(), "--help")


WRONG = (
    ("--frobnicate",),
    ("sned",),
    ("--lang", "de"),
    ("inbox",),
    ("inbox", "pop://x", "steal"),
    ("inbox", "pop://x", "show", "many"),
    ("inbox", "pop://x", "list", "--since", "hier"),
    ("inbox", "smtp://localhost"),
    ("inbox", "imaps://[::1", "list"),
    ("outbox", "list", "--state", "lost"),
    ("outbox", "pause"),
    ("outbox", "stats", "more"),
    ("outbox", "prune", "--sent", "soon"),
    ("outbox", "show"),
    ("outbox", "show", "nothing"),
    ("outbox", "stats", "--outbox", "/"),
    ("outbox", "export", "x"),
    ("worker", "--workers", "0"),
    ("worker", "--grace", "x"),
    ("send", "--to"),
    ("send", "--timeout", "nan", *LETTER, "--text", "x", "--via", "smtp://localhost"),
    ("send", "--timeout", "0"),
    ("send", "--via", "smtp:/x", *LETTER, "--text", "x"),
    ("send", "--via", "nobody", *LETTER, "--text", "x"),
    ("send", "--via", "smtp://localhost", *LETTER, "--text", "x", "--attach", "no.pdf"),
    ("send", "--via", "smtp://localhost", *LETTER, "--text", "x", "--attach", "."),
    ("send", "--via", "smtp://localhost", *LETTER, "--text", "x", "--to", "a@b@c"),
    ("send", "--via", "smtp://localhost", *LETTER, "--text", "x", "--header", "none"),
    ("send", "--via", "smtp://ada@localhost", *LETTER, "--text", "x"),
    ("send", "--via", "smtp://ada@localhost?password=env:NOT_THERE", *LETTER, "--text", "x"),
    ("send", "no-such.eml", "--via", "memory:"),
    ("send", "--via", "smtps://localhost?tiemout=3", *LETTER, "--text", "x"),
    ("send", *LETTER, "--text", "x"),
    ("send", "--queue", "--outbox", "/nowhere/o.db", "--via", "memory:", *LETTER, "--text", "x"),
    ("sandbox", "--user", "ada"),
    ("sandbox", "--host", "nowhere.invalid"),
    ("explain", "what", "is", "this"),
)


@pytest.mark.parametrize("arguments", WRONG, ids=lambda arguments: " ".join(arguments)[:60])
def test_a_mistake_is_told_in_french_and_never_by_a_traceback(courriel: Run, arguments: tuple[str, ...]) -> None:
    ran = courriel(*arguments, "--lang", "fr") if "--lang" not in arguments else courriel("--lang=fr", *arguments)

    assert ran.status in {64, 65, 66, 68, 74, 78}
    assert "Traceback" not in ran.err
    names = r"«.*?»|'.*?'|\S+://\S+|\S+=\S*|--\S+|\([\w, =_]*\)|\w+:/\S*|/\S*|courriel \w+.*|tls, ca, .*"
    said = re.sub(names, "", ran.err)
    for line in said.splitlines():
        assert not ENGLISH.search(line), line


@pytest.mark.slow
@pytest.mark.parametrize("state", STATES)
def test_states_are_taken_as_they_are_displayed(courriel: Run, state: str) -> None:
    words = STATES[state]
    courriel("send", "--queue", "--outbox", "o.db", "--via", "memory:", *LETTER)

    for name in (words.fr, words.en, words.fr.replace(" ", "-").upper(), state.lower()):
        assert courriel("outbox", "list", "--outbox", "o.db", "--state", name).status == 0


@pytest.mark.slow
def test_the_state_that_stats_shows_lists_the_mail(courriel: Run) -> None:
    for language in ("fr", "en"):
        courriel("send", "--queue", "--outbox", "o.db", "--via", "memory:", "--key", "1", *LETTER, "--lang", language)
        shown = courriel("outbox", "stats", "--outbox", "o.db", "--lang", language).out
        state = re.split(r"\s{2,}", shown)[1]

        listed = courriel("outbox", "list", "--outbox", "o.db", "--state", state, "--lang", language)

        assert len(listed.out.splitlines()) == 1


@pytest.mark.parametrize("arguments", [("send", *LETTER), ("send", *LETTER, "--text", "-"), ("send", "-")])
def test_an_empty_standard_input_is_said(courriel: Run, sandbox: Sandbox, arguments: tuple[str, ...]) -> None:
    ran = courriel(*arguments, "--via", sandbox.url, stdin=b" \n")

    assert ran.status == 64
    assert "standard input is empty" in ran.err
    assert sandbox.letters == []


def test_a_message_without_text_is_sent_when_it_is_meant(courriel: Run, sandbox: Sandbox, tmp_path: Path) -> None:
    file = tmp_path / "figures.pdf"
    file.write_bytes(b"%PDF")

    assert courriel("send", *LETTER, "--via", sandbox.url, "--text", "").status == 0
    assert courriel("send", *LETTER, "--via", sandbox.url, "--attach", str(file), stdin=b"").status == 0


def test_nothing_to_explain_is_reported(courriel: Run) -> None:
    ran = courriel("explain", stdin=b"")

    assert ran.status == 64
    assert "there is nothing to explain: courriel explain" in ran.err


def at_a_terminal(*arguments: str, typed: bytes) -> tuple[int, str]:
    """Run the command at a pseudo-terminal with this input; returns status and output."""
    ours, theirs = pty.openpty()
    running = subprocess.Popen(
        [sys.executable, "-m", "courriel", *arguments], stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True
    )
    os.close(theirs)
    shown = b""
    asked = False
    try:
        while select.select([ours], [], [], 30)[0]:
            try:
                octets = os.read(ours, 4096)
            except OSError:  # that is how a terminal ends on Linux
                break
            if not octets:
                break
            shown += octets
            if b"Ctrl-D" in shown and not asked:
                asked = True
                os.write(ours, typed)
        return running.wait(30), shown.decode()
    finally:
        if running.poll() is None:
            running.send_signal(signal.SIGKILL)
        os.close(ours)


@pytest.mark.slow
def test_at_a_terminal_the_text_is_asked_for(sandbox: Sandbox) -> None:
    status, shown = at_a_terminal("send", *LETTER, "--via", sandbox.url, "--lang", "fr", typed=b"Bonjour.\n\x04")

    assert status == 0
    assert "Texte du message, puis Ctrl-D :" in shown
    assert sandbox.letters[0].text.strip() == "Bonjour."


@pytest.mark.slow
def test_at_a_terminal_nobody_is_asked_with_no_input(sandbox: Sandbox) -> None:
    status, shown = at_a_terminal("send", *LETTER, "--via", sandbox.url, "--no-input", typed=b"")

    assert status == 64
    assert "there is no text" in shown


@pytest.mark.slow
def test_at_a_terminal_what_to_explain_is_asked_for() -> None:
    status, shown = at_a_terminal("explain", typed=b"550 5.1.1 no such user\n\x04")

    assert status == 0
    assert "Paste the reply or the error, then Ctrl-D:" in shown
    assert "RECIPIENT-UNKNOWN" in shown


def test_some_refused_and_all_refused_end_differently(courriel: Run, sandbox: Sandbox) -> None:
    sandbox.refuse("gone@example.org")

    some = courriel("send", "--via", sandbox.url, *LETTER, "--to", "gone@example.org", "--json")
    everybody = courriel(
        "send", "--via", sandbox.url, "--from", "ada@example.org", "--to", "gone@example.org", "--json"
    )

    assert some.status == some.json["sysexit"] == 69
    assert everybody.status == everybody.json["sysexit"] == 67


@pytest.mark.parametrize(
    ("arguments", "fr", "en"),
    [
        (("inbox", "smtp://localhost"), "Non lu : l'URL", "Not read: the URL"),
        (("outbox", "show", "x", "--outbox", "o.db"), "Ce message n'est pas", "There is no such mail"),
        (("outbox", "stats", "--outbox", "/"), "✗ La demande n'est pas", "✗ This cannot be done"),
        (("send", "--via", "smtp:/x", *LETTER), "Non envoyé : l'URL", "Not sent: the URL"),
        (("send", "--queue", "--outbox", "o.db", "--via", "smtp:/x", *LETTER), "Non mis dans", "Not put into"),
    ],
    ids=["reading", "no such mail", "the outbox", "sending", "queueing"],
)
def test_the_first_sentence_speaks_of_what_was_to_be_done(
    courriel: Run, arguments: tuple[str, ...], fr: str, en: str
) -> None:
    courriel("send", "--queue", "--outbox", "o.db", "--via", "memory:", *LETTER)

    assert fr in courriel(*arguments, "--lang", "fr").err
    assert en in courriel(*arguments, "--lang", "en").err


@pytest.fixture
def tls() -> Iterator[Sandbox]:
    with Sandbox(users=USERS) as opened:
        opened.tls_url  # noqa: B018 - skips the tests where it cannot be
        yield opened


@pytest.mark.slow
@pytest.mark.parametrize("language", ["fr", "en"])
def test_a_warning_of_the_route_is_printed_once_and_translated(process: Run, tls: Sandbox, language: str) -> None:
    url = f"{tls.tls_url.partition('?')[0]}?verify=0"

    ran = process("send", "--via", url, *LETTER, "--lang", language)

    assert ran.status == 0
    first = {"fr": "attention : le certificat de 127.0.0.1 n'est pas vérifié (verify=0)",
             "en": "warning: the certificate of 127.0.0.1 is not verified (verify=0)"}  # fmt: skip
    (line,) = ran.err.splitlines()
    assert line.startswith(first[language])


@pytest.mark.slow
def test_a_warning_while_reading_is_said_once(process: Run, sandbox: Sandbox) -> None:
    ran = process("inbox", "imaps://ada@127.0.0.1:9?password=env:PW&verify=0", "--lang", "fr", PW="x")

    warned = [line for line in ran.err.splitlines() if "verify=0" in line]
    assert len(warned) == 1
    assert warned[0].startswith("attention : ")


def test_a_warning_that_comes_again_is_said_once_and_none_after_the_end() -> None:
    said: list[str] = []
    logger = logging.getLogger("courriel.delivery")
    logs.show_warnings(said.append)
    try:
        for _ in range(2):
            logger.warning("port %d normally speaks %s, not mail to be sent", 80, "web pages")
        logger.info("nothing to say aloud")
    finally:
        logs.hide_warnings()
    logger.warning("nobody hears this")

    assert said == ["warning: port 80 normally speaks web pages, not mail to be sent"]


@pytest.mark.slow
def test_a_paused_lane_is_reported_in_french(process: Run, closed_port: int) -> None:
    process("send", "--queue", "--outbox", "o.db", "--via", f"smtp://127.0.0.1:{closed_port}", *LETTER)

    ran = process("worker", "--once", "--outbox", "o.db", "--lang", "fr")

    assert f"attention : La voie smtp://127.0.0.1:{closed_port} est en pause pendant " in ran.err
    assert ran.out == "0 accepté, 0 échec ; 1 en attente, 0 retenu\n"


@pytest.mark.slow
def test_settings_are_shown_in_french(process: Run) -> None:
    ran = process("config", "show", "--lang", "fr", COURRIEL_URL="smtps://ada@smtp.example.org:587?verify=0")

    assert "attention  le port 587 parle d'ordinaire STARTTLS ; vous avez demandé TLS dès le premier octet" in ran.out
    assert not ENGLISH.search(re.sub(r"\S+://\S+", "", ran.out))


def test_the_words_of_help_are_in_the_field_s_terms() -> None:
    texts = [
        each.words.en for command in (send.command, inbox.command) for each in command.params if hasattr(each, "words")
    ]

    assert "Message priority." in texts
    assert "Reply-To address." in texts
    assert "Seconds to wait for a silent server." in texts
