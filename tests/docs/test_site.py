"""The site: every name, option, error, failure, provider, command, stage and extra is on a page in both languages."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

import courriel
import courriel.errors
import courriel.types
from courriel import failures
from courriel.delivery.urls import providers, schemes
from courriel.wlangage.structures.names import TABLE

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tools/book"))

from search import EnglishWithNumbers, FrenchWithNumbers  # noqa: E402 - the site's own
from staging import french_spaces  # noqa: E402

LANGUAGES = ["en", "fr"]
SECONDS = 600
_LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]+)")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources of both languages."""
    out = tmp_path_factory.mktemp("site") / "site"
    words = [sys.executable, str(ROOT / "tools/book"), "--stage-only", "--out", str(out)]
    subprocess.run(words, check=True, timeout=SECONDS, capture_output=True)
    return out


@pytest.fixture(params=LANGUAGES)
def source(request: pytest.FixtureRequest, built: Path) -> Path:
    return built / "source" / str(request.param)


def settings_of_the_build() -> dict[str, dict[str, object]]:
    return tomllib.loads((ROOT / "tools/book/tables.toml").read_text("utf-8"))


@pytest.mark.slow
def test_every_export_error_and_type_has_a_page(source: Path) -> None:
    pages = {
        path.stem for folder in ("python", "types", "exceptions") for path in (source / "reference" / folder).iterdir()
    }
    errors = {name for name in courriel.errors.__all__ if isinstance(getattr(courriel.errors, name), type)}

    assert {*courriel.__all__, *courriel.types.__all__, *errors} <= pages


@pytest.mark.slow
def test_every_failure_and_provider_has_a_page(source: Path) -> None:
    assert {path.stem for path in (source / "reference/failures").iterdir()} == {each.id for each in failures.all()}
    assert {path.stem for path in (source / "reference/provider").iterdir()} == {each.name for each in providers.all()}


@pytest.mark.slow
def test_a_failure_is_found_by_the_text_that_people_paste(source: Path) -> None:
    page = (source / "reference/failures/GMAIL-BAD-CREDENTIALS.md").read_text("utf-8")

    assert "\n# 535-5.7.8 Username and Password not accepted. For more information, go to\n" in page
    assert "courriel sandbox --play GMAIL-BAD-CREDENTIALS" in page


@pytest.mark.slow
def test_a_field_of_an_error_is_told_by_its_type_and_not_by_the_docstring_of_its_value(source: Path) -> None:
    page = (source / "reference/exceptions/AuthenticationRefused.md").read_text("utf-8")

    assert "## AuthenticationRefused.tried\n\n`tuple[str, ...]`\n" in page
    assert "immutable sequence" not in page


def test_french_spaces_do_not_break_outside_of_code_and_headings() -> None:
    text = "# Titre : oui\n\nUn mot : `a : b` ; « fin » !\n\n```sh\na : b\n```\n"

    assert french_spaces(text) == (
        "# Titre : oui\n\nUn mot\u00a0: `a : b`\u00a0; «\u00a0fin\u00a0»\u00a0!\n\n```sh\na : b\n```\n"
    )


@pytest.mark.parametrize("language", [EnglishWithNumbers, FrenchWithNumbers])
def test_numbers_are_in_the_index_of_the_search(language: type[EnglishWithNumbers]) -> None:
    search = language({})

    assert search.word_filter("535")
    assert not search.word_filter("the" if language is EnglishWithNumbers else "les")


@pytest.mark.slow
def test_every_command_has_a_page_and_a_man_page(source: Path, built: Path) -> None:
    pages = {path.stem for path in (source / "reference/command").iterdir()}
    command_words = (ROOT / "src/courriel/cli/program.py").read_text("utf-8")
    top = set(re.findall(r'^    "([a-z-]+)": Bilingual\(', command_words, re.MULTILINE))

    assert len(top) > 10
    assert {f"courriel-{word}" for word in top} <= pages
    assert {path.stem for path in (built / "man").iterdir()} == pages


@pytest.mark.slow
def test_every_name_of_the_wlangage_is_on_its_page(source: Path) -> None:
    page = (source / "reference/names.md").read_text("utf-8")

    assert [name.french for name in TABLE if name.french not in page or name.english not in page] == []


def test_the_tables_have_every_option_stage_and_extra() -> None:
    tables = settings_of_the_build()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]

    assert set(tables["option"]) == set(schemes.SERVER_OPTIONS)
    assert set(tables["stage"]) >= {*get_args(courriel.types.Stage)} - {""}
    assert set(tables["extra"]) == set(project["optional-dependencies"])


@pytest.mark.slow
def test_the_tables_have_every_variable_of_the_environment() -> None:
    # Django's settings are on its page.
    files = [path for path in (ROOT / "src/courriel").rglob("*.py") if "django" not in path.parts]
    named = {word for path in files for word in variables(path.read_text("utf-8"))}

    assert named == set(settings_of_the_build()["environment"])


def test_the_tables_have_every_exit_code() -> None:
    told = {int(code) for code in settings_of_the_build()["exit_code"]}

    assert {each.sysexit for each in failures.all()} <= told


def variables(text: str) -> Iterator[str]:
    return (match[0] for match in re.finditer(r"\bCOURRIEL_[A-Z_]*[A-Z]\b", text))


@pytest.mark.slow
def test_every_link_leads_to_a_page_or_a_file(source: Path) -> None:
    broken = [
        f"{page.relative_to(source)}: {target}"
        for page in source.rglob("*.md")
        if "_files" not in page.parts
        for target in _LINK.findall(re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text("utf-8"), flags=re.DOTALL))
        if not leads_somewhere(page, target, source)
    ]

    assert broken == []


def leads_somewhere(page: Path, target: str, source: Path) -> bool:
    path = source / target.lstrip("/") if target.startswith("/") else Path(os.path.normpath(page.parent / target))
    if path.exists():
        return True
    try:
        other = path.relative_to(source.parent)
    except ValueError:
        return False
    return (source.parent / other).with_suffix(".md").exists()


@pytest.mark.slow
@pytest.mark.timeout(SECONDS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_sphinx_reads_every_page_without_a_warning(language: str, built: Path, tmp_path: Path) -> None:
    words = [sys.executable, "-m", "sphinx", "-b", "dummy", "--fail-on-warning", "--keep-going", "--quiet", "-c"]
    places = [str(ROOT / "tools/book"), str(built / "source" / language), str(tmp_path)]
    environment = {**os.environ, "COURRIEL_SITE_LANGUAGE": language}

    done = subprocess.run(
        [*words, *places], env=environment, timeout=SECONDS, capture_output=True, text=True, check=False
    )

    assert done.stderr == ""
    assert done.returncode == 0
