"""QUIT is said and not waited for: to a real Postfix that is a session like any other, with nothing lost."""

from __future__ import annotations

import re

import pytest

from courriel import Message, Password, Security, Server, Trust
from servers.accounts import ADA, BOB
from servers.daemon import wait_until
from servers.postfix import Postfix
from session.play import Awaiting, Blocking, Session

pytestmark = pytest.mark.acceptance

TIMES = 25


@pytest.mark.parametrize("colour", [Blocking, Awaiting])
@pytest.mark.parametrize(
    ("door", "security"),
    [("plain_port", Security.NONE), ("submission_port", Security.STARTTLS), ("submissions_port", Security.TLS)],
)
def test_postfix_hears_every_goodbye(postfix: Postfix, colour: type[Session], door: str, security: Security) -> None:
    server = Server(postfix.host, getattr(postfix, door), security, trust=Trust.file(str(postfix.ca_file)))
    credentials = None if security is Security.NONE else Password(ADA.user, ADA.password)
    before = len(whole_log(postfix))  # what others said, and left without a word, is theirs

    def log() -> str:
        return whole_log(postfix)[before:]

    for number in range(TIMES):
        session = colour(server, credentials)
        session.open()
        session.send(Message(sender=ADA.user, to=BOB.user, subject="Goodbye", text=f"Number {number}."))
        session.close()
        session.leave()

    assert wait_until(lambda: len(goodbyes(log())) >= TIMES, 20), log()
    assert all(" quit=1 " in line for line in goodbyes(log()))
    assert "lost connection" not in log()
    assert not re.search(r"warning: .*(SSL|TLS|reset|pipe)", log())
    assert len(postfix.letters(BOB.user, TIMES)) == TIMES


def whole_log(postfix: Postfix) -> str:
    file = postfix.folder / "log"
    return file.read_text("utf-8", "replace") if file.exists() else ""


def goodbyes(log: str) -> list[str]:
    return [line for line in log.splitlines() if ": disconnect from " in line]
