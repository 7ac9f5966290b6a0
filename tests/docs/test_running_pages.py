"""The short pages on what runs by itself (cron, several machines, settings, logs, tests): their samples run."""

from __future__ import annotations

import logging
import os
import re
import shlex
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from courriel import Outbox, Sandbox, State
from servers.daemon import wait_until
from servers.fixtures import postgres, postgres_server
from servers.postgres import Postgres

__all__ = ["postgres", "postgres_server"]

DOCS = Path(__file__).parents[2] / "docs"
BOTH = ["{}.md", "{}.fr.md"]
COURRIEL = [sys.executable, "-m", "courriel"]
LONG = 60.0  # seconds that nothing here takes


def blocks(page: str, language: str = "python") -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (DOCS / page).read_text("utf-8"), re.DOTALL)


@pytest.fixture(autouse=True)
def a_user_without_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [each for each in os.environ if each.startswith(("COURRIEL_", "XDG_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("COURRIEL_DROP", "0")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:/usr/bin:/bin")


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    with Sandbox() as running:
        monkeypatch.setenv("COURRIEL_URL", f"{running.url}&from=shop@example.org")
        yield running


# Cron.


@pytest.mark.slow
@pytest.mark.parametrize("page", BOTH)
def test_the_scripts_of_cron_send_their_mail(page: str, sandbox: Sandbox) -> None:
    nightly, orders = (block for block in blocks(page.format("cron"), "sh") if block.startswith("#!"))
    (crontab,) = blocks(page.format("cron"), "text")

    subprocess.run(["/bin/sh", "-c", nightly], check=True, timeout=LONG)
    (worker,) = re.findall(r"courriel (worker.*)", crontab)
    ran = subprocess.run(
        ["/bin/sh", "-c", f"{shlex.join(COURRIEL)} {worker}"], check=True, timeout=LONG, capture_output=True, text=True
    )
    said = subprocess.run(["/bin/sh", "-c", orders], check=True, timeout=LONG, capture_output=True, text=True)

    report, sent = sandbox.letters
    assert os.uname().nodename in report.subject
    assert "%" in report.text
    assert [file.name for file in sent.attachments] == ["orders.csv"]
    assert "explain" not in said.stdout
    assert not ran.stdout + ran.stderr, "nothing that cron would mail"


@pytest.mark.slow
@pytest.mark.parametrize("page", BOTH)
def test_a_script_of_cron_hears_what_became_of_its_mail(page: str, sandbox: Sandbox) -> None:
    orders = blocks(page.format("cron"), "sh")[-1]
    sandbox.answer("recipient", "451 4.7.1 come back in a minute", times=1)

    later, never = (
        subprocess.run(["/bin/sh", "-c", script], check=True, timeout=LONG, capture_output=True, text=True).stdout
        for script in (orders, orders.replace("ada@example.org", "refuse-550@example.org"))
    )

    told = re.findall(r'echo "(.*)"', orders)
    assert (later.splitlines()[-1], never.splitlines()[-1]) == tuple(told)


# Several machines.


@pytest.mark.acceptance
@pytest.mark.parametrize("page", BOTH)
def test_one_machine_puts_and_another_sends(
    page: str, sandbox: Sandbox, postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (code,), (toml,) = blocks(page.format("several-machines")), blocks(page.format("several-machines"), "toml")
    monkeypatch.delenv("COURRIEL_URL")
    monkeypatch.setenv("COURRIEL_OUTBOX", postgres.url(postgres.new_database()))
    settings = tmp_path / "machine.toml"
    settings.write_text(re.sub(r'url = "[^?]*\?(.*)"\npassword.*', rf'url = "{sandbox.url}&\1"', toml), "utf-8")
    settings.chmod(0o600)

    exec(code, {})
    exec(code, {})  # the same order again is the same mail
    with Outbox(elsewhere=True) as outbox, subprocess.Popen([*COURRIEL, "--config", str(settings), "worker"]) as other:
        try:
            assert wait_until(lambda: outbox.get(key="order-42").status is State.SENT, LONG)
        finally:
            other.terminate()

    assert len(sandbox.letters) == 1
    assert "rate=300/m" in settings.read_text("utf-8")


# Settings and secrets.


@pytest.mark.slow
@pytest.mark.parametrize("page", BOTH)
def test_each_place_of_a_password_is_read_and_shown_nowhere(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (code,) = blocks(page.format("secrets"))
    file = tmp_path / "smtp"
    file.write_text("s3cret\n", "utf-8")
    file.chmod(stat.S_IRUSR | stat.S_IWUSR)
    monkeypatch.setenv("MAIL_PASSWORD", "s3cret")
    with Sandbox(users={"shop": "s3cret"}, require_login=True) as sandbox:
        url = sandbox.url.replace("://", "://shop@") + "&from=shop@example.org&password="
        for reference in (f"file:{file}", "env:MAIL_PASSWORD", "cmd:cat%20smtp"):
            monkeypatch.setenv("COURRIEL_URL", url + reference)

            exec(code, {})
            shown = subprocess.run([*COURRIEL, "config", "show"], check=True, timeout=LONG, capture_output=True)

            assert b"COURRIEL_URL" in shown.stdout
            assert b"s3cret" not in shown.stdout + shown.stderr
        (tmp_path / "url").write_text(url + f"file:{file}", "utf-8")
        monkeypatch.delenv("COURRIEL_URL")
        monkeypatch.setenv("COURRIEL_URL_FILE", str(tmp_path / "url"))

        exec(code, {})

        assert len(sandbox.letters) == 4
    assert capsys.readouterr().out == "('bob@example.org',)\n" * 4


@pytest.mark.slow
@pytest.mark.parametrize("page", BOTH)
def test_the_file_of_a_project_without_a_secret_is_believed(page: str, tmp_path: Path) -> None:
    (toml,) = blocks(page.format("secrets"), "toml")
    settings = tmp_path / "courriel.toml"
    settings.write_text(toml, "utf-8")
    settings.chmod(0o644)

    shown = subprocess.run([*COURRIEL, "config", "show"], check=True, timeout=LONG, capture_output=True, text=True)

    assert "shop@smtp.example.org" in shown.stdout
    assert "keyring" in shown.stdout


# Logs, transcripts, figures.


@pytest.fixture
def log_of_courriel() -> Iterator[None]:
    log = logging.getLogger("courriel")
    handlers, level = [*log.handlers], log.level
    yield
    log.handlers[:] = handlers
    log.setLevel(level)


@pytest.mark.slow
@pytest.mark.usefixtures("log_of_courriel")
@pytest.mark.parametrize("page", BOTH)
def test_logs_transcripts_and_figures_say_what_they_ought_to(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    log, transcript = blocks(page.format("observing"))

    exec(log, {})
    logged = capsys.readouterr()
    exec(transcript, {})
    said = capsys.readouterr()

    assert re.search(r'"says": "Ticket sent", "action": "ticket_sent", "ticket": "\w{32}"', logged.err)
    assert "example.org" not in logged.err
    assert logged.out.splitlines() == re.findall(r"print\(.*\)  # (.*)", log)
    assert "550 5.1.1 no such user" in said.out.splitlines()[0]
    assert "C: RCPT TO:<eve@example.org>" in said.out


# Tests.


@pytest.mark.slow
@pytest.mark.parametrize("page", BOTH)
def test_the_tests_of_the_page_pass(page: str, tmp_path: Path) -> None:
    program, tests = blocks(page.format("mail-tests"))
    (output,) = blocks(page.format("mail-tests"), "console")
    (tmp_path / "shop.py").write_text(program, "utf-8")
    (tmp_path / "test_shop.py").write_text(tests, "utf-8")

    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        capture_output=True,
        text=True,
        check=False,
        timeout=LONG,
    )

    assert ran.returncode == 0, ran.stdout
    assert ran.stdout.startswith(output.splitlines()[1].split()[0])


@pytest.mark.slow
@pytest.mark.parametrize("page", BOTH)
def test_the_tests_of_the_page_find_a_program_that_says_sent_whatever_happens(page: str, tmp_path: Path) -> None:
    program, tests = blocks(page.format("mail-tests"))
    sent = re.findall(r'    return "(.*)"\n$', program)[0]
    wrong = re.sub(r"        if error.in_doubt:\n.*\n.*\n", f'        return "{sent}"\n', program)
    assert wrong != program
    (tmp_path / "shop.py").write_text(wrong, "utf-8")
    (tmp_path / "test_shop.py").write_text(tests, "utf-8")

    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        capture_output=True,
        text=True,
        check=False,
        timeout=LONG,
    )

    assert "4 failed, 1 passed" in ran.stdout
