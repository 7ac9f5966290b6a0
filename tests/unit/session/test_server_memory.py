"""Facts remembered of each server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from courriel.model.servers.server import Server
from courriel.session import server_memory


@pytest.fixture(autouse=True)
def fresh_memory() -> Iterator[None]:
    server_memory.forget()
    yield
    server_memory.forget()


def test_one_host_and_port_is_one_server_whatever_the_session_is_like() -> None:
    server_memory.of(Server("mx.example.org", 2525)).bdat_taken = True

    assert server_memory.of(Server("MX.example.org", 2525, ehlo_name="x.example.org")).bdat_taken is True
    assert server_memory.of(Server("mx.example.org", 25)).bdat_taken is None


def test_nothing_is_known_of_a_new_server() -> None:
    known = server_memory.of(Server("mx.example.org"))

    assert (known.max_messages, known.pipeline_after_end, known.bdat_taken, known.auth) == (None, True, None, {})


def test_the_smallest_number_of_messages_counts() -> None:
    known = server_memory.of(Server("mx.example.org"))

    for most in (100, 40, 60):
        known.limit_messages(most)

    assert known.max_messages == 40


def test_a_session_takes_one_message_at_least() -> None:
    known = server_memory.of(Server("mx.example.org"))

    known.limit_messages(0)

    assert known.max_messages == 1


def test_the_server_asked_for_longest_ago_is_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_memory, "MOST_SERVERS", 2)
    for host in ("a.example.org", "b.example.org"):
        server_memory.of(Server(host)).bdat_taken = True
    server_memory.of(Server("a.example.org"))

    server_memory.of(Server("c.example.org"))

    assert server_memory.of(Server("a.example.org")).bdat_taken is True
    assert server_memory.of(Server("b.example.org")).bdat_taken is None


def test_users_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_memory, "MOST_USERS", 3)
    known = server_memory.of(Server("mx.example.org"))

    for number in range(10):
        known.remember_mechanism(f"user {number}", "PLAIN")

    assert 0 < len(known.auth) <= 3
    assert known.auth["user 9"] == "PLAIN"
