"""The pages about transports: their samples run as written, and a transport of one's own is as short as they say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from courriel.delivery.local import letters
from courriel.delivery.transport import check_transport
from courriel.delivery.urls import schemes

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ["transports.md", "transports.fr.md"]


def samples(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs the samples of a page one after the other, and gives what they have defined."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COURRIEL_CAPTURE", raising=False)
    letters.clear()

    def run(page: str) -> dict[str, Any]:
        names: dict[str, Any] = {"folder": tmp_path / "kept"}
        for sample in samples(page):
            exec(compile(sample, page, "exec"), names)
        return names

    return run


@pytest.mark.parametrize("page", PAGES)
def test_every_sample_runs_and_sends(page: str, run: Any, tmp_path: Path) -> None:
    names = run(page)

    assert names["receipt"].complete
    assert len(list((tmp_path / "kept" / "new").iterdir())) == 1
    assert len(letters) == 2, "by send, and by the outbox"
    assert check_transport(names["transport"]).name == "logged memory:"


def test_a_transport_of_ones_own_takes_thirty_lines() -> None:
    (wrapper,) = (sample for sample in samples("transports.md") if "class LoggedTransport:" in sample)

    lines = [line for line in wrapper[wrapper.index("class") :].splitlines() if line.strip()]
    assert len(lines) <= 30


def test_both_languages_show_the_same_samples() -> None:
    english, french = (re.findall(r"```\w+\n.*?```", (DOCS / page).read_text("utf-8"), re.DOTALL) for page in PAGES)

    assert english == french


@pytest.mark.parametrize("page", PAGES)
def test_every_kind_of_setting_is_named(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")

    for scheme in ("smtps", "smtp+starttls", "smtp", "lmtp", *schemes.KEPT, *schemes.FOLDERS, schemes.PROGRAM):
        assert f"`{scheme}:" in text, scheme
    for name in ("name", "answer_limit", "parallel", "submit", "submit_many", "hang_up", "close"):
        assert re.search(rf"\| `{name}[`(]", text), name
