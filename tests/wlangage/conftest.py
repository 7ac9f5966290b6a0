"""Fixtures of the WLangage tests: a mail server on loopback, host names that lead to it, and a fresh state."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
import trustme

from courriel import errors, failures
from courriel.wlangage.program_state import _context, program_state
from courriel.wlangage.spool import spool
from wlangage.post_office import Authority, PostOffice
from wlangage.stage import PROGRAMS, Reach, Stage


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), trustme.CA())


@pytest.fixture
def believed(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """Trust in the test CA: the system's store holds it alone."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    monkeypatch.setenv("SSL_CERT_DIR", str(authority.folder / "nothing-here"))
    return authority


@pytest.fixture
def office() -> Iterator[PostOffice]:
    with PostOffice(users={"ada": "secret"}).open() as opened:
        yield opened


@pytest.fixture
def reach(monkeypatch: pytest.MonkeyPatch) -> Any:
    """`reach("smtp.gmail.com", 587, office)`: in this process, that name and port lead to the test server.

    Every other name is unknown: nothing leaves loopback.
    """
    roads: dict[tuple[str, int], PostOffice] = {}
    really = socket.getaddrinfo

    def getaddrinfo(host: Any, port: Any, *arguments: Any, **named: Any) -> Any:
        numeric = host in ("127.0.0.1", "::1") or named.get("flags", 0) & socket.AI_NUMERICHOST
        if numeric:
            return really(host, port, *arguments, **named)
        if (host, port) in roads:
            return really("127.0.0.1", roads[host, port].port, *arguments, **named)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    def lead(host: str, port: int, office: PostOffice) -> None:
        roads[host, port] = office

    return lead


@pytest.fixture
def stage(
    tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch, reach: Reach, believed: Authority
) -> Iterator[Stage]:
    """A stage; `smtp.example.org` speaks STARTTLS at 587, TLS at 465 and clear text at 25."""
    folder = tmp_path / "programs"
    shutil.copytree(PROGRAMS, folder)
    monkeypatch.setenv("COURRIEL_OUTBOX", str(tmp_path / "outbox.db"))
    with ExitStack() as open_offices:
        offices = []
        for port, security in ((587, "starttls"), (465, "tls"), (25, "none")):
            office = PostOffice(
                security=security,
                context=believed.server("smtp.example.org") if security != "none" else None,
                users={"ada": "secret", "compta@example.org": "secret"},
            )
            offices.append(open_offices.enter_context(office.open()))
            reach("smtp.example.org", port, office)
        yield Stage(folder, capsys, monkeypatch, offices)


@pytest.fixture(autouse=True)
def _fresh_desk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A fresh state for each test, in English."""
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    _context.set(None)
    program_state.__init__()  # type: ignore[misc]  # as at the start of a program
    monkeypatch.setenv("COURRIEL_OUTBOX", str(tmp_path / "outbox.db"))
    yield
    for name in program_state.names:
        for half in program_state.take(name):
            with suppress(errors.CourrielError):  # the server of a test may be closed before its sessions
                half.close()
    spool.close()
    failures.speak(None)
    _context.set(None)
