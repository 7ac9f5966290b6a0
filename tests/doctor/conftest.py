"""Fixtures for examinations: nobody's settings, a practice server, and the name servers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from courriel import Sandbox, failures
from courriel.doctor.domain.name_service import DnsAnswer, Kind
from servers.fixtures import authority, names

__all__ = ["authority", "names"]

USER, PASSWORD = "ada@example.org", "sesame-ouvre-toi"
Table = dict[tuple[str, str], list[str]]


@pytest.fixture(autouse=True)
def settings_of_nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """Isolation from settings, state and language of this machine; the current folder is empty."""
    for name in list(os.environ):
        if name.startswith(("COURRIEL_", "EMAIL_", "MAIL", "LC_")) or name in ("LANG", "NO_COLOR"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("COURRIEL_KEYRING", "0")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("LANG", "en_GB.UTF-8")
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    yield here
    failures.speak(None)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(users={USER: PASSWORD}) as opened:
        yield opened


class Asked:
    """A name service from a table; `questions` are those that were asked."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.questions: list[tuple[str, str]] = []

    def __call__(self, name: str, kind: Kind) -> DnsAnswer:
        self.questions.append((name, kind))
        if (name, "SERVFAIL") in self.table:
            return DnsAnswer("failed", why="SERVFAIL")
        found = self.table.get((name, kind))
        if found is not None:
            return DnsAnswer("found", tuple(found))
        return DnsAnswer("no records" if any(each == name for each, _ in self.table) else "no name")
