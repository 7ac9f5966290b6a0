"""Thousands of commands in one burst: others have their turn in between, and no more is collected than is sent soon."""

from __future__ import annotations

import pytest

from courriel.dialogue.server.handler import Maildrop, ServerConfig, ServerSession
from courriel.model.servers.server import Dialect
from pairs.runner import KeepingHandler, Served


class Box(KeepingHandler):
    """Keeps what it is sent, and has a thousand letters in each mailbox."""

    def open_mailbox(self, session: ServerSession, user: str) -> Maildrop:
        return Maildrop([(f"letter-{number:05}", b"x") for number in range(1000)])


def served(dialect: Dialect, said: bytes) -> Served:
    return Served(ServerConfig(dialect=dialect, mechanisms=("PLAIN",)), Box()).receive(said)


@pytest.mark.parametrize(
    ("dialect", "command"),
    [(Dialect.SMTP, b"NOOP"), (Dialect.LMTP, b"RSET"), (Dialect.POP3, b"CAPA")],
)
def test_others_have_their_turn_among_many_commands(dialect: Dialect, command: bytes) -> None:
    assert served(dialect, (command + b"\r\n") * 1000).turns == 4


def test_long_answers_are_sent_before_they_are_many() -> None:
    """UIDL has six octets, and its answer twenty thousand."""
    said = served(Dialect.POP3, b"USER bob\r\nPASS x\r\n" + b"UIDL\r\n" * 60)

    assert len(said.output) > 1_000_000
    assert said.bursts > len(said.output) / 400_000
    assert said.turns > len(said.output) / 400_000
