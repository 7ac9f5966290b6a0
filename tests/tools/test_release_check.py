"""What `make release-check` compares and reads itself: files built twice, and the contents and licences of a wheel."""

from __future__ import annotations

import importlib
import tomllib
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
METADATA = """\
Metadata-Version: 2.4
Name: courriel
License-Expression: MIT AND MPL-2.0
License-File: LICENSE
License-File: LICENSES/MPL-2.0.txt
Classifier: Programming Language :: Python :: 3 :: Only
Classifier: Programming Language :: Python :: 3.11
Classifier: Programming Language :: Python :: 3.12
"""
FILES = {
    "courriel/__init__.py": "",
    "courriel/py.typed": "",
    "courriel/providers.toml": "# SPDX-License-Identifier: MPL-2.0\n",
    "courriel-1.dist-info/METADATA": METADATA,
    "courriel-1.dist-info/licenses/LICENSE": "MIT License\n",
    "courriel-1.dist-info/licenses/LICENSES/MPL-2.0.txt": "Mozilla Public License\nVersion 2.0\n",
}
WANTED = {"courriel/__init__.py", "courriel/py.typed", "courriel/providers.toml"}


def module(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "tools" / "release"))
    return importlib.import_module(name)


@pytest.fixture
def build(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return module("release_build", monkeypatch)


@pytest.fixture
def contents(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return module("release_contents", monkeypatch)


def wheel_of(folder: Path, files: dict[str, str]) -> Path:
    path = folder / "courriel-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def folders(base: Path, first: dict[str, bytes], second: dict[str, bytes]) -> tuple[Path, Path]:
    for name, files in (("first", first), ("second", second)):
        (base / name).mkdir()
        for file, octets in files.items():
            (base / name / file).write_bytes(octets)
    return base / "first", base / "second"


def test_the_same_octets_are_no_difference(build: ModuleType, tmp_path: Path) -> None:
    assert build.differences(*folders(tmp_path, {"a.whl": b"1"}, {"a.whl": b"1"})) == []


def test_an_octet_that_differs_and_a_file_that_is_missing_are_told(build: ModuleType, tmp_path: Path) -> None:
    found = build.differences(*folders(tmp_path, {"a.whl": b"1", "a.tar.gz": b"1"}, {"a.whl": b"2"}))

    assert found[0] == "a.tar.gz was not built by the second run"
    assert found[1].startswith("a.whl differs: SHA-256 6b86b273ff34fce1… and d4735e3a265e16ee…")
    assert len(found) == 2


def test_a_whole_wheel_has_no_finding(contents: ModuleType, tmp_path: Path) -> None:
    wheel = wheel_of(tmp_path, FILES)

    assert contents.wheel_findings(wheel, WANTED) == []
    assert contents.classifiers_of_pythons(wheel) == {"3.11", "3.12"}


@pytest.mark.parametrize(
    ("changed", "finding"),
    [
        ({"courriel/__init__.py": None}, "missing: courriel/__init__.py"),
        ({"tests/x.py": ""}, "not of the package: tests/x.py"),
        ({"courriel/py.typed": None}, "py.typed is missing: type checkers would ignore our annotations (PEP 561)"),
        (
            {"courriel/providers.toml": "# SPDX-License-Identifier: ODbL-1.0\n"},
            "courriel/providers.toml is under ODbL-1.0, which License-Expression does not name (MIT AND MPL-2.0)",
        ),
        ({"courriel/providers.toml": ""}, "no file is under MPL-2.0"),
        (
            {"courriel-1.dist-info/licenses/LICENSES/MPL-2.0.txt": None},
            "License-File LICENSES/MPL-2.0.txt is not in the wheel",
        ),
        ({"courriel-1.dist-info/licenses/LICENSE": "All rights reserved"}, "the text of MIT does not come along"),
        ({"courriel-1.dist-info/METADATA": "Name: courriel\n"}, "the metadata have no License-Expression"),
    ],
)
def test_what_is_wrong_with_a_wheel_is_told(
    contents: ModuleType, tmp_path: Path, changed: dict[str, str | None], finding: str
) -> None:
    files = {name: text for name, text in (FILES | changed).items() if text is not None}

    assert finding in contents.wheel_findings(wheel_of(tmp_path, files), WANTED)


def test_each_extra_has_a_door_that_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    doors = module("release_doors", monkeypatch).DOORS
    with (ROOT / "pyproject.toml").open("rb") as file:
        extras = tomllib.load(file)["project"]["optional-dependencies"]

    # `all` is every other, and `imap` brings nothing.
    assert set(doors) == set(extras) - {"all", "imap"}
