"""The table of names: every name is exported in all spellings, and the pages that list them agree."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from courriel import wlangage as wl
from courriel.wlangage.structures import names

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("row", [*names.exported()], ids=lambda row: row.french)
def test_every_spelling_of_a_name_is_the_same_object(row: names.Name) -> None:
    things = [getattr(wl, spelling) for spelling in row.spellings]

    assert all(thing is things[0] for thing in things)
    assert set(row.spellings) <= set(wl.__all__)


def test_the_names_of_the_page_come_in_pairs() -> None:
    assert wl.EmailOuvreSessionSMTP is wl.EmailStartSMTPSession
    assert wl.ErreurDétectée is wl.ErreurDetectee is wl.ErrorOccurred
    assert wl.emailOptionSécuriséTLS == 2
    assert (wl.Vrai, wl.Faux, wl.emailAsynchrone, wl.emailSynchrone) == (True, False, True, False)


def test_no_name_stands_for_two_things() -> None:
    taken: dict[str, str] = {}

    for row in names.exported():
        for spelling in row.spellings:
            assert taken.setdefault(spelling, row.french) == row.french


def test_star_import_brings_the_names_of_the_table_only() -> None:
    brought: dict[str, object] = {}

    exec("from courriel.wlangage import *", brought)

    brought.pop("__builtins__")
    assert set(brought) == {spelling for row in names.exported() for spelling in row.spellings}


@pytest.mark.slow
def test_importing_loads_neither_asyncio_nor_email_nor_logging() -> None:
    program = """if True:
        import sys, courriel.wlangage
        sys.exit(" ".join({"asyncio", "email", "logging", "socket", "ssl", "threading"} & set(sys.modules)) or 0)
    """

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("write_wlangage_names", ROOT / "tools" / "write_wlangage_names.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_pages_list_the_names_as_they_are(tool: ModuleType) -> None:
    for page, text in tool.pages():
        assert page.read_text("utf-8") == text, "python tools/write_wlangage_names.py"


@pytest.mark.parametrize("row", names.TABLE, ids=lambda row: f"{row.home}.{row.french}")
def test_every_name_stands_in_both_pages(row: names.Name) -> None:
    for page in ("wlangage.md", "wlangage.en.md"):
        text = (ROOT / "docs" / page).read_text("utf-8")
        assert f"`{row.french}" in text
        assert f"`{row.english}" in text
