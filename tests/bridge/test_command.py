"""`courriel oauth-bridge` as a process: ports, password, one line for each session, signals, what --install prints."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge.conftest import Client, by_token
from courriel import Sandbox
from courriel.bridge import password as passwords
from courriel.cli.main import main
from servers.daemon import wait_until
from servers.packages import need
from session.stranger import Phone

Connect = Callable[..., Client]


class Process:
    """The running command."""

    def __init__(self, *arguments: str) -> None:
        self.popen = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "courriel", "oauth-bridge", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def line(self) -> str:
        assert self.popen.stdout is not None
        return self.popen.stdout.readline()

    def object(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.line())
        return found

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str, str]:
        self.popen.send_signal(number)
        out, err = self.popen.communicate(timeout=60)
        return self.popen.returncode, out, err


@pytest.fixture
def started(smtp_provider: object) -> Iterator[Callable[..., Process]]:
    """Start the command; it is ended before the provider."""
    running: list[Process] = []

    def start(*arguments: str) -> Process:
        running.append(Process(*arguments))
        return running[-1]

    yield start
    for each in running:
        each.popen.kill()
        each.popen.communicate()


@pytest.fixture
def password() -> str:
    """The bridge's own password, made and stored."""
    return passwords.renew()


def is_closed(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) != 0


@pytest.mark.slow
def test_it_tells_its_ports_and_a_line_for_each_session(
    started: Callable[..., Process], client: Connect, sandbox: Sandbox, password: str
) -> None:
    process = started("--as", f"ada={by_token(sandbox.tls_url)}", "--smtp-port", "0", "--lang", "en")
    head = [process.line() for _ in range(6)]
    port = re.fullmatch(r"  SMTP  127\.0\.0\.1  (\d+)\n", head[1])
    assert port is not None
    sandbox.refuse("bob@example.org", "550 5.1.1 no such user")
    program = client(int(port[1]), user="ada", password=password)
    program.log_in()
    program.ask("MAIL FROM:<ada@example.org>")
    program.ask("RCPT TO:<bob@example.org>")
    program.ask("QUIT")

    told = process.line()
    status, out, err = process.end()

    server = f"127.0.0.1:{sandbox.tls_port}"
    assert head[2] == f"  ada → {server}\n"
    assert head[4] == f"✓ {server} accepts ada\n"
    assert re.fullmatch(
        rf"[\d:]{{8}}  smtp  ada → {server}  mails taken: 0, refusals: 1  [\d.]+ s  550 5\.1\.1 no such user"
        r" \| cause: .+ \| fix: .+ \| [A-Z-]+\n",
        told,
    )
    assert (status, out, err) == (0, "", "Closed.\n")
    assert password not in "".join(head) + told


@pytest.mark.slow
def test_the_line_is_spoken_in_french_too(
    started: Callable[..., Process], client: Connect, sandbox: Sandbox, password: str
) -> None:
    process = started("--as", f"ada={by_token(sandbox.tls_url)}", "--smtp-port", "0", "--lang", "fr")
    head = [process.line() for _ in range(6)]
    sandbox.answer("message", "hang up")
    program = client(int(head[1].split()[-1]), user="ada", password=password)
    program.begin_mail()
    program.ask(b"Subject: x\r\n\r\n.\r\n")

    told = process.line()

    assert head[0] == "Passerelle ouverte, pour les programmes de cette machine :\n"
    assert "le message est peut-être pris : la ligne du programme a été coupée sans réponse | cause : " in told
    assert told.endswith(" | UNCERTAIN-RESULT\n")


@pytest.mark.slow
def test_no_password_stands_in_the_list_of_processes_or_in_a_transcript(
    started: Callable[..., Process], client: Connect, sandbox: Sandbox, password: str
) -> None:
    process = started("--json", "--transcript", "--as", f"ada={by_token(sandbox.tls_url)}", "--smtp-port", "0")
    told = process.object()
    program = client(told["smtp_port"], user="ada", password=password)
    program.log_in()
    program.ask("QUIT")
    session = process.object()
    seen = (
        Path(f"/proc/{process.popen.pid}/cmdline").read_text() + Path(f"/proc/{process.popen.pid}/environ").read_text()
    )
    _, out, err = process.end()

    assert session["event"] == "session"
    for text in (seen, out, err):
        assert password not in text


