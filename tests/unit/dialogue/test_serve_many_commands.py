"""Thousands of commands in one burst: others have their turn in between, and no more is collected than is sent soon."""

from __future__ import annotations

import pytest

from courriel.dialogue.flow import Receive, Send, Want
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


@pytest.mark.parametrize("dialect", [Dialect.SMTP, Dialect.POP3, Dialect.IMAP])
def test_each_command_has_its_time_and_a_line_that_drips_in_has_no_more(dialect: Dialect) -> None:
    flow = Served(ServerConfig(dialect=dialect), Box()).flow

    def next_wait(want: Want) -> Receive:
        while isinstance(want, Send):
            want = flow.send(b"")
        assert isinstance(want, Receive)
        return want

    waits = [next_wait(next(flow)).more]
    waits += [next_wait(flow.send(said)).more for said in (b"a NOOP\r\na N", b"O", b"OP\r\na NOOP\r\na", b" ")]

    assert waits == [False, False, True, False, True]
