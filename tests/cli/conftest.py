"""Fixtures that run the command: in this process where that suffices, as a process where it matters."""

from __future__ import annotations

import io
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from courriel import Sandbox, failures
from courriel.cli.main import main

USERS = {"ada": "sesame-ouvre-toi"}
LETTER = ("--from", "Ada <ada@example.org>", "--to", "bob@example.org", "--subject", "Été")


@dataclass(frozen=True)
class Ran:
    """Output and exit status of one run."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        (only,) = self.objects
        return only

    @property
    def objects(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture(autouse=True)
def settings_of_nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Isolation from settings, colour and language of this machine; the current folder is empty."""
    for name in list(os.environ):
        if name.startswith(("COURRIEL_", "EMAIL_", "MAIL", "LC_")) or name in ("LANG", "NO_COLOR"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("LANG", "en_GB.UTF-8")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    yield
    failures.speak(None)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(users=USERS) as opened:
        yield opened


@pytest.fixture
def outbox_of_the_test(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An outbox of this test's own, for every command in it."""
    monkeypatch.setenv("COURRIEL_OUTBOX", str(tmp_path / "outbox.db"))


@pytest.fixture
def via(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """The lane "default", which leads to the practice server."""
    monkeypatch.setenv("COURRIEL_URL", sandbox.url)
    return sandbox


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that is taken and not listened on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@pytest.fixture
def courriel(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Run the command in this process."""

    def run(*arguments: str, stdin: bytes = b"Bonjour.\n") -> Ran:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"))
        capsys.readouterr()
        status = main(list(arguments))
        return Ran(status, *capsys.readouterr())

    return run


@pytest.fixture
def process() -> Callable[..., Ran]:
    """Run the command as a process of its own."""

    def run(*arguments: str, stdin: bytes = b"Bonjour.\n", **environment: str) -> Ran:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-m", "courriel", *arguments],
            input=stdin,
            capture_output=True,
            env=os.environ | environment,
            timeout=60,
            check=False,
        )
        return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())

    return run
