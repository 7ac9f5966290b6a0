"""Programs of users under mypy and pyright: those that are right pass, and each mistake is found in its line."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
RIGHT, WRONG = sorted((HERE / "right").glob("*.py")), sorted((HERE / "wrong").glob("*.py"))
MISTAKES = {
    (file.name, number)
    for file in WRONG
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
    if "# wrong" in line
}
_MYPY_LINE = re.compile(r"^(.+?):(\d+): error: (.*)$", re.MULTILINE)


def by_mypy() -> set[tuple[str, int, str]]:
    # With the cache of `make check`: what is in src has been checked there.
    ran = subprocess.run(
        [sys.executable, "-m", "mypy", "--no-error-summary", "--strict", *map(str, RIGHT + WRONG)],
        capture_output=True, text=True, cwd=ROOT, check=False, timeout=110,
    )  # fmt: skip
    assert ran.returncode in (0, 1), ran.stderr
    return {(Path(found[1]).name, int(found[2]), found[3]) for found in _MYPY_LINE.finditer(ran.stdout)}


def by_pyright() -> set[tuple[str, int, str]]:
    settings = os.environ | {"PYRIGHT_PYTHON_GLOBAL_NODE": "0", "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}
    ran = subprocess.run(
        [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, *map(str, RIGHT + WRONG)],
        capture_output=True, text=True, cwd=ROOT, check=False, timeout=110, env=settings,
    )  # fmt: skip
    assert ran.returncode in (0, 1), ran.stderr
    return {
        (Path(found["file"]).name, found["range"]["start"]["line"] + 1, found["message"])
        for found in json.loads(ran.stdout)["generalDiagnostics"]
        if found["severity"] == "error"
    }


@pytest.mark.parametrize("judge", [by_mypy, pytest.param(by_pyright, marks=pytest.mark.slow)])
def test_programs_that_are_right_pass_and_each_mistake_is_found(judge: Callable[[], set[tuple[str, int, str]]]) -> None:
    found = judge()

    assert not {each for each in found if each[:2] not in MISTAKES}
    assert {each[:2] for each in found} == MISTAKES
