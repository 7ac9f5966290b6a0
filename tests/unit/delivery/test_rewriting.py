"""Correction of one URL in a settings file: found in every spelling, and nothing else is touched."""

from __future__ import annotations

import os
import stat
import tomllib
from pathlib import Path

import pytest

from courriel import errors
from courriel.delivery.settings.rewriting import replace_file, with_url

NEW = "smtp+starttls://é@b.example:587"


@pytest.mark.parametrize(
    ("name", "text", "profile"),
    [
        ("courriel.toml", '[profiles.a]\nurl = "old"\nfrom = "x"\n[profiles.b]\nurl = "old"\n', "a"),
        ("courriel.toml", '[profiles.a]\nurl = "old"\n[profiles.b]\nurl = "old"\n', "b"),
        ("courriel.toml", "[profiles.a]\r\n  url='old'   # url = \"old\"\r\n", "a"),
        ("courriel.toml", 'profiles.a.url = "old"\nurl = "old"\n', "a"),
        ("courriel.toml", 'profiles.a.url = "old"\nurl = "old"\n', "default"),
        ("courriel.toml", '[default]\n"url" = "old"\n', "default"),
        ("courriel.toml", 'profiles = { a = { url = "old" }, b = { url = "old" } }\n', "b"),
        ("courriel.toml", '# url = "old"\n[profiles."a.b"]\nurl\t=\t"o\\u006cd"\n', "a.b"),
        ("pyproject.toml", '[project.urls]\nurl = "old"\n[tool.courriel.profiles.a]\nurl = "old"\n', "a"),
        ("pyproject.toml", '[tool.courriel]\nurl = "old"\n[other]\nurl = "old"\n', "default"),
        ("courriel.toml", '\ufeffurl = "old"\n', "default"),
    ],
)
def test_one_url_is_replaced_and_nothing_else(name: str, text: str, profile: str) -> None:
    changed = with_url(Path(name), text.encode(), profile, NEW).decode()

    assert changed.count(NEW) == 1
    before, after = changed.split(f'"{NEW}"')
    assert text.startswith(before)
    assert text.endswith(after)
    assert tomllib.loads(changed.removeprefix("\ufeff")) != tomllib.loads(text.removeprefix("\ufeff"))


@pytest.mark.parametrize(
    ("text", "profile"),
    [
        ('[profiles.a]\nurl = """old"""\n', "a"),
        ('[profiles.a]\nurl = "old"\n', "b"),
        ('[profiles.a]\nfrom = "x"\n', "a"),
        ("", "default"),
        ("profiles = 7", "a"),
    ],
)
def test_a_url_that_is_not_found_is_left_to_people(text: str, profile: str) -> None:
    with pytest.raises(errors.UsageError):
        with_url(Path("courriel.toml"), text.encode(), profile, NEW)


def test_a_file_keeps_its_permissions_and_its_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real.toml", tmp_path / "courriel.toml"
    real.write_text("old")
    real.chmod(0o640)
    link.symlink_to(real)

    replace_file(link, b"new")

    assert link.is_symlink()
    assert (real.read_bytes(), stat.S_IMODE(real.stat().st_mode)) == (b"new", 0o640)
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix == ".toml") == ["courriel.toml", "real.toml"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="root alone gives files to others")
def test_a_file_keeps_its_owner_and_its_group(tmp_path: Path) -> None:
    """Settings of the machine belong to root and to the group of the worker, which has to read them afterwards."""
    file = tmp_path / "courriel.toml"
    file.write_bytes(b"old")
    os.chown(file, 0, 65534)
    file.chmod(0o640)

    replace_file(file, b"new")

    there = file.stat()
    assert (there.st_uid, there.st_gid, there.st_mode & 0o777, file.read_bytes()) == (0, 65534, 0o640, b"new")


def test_a_read_only_file_is_left_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "courriel.toml"
    file.write_bytes(b"old")
    file.chmod(0o444)

    def refused(path: Path, mode: str) -> object:
        raise PermissionError(13, "Permission denied", str(path))  # root, as which tests may run, is not refused

    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(PermissionError):
        replace_file(file, b"new")

    monkeypatch.undo()
    assert file.read_bytes() == b"old"
    assert list(tmp_path.glob(".courriel*")) == []


def test_a_disk_that_is_full_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "courriel.toml"
    file.write_text("old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        replace_file(file, b"new")

    assert file.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".courriel")] == []
