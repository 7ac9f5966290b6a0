"""Compressed IMAP sessions (COMPRESS=DEFLATE), by option: with TLS and without, however cut, and at hostile servers."""

from __future__ import annotations

import ssl
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import trustme

from courriel import Password, ReadLimits, Route, Security, Server, Timeouts, Transcript, Trust, errors, mailbox
from session.compressed import compress
from session.imap_stranger import GREETING, imap_server
from session.mailboxes import AwaitingMailbox, BlockingMailbox, Mailbox
from session.stranger import Act, Phone, stranger

Call = Callable[..., Mailbox]
CAPABLE = "* CAPABILITY IMAP4rev1 LITERAL+ IDLE COMPRESS=DEFLATE\n{tag} OK"
WHOLE = "* 1 FETCH (UID 1 RFC822.SIZE %d FLAGS () BODY[] {%d}\n%s)\n{tag} OK"


@pytest.fixture(params=[BlockingMailbox, AwaitingMailbox])
def opened(request: pytest.FixtureRequest, authority: trustme.CA, certificate: ssl.SSLContext) -> Iterator[Call]:
    """An open session with a server that compresses, and has these answers."""
    with ExitStack() as ending:

        def opened(
            security: Security = Security.NONE, *, want: bool = True, limits: ReadLimits | None = None,
            transcript: Transcript | None = None, **answers: Any,
        ) -> Mailbox:  # fmt: skip
            act = _served(
                imap_server, security, certificate, {"CAPABILITY": CAPABLE, "COMPRESS": compress(), **answers}
            )
            server = Server(
                "127.0.0.1", ending.enter_context(stranger(act)).port, security,
                trust=Trust.data(authority.cert_pem.bytes()), timeouts=Timeouts.silence(5), compress=want,
            )  # fmt: skip
            more: dict[str, Any] = {} if limits is None else {"limits": limits}
            session = request.param(server, Password("ada", "correct horse"), transcript=transcript, **more)
            ending.callback(session.leave)
            session.open()
            return session

        yield opened


def _served(serve: Callable[..., Act], security: Security, context: ssl.SSLContext, answers: dict[str, Any]) -> Act:
    def starttls(phone: Phone, tag: str, command: str) -> None:
        phone.say(f"{tag} OK now")
        phone.secure(context)

    greeting = GREETING.replace("SASL-IR", "SASL-IR STARTTLS") if security is Security.STARTTLS else GREETING
    act = serve(greeting, STARTTLS=starttls, **answers)

    def secured(phone: Phone) -> None:
        phone.secure(context)
        act(phone)

    return secured if security is Security.TLS else act


def whole(text: str) -> str:
    return WHOLE % (len(text) + text.count("\n"), len(text) + text.count("\n"), text)


TEXT = "Subject: one\n\n" + "A line of a letter that is like the others.\n" * 20_000


@pytest.mark.slow
@pytest.mark.parametrize("security", [Security.NONE, Security.STARTTLS, Security.TLS])
def test_a_letter_comes_whole_through_compression(opened: Call, security: Security) -> None:
    session = opened(security, UID_SEARCH="* SEARCH 1\n{tag} OK", UID_FETCH=whole(TEXT))

    assert session.compressed
    assert session.content(next(session.each(session.search(whole=True)))) == TEXT.replace("\n", "\r\n").encode()
    assert [letter.uid for letter in session.search()] == [1]


@pytest.mark.parametrize("security", [Security.NONE, Security.TLS])
def test_octets_that_come_one_by_one_are_put_together(opened: Call, security: Security) -> None:
    session = opened(security, COMPRESS=compress(octet_by_octet=True))

    assert session.search().uids == (1, 2, 3)
    session.noop()


def test_what_follows_the_agreement_in_one_packet_is_compressed_already(opened: Call) -> None:
    session = opened(COMPRESS=compress(b"* OK by the way\r\n"))

    session.noop()

    assert session.usable


def test_an_idle_session_hears_of_a_letter(opened: Call) -> None:
    def idle(phone: Phone, tag: str, command: str) -> None:
        phone.say("+ idling")
        phone.say("* 4 EXISTS")
        assert phone.receive() == b"DONE"
        phone.say(f"{tag} OK done")

    session = opened(IDLE=idle)
    session.select()

    assert session.wait_for_news(4)


@pytest.mark.slow
def test_a_large_letter_is_sent_compressed(opened: Call) -> None:
    stored: list[int] = []

    def append(phone: Phone, tag: str, command: str) -> None:
        size = int(command.rpartition("{")[2].strip(" +}\r\n"))
        if "+" not in command:
            phone.say("+ go on")
        while size > 0:
            size -= len(phone.file.readline())
        stored.append(phone.line.compressed)  # type: ignore[attr-defined]
        phone.file.readline()
        phone.say(f"{tag} OK [APPENDUID 7 9] stored")

    session = opened(APPEND=append)
    octets = TEXT.replace("\n", "\r\n").encode()

    assert session.append(octets, "Sent").uid == 9
    assert 0 < stored[0] < len(octets) / 20


def test_the_transcript_shows_clear_text(opened: Call) -> None:
    transcript = Transcript()
    session = opened(transcript=transcript)

    session.noop()

    said = [entry.text for entry in transcript]
    assert "compressed by DEFLATE" in said
    assert any(text.endswith(" NOOP") for text in said[said.index("compressed by DEFLATE") :])
    assert said[-1].endswith(" OK ok")


