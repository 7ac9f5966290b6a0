"""`courriel sandbox` and `courriel demo`, as processes."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from pathlib import Path

import pytest

import courriel as library
from cli.conftest import Ran

Run = Callable[..., Ran]


@contextmanager
def practising(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A practice server process, ended with the block."""
    command = [sys.executable, "-W", "error", "-m", "courriel", "sandbox", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        try:
            yield server
        finally:
            if server.poll() is None:
                server.kill()


def introduction(server: subprocess.Popen[str]) -> list[str]:
    """The lines that it prints before the first mail."""
    assert server.stdout is not None
    said: list[str] = []
    while not said or "Ctrl-C" not in said[-1]:
        said.append(server.stdout.readline())
    return said


def heard(server: subprocess.Popen[str]) -> dict[str, object]:
    assert server.stdout is not None
    said: dict[str, object] = json.loads(server.stdout.readline())
    return said


@pytest.mark.slow
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_the_practice_server_tells_of_each_mail_and_ends_when_asked(tmp_path: Path, ending: signal.Signals) -> None:
    with practising("--port", "0", "--folder", str(tmp_path / "mails"), "--user", "ada:secret", "--json") as server:
        opened = heard(server)
        library.send(
            sender="ada@example.org", to="bob@example.org", subject="L'été", text="x", via=str(opened["starttls_url"])
        )
        came = heard(server)
        server.send_signal(ending)
        out, err = server.communicate(timeout=20)

    assert (came["from"], came["to"], came["subject"]) == ("ada@example.org", ["bob@example.org"], "L'été")
    assert Path(str(came["path"])).parent == tmp_path / "mails"
    assert b"Subject:" in Path(str(came["path"])).read_bytes()
    assert came["tls"]
    assert (server.returncode, out, err) == (0, "", "")


@pytest.mark.slow
def test_the_practice_server_prints_urls_to_paste_in_the_language_spoken() -> None:
    with practising("--port", "0", "--no-web", "--lang", "fr") as server:
        assert server.stdout is not None
        said = introduction(server)
        url = said[1].split()[-1]
        library.send(sender="ada@example.org", to="bob@example.org", subject="Été", text="x", via=url)
        line = server.stdout.readline()
        with library.mailbox(said[4].split()[2]) as box:
            read = next(iter(box)).subject
        with library.mailbox(said[5].split()[0]) as folders:
            read_by_imap = [letter.subject for letter in folders.search()]
        server.send_signal(signal.SIGINT)
        _, err = server.communicate(timeout=20)

    assert said[0].startswith("Serveur d'entraînement ouvert")
    assert url.startswith("smtp://127.0.0.1:")
    assert said[2].split()[-1].startswith("smtp+starttls://")
    assert "?ca=" in said[3]
    assert said[4].split()[2].startswith("pop://bob%40example.org:secret@127.0.0.1:")
    assert said[5].split()[0].startswith("imap://bob%40example.org:secret@127.0.0.1:")
    assert [read] == read_by_imap == ["Été"]
    assert "de ada@example.org  à bob@example.org  « Été »" in line
    assert line.endswith(".eml\n")
    assert err == "Fermé.\n"


@pytest.mark.slow
def test_each_mail_has_its_page_and_the_sender_is_told() -> None:
    with practising("--smtp-port", "0", "--web-port", "0", "--lang", "en") as server:
        said = introduction(server)
        url = said[1].split()[-1]
        receipt = library.send(sender="ada@example.org", to="bob@example.org", subject="Hello", text="x", via=url)
        assert server.stdout is not None
        line = server.stdout.readline()
        with urllib.request.urlopen(receipt.preview_url, timeout=20) as page:
            shown = page.read().decode()
        server.send_signal(signal.SIGINT)
        _, err = server.communicate(timeout=20)

    page_line = next(each for each in said if each.startswith("The page: "))
    assert receipt.preview_url == page_line.split()[-1] + "m/1"
    assert line.rstrip().endswith(f"→ {receipt.preview_url}")
    assert "<h1>Hello</h1>" in shown
    frameworks = ("Django", "Flask", "Node", "PHP", "Rails", "WINDEV")
    assert [each.split()[0] for each in said if each.split()[0] in frameworks] == list(frameworks)
    assert err == "Closed.\n"


@pytest.mark.slow
def test_with_once_it_ends_after_one_mail_that_is_kept_for_the_next_time(tmp_path: Path) -> None:
    for number in (1, 2):
        with practising("--port", "0", "--no-web", "--once", "--json", "--data", str(tmp_path / "kept")) as server:
            library.send(sender="a@b.c", to="d@e.f", subject="x", text="x", via=str(heard(server)["url"]))
            came = heard(server)
            _ = server.communicate(timeout=20)

        assert (came["number"], server.returncode) == (number, 0)


@pytest.mark.slow
@pytest.mark.parametrize(("words", "asked"), [(("--allow-host", "mail"), 401), (("--no-password",), 200)])
def test_beyond_loopback_the_page_has_a_password_unless_it_is_declined(words: tuple[str, ...], asked: int) -> None:
    with practising("--host", "0.0.0.0", "--port", "0", "--web-port", "0", "--json", *words) as server:
        opened = heard(server)
        request = urllib.request.Request(str(opened["web_url"]).replace("0.0.0.0", "127.0.0.1"))
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                status = answer.status
        except urllib.error.HTTPError as refused:
            status = refused.code
            refused.close()
        server.send_signal(signal.SIGINT)
        _ = server.communicate(timeout=20)

    assert (status, bool(opened["password"])) == (asked, asked == 401)


@pytest.mark.slow
def test_a_relay_sends_one_mail_for_good_when_somebody_asks_in_the_page() -> None:
    options = ("--port", "0", "--web-port", "0", "--json")
    with library.Sandbox() as outside, practising(*options, "--relay", outside.url) as server:
        opened = heard(server)
        library.send(sender="a@example.org", to="b@example.org", subject="x", text="x", via=str(opened["url"]))
        heard(server)
        asked = urllib.request.Request(f"{opened['web_url']}m/1/pass-on", data=b"to=real%40example.org")
        with urllib.request.urlopen(asked, timeout=20) as answer:
            said = answer.read()
        gone = [(letter.sender, letter.recipients) for letter in outside.letters]
        server.send_signal(signal.SIGINT)
        _ = server.communicate(timeout=20)

    assert said.startswith(b"250")
    assert gone == [("a@example.org", ("real@example.org",))]


@pytest.mark.parametrize("given", ["0", "many", "5T", "-1", "²"])
def test_what_is_kept_is_a_number_or_a_size(courriel: Run, given: str) -> None:
    ran = courriel("sandbox", f"--keep={given}")

    assert ran.status == 64
    assert "--keep" in ran.err


@pytest.mark.slow
def test_only_those_named_may_log_in() -> None:
    with practising("--port", "0", "--user", "ada:secret", "--json") as server:
        url = str(heard(server)["url"])

        with pytest.raises(library.errors.AuthenticationRefused):
            library.send(sender="a@example.org", to="b@example.org", text="x", via=url.replace("//", "//ada:wrong@", 1))


def test_a_port_that_is_taken_is_said_in_a_sentence(courriel: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])

        english = courriel("sandbox", "--port", port)
        french = courriel("sandbox", "--port", port, "--lang", "fr")

    assert english.status == french.status == 69
    assert f"port {port} is taken already" in english.err
    assert f"le port {port} est déjà pris" in french.err
    assert "--smtp-port 0" in french.err
    assert english.out == ""


