"""The other Pythons of a machine: which are found, which are passed over, and what is said when there is none."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def pythons() -> ModuleType:
    spec = importlib.util.spec_from_file_location("pythons", ROOT / "tools" / "pythons.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def interpreter(folder: Path, name: str, says: str) -> str:
    """A program that answers as a Python of this version does."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{says}\n")
    path.chmod(0o755)
    return str(path)


def test_each_minor_version_is_tried_once_with_its_newest_release(pythons: ModuleType, tmp_path: Path) -> None:
    older = interpreter(tmp_path, "a", "echo 3 12 1 final 0")
    newer = interpreter(tmp_path, "b", "echo 3 12 9 final 0")
    last = interpreter(tmp_path, "c", "echo 3 13 0 final 0")

    found = pythons.others([newer, last, older], own=(3, 11, 7))

    assert found == {(3, 12, 9): newer, (3, 13, 0): last}


@pytest.mark.parametrize(
    "says",
    [
        "echo 3 11 2 final 0",
        "echo 3 10 13 final 0",
        "echo 2 7 18 final 0",
        "echo 3 15 0 alpha 1",
        "exit 127",
        "echo hm",
    ],
    ids=["our own version", "too old", "Python 2", "not released", "a shim", "something else"],
)
def test_what_is_not_another_python_is_passed_over(pythons: ModuleType, tmp_path: Path, says: str) -> None:
    assert pythons.others([interpreter(tmp_path, "python", says)], own=(3, 11, 7)) == {}


def test_they_are_looked_for_on_the_path_and_with_pyenv(pythons: ModuleType, tmp_path: Path) -> None:
    on_path = interpreter(tmp_path, "bin/python3.12", "exit 127")
    by_pyenv = interpreter(tmp_path, ".pyenv/versions/3.13.0/bin/python", "echo 3 13 0 final 0")

    looked_at = list(pythons.candidates({"PATH": str(tmp_path / "bin")}, tmp_path))

    assert looked_at == [on_path, by_pyenv]


def test_a_list_that_is_given_is_the_whole_list(pythons: ModuleType, tmp_path: Path) -> None:
    interpreter(tmp_path, "bin/python3.12", "echo 3 12 1 final 0")
    environment = {"PATH": str(tmp_path / "bin"), "COURRIEL_TEST_PYTHONS": "/opt/a:/opt/b"}

    assert list(pythons.candidates(environment, tmp_path)) == ["/opt/a", "/opt/b"]
    assert list(pythons.candidates(environment | {"COURRIEL_TEST_PYTHONS": ""}, tmp_path)) == []


def test_a_machine_with_one_python_is_told_so_in_one_line(
    pythons: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COURRIEL_TEST_PYTHONS", "")

    assert pythons.main(["tests/unit"]) == 0
    assert capsys.readouterr().out == (
        "No other Python from 3.11 on is on this machine: the tests ran on "
        f"{sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro} alone.\n"
    )


@pytest.mark.parametrize(("status", "expected"), [(0, 0), (1, 1)])
def test_a_failing_run_on_another_python_fails(
    pythons: ModuleType, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path,
    status: int, expected: int,
) -> None:  # fmt: skip
    other = interpreter(tmp_path, "python", "echo 3 99 0 final 0")
    monkeypatch.setenv("COURRIEL_TEST_PYTHONS", other)
    monkeypatch.setattr(pythons, "ROOT", tmp_path)
    for name in ("requirements/dev.txt", "pyproject.toml", "tools/environment.sh"):
        interpreter(tmp_path, name, 'mkdir -p "$1/bin"; cp "$PYTHON.ran" "$1/bin/python"; touch "$1/.$2"')
    interpreter(tmp_path, "python.ran", f'echo "ran $*"; exit {status}')

    assert pythons.main(["tests/unit"]) == expected

    said = capfd.readouterr().out
    assert "this machine has 3.99.0." in said
    assert "ran -m pytest tests/unit" in said


def test_a_python_without_an_environment_is_named_and_passed_over(
    pythons: ModuleType, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("COURRIEL_TEST_PYTHONS", interpreter(tmp_path, "python", "echo 3 99 0 final 0"))
    monkeypatch.setattr(pythons, "ROOT", tmp_path)
    for name in ("requirements/dev.txt", "pyproject.toml", "tools/environment.sh"):
        interpreter(tmp_path, name, "exit 1")

    assert pythons.main(["tests/unit"]) == 0
    assert "Python 3.99.0: no environment could be made for it" in capfd.readouterr().out
