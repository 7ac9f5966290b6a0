"""Silence on the page's connections: whoever says nothing, or reads nothing, is let go, and keeps nobody out."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import httpx
import pytest

from courriel import Sandbox
from courriel.sandbox.web import patience, server

LARGE = b"Subject: x\nTo: d@e.f\n\n" + (b"x" * 70 + b"\n") * 300_000


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    monkeypatch.setattr(patience, "LOOK", 0.05)
    monkeypatch.setattr(patience, "SILENCE", 0.4)
    with Sandbox(web_port=0) as opened:
        yield opened


def connected(sandbox: Sandbox) -> socket.socket:
    return socket.create_connection(("127.0.0.1", httpx.URL(sandbox.web_url).port or 0), timeout=20)


def is_over(line: socket.socket) -> bool:
    try:
        return line.recv(1000) == b""
    except ConnectionError:
        return True


@pytest.mark.slow
@pytest.mark.parametrize(
    "said", [b"", b"GET / HTTP/1.1\r\nHost: localhost\r\n",
             b"POST /drop HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nSubj"]
)  # fmt: skip
def test_who_begins_and_says_no_more_is_let_go(sandbox: Sandbox, said: bytes) -> None:
    with connected(sandbox) as line:
        line.sendall(said)

        assert is_over(line)


@pytest.mark.slow
def test_a_head_that_trickles_in_is_let_go(sandbox: Sandbox) -> None:
    with connected(sandbox) as line:
        line.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ")
        line.settimeout(0.02)
        for _ in range(1000):
            try:
                line.sendall(b"x")
                if line.recv(1) == b"":
                    break
            except TimeoutError:
                continue
            except ConnectionError:
                break
        else:
            pytest.fail("still open")


@pytest.mark.slow
def test_who_reads_nothing_is_let_go(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    httpx.post(f"{sandbox.web_url}api/mails", content=LARGE, trust_env=False)
    gone = threading.Event()
    lost = patience.PatientProtocol.connection_lost

    def told(self: patience.PatientProtocol, error: Exception | None) -> None:
        lost(self, error)
        gone.set()

    monkeypatch.setattr(patience.PatientProtocol, "connection_lost", told)
    with connected(sandbox) as line:
        line.sendall(b"GET /api/mails/1/raw HTTP/1.1\r\nHost: localhost\r\n\r\n")

        assert gone.wait(20)


@pytest.mark.slow
def test_who_waits_for_us_stays(sandbox: Sandbox) -> None:
    """Live pages are silent for long, and so is a test that waits for its mail."""
    with (
        httpx.Client(base_url=sandbox.web_url, timeout=20, trust_env=False) as client,
        client.stream("GET", "/events") as live,
    ):
        told = live.iter_lines()
        next(told)
        came: list[int] = []
        waiting = threading.Thread(
            target=lambda: came.append(
                httpx.get(f"{sandbox.web_url}api/wait?timeout=20", timeout=30, trust_env=False).status_code
            )
        )
        waiting.start()
        with connected(sandbox) as line:
            assert is_over(line)  # as long as the patience lasts
        with connected(sandbox) as line:
            assert is_over(line)

        httpx.post(f"{sandbox.web_url}api/mails", content=b"To: d@e.f\n\nx", trust_env=False)
        waiting.join(20)
        assert came == [200]
        assert any(line.endswith(" 1 1") for line in told)


@pytest.mark.slow
def test_idle_connections_keep_nobody_out(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    with Sandbox(web_port=0) as crowded:
        lines = [connected(crowded) for _ in range(server.CONNECTIONS + 5)]
        try:
            assert all(map(is_over, lines))
            assert httpx.get(f"{crowded.web_url}livez", trust_env=False).status_code == 200
        finally:
            for line in lines:
                line.close()
