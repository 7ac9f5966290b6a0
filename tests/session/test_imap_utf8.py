"""UTF-8 in names, searches and headers, where the server has UTF8=ACCEPT."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from courriel import Password, Security, Server, Timeouts
from session.imap_stranger import imap_server
from session.mailboxes import AwaitingMailbox, BlockingMailbox, Mailbox
from session.stranger import Phone, stranger

Call = Callable[..., tuple[Mailbox, list[str]]]
LISTED = '* LIST () "/" "&AMk-t&AOk-"\n* LIST () "/" "Été"\n{tag} OK'
LETTER = "Subject: Été\r\n\r\nx".encode()


@pytest.fixture(params=[BlockingMailbox, AwaitingMailbox])
def opened(request: pytest.FixtureRequest) -> Iterator[Call]:
    """An open session with a server that answers this to ENABLE, and the commands that it hears."""
    with ExitStack() as ending:

        def opened(*enabled: str) -> tuple[Mailbox, list[str]]:
            answers = iter(enabled or ("* ENABLED UTF8=ACCEPT\n{tag} OK",))
            heard: list[str] = []

            def hear(answer: str | Iterator[str], lines: int = 0) -> Callable[[Phone, str, str], None]:
                def act(phone: Phone, tag: str, command: str) -> None:
                    heard.append(command.rstrip())
                    for _ in range(lines):
                        heard[-1] += phone.receive().decode().rstrip()
                    said = answer if isinstance(answer, str) else next(answer)
                    phone.say(said.replace("{tag}", tag))

                return act

            act = imap_server(
                CAPABILITY="* CAPABILITY IMAP4rev1 LITERAL+ ENABLE UTF8=ACCEPT\n{tag} OK",
                ENABLE=hear(answers),
                LIST=hear(LISTED),
                SELECT=hear("* OK [UIDVALIDITY 7] x\n{tag} OK [READ-WRITE]"),
                CREATE=hear("{tag} OK"),
                SUBSCRIBE=hear("{tag} OK"),
                UID_SEARCH=hear("* SEARCH 2\n{tag} OK", 1),
                APPEND=hear("{tag} OK", 3),
            )
            port = ending.enter_context(stranger(act)).port
            server = Server("127.0.0.1", port, Security.NONE, timeouts=Timeouts.silence(5))
            session = request.param(server, Password("ada", "correct horse"))
            ending.callback(session.leave)
            session.open()
            return session, heard

        yield opened


def test_names_are_utf8_where_the_server_has_it(opened: Call) -> None:
    session, heard = opened()

    names = [folder.name for folder in session.folders()]
    for name in (*names[::-1], "Forêt & R"):
        session.create(name)

    assert heard[0] == "ENABLE UTF8=ACCEPT"
    assert names == ["&AMk-t&AOk-", "Été"]
    assert [command for command in heard if command.startswith("CREATE")] == [
        'CREATE "Été"', 'CREATE "&AMk-t&AOk-"', 'CREATE "Forêt & R"',
    ]  # fmt: skip


@pytest.mark.parametrize("refusal", ["{tag} NO not now", "{tag} BAD what?", "* ENABLED\n{tag} OK"])
def test_a_server_that_does_not_switch_it_on_is_written_to_as_ever(opened: Call, refusal: str) -> None:
    session, heard = opened(refusal)

    session.create("Été")
    session.search(subject="été").uids  # noqa: B018 - asked for

    assert heard[1] == 'CREATE "&AMk-t&AOk-"'
    assert heard[-1].startswith("UID SEARCH CHARSET UTF-8 SUBJECT {5+}")


def test_searches_name_no_charset(opened: Call) -> None:
    session, heard = opened()

    assert session.search(subject="été").uids == (2,)
    assert heard[-1] == "UID SEARCH SUBJECT {5+}été"


@pytest.mark.slow
def test_a_letter_with_utf8_in_its_header_is_said_to_have_it(opened: Call) -> None:
    session, heard = opened()

    session.append(LETTER, "Été", flags=())

    assert heard[-1] == f'APPEND "Été" () UTF8 (~{{{len(LETTER)}+}}Subject: Étéx)'


def test_the_names_of_another_encoding_are_forgotten(opened: Call) -> None:
    session, heard = opened("* ENABLED UTF8=ACCEPT\n{tag} OK", "{tag} OK")
    session.folders()
    session.open()

    session.create("Été")

    assert heard[-2] == 'CREATE "&AMk-t&AOk-"'
