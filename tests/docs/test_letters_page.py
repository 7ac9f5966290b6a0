"""The pages on letters, and the chapter on reading of the WLangage pages, do what they say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import courriel
from courriel import Message, Sandbox
from courriel.wire.mime.build import content_of
from wlangage.conftest import _fresh_desk  # noqa: F401 - a fixture

ROOT = Path(__file__).parent.parent.parent
MESSAGE = Message(sender="Ada <ada@example.org>", to="bob@example.org", subject="Été", text="Ci-joint.").with_data(
    b"a;b", "chiffres.csv", content_type="text/csv"
)


@pytest.fixture(autouse=True)
def _an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def block(page: str, holding: str) -> str:
    """The block of Python of a page that holds this."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text("utf-8"), re.DOTALL)
    (found,) = [each for each in blocks if holding in each]
    return str(found)


@pytest.mark.parametrize("page", ["docs/letters.md", "docs/letters.fr.md"])
def test_the_page_reads_a_file(page: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mail.eml").write_bytes(bytes(content_of(MESSAGE)))
    (tmp_path / "attachments").mkdir()

    exec(block(page, "mail.eml"), {})

    shown = capsys.readouterr().out
    assert f"Été {MESSAGE.date} Ada <ada@example.org>" in shown
    assert "Ci-joint." in shown
    assert "chiffres.csv text/csv 3" in shown
    assert shown.endswith("()\n")
    assert (tmp_path / "attachments" / "chiffres.csv").read_bytes() == b"a;b"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("page", "folder"), [("docs/wlangage.md", "pieces-jointes"), ("docs/wlangage.en.md", "attachments")]
)
def test_the_chapter_goes_through_a_mailbox(
    page: str, folder: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / folder).mkdir()
    with Sandbox() as sandbox:
        for _ in range(2):
            courriel.send(MESSAGE, via=sandbox.url)
        # The practice server speaks POP3, in clear.
        program = block(page, "imap.example.org").replace("IMAP", "POP3", 1).replace("imap.example.org", "127.0.0.1")
        program = re.sub(r"993, [oO]ptionSSL", str(sandbox.pop_port), program)
        exec(program, {"secret": "secret"})

    assert capsys.readouterr().out.splitlines() == [f"{MESSAGE.date} Ada Été 1"] * 2
    assert sorted(each.name for each in (tmp_path / folder).iterdir()) == ["chiffres (2).csv", "chiffres.csv"]


@pytest.mark.parametrize("page", ["docs/letters.md", "docs/letters.fr.md"])
def test_the_page_reads_a_large_file_in_blocks(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    exec(block(page, "file.open()"), {})

    assert capsys.readouterr().out == "b'a;b\\n'\nb'c;d\\n'\n"
