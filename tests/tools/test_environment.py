"""Setting up: which Python is taken, what is said when there is none, and what the pinned lists may hold."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("python3.13", "python3.12", "python3.11", "python3")

BROKEN = "exit 127"
OLD = 'case "$2" in *version_info*) exit 1;; esac'
WITHOUT_VENV = 'case "$2" in *ensurepip*) exit 1;; esac'
GOOD = 'case "$*" in --version) echo Python 3.x;; "-m venv"*) echo "made by ${0##*/}" >&2; exit 3;; esac'


def set_up(folder: Path, pythons: dict[str, str]) -> str:
    """Set up with these Pythons on PATH until one of them makes the environment; return what is said."""
    for name in NAMES:
        (folder / name).write_text(f"#!/bin/sh\n{pythons.get(name, BROKEN)}\n")
        (folder / name).chmod(0o755)
    result = subprocess.run(
        ["sh", str(ROOT / "tools" / "environment.sh"), str(folder / "venv"), "run"],
        env={"PATH": f"{folder}:/usr/bin:/bin", "COURRIEL_ENVIRONMENT_LOCKED": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert result.returncode != 0
    return result.stderr


def test_the_newest_python_that_runs_is_taken(tmp_path: Path) -> None:
    said = set_up(tmp_path, {"python3.13": BROKEN, "python3.12": GOOD, "python3": GOOD})

    assert "made by python3.12" in said


def test_a_python_without_venv_is_passed_over_for_one_that_has_it(tmp_path: Path) -> None:
    said = set_up(tmp_path, {"python3.12": WITHOUT_VENV, "python3.11": GOOD})

    assert "made by python3.11" in said


def test_a_missing_venv_module_is_named_with_its_package(tmp_path: Path) -> None:
    said = set_up(tmp_path, {"python3.11": WITHOUT_VENV, "python3": OLD})

    assert "python3.11 cannot make virtual environments." in said
    assert "apt install python3-venv" in said


def test_a_machine_with_an_old_python_only_is_told_what_is_needed(tmp_path: Path) -> None:
    said = set_up(tmp_path, {"python3": OLD})

    assert "needs Python 3.11 or newer, and none was found" in said


@pytest.mark.parametrize("name", ["run", "dev"])
def test_the_pinned_lists_hold_versions_and_hashes_and_nothing_else(name: str) -> None:
    lines = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8").splitlines()

    strange = [
        line
        for line in lines
        if not re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*( ; .*)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?", line)
    ]
    assert strange == []


def test_both_lists_pin_the_same_versions() -> None:
    run, dev = (pinned(name) for name in ("run", "dev"))

    assert run <= dev


def pinned(name: str) -> set[str]:
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    return set(re.findall(r"^[a-z].*==[^ ]+", text, re.MULTILINE))
