"""Fixtures that run each play six times: whole, by line and by byte, blocking and asyncio."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest
import trustme

from courriel import Password, Security, Server, Timeouts, Transcript, Trust
from courriel.model.servers.credentials import Credentials
from courriel.model.servers.server import Dialect
from courriel.session import server_memory
from session.imap_stranger import SELECTED, Answer, heard_by, imap_server
from session.mailboxes import AwaitingMailbox, BlockingMailbox, Mailbox
from session.play import TRANSCRIPTS, Awaiting, Blocking, Cut, Session, Theatre
from session.pop_play import AwaitingBox, BlockingBox, Box, MeetBox
from session.stranger import stranger

Play = Callable[..., Session]


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def certificate(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    return context


@pytest.fixture(params=["whole", pytest.param("line", marks=pytest.mark.slow), "byte"])
def cut(request: pytest.FixtureRequest) -> Cut:
    return request.param


@pytest.fixture(params=[Blocking, Awaiting])
def colour(request: pytest.FixtureRequest) -> type[Session]:
    return request.param


@pytest.fixture
def theatre(cut: Cut, certificate: ssl.SSLContext) -> Iterator[Theatre]:
    theatre = Theatre(cut, certificate)
    yield theatre
    theatre.check()


@pytest.fixture
def meet(theatre: Theatre, colour: type[Session], authority: trustme.CA) -> Iterator[Play]:
    """A session, not opened yet, with a server that plays these scripts (a name of tests/transcripts, or a text).

    It has taken a BDAT in this process before, unless `bdat_taken` says otherwise.
    """
    met: list[Session] = []

    def meet(
        *scripts: str,
        credentials: Credentials | None = None,
        transcript: Transcript | None = None,
        bdat_taken: bool | None = True,
        **options: object,
    ) -> Session:
        theatre.stage(*(text(script) for script in scripts))
        server = Server(
            "127.0.0.1",
            theatre.port,
            Security.NONE,
            ehlo_name="client.example.org",
            trust=Trust.data(authority.cert_pem.bytes()),
            timeouts=Timeouts.silence(10),
        )
        server_memory.of(server).bdat_taken = bdat_taken
        met.append(colour(replace(server, **options), credentials, transcript))  # type: ignore[arg-type]
        return met[-1]

    yield meet
    for session in met:
        session.leave()


@pytest.fixture
def play(meet: Play) -> Play:
    """An open session with a server that plays these scripts."""

    def play(*scripts: str, **options: object) -> Session:
        session = meet(*scripts, **options)
        session.open()
        return session

    return play


@pytest.fixture(params=[BlockingBox, AwaitingBox])
def box_colour(request: pytest.FixtureRequest) -> type[Box]:
    return request.param


@pytest.fixture
def meet_box(theatre: Theatre, box_colour: type[Box], authority: trustme.CA) -> Iterator[MeetBox]:
    """A mailbox session, not opened yet, with a server that plays these scripts."""
    met: list[Box] = []

    def meet(
        *scripts: str,
        credentials: Credentials | None = None,
        transcript: Transcript | None = None,
        largest: int = 100_000,
        **options: object,
    ) -> Box:
        theatre.stage(*(text(script) for script in scripts))
        server = Server(
            "127.0.0.1",
            theatre.port,
            Security.NONE,
            trust=Trust.data(authority.cert_pem.bytes()),
            timeouts=Timeouts.silence(10),
            dialect=Dialect.POP3,
        )
        met.append(box_colour(replace(server, **options), credentials, transcript, largest=largest))  # type: ignore[arg-type]
        return met[-1]

    yield meet
    for box in met:
        box.leave()


@pytest.fixture
def box(meet_box: MeetBox) -> MeetBox:
    """An open mailbox session with a server that plays these scripts."""

    def box(*scripts: str, **options: object) -> Box:
        met = meet_box(*scripts, **options)
        met.open()
        return met

    return box


def text(script: str) -> str:
    return script if "\n" in script else (TRANSCRIPTS / f"{script}.txt").read_text(encoding="utf-8")


@pytest.fixture(params=[BlockingMailbox, AwaitingMailbox])
def imap_session(request: pytest.FixtureRequest) -> Iterator[Callable[..., tuple[Mailbox, list[str]]]]:
    """An open session with a server of these capabilities and answers, and the commands that it hears."""
    with ExitStack() as ending:

        def opened(capable: str = "", *, cut: Cut = "whole", **answers: Answer) -> tuple[Mailbox, list[str]]:
            heard: list[str] = []
            act = imap_server(
                CAPABILITY=f"* CAPABILITY IMAP4rev1 LITERAL+ {capable}\n{{tag}} OK",
                **{name: heard_by(answer, heard) for name, answer in {"SELECT": SELECTED, **answers}.items()},
            )
            port = ending.enter_context(stranger(act, cut=cut)).port
            server = Server("127.0.0.1", port, Security.NONE, timeouts=Timeouts.silence(5))
            session = request.param(server, Password("ada", "correct horse"))
            ending.callback(session.leave)
            session.open()
            return session, heard

        yield opened
