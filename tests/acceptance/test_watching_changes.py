"""Every change of real mailboxes as other sessions make it: by IDLE, over lost connections and from stored marks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from courriel import ImapSession, Password, Security, Server, SyncMark, Trust
from servers.accounts import BOB
from servers.cyrus import Cyrus
from servers.dovecot import Dovecot
from session.mailboxes import AwaitingMailbox, BlockingMailbox, Mailbox

pytestmark = pytest.mark.acceptance

LETTER = b"From: Ada <ada@example.org>\r\nSubject: %b\r\n\r\nBonjour.\r\n"
CREDENTIALS = Password(BOB.user, BOB.password)


@pytest.fixture(params=["dovecot", "cyrus"])
def server(request: pytest.FixtureRequest) -> Server:
    running: Dovecot | Cyrus = request.getfixturevalue(request.param)
    return Server(running.host, running.imaps_port, Security.TLS, trust=Trust.file(running.authority.ca_file))


@pytest.fixture
def other(server: Server) -> Iterator[ImapSession]:
    """Another session, and the mailbox empty."""
    with ImapSession(server, CREDENTIALS) as session:
        found = session.search()
        if len(found):
            session.delete(found.uids)
            session.expunge()
        yield session


@pytest.fixture(params=[BlockingMailbox, AwaitingMailbox])
def box(request: pytest.FixtureRequest, server: Server, other: ImapSession) -> Iterator[Mailbox]:
    session = request.param(server, CREDENTIALS)
    session.open()
    yield session
    session.leave()


def told(change: Any) -> tuple[Any, ...]:
    return change.kind.value, change.uid, *sorted(change.flags - {"recent"})


def test_changes_are_told_over_lost_connections_and_from_marks(box: Mailbox, other: ImapSession) -> None:
    first, second = (other.append(LETTER % word, "INBOX", flags=()).uid for word in (b"one", b"two"))
    watch = box.watch_changes()

    other.flag(first, "flagged")
    flagged = told(next(watch))
    third = other.append(LETTER % b"three", "INBOX", flags=()).uid
    new = next(watch)
    box.hang_up()
    other.delete(second)
    other.expunge()
    gone = told(next(watch))
    mark = SyncMark.read(str(watch.marks["INBOX"]))
    watch.close()
    other.flag(third, "seen")

    assert flagged == ("changed", first, "flagged")
    assert (told(new), new.letter.subject, new.folder) == (("new", third), "three", "INBOX")
    assert gone == ("gone", second)
    again = box.watch_changes(since=mark)
    assert told(next(again)) == ("changed", third, "seen")
    again.close()
