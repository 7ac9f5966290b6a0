"""The page on a newsletter: its program is killed while it stores, its worker while it sends; nobody goes without."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from courriel import Outbox, Sandbox, State
from servers.daemon import wait_until

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ["newsletter.md", "newsletter.fr.md"]
READERS = 900  # the page speaks of 20,000: as much again costs minutes, and shows nothing else
IN_DOUBT = 69  # how a worker ends that has sent mails a second time
LONG = 60.0  # seconds that nothing here takes
COURRIEL = [sys.executable, "-m", "courriel"]


@pytest.fixture
def folder(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a newsletter as the page says it."""
    monkeypatch.chdir(tmp_path)
    text = (DOCS / request.getfixturevalue("page")).read_text("utf-8")
    (program,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (html,) = re.findall(r"```html\n(.*?)```", text, re.DOTALL)
    letters = tmp_path / "letters"
    letters.mkdir()
    (letters / "december.html").write_text(html, "utf-8")
    (letters / "december.txt").write_text("Hello {{ name }}, unsubscribe: {{ link }}\n", "utf-8")
    (tmp_path / "newsletter.py").write_text(program, "utf-8")
    rows = "".join(f"reader{number}@example.org,Reader {number},Lyon\n" for number in range(READERS))
    (tmp_path / "readers.csv").write_text(f"address,name,town\n{rows}", "utf-8")
    with (tmp_path / "unsubscribe.key").open("wb") as key:
        subprocess.run([*COURRIEL, "unsubscribe", "new-key"], stdout=key, check=True, timeout=LONG)
    return tmp_path


@contextmanager
def killed(*command: str) -> Iterator[None]:
    """A process that runs for as long as the block lasts, and is killed then."""
    with subprocess.Popen(command) as process:
        try:
            yield
        finally:
            assert process.poll() is None, "it came to its end before it could be killed"
            process.kill()


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("page", PAGES)
def test_each_reader_has_the_newsletter_whichever_process_is_killed(
    page: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = [sys.executable, "newsletter.py"]
    with Sandbox(keep=2 * READERS) as sandbox, Outbox("news.db", elsewhere=True) as outbox:
        monkeypatch.setenv("COURRIEL_URL", sandbox.url)

        with killed(*program):
            assert wait_until(lambda: sum(count.mails for count in outbox.stats()) > 0, LONG)
        stored = sum(count.mails for count in outbox.stats())
        again = subprocess.run(program, check=True, capture_output=True, text=True, timeout=LONG)
        with killed(*COURRIEL, "worker", "--outbox", "news.db"):
            sandbox.wait_for(to=f"reader{READERS // 3}@example.org", timeout=LONG)
        last = subprocess.run(
            [*COURRIEL, "worker", "--outbox", "news.db", "--once"], capture_output=True, check=False, timeout=LONG
        )

        assert last.returncode in (0, IN_DOUBT)
        assert 0 < stored < READERS
        assert [int(number) for number in re.findall(r"\d+", again.stdout)] == [READERS, stored]
        arrived = Counter(letter.recipients for letter in sandbox.letters)
        doubtful = {tuple(mail.recipients) for mail in outbox.list(unsure=True)}
        states = {count.state: count.mails for count in outbox.stats() if count.mails}
    assert len(arrived) == READERS
    assert states == {State.SENT: READERS}
    assert {reader for reader, copies in arrived.items() if copies > 1} <= doubtful


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES[:1])
def test_a_mail_has_its_own_words_and_its_own_link(page: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "readers.csv").write_text("address,name,town\nbob@example.org,Bob,\nzoe@example.org,Zoé,Lyon\n", "utf-8")
    with Sandbox() as sandbox:
        monkeypatch.setenv("COURRIEL_URL", sandbox.url)

        subprocess.run([sys.executable, "newsletter.py"], check=True, timeout=LONG)
        subprocess.run([*COURRIEL, "worker", "--outbox", "news.db", "--once"], check=True, timeout=LONG)

        bob, zoe = sorted(sandbox.letters, key=lambda letter: letter.recipients)
    assert ("Lyon" in bob.html, "Lyon" in zoe.html) == (False, True)
    assert zoe.subject.startswith("Zoé, ")
    links = {each.header("List-Unsubscribe").strip("<>") for each in (bob, zoe)}
    assert len(links) == 2
    assert bob.header("List-Unsubscribe").strip("<>") in bob.text
    assert {each.header("List-Unsubscribe-Post") for each in (bob, zoe)} == {"List-Unsubscribe=One-Click"}
