"""A mailbox of a real Dovecot is watched over a line that is cut at every moment: nothing is lost, nothing twice."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from courriel import FolderPosition, ImapSession, Password, Security, Server, Timeouts
from servers.accounts import BOB
from servers.dovecot import Dovecot
from session.cutting import cutting_proxy
from session.mailboxes import AwaitingMailbox

pytestmark = pytest.mark.acceptance

WHO = Password(BOB.user, BOB.password)
LETTER = b"Subject: %d\r\n\r\n" + b"Bonjour.\r\n" * 20


@pytest.fixture
def box(dovecot: Dovecot) -> Iterator[ImapSession]:
    """Bob's mailbox, empty, on a line of its own."""
    with ImapSession(Server("127.0.0.1", dovecot.imap_port, Security.NONE), WHO) as session:
        found = session.search()
        if found:
            session.delete(found)
            session.expunge()
        yield session


def put(box: ImapSession, *numbers: int) -> None:
    for number in numbers:
        box.append(LETTER % number, "INBOX", flags=())


@pytest.mark.parametrize(
    ("said_by", "octets"),
    [("server", octets) for octets in range(0, 1600, 40)] + [("client", octets) for octets in range(0, 400, 20)],
)
def test_nothing_is_lost_wherever_the_line_is_cut(
    dovecot: Dovecot, box: ImapSession, said_by: str, octets: int
) -> None:
    numbers: list[int] = []
    with cutting_proxy(dovecot.imap_port) as proxy:
        server = Server("127.0.0.1", proxy.port, Security.NONE, timeouts=Timeouts.silence(10))
        with ImapSession(server, WHO) as session, session.watch() as watch:
            proxy.cut_after(octets, said_by=said_by)
            for lot in ((1,), (2, 3), (4,)):
                put(box, *lot)
                numbers += [int(next(watch).raw_header.split()[1]) for _ in lot]
            cut_in_time = proxy.was_cut

    assert numbers == [1, 2, 3, 4]
    assert proxy.calls == (2 if cut_in_time else 1)


def test_a_letter_that_came_while_nobody_could_ask_is_given_afterwards(dovecot: Dovecot, box: ImapSession) -> None:
    with cutting_proxy(dovecot.imap_port) as proxy:
        server = Server("127.0.0.1", proxy.port, Security.NONE)
        with ImapSession(server, WHO) as session:
            watch = session.watch()
            session.hang_up()
            put(box, 1, 2)

            letters = [next(watch), next(watch)]
            watch.close()

    assert [letter.raw_header.split()[1] for letter in letters] == [b"1", b"2"]
    assert proxy.calls == 2


def test_a_new_program_goes_on_where_the_old_one_died(dovecot: Dovecot, box: ImapSession) -> None:
    with box.watch() as watch:
        put(box, 1, 2, 3)
        next(watch)
        written_down = str(watch.mark)
    server = Server("127.0.0.1", dovecot.imap_port, Security.NONE)

    with ImapSession(server, WHO) as session, session.watch(after=FolderPosition.read(written_down)) as again:
        letters = [next(again), next(again)]

    assert [letter.raw_header.split()[1] for letter in letters] == [b"2", b"3"]


def test_those_who_await_lose_nothing_either(dovecot: Dovecot, box: ImapSession) -> None:
    with cutting_proxy(dovecot.imap_port) as proxy:
        server = Server("127.0.0.1", proxy.port, Security.NONE)
        with AwaitingMailbox(server, WHO) as session, session.watch() as watch:
            proxy.cut_after(100)
            put(box, 1, 2)
            letters = [next(watch), next(watch)]

    assert [letter.raw_header.split()[1] for letter in letters] == [b"1", b"2"]
    assert proxy.was_cut