@pytest.mark.slow
def test_a_stop_in_the_middle_of_a_mail_delivers_it_to_nobody(
    started: Callable[..., Process], client: Connect, sandbox: Sandbox, password: str
) -> None:
    process = started("--json", "--as", f"ada={by_token(sandbox.tls_url)}", "--smtp-port", "0")
    program = client(process.object()["smtp_port"], user="ada", password=password)
    program.begin_mail()
    program.say(b"Subject: half\r\n\r\nhalf a mail\r\n")

    status, _, _ = process.end()

    assert status == 0
    assert program.reply() == b""
    assert sandbox.letters == []


@pytest.mark.slow
def test_a_stop_behind_the_dot_waits_for_the_providers_answer(
    started: Callable[..., Process], client: Connect, smtp_provider: Callable[..., str], password: str
) -> None:
    at_the_dot, stopped = threading.Event(), threading.Event()

    def act(phone: Phone) -> None:
        for answer in ("250 ok", "250 ok", "354 go"):
            phone.receive()
            phone.say(answer)
        phone.receive_content()
        at_the_dot.set()
        stopped.wait(20)
        phone.say("250 2.0.0 taken after all")
        phone.expect_nothing_more()

    process = started("--json", "--as", f"ada={smtp_provider(act)}0", "--smtp-port", "0")
    port = process.object()["smtp_port"]
    program = client(port, user="ada", password=password)
    program.begin_mail()
    program.say(b"Subject: x\r\n\r\n.\r\n")
    assert at_the_dot.wait(20)
    process.popen.send_signal(signal.SIGTERM)
    assert wait_until(lambda: is_closed(port), 20)
    stopped.set()

    assert program.reply() == b"250 2.0.0 taken after all\r\n"
    assert program.reply() == b""
    out, _ = process.popen.communicate(timeout=60)
    assert process.popen.returncode == 0
    # The looks at whether the port is closed may have been sessions too.
    assert [json.loads(line)["taken"] for line in out.splitlines() if json.loads(line)["user"]] == [1]


def test_without_a_password_it_says_how_to_make_one(sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["oauth-bridge", "--lang", "en", "--as", f"ada={by_token(sandbox.tls_url)}"]) != 0

    assert "courriel oauth-bridge --new-password shows one, once" in capsys.readouterr().err
    assert passwords.stored() == ""


def test_a_new_password_is_the_only_line_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    made = []
    for _ in range(2):
        assert main(["oauth-bridge", "--new-password"]) == 0
        (line,) = capsys.readouterr().out.splitlines()
        made.append(line)

    assert re.fullmatch("[a-z2-9]{24}", made[1])
    assert made[0] != made[1] == passwords.stored()
    assert passwords.path().stat().st_mode & 0o777 == 0o600
    assert passwords.path().parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.slow
def test_on_a_terminal_the_first_password_is_shown_once(sandbox: Sandbox) -> None:
    shown = []
    for _ in range(2):
        master, slave = pty.openpty()
        arguments = ["-m", "courriel", "oauth-bridge", "--smtp-port", "0", "--as", f"ada={by_token(sandbox.tls_url)}"]
        process = subprocess.Popen([sys.executable, *arguments], stdout=slave, stderr=slave, stdin=subprocess.DEVNULL)
        os.close(slave)
        text = b""
        while b"Ctrl-C" not in text:
            text += os.read(master, 4096)
        process.terminate()
        assert process.wait(60) == 0
        os.close(master)
        shown.append(passwords.stored().encode() in text)

    assert shown == [True, False]


