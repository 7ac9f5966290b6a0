"""The pages on messages do what they say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("docs/messages.md", ["Re: Lunch? ('<1@example.org>',)", "Yes.", "", "Bob wrote:", "> At one?"]),
        ("docs/messages.fr.md", ["Re: Midi ? ('<1@example.org>',)", "Oui.", "", "Bob a écrit :", "> A une heure ?"]),
    ],
)
def test_the_page_makes_shows_and_answers_messages(
    page: str, said: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    first, second, files, third = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text("utf-8"), re.DOTALL)

    exec(first, {})
    assert ".pdf" in capsys.readouterr().out
    exec(second, {})
    assert capsys.readouterr().out == "True\n.html\n"
    exec(files, {})
    assert capsys.readouterr().out == "[('logo.png', True)] True True\n"
    exec(third, {})
    assert capsys.readouterr().out.rstrip().split("\n") == said


@pytest.mark.slow
@pytest.mark.parametrize(("page", "place"), [("docs/calendar.md", "Room 5"), ("docs/calendar.fr.md", "Salle 5")])
def test_the_page_invites_changes_and_cancels(
    page: str, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for code in re.findall(r"```python\n(.*?)```", (ROOT / page).read_text("utf-8"), re.DOTALL):
        exec(code, names)

    assert capsys.readouterr().out == f"[0, 1, 2] True\n{place}\nTrue bob@example.org ACCEPTED\n"