@pytest.mark.slow
def test_a_folder_of_its_own_is_left_only_with_something_in_it(tmp_path: Path) -> None:
    with practising("--port", "0", "--no-web", "--json") as server:
        folder = Path(str(heard(server)["folder"]))
        there = folder.is_dir()
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=20)

    assert there
    assert folder.parent == tmp_path
    assert not folder.exists()


def test_a_folder_that_is_a_file_is_said_in_a_sentence(courriel: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    ran = courriel("sandbox", "--port", "0", "--folder", str(tmp_path / "file"))

    assert ran.status == 74
    assert str(tmp_path / "file") in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.slow
def test_listening_beyond_loopback_gives_a_warning() -> None:
    with practising("--host", "0.0.0.0", "--port", "0") as server:
        assert server.stderr is not None

        assert server.stderr.readline().startswith("warning: 0.0.0.0 is not this machine alone")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("locale", "expected"),
    [
        ("fr_FR.UTF-8", ["emailOptionSécuriséTLS", "Tout s'est passé comme annoncé.", "À faire : ", "Cause : "]),
        ("en_GB.UTF-8", ["emailOptionSecuredTLS", "All went as announced.", "Fix: ", "Cause: "]),
    ],
)
def test_the_demo_does_what_it_says_and_leaves_the_mails(
    process: Run, tmp_path: Path, locale: str, expected: list[str]
) -> None:
    folder = tmp_path / "mails"

    ran = process("demo", "--folder", str(folder), LANG=locale, COURRIEL_CAPTURE="1")

    assert (ran.status, ran.err) == (0, ""), ran
    for words in (*expected, str(folder), "535 5.7.8", "550 5.1.1", "TLSv1."):
        assert words in ran.out
    assert 80 <= len(ran.out.splitlines()) <= 300
    page = re.match(
        r"(?:The practice server's page|La page du serveur d'entraînement)\s?: (http://127\.0\.0\.1:\d+/)\n", ran.out
    )
    assert page is not None, ran.out[:200]
    assert [f"{page[1]}m/{number}" in ran.out for number in range(1, 7)] == [True] * 6
    assert (
        max(len(line) for line in ran.out.splitlines() if str(tmp_path) not in line and "outbox.db" not in line) <= 120
    )
    assert "Traceback" not in ran.out
    mails = [message_from_bytes(path.read_bytes(), policy=policy.default) for path in sorted(folder.glob("*.eml"))]
    assert len(mails) == 9
    assert all("é" in mail["Subject"] for mail in mails[:-1])
    assert mails[-1].get_content_type() == "multipart/report"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="a terminal of POSIX")
