"""The page on Windows and macOS: its folders are those of the code, and its Python packages are there for them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from courriel.delivery.settings.locations import user_file
from courriel.delivery.state_folder import own_folder

ROOT = Path(__file__).parents[2]
PAGES = ["docs/platforms.md", "docs/platforms.fr.md"]
PLATFORMS = ["linux", "darwin", "win32"]
ENVIRONMENT = {"APPDATA": "%APPDATA%", "LOCALAPPDATA": "%LOCALAPPDATA%"}


def rows(page: str) -> list[list[str]]:
    text = (ROOT / page).read_text("utf-8")
    return [[cell.strip(" `") for cell in line.split("|")[2:-1]] for line in text.splitlines() if line.startswith("| ")]


def as_told(path: Path, platform: str) -> str:
    told = str(path).replace(str(Path.home()), "~")
    return told.replace("/", "\\") if platform == "win32" else told


@pytest.mark.parametrize("page", PAGES)
def test_the_folders_are_those_of_the_code(page: str) -> None:
    settings = [as_told(user_file(each, ENVIRONMENT).parent, each) for each in PLATFORMS]
    state = [as_told(own_folder(each, ENVIRONMENT), each) for each in PLATFORMS]

    assert settings in rows(page)
    assert state in rows(page)


@pytest.mark.parametrize("page", PAGES)
def test_truststore_comes_with_the_library(page: str) -> None:
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]

    assert re.search("truststore", (ROOT / page).read_text("utf-8"))
    assert any(each.startswith("truststore") for each in wanted)
