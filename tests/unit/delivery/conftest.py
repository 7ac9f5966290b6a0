"""Isolation: tests see no environment variable, settings file or keyring of the user who runs them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from courriel.delivery import local
from courriel.delivery.settings import locations, profiles


@pytest.fixture(autouse=True)
def empty_house(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """Current folder of a test, two levels below its home folder."""
    for name in list(os.environ):
        if name.startswith(("COURRIEL_", "EMAIL_", "MAIL_", "MAILER_", "XDG_", "DEFAULT_FROM")):
            monkeypatch.delenv(name)
    home = tmp_path / "home"
    here = home / "project" / "below"
    here.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("APPDATA", str(home / "AppData"))
    monkeypatch.chdir(here)
    monkeypatch.setattr(locations, "machine_file", lambda: tmp_path / "etc" / "courriel" / "courriel.toml")
    profiles.log_captured.cache_clear()
    local.letters.clear()
    yield here
    local.letters.clear()