@pytest.mark.parametrize("mode", [0o640, 0o604])
def test_a_password_that_others_may_read_is_refused(
    password: str, mode: int, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    passwords.path().chmod(mode)

    assert main(["oauth-bridge", "--lang", "en", "--as", f"ada={by_token(sandbox.tls_url)}"]) != 0

    err = capsys.readouterr().err
    assert "chmod 600" in err
    assert password not in err


@pytest.mark.parametrize("content", ["", "{", "[]", '{"kept": "file"}', '{"kept": "file", "password": "short"}'])
def test_a_damaged_password_is_said_without_quoting_it(content: str, capsys: pytest.CaptureFixture[str]) -> None:
    passwords.renew()
    passwords.path().write_text(content)

    assert main(["oauth-bridge", "--lang", "en", "--as", "ada=smtps://ada@h?auth=xoauth2&password=env:X"]) != 0
    assert "the password of the bridge cannot be read: the file is damaged" in capsys.readouterr().err


WRONG = {
    "ada": "--as is written NAME=URL",
    "=smtps://h": "--as is written NAME=URL",
    "ada=smtp://ada@localhost?auth=xoauth2&password=env:X&tls=none": "over verified TLS only",
    "ada=smtps://ada@mx.example.org?auth=xoauth2&password=env:X&verify=0": "over verified TLS only",
    "ada=smtps://ada@mx.example.org?password=env:X": "the bridge logs in by OAuth",
    "ada=smtps://ada:token@mx.example.org?auth=xoauth2": "everybody who lists processes",
    "ada=maildir:///tmp/x": "leads to SMTP, POP3 or IMAP",
}


@pytest.mark.parametrize("given", WRONG)
def test_an_account_that_is_not_one_of_oauth_is_refused(
    given: str, password: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("X", "secret")

    assert main(["oauth-bridge", "--lang", "en", "--as", given]) != 0
    assert WRONG[given] in capsys.readouterr().err


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org", ""])
def test_it_listens_on_this_machine_only(
    host: str, password: str, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["oauth-bridge", "--lang", "en", "--host", host, "--as", f"ada={by_token(sandbox.tls_url)}"]) != 0
    assert "the bridge listens on this machine only" in capsys.readouterr().err


def test_a_port_that_is_taken_is_said_in_a_sentence(
    password: str, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    port = str(sandbox.port)

    assert main(["oauth-bridge", "--lang", "en", "--smtp-port", port, "--as", f"ada={by_token(sandbox.tls_url)}"]) == 69
    assert f"127.0.0.1:{port} is taken; --smtp-port" in capsys.readouterr().err


def test_without_any_account_it_says_how_to_make_one(password: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["oauth-bridge", "--lang", "en"]) != 0
    assert "the bridge has no account: courriel login makes one" in capsys.readouterr().err


def test_the_unit_for_systemd_is_a_good_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    need("/usr/bin/systemd-analyze")
    url = "smtp+starttls://ada%40firm.example@smtp.office365.com?auth=xoauth2&password=login:ada@firm.example"
    assert main(["oauth-bridge", "--install", "systemd", "--as", f"a b={url}"]) == 0
    unit = tmp_path / "courriel-bridge.service"
    unit.write_text(capsys.readouterr().out)

    checked = subprocess.run(
        ["/usr/bin/systemd-analyze", "verify", "--user", str(unit)], capture_output=True, text=True, check=False,
        env=os.environ | {"XDG_RUNTIME_DIR": str(tmp_path)},
    )  # fmt: skip

    assert "courriel-bridge" not in checked.stderr
    assert '"--as=a b=smtp+starttls://ada%%40firm.example@smtp' in unit.read_text()


def test_the_task_for_windows_names_the_same_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["oauth-bridge", "--install", "windows", "--lang", "fr", "--smtp-port", "2525"]) == 0

    remark, task, run = capsys.readouterr().out.splitlines()
    assert remark.startswith("rem courriel oauth-bridge --new-password")
    assert task.startswith('schtasks /Create /TN "courriel oauth-bridge" /SC ONLOGON ')
    assert "-m courriel oauth-bridge --smtp-port=2525 " in task
    assert run == 'schtasks /Run /TN "courriel oauth-bridge"'


@pytest.mark.slow
def test_the_accounts_of_the_settings_are_served(
    started: Callable[..., Process], tmp_path: Path, sandbox: Sandbox, password: str
) -> None:
    folder = tmp_path / "config" / "courriel"
    folder.mkdir(parents=True)
    url = by_token(sandbox.tls_url)
    (folder / "courriel.toml").write_text(
        f'[bridge]\n"ada@example.org" = "{url}"\nbob = ["{url}", "{by_token(sandbox.pops_url)}"]\n'
    )

    told = started("--json", "--smtp-port", "0", "--pop3-port", "0").object()

    assert told["users"] == {
        "ada@example.org": [f"127.0.0.1:{sandbox.tls_port}"],
        "bob": [f"127.0.0.1:{sandbox.tls_port}", f"127.0.0.1:{sandbox.pops_port}"],
    }
    assert told["imap_port"] == 0


def test_a_projects_file_cannot_use_a_login(
    sandbox: Sandbox, password: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("courriel.toml").write_text(f'[bridge]\nada = "{by_token(sandbox.tls_url)}"\n')

    assert main(["oauth-bridge", "--lang", "en"]) != 0
    assert "is not taken from a project's file" in capsys.readouterr().err