@pytest.mark.parametrize(
    "answers",
    [
        {"CAPABILITY": "* CAPABILITY IMAP4rev1\n{tag} OK"},
        {"CAPABILITY": "* CAPABILITY IMAP4rev1 COMPRESS=LZMA\n{tag} OK"},
        {"COMPRESS": "{tag} NO [COMPRESSIONACTIVE] by TLS already"},
        {"COMPRESS": "{tag} BAD what?"},
    ],
)
def test_a_server_that_cannot_is_read_as_it_is(opened: Call, answers: dict[str, str]) -> None:
    session = opened(**answers)

    assert not session.compressed
    assert session.search().uids == (1, 2, 3)


def test_nothing_is_compressed_unless_it_was_asked_for(opened: Call) -> None:
    session = opened(want=False, COMPRESS=None)

    assert not session.compressed
    session.noop()


# Hostile servers.


def raw(octets: bytes) -> Callable[[Phone, str, str], None]:
    def say(phone: Phone, tag: str, command: str) -> None:
        phone.line.send_as_it_is(octets)  # type: ignore[attr-defined]
        phone.expect_nothing_more()

    return say


def test_what_is_not_compressed_ends_the_session(opened: Call) -> None:
    session = opened(NOOP=raw(b"* OK this is in clear\r\n"))

    with pytest.raises(errors.RemoteProtocolError, match="agreed to compress"):
        session.noop()

    assert not session.usable


def test_garbage_behind_a_good_answer_ends_the_session(opened: Call) -> None:
    def noop(phone: Phone, tag: str, command: str) -> None:
        phone.line.send_as_it_is(phone.line.deflated(f"{tag} OK\r\n".encode()) + b"\xff" * 40)  # type: ignore[attr-defined]
        phone.expect_nothing_more()

    session = opened(NOOP=noop)

    with pytest.raises(errors.RemoteProtocolError, match="agreed to compress"):
        session.noop()

    assert not session.usable


@pytest.mark.parametrize("behind", [b"", b"garbage"])
def test_a_stream_that_ends_early_is_a_hang_up(opened: Call, behind: bytes) -> None:
    def noop(phone: Phone, tag: str, command: str) -> None:
        phone.line.send_as_it_is(phone.line.deflated(b"* OK still\r\n", zlib.Z_FINISH) + behind)  # type: ignore[attr-defined]
        phone.expect_nothing_more()

    session = opened(NOOP=noop)

    with pytest.raises(errors.ConnectionFailed) as raised:
        session.noop()

    assert not isinstance(raised.value, errors.TimedOut)
    assert not session.usable


def test_a_stream_that_is_cut_is_a_hang_up(opened: Call) -> None:
    def noop(phone: Phone, tag: str, command: str) -> None:
        phone.line.send_as_it_is(phone.line.deflated(f"{tag} OK done\r\n".encode())[:5])  # type: ignore[attr-defined]
        phone.close()

    session = opened(NOOP=noop)

    with pytest.raises(errors.ConnectionFailed) as raised:
        session.noop()

    assert not isinstance(raised.value, errors.TimedOut)


def bomb(data: bytes, times: int) -> Callable[[Phone, str, str], None]:
    def fetch(phone: Phone, tag: str, command: str) -> None:
        if "RFC822.SIZE)" in command:
            phone.say(f"* 1 FETCH (UID 1 RFC822.SIZE 999)\n{tag} OK")
            return
        phone.say("* OK beginning")
        try:
            for _ in range(times):
                phone.line.sendall(data)
        except OSError:
            return
        phone.expect_nothing_more()

    return fetch


@pytest.mark.slow
def test_a_bomb_of_responses_ends_the_session_at_the_limits(opened: Call) -> None:
    session = opened(UID_FETCH=bomb(b"* OK\r\n" * 100_000, 1000))

    with pytest.raises(errors.RemoteProtocolError, match=r"more than 200,000 lines"):
        list(session.search(whole=True))


@pytest.mark.slow
def test_a_bomb_within_generous_limits_ends_the_session_by_its_proportion(opened: Call) -> None:
    session = opened(
        UID_FETCH=bomb(b"* OK " + b" " * 1_000_000 + b"\r\n", 1000), limits=ReadLimits(answer=2**40, lines=10**9)
    )

    with pytest.raises(errors.RemoteProtocolError, match=r"octets of the server have become"):
        list(session.search(whole=True))


# The option.


def test_the_url_has_it_for_imap_alone() -> None:
    route = Route.parse("imaps://ada@imap.example.org?compress=1")

    assert route.server is not None
    assert route.server.compress
    assert "compress=1" in str(route)
    for url in ("pops://ada@pop.example.org?compress=1", "smtps://smtp.example.org?compress=1"):
        with pytest.raises(errors.InvalidUrl, match="compress= makes no sense with"):
            Route.parse(url)
    with pytest.raises(errors.InvalidUrl, match="1 is the only value"):
        mailbox("imaps://ada@imap.example.org?compress=yes")


def test_a_value_that_is_no_truth_is_refused() -> None:
    with pytest.raises(errors.InvalidServer, match="compress"):
        Server("imap.example.org", compress="yes")  # type: ignore[arg-type]
