"""The README and the page of samples do what they say: each block of Python runs, in both languages, on loopback."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from courriel import failures
from wlangage.conftest import _fresh_desk, reach  # noqa: F401 - fixtures
from wlangage.post_office import Authority, PostOffice

ROOT = Path(__file__).parent.parent.parent
READMES = ["README.md", "README.fr.md"]
TOURS = ["docs/tour.md", "docs/tour.fr.md"]
SPEEDS = ["docs/speed.md", "docs/speed.fr.md"]
PAGES = ["CONTRIBUTING.md", "CONTRIBUTING.fr.md", "SECURITY.md", "SECURITY.fr.md"]
FRENCH_ROWS = {
    "une session": "one-session",
    "fenêtre": "window",
    "composer, texte": "build, text",
    "publipostage": "merge",
    "pièce jointe": "attachment",
    "un par un": "single",
    "smtplib, contexte partagé": "smtplib, shared context",
}
"""What the bench writes down in English, as the French page calls it."""


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reach: Any) -> Iterator[PostOffice]:  # noqa: F811
    """smtp.example.org, as far as this process can tell."""
    authority = Authority(tmp_path, trustme.CA())
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "nothing-here"))
    monkeypatch.setenv("MAIL_PASSWORD", "secret")
    office = PostOffice(context=authority.server("smtp.example.org"), security="tls", users={"ada": "secret"})
    with office.open() as opened:
        reach("smtp.example.org", 465, opened)
        yield opened


@pytest.fixture(autouse=True)
def _a_folder_with_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("figures", "order-42", "commande-42"):
        (tmp_path / f"{name}.pdf").write_bytes(b"%PDF-1.4")
    monkeypatch.chdir(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("page", "mark"),
    [(page, "courriel.send(") for page in READMES]
    + [
        (page, mark)
        for page in TOURS
        for mark in ("SmtpSession(server", "courriel.wlangage", "courriel.send(", "Outbox(")
    ],
)
def test_each_way_to_send_sends(page: str, mark: str, office: PostOffice) -> None:
    exec(block(page, mark), {})

    assert office.letter.recipients == ["bob@example.org"]
    assert office.logins[0].endswith(" ada")


@pytest.mark.parametrize("page", TOURS)
def test_a_refusal_prints_what_the_page_says(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = block(page, "Sandbox()")

    exec(code, {})

    printed = capsys.readouterr().out.splitlines()
    assert printed[:2] == re.findall(r"print\(error.*\)  +# (.*)", code)
    assert printed[2]


@pytest.mark.parametrize("readme", READMES)
def test_the_number_of_known_failures_is_true(readme: str) -> None:
    said = re.search(
        r"\b(\d+) (?:failures that people meet|échecs courants)", (ROOT / readme).read_text(encoding="utf-8")
    )

    assert said is not None
    assert int(said[1]) == len(failures.all()) // 10 * 10, "in tens"


@pytest.mark.parametrize("page", [*READMES, *TOURS, *SPEEDS, *PAGES, "docs/decisions/README.md"])
def test_every_link_leads_somewhere(page: str) -> None:
    source = ROOT / page

    dead = [link for link in re.findall(r"\]\(([^)#:]+)\)", source.read_text(encoding="utf-8"))
            if not (source.parent / link).exists()]  # fmt: skip

    assert not dead


@pytest.mark.parametrize("page", TOURS)
def test_urls_with_a_question_mark_stand_in_quotes_in_a_shell(page: str) -> None:
    shells = re.findall(r"```sh\n(.*?)```", (ROOT / page).read_text("utf-8"), re.DOTALL)

    bare = [word for shell in shells for word in re.findall(r"(?<![\"'\w])\w[\w+]*:\S*\?\S+", shell)]

    assert shells
    assert bare == []


@pytest.mark.parametrize(
    ("page", "twin"),
    [
        ("README", "README.fr"),
        ("docs/tour", "docs/tour.fr"),
        ("CONTRIBUTING", "CONTRIBUTING.fr"),
        ("SECURITY", "SECURITY.fr"),
    ],
)
def test_each_page_names_its_twin(page: str, twin: str) -> None:
    assert f"({Path(twin).name}.md)" in (ROOT / f"{page}.md").read_text("utf-8")
    assert f"({Path(page).name}.md)" in (ROOT / f"{twin}.md").read_text("utf-8")


@pytest.mark.parametrize("page", ["README.md", "docs/tour.md"])
def test_no_sample_of_the_english_page_is_in_french(page: str) -> None:
    blocks = re.findall(r"```\w+\n(.*?)```", (ROOT / page).read_text("utf-8"), re.DOTALL)

    assert [block for block in blocks if re.search(r"[éèêàâçîôùû]", block)] == []


def test_everything_that_can_be_installed_apart_is_in_all() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    (everything,) = extras.pop("all")

    assert sorted(re.findall(r"[\w]+", everything)[1:]) == sorted(extras)


@pytest.mark.parametrize(("readme", "call"), [("docs/tour.md", "Error()"), ("docs/tour.fr.md", "Erreur()")])
def test_the_wlangage_sample_tells_of_a_session_that_did_not_open(readme: str, call: str) -> None:
    assert f"else:\n    {call}" in block(readme, "courriel.wlangage")


def block(readme: str, mark: str) -> str:
    """The block of Python that holds this mark."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / readme).read_text(encoding="utf-8"), re.DOTALL)
    return next(code for code in blocks if mark in code)


@pytest.mark.parametrize(("page", "rows"), [*((page, 4) for page in READMES), *((page, 14) for page in SPEEDS)])
def test_figures_are_those_of_the_bench(page: str, rows: int) -> None:
    """No figure stands here that `make bench` has not written down."""
    results = (ROOT / "bench" / "RESULTS.md").read_text("utf-8")
    quoted = re.findall(
        r"^\| ([a-z][^|]*) \| ([^|]+) \| (\d[\d.,]*) \|$", (ROOT / page).read_text("utf-8"), re.MULTILINE
    )

    assert len(quoted) == rows
    for *named, figure in quoted:
        row, beside = (FRENCH_ROWS.get(each, each) for each in named)
        times = figure.replace(",", ".")
        assert re.search(
            rf"^\| {re.escape(row)} \| [^|]+ \| {re.escape(beside)} \| \*\*{times}\*\* ", results, re.MULTILINE
        )
