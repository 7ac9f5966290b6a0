"""Our POP3 client against our POP3 server, without any network: cut anywhere, they understand each other."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courriel import errors
from courriel.dialogue.flow import Flow
from courriel.dialogue.pop3.client import PopDialogue
from courriel.dialogue.server.handler import Maildrop, ServerConfig, ServerHandler, ServerSession
from courriel.dialogue.server.pop3 import Pop3ServerDialogue
from courriel.model.servers.credentials import Password
from courriel.model.servers.server import Dialect, Security, Server
from pairs.runner import CUTS, Cut, Pair

MECHANISMS = ("SCRAM-SHA-256", "CRAM-MD5", "PLAIN", "LOGIN")
ADA = Password("ada", "pä ss")


class House(ServerHandler):
    """One mailbox, for one reader at a time."""

    def __init__(self, letters: Sequence[bytes]) -> None:
        self.letters = {f"uid-{number}": content for number, content in enumerate(letters)}
        self.readers = 0

    def check(self, user: str, secret: str) -> bool:
        return (user, secret) == (ADA.user, ADA.secret)

    def secret_of(self, user: str) -> str | None:
        return ADA.secret if user == ADA.user else None

    def open_mailbox(self, session: ServerSession, user: str) -> Maildrop:
        self.readers += 1
        return Opened(self)


class Opened(Maildrop):
    def __init__(self, house: House) -> None:
        super().__init__(tuple(house.letters.items()))
        self._house = house

    def remove(self, uids: Sequence[str]) -> None:
        for uid in uids:
            del self._house.letters[uid]

    def release(self) -> None:
        self._house.readers -= 1


def met(house: House, cut: Cut, *auth: str, security: Security = Security.NONE) -> tuple[Pair, PopDialogue]:
    config = ServerConfig(
        "pop.example.org", Dialect.POP3, starttls=security is Security.STARTTLS, mechanisms=MECHANISMS
    )
    pair = Pair(lambda: Pop3ServerDialogue(house, config).serve(), cut)
    client = PopDialogue(
        Server("127.0.0.1", security=security, dialect=Dialect.POP3, auth=auth), ADA, largest=1_000_000
    )
    pair.run(client.open())
    return pair, client


def read_all(client: PopDialogue, window: int) -> Flow[list[object]]:
    reading = client.read_many(range(1, client.count + 1), window)
    found: list[object] = []
    while not reading.done:
        yield from reading.advance()
        found += [content for _, content in reading.results()]
    return found


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("auth", ["scram-sha-256", "cram-md5", "apop", "plain", "login", "user"])
def test_every_login_works_and_no_secret_is_said_unmarked(cut: Cut, auth: str) -> None:
    house = House([b"Subject: hi\r\n\r\n"])

    pair, client = met(house, cut, auth)

    assert client.mechanism == auth.upper()
    assert client.count == 1
    assert pair.secrets
    assert house.readers == 1


@pytest.mark.parametrize("cut", CUTS)
def test_the_line_is_secured_in_between(cut: Cut) -> None:
    pair, client = met(House([]), cut, security=Security.STARTTLS)

    pair.run(client.close())

    assert "STLS" not in client.capabilities


@pytest.mark.slow
@given(st.lists(st.binary(max_size=60).map(lambda b: b.replace(b"\r", b"").replace(b"\n", b"\r\n") + b"\r\n")),
       st.sampled_from(CUTS), st.integers(1, 5))  # fmt: skip
def test_letters_come_to_the_octet(letters: list[bytes], cut: Cut, window: int) -> None:
    pair, client = met(House(letters), cut)

    assert pair.run(read_all(client, window)) == letters


@pytest.mark.parametrize("cut", CUTS)
def test_what_is_deleted_is_gone_after_the_goodbye(cut: Cut) -> None:
    house = House([b"one\r\n", b"two\r\n", b"three\r\n"])
    pair, client = met(house, cut)

    pair.run(client.delete([1, 3]))
    pair.run(client.close())

    assert list(house.letters) == ["uid-1"]
    assert house.readers == 0


@pytest.mark.parametrize("cut", CUTS)
def test_what_was_taken_back_is_kept(cut: Cut) -> None:
    house = House([b"one\r\n", b"two\r\n"])
    pair, client = met(house, cut)

    pair.run(client.delete([1, 2]))
    pair.run(client.undo())
    pair.run(client.close())

    assert len(house.letters) == 2


@pytest.mark.parametrize("cut", CUTS)
def test_a_wrong_password_is_refused(cut: Cut) -> None:
    house = House([])
    config = ServerConfig("pop.example.org", Dialect.POP3, mechanisms=MECHANISMS)
    client = PopDialogue(Server("127.0.0.1", dialect=Dialect.POP3, security=Security.NONE), Password("ada", "x"), 1000)

    with pytest.raises(errors.AuthenticationRefused):
        Pair(lambda: Pop3ServerDialogue(house, config).serve(), cut).run(client.open())

    assert house.readers == 0
