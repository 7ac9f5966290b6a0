"""The pages on Flask, FastAPI and task queues: their examples run, both languages show the same, nothing is missing."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import dramatiq
import pytest
from dramatiq.brokers.stub import StubBroker

from courriel import Route
from courriel.integrations import flask, starlette, tasks

DOCS = Path(__file__).parents[2] / "docs"
NAMES = ["flask", "fastapi", "moving", "celery", "rq", "dramatiq", "procrastinate"]
PAGES = [f"{name}{language}.md" for name in NAMES for language in ("", ".fr")]
QUEUES = ["celery", "rq", "dramatiq", "procrastinate"]


def text_of(page: str) -> str:
    return (DOCS / page).read_text(encoding="utf-8")


def blocks_of(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", text_of(page), re.DOTALL)


def shape_of(block: str) -> str:
    """What a block does, without the words that are said to people."""
    tree = ast.parse(block)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = ""
    return ast.dump(tree)


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if not page.startswith("moving")])
def test_every_example_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(dramatiq.broker, "global_broker", StubBroker())
    assert blocks_of(page)

    for number, block in enumerate(blocks_of(page)):
        name = f"{page.partition('.')[0]}_{number}"
        exec(compile(block, page, "exec"), {"__name__": name})


@pytest.mark.parametrize("name", NAMES)
def test_both_languages_show_the_same(name: str) -> None:
    english, french = f"{name}.md", f"{name}.fr.md"

    assert [shape_of(block) for block in blocks_of(english)] == [shape_of(block) for block in blocks_of(french)]
    rows = [[line for line in text_of(page).splitlines() if line.startswith("| ")] for page in (english, french)]
    assert len(rows[0]) == len(rows[1])


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_to_a_page_of_the_same_language(page: str) -> None:
    other = page.replace(".fr.md", ".md") if page.endswith(".fr.md") else page.replace(".md", ".fr.md")
    links = re.findall(r"\]\(([^)]+)\)", text_of(page))

    assert other in links
    for link in links:
        assert (DOCS / link).exists(), link
        if link != other and not link.startswith("decisions/"):
            assert link.endswith(".fr.md") is page.endswith(".fr.md"), link


@pytest.mark.parametrize("page", ["flask.md", "flask.fr.md"])
def test_every_setting_and_name_of_flask_is_told(page: str) -> None:
    text = text_of(page)
    source = (Path(flask.__file__).parent / "settings.py").read_text(encoding="utf-8")
    settings = set(re.findall(r'"(MAIL_\w+)"', source))

    assert len(settings) > 10
    assert {name for name in settings if name not in text} == set()
    assert {name for name in flask.__all__ if name not in text} - {"MailSettings", "signals", "Connection"} == set()


@pytest.mark.parametrize("page", ["fastapi.md", "fastapi.fr.md"])
def test_every_function_and_status_of_starlette_is_told(page: str) -> None:
    text = text_of(page)
    source = Path(starlette.__file__).read_text(encoding="utf-8")
    functions = re.findall(r"^def ([a-z]\w+)", source, re.MULTILINE)
    statuses = re.findall(r"^    (\d{3}): \(", source, re.MULTILINE)

    assert len(functions) == 6
    assert {name for name in functions if f"{name}(" not in text and f"({name})" not in text} == set()
    assert {status for status in statuses if status not in text} == set()


@pytest.mark.parametrize("language", ["", ".fr"])
def test_each_function_for_tasks_is_on_a_page_of_a_queue(language: str) -> None:
    text = "".join(text_of(f"{name}{language}.md") for name in QUEUES)
    names = re.findall(r"^(?:def|class) ([A-Za-z]\w+)", Path(tasks.__file__).read_text(encoding="utf-8"), re.MULTILINE)

    assert len(names) == 6
    assert {name for name in names if name not in text} == set()


@pytest.mark.parametrize("page", ["moving.md", "moving.fr.md"])
def test_each_url_of_the_page_for_those_who_come_can_be_read(page: str) -> None:
    urls = [url for url in re.findall(r"`((?:smtp[s+a-z]*://|gmail:)[^`]+)`", text_of(page)) if "…" not in url]

    assert len(urls) == 2
    for url in urls:
        assert Route.parse(url).user