def test_the_page_of_the_demo_stays_open_on_a_terminal(tmp_path: Path) -> None:
    import pty

    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "courriel", "demo", "--folder", str(tmp_path), "--lang", "en"],
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
    ) as running:  # fmt: skip
        os.close(theirs)
        with os.fdopen(ours, encoding="utf-8", errors="replace") as heard:
            shown = ""
            for line in heard:
                shown += line
                if "Ctrl-C to close" in line:
                    break
            page = re.search(r"to be seen: (http://\S+/m/6)", shown)
            assert page is not None, shown
            with urllib.request.urlopen(page[1], timeout=20) as answer:
                assert "Café invoice" in answer.read().decode()
            running.send_signal(signal.SIGINT)
            assert running.wait(20) == 0


@pytest.mark.slow
def test_the_lines_of_the_demo_are_the_lines_that_ran(courriel: Run, tmp_path: Path) -> None:
    ran = courriel("demo", "--folder", str(tmp_path), "--json", "--lang", "fr")

    *scenes, verdict = ran.objects
    assert verdict == {"ok": True, "folder": str(tmp_path), "sysexit": 0}
    assert [each["ok"] for each in scenes] == [True] * 11
    assert [len(each["letters"]) for each in scenes] == [1, 1, 1, 1, 1, 1, 0, 0, 0, 1, 2]
    assert "$" not in "".join(each["code"] for each in scenes)


@pytest.mark.slow
def test_a_scene_that_fails_is_said_and_the_demo_ends_with_70(
    courriel: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from courriel.demo import stage
    from courriel.demo.scene import Both, Scene, one_letter

    breaks = Scene(Both("a", "a"), Both("1 / 0", "1 / 0"), one_letter(tls=False))
    sends_nothing = Scene(Both("b", "b"), Both("pass", "pass"), one_letter(tls=False))
    monkeypatch.setattr(stage, "SCENES", (breaks, sends_nothing))

    ran = courriel("demo", "--folder", str(tmp_path))

    assert ran.status == 70
    assert "ZeroDivisionError: division by zero" in ran.out
    assert "something else happened" in ran.out
    assert "Did not do what was announced: 1, 2." in ran.out


@pytest.mark.slow
def test_a_mail_that_would_steer_the_terminal_is_shown_as_it_is(tmp_path: Path) -> None:
    steering = "=?utf-8?q?=1B=5B31mred?="
    raw = f"From: a@example.org\r\nTo: b@example.org\r\nSubject: {steering}\r\n\r\nx\r\n".encode()

    with practising("--port", "0", "--folder", str(tmp_path)) as server:
        assert server.stdout is not None
        said = introduction(server)
        library.send(library.Message.parse(raw), via=said[1].split()[-1])
        line = server.stdout.readline()

    assert "\x1b" not in line
    assert "[31mred" in line
