"""`courriel config trust` and `--config`: consent to a project's settings file."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.conftest import Ran

posix = pytest.mark.skipif(os.name == "nt", reason="on Windows no project's file counts without approval")
Courriel = Callable[..., Ran]

TEXT = '[profiles.shop]\nurl = "smtps://ada:hunter2@h.example"\n[profiles.pass]\nurl = "smtps://ada@h.example"\n'
TEXT += 'password = "env:WORD"\n'


@pytest.fixture
def file() -> Path:
    path = Path("courriel.toml").absolute()
    path.write_text(TEXT, encoding="utf-8")
    path.chmod(0o600)
    return path


@posix
def test_an_approved_file_may_name_variables_until_it_changes(courriel: Courriel, file: Path) -> None:
    before = courriel("config", "show")
    trusted = courriel("config", "trust")
    after = courriel("config", "show")
    file.write_text(TEXT + "# changed\n", encoding="utf-8")
    changed = courriel("config", "show")

    assert (before.status, trusted.status, after.status, changed.status) == (78, 0, 0, 78)
    assert "courriel config trust" in before.out
    assert f"Approved, as it stands there: {file} (sha256:" in trusted.out
    assert "smtps://ada:***@h.example" in trusted.out
    assert "hunter2" not in trusted.out
    assert "trusted by courriel config trust" in after.out


def test_an_approval_is_taken_back_by_its_path(courriel: Courriel, file: Path) -> None:
    assert courriel("config", "trust", "courriel.toml", "--json").json["file"] == str(file)
    assert courriel("config", "untrust", "courriel.toml").status == 0

    again = courriel("config", "untrust", "courriel.toml")

    assert again.status == 66
    assert "was not approved" in again.err


@pytest.mark.parametrize("arguments", [("trust",), ("trust", "not-there.toml")])
def test_trusting_a_missing_file_fails(courriel: Courriel, arguments: tuple[str, ...]) -> None:
    assert courriel("config", *arguments).status == 66


def test_a_file_that_is_named_is_trusted_for_one_call(
    courriel: Courriel, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = file.rename(file.with_name("named.toml"))

    shown = courriel("config", "show", "--config", "named.toml")

    assert shown.status == 0
    assert str(moved) in shown.out
    assert "COURRIEL_CONFIG" not in os.environ
    monkeypatch.setenv("COURRIEL_CONFIG", str(moved))
    courriel("config", "show", "--config", os.devnull)
    assert os.environ["COURRIEL_CONFIG"] == str(moved)


def test_a_named_file_that_is_not_there_is_misuse(courriel: Courriel) -> None:
    ran = courriel("config", "show", "--config", "not-there.toml")

    assert ran.status == 64
    assert "not-there.toml" in ran.err


@pytest.mark.slow
def test_an_error_says_which_file_chose_the_server(courriel: Courriel, file: Path) -> None:
    file.write_text('url = "smtps://127.0.0.1:1?timeout=5"', encoding="utf-8")
    arguments = ("send", "--from", "ada@example.org", "--to", "bob@example.org", "--text", "x", "--config", str(file))

    assert f"Setting {file}" in " ".join(courriel(*arguments).err.split())
    assert courriel(*arguments, "--json").json["notes"] == [f"This way out was set by {file}."]
