"""The usual mail is said by a script: everything is as if its flow had said it, whatever the server answers."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from courriel import (
    Envelope,
    Message,
    ReadyMessage,
    Receipt,
    Security,
    Server,
    SmtpSession,
    Timeouts,
    Transcript,
    errors,
)
from courriel._dataclass import replace
from courriel.dialogue.smtp import usual_mail as scripts
from courriel.dialogue.smtp.client import SmtpDialogue
from courriel.dialogue.smtp.usual_mail import UsualMail, usual_mail
from courriel.model.content import Content
from courriel.model.servers.server import Dialect
from courriel.model.submission import Submission
from courriel.network.connecting import blocking as connecting
from courriel.network.timed_socket import TimedSocket
from courriel.session import server_memory
from courriel.session.encoding import IN_SEVEN_BITS, submission_of
from courriel.wire.smtp.extensions import Extensions
from fast_part import examples
from session.play import PATIENCE, TRANSCRIPTS

GREETING, HELLO = b"220 mx.example.org ready\r\n", b"250-mx.example.org\r\n250-SIZE 100000\r\n250 PIPELINING\r\n"
HANG_UP, SILENCE = b"(hang up)", b"(silence)"
USUAL = [b"250 2.1.0 ok\r\n", b"250 2.1.5 ok\r\n", b"354 go ahead\r\n", b"250 2.0.0 queued as 42\r\n"]
MESSAGE = ReadyMessage.parse(
    b"From: ada@example.org\r\nTo: bob@example.org\r\nSubject: hello\r\nDate: Mon, 30 Nov 2026 07:00:00 +0000\r\n"
    b"Message-ID: <1@example.org>\r\n\r\nAll is well.\r\n"
)
SUBMISSION = submission_of(MESSAGE, IN_SEVEN_BITS)
LIMITS = Timeouts(greeting=20, hello=20, sender=21, recipient=22, data=23, message=24)
LIMITS_OF_STAGES = (21, 22, 23, 24)
TO_THREE = ("bob@example.org", "carol@example.org", "dan@example.org")


plainly = TimedSocket.receive


class Cut(socket.socket):
    """A client's socket that is read a few octets at a time, and only when the server has done all that it will do."""

    most = 1 << 20
    interrupted = False
    settled: threading.Event
    gone: threading.Event

    def send(self, octets: bytes | memoryview, flags: int = 0) -> int:
        self.settled.clear()
        return super().send(octets, flags)

    def recv(self, number: int, flags: int = 0) -> bytes:
        assert self.gone.is_set() or self.settled.wait(PATIENCE)
        octets = super().recv(min(number, self.most), flags)
        if self.interrupted:
            raise KeyboardInterrupt
        return octets


@dataclass
class Host:
    """A server on the other end of socket pairs. It answers the commands of its first connection by these answers, one
    each, which the client reads `cut` octets at a time; what is left, and every later connection, is answered as usual.
    """

    answers: Sequence[bytes]
    hello: bytes = HELLO
    cut: int = 0
    room: int = 0  # octets that a write may hold; 0: as the system has it
    on_command: Callable[[str], None] = lambda _: None
    heard: list[bytes] = field(default_factory=list)
    threads: list[threading.Thread] = field(default_factory=list)

    def reach(self, server: Server, ends: float) -> socket.socket:
        there, theirs = socket.socketpair()
        ours = Cut(fileno=there.detach())
        ours.most, ours.settled, ours.gone = self.cut or ours.most, threading.Event(), threading.Event()
        self.heard.append(b"")
        theirs.settimeout(PATIENCE)
        if self.room:
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self.room)
        answers = list(self.answers) if len(self.heard) == 1 else []
        self.threads.append(threading.Thread(target=self._serve, args=(theirs, ours, len(self.heard) - 1, answers)))
        self.threads[-1].start()
        return ours

    def _serve(self, line: socket.socket, client: Cut, number: int, answers: list[bytes]) -> None:
        try:
            with line, suppress(OSError):
                line.sendall(GREETING)
                self._answer_all(line, client.settled, number, answers)
        finally:
            client.gone.set()
            client.settled.set()

    def _answer_all(self, line: socket.socket, settled: threading.Event, number: int, answers: list[bytes]) -> None:
        waiting, content = b"", False
        settled.set()
        while octets := line.recv(65536):
            self.heard[number] += octets
            waiting += octets
            said = b""
            while b"\r\n" in waiting:
                if content and waiting != b".\r\n" and b"\r\n.\r\n" not in waiting:
                    break
                command, _, waiting = (b".", b"", b"") if content else waiting.partition(b"\r\n")
                answer = self._answer(command.decode(), answers)
                said += answer
                content = command == b"DATA" and answer.startswith(b"354")
            words, gone, _ = said.partition(HANG_UP)
            words, silent, _ = words.partition(SILENCE)
            line.sendall(words)
            if gone:
                return
            settled.set()
            while silent and line.recv(65536):
                pass

    def _answer(self, command: str, answers: list[bytes]) -> bytes:
        self.on_command(command)
        if command.startswith("EHLO"):
            return self.hello
        return answers.pop(0) if answers else b"354 go\r\n" if command == "DATA" else b"250 2.0.0 as usual\r\n"


@dataclass
class Seen:
    """Everything that a caller, an onlooker and the server see."""

    outcomes: list[object]
    usable: list[bool]
    said: list[tuple[str, str]]
    heard: list[bytes]
    limits: list[float]
    """Seconds that each read might take which waits for a reply from its beginning."""
    scripts: int


def told(outcome: Receipt | errors.CourrielError) -> object:
    if isinstance(outcome, Receipt):
        return outcome
    cause = type(outcome.__cause__), str(outcome.__cause__)
    return type(outcome), str(outcome), cause, {name: repr(value) for name, value in vars(outcome).items()}


def watch(
    host: Host,
    monkeypatch: pytest.MonkeyPatch,
    messages: Sequence[ReadyMessage | Submission] = (MESSAGE, MESSAGE),
    *,
    by_script: bool,
    timeouts: Timeouts | None = None,
    room: int = 0,
    max_messages: int | None = None,
    **options: object,
) -> Seen:
    """Send these messages on one session, by scripts or by flows alone."""
    server_memory.forget()
    host.room = room
    seen = Seen([], [], [], host.heard, [], 0)
    monkeypatch.setattr(connecting, "reach", host.reach)
    server = Server("127.0.0.1", 2525, Security.NONE, ehlo_name="me.example.org", timeouts=LIMITS)
    transcript = Transcript()

    def script_of(dialogue: SmtpDialogue, submission: Submission) -> UsualMail | None:
        script = usual_mail(dialogue, submission) if by_script else None
        seen.scripts += script is not None
        return script

    def receive(line: TimedSocket, seconds: float) -> bytes | None:
        seen.limits += [seconds] if seconds in LIMITS_OF_STAGES else []
        return plainly(line, seconds)

    monkeypatch.setattr(scripts, "usual_mail", script_of)
    monkeypatch.setattr(TimedSocket, "receive", receive)
    session = SmtpSession(server, transcript=transcript, max_messages=max_messages)
    try:
        session.open()
        if timeouts is not None:
            session.change_timeouts(timeouts)
        for message in messages:
            try:
                seen.outcomes.append(told(session.send(message, **options)))  # type: ignore[arg-type]
            except errors.CourrielError as error:
                seen.outcomes.append(told(error))
            seen.usable.append(session.usable)
    finally:
        session.close()
        for thread in host.threads:
            thread.join(PATIENCE)
    seen.said = [(entry.who, entry.text) for entry in transcript]
    return seen


@pytest.fixture
def both(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Seen, Seen]]:
    """What is seen of two messages sent by scripts, and of the same sent by flows alone."""

    def both(*answers: bytes, hello: bytes = HELLO, cut: int = 0, **about: object) -> tuple[Seen, Seen]:
        def seen(by_script: bool) -> Seen:
            return watch(Host(answers, hello, cut), monkeypatch, by_script=by_script, **about)  # type: ignore[arg-type]

        script, flow = seen(True), seen(False)
        assert script.scripts
        assert not flow.scripts
        script.scripts = 0
        return script, flow

    return both


Both = Callable[..., tuple[Seen, Seen]]


def test_a_usual_mail_is_said_and_told_as_by_its_flow(both: Both) -> None:
    script, flow = both(*USUAL, *USUAL)

    assert script == flow
    assert [type(outcome) for outcome in script.outcomes] == [Receipt, Receipt]


@pytest.mark.parametrize("place", range(8))
@pytest.mark.parametrize(
    "answer",
    [
        b"250-2.0.0 two\r\n250 2.0.0 lines\r\n",
        b"251 will forward\r\n",
        b"221 bye\r\n",
        b"354 go ahead\r\n",
        b"421 4.3.2 going down\r\n",
        b"450 4.2.0 later\r\n",
        b"451 4.5.3 too many messages in this session\r\n",
        b"503 5.5.1 bad sequence\r\n",
        b"550 5.1.1 no such user\r\n",
        b"250 ok\r\n250 and a stray one\r\n",
        b"250 ok\r\n421 4.4.2 idle for too long\r\n",
        b"nonsense\r\n",
        b"250 two\r\n550-codes\r\n250 ok\r\n",
        b"250-unended\r\n" + HANG_UP,
        HANG_UP,
    ],
)
@pytest.mark.parametrize("cut", [0, 1])
def test_one_unusual_answer_has_the_same_consequences(both: Both, answer: bytes, place: int, cut: int) -> None:
    answers = [*USUAL, *USUAL]
    answers[place] = answer

    script, flow = both(*answers, cut=cut)

    assert script == flow


@pytest.mark.parametrize("name", sorted(path.stem for path in TRANSCRIPTS.glob("*.txt") if "pop-" not in path.name))
@pytest.mark.parametrize("cut", [0, 1])
def test_the_answers_of_each_transcript_have_the_same_consequences(both: Both, name: str, cut: int) -> None:
    script, flow = both(
        *answers_of((TRANSCRIPTS / f"{name}.txt").read_text(encoding="utf-8")), cut=cut, to=TO_THREE[:2]
    )

    assert script == flow


ANSWER = st.sampled_from(
    [
        *USUAL,
        b"251 ok\r\n",
        b"250-a\r\n250 b\r\n",
        b"421 bye\r\n",
        b"452 4.5.3 later\r\n",
        b"550 5.7.1 no\r\n",
        b"502 what\r\n",
    ]
)


@pytest.mark.slow
@settings(max_examples=examples(200))
@given(
    answers=st.lists(st.one_of(ANSWER, st.tuples(ANSWER, ANSWER).map(b"".join), st.just(HANG_UP)), max_size=12),
    to=st.integers(1, 3),
    cut=st.sampled_from([0, 0, 1, 7]),
    abandon=st.booleans(),
)
@example(answers=[], to=1, cut=0, abandon=False)
def test_any_answers_have_the_same_consequences(answers: list[bytes], to: int, cut: int, abandon: bool) -> None:
    on_refused = "abandon" if abandon and to == 1 else "deliver"
    with pytest.MonkeyPatch.context() as patch:
        script, flow = (
            watch(Host(answers, cut=cut), patch, by_script=by_script, to=TO_THREE[:to], on_refused=on_refused)
            for by_script in (True, False)
        )

    script.scripts = flow.scripts = 0
    assert script == flow


@pytest.mark.parametrize("place", range(4))
def test_silence_has_the_same_consequences(both: Both, place: int) -> None:
    limits = Timeouts(sender=0.02, recipient=0.03, data=0.04, message=0.05)

    script, flow = both(*USUAL[:place], SILENCE, timeouts=limits)

    assert script == flow
    assert script.outcomes[0][0] is errors.TimedOut  # type: ignore[index]


def test_the_deadline_of_a_whole_call_has_the_same_consequences(both: Both) -> None:
    script, flow = both(SILENCE, timeouts=replace(LIMITS, total=0.03))

    assert script == flow
    assert "the whole call" in script.outcomes[0][1]  # type: ignore[index]


def test_a_message_that_fills_the_connection_is_written_to_its_end(both: Both) -> None:
    large = Message(sender="ada@example.org", to="bob@example.org", subject="x", text="y" * 70 + "\n" + "z\n" * 15_000)

    script, flow = both(*USUAL, messages=[ready(large)] * 2, room=4096)

    assert script == flow
    assert script.heard[0].count(b"\r\n.\r\n") == 2


def test_what_was_said_unasked_is_looked_for_before_a_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    for by_script in (True, False):
        host = Host([*USUAL[:3], USUAL[3] + b"550 5.7.1 who are you\r\n"])

        seen = watch(host, monkeypatch, by_script=by_script)

        assert isinstance(seen.outcomes[0], Receipt) or seen.outcomes[0][0] is errors.RemoteProtocolError  # type: ignore[index]
        assert seen.outcomes[-1][0] is errors.RemoteProtocolError  # type: ignore[index]
        assert seen.heard[0].count(b"MAIL") == 1


def test_a_session_is_busy_while_a_script_is_said_and_says_none_while_it_is_busy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refused: list[errors.UsageError] = []

    def interfere(command: str) -> None:
        if command.startswith(("MAIL", ".", "NOOP")):
            with pytest.raises(errors.UsageError) as busy:
                sessions[0].noop() if command != "NOOP" else sessions[0].send(MESSAGE)
            refused.append(busy.value)

    sessions: list[SmtpSession] = []
    host = Host([], on_command=interfere)
    monkeypatch.setattr(connecting, "reach", host.reach)
    with SmtpSession(Server("127.0.0.1", 2525, Security.NONE)) as session:
        sessions.append(session)
        receipt = session.send(MESSAGE)
        session.noop()

    assert receipt.complete
    assert [error.hint_id for error in refused] == ["SESSION-BUSY"] * 3
    assert not session.busy


@pytest.mark.parametrize("command", ["DATA", "."])
def test_ctrl_c_within_a_script_closes_the_session(monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    def interrupt(said: str) -> None:
        if said == command:
            Cut.interrupted = True

    host = Host([], on_command=interrupt)
    monkeypatch.setattr(connecting, "reach", host.reach)
    monkeypatch.setattr(Cut, "interrupted", False)
    session = SmtpSession(Server("127.0.0.1", 2525, Security.NONE)).open()
    with pytest.raises(KeyboardInterrupt):
        session.send(MESSAGE)

    assert not session.usable
    assert not session.busy
    for thread in host.threads:
        thread.join(PATIENCE)


def test_messages_by_script_count_for_the_limit_of_a_session(both: Both) -> None:
    script, flow = both(messages=[MESSAGE] * 5, max_messages=2)

    assert script == flow
    assert [heard.count(b"MAIL") for heard in script.heard] == [2, 2, 1]


@pytest.mark.parametrize(
    ("why", "changed"),
    [
        ("a guard", {"before_end": lambda: True}),
        ("all or nothing", {"on_refused": "abandon"}),
        ("lines with dots", {"content": Content((b"Subject: x\r\n\r\n.\r\n",), 17)}),
        ("several pieces", {"content": Content((b"Subject: x\r\n\r\n", b"x\r\n"), 17, dotless=True)}),
        ("large", {"content": Content((b"x\r\n" * 30_000,), 90_000, dotless=True)}),
        ("too large for the server", {"content": Content((b"x\r\n",), 100_001, dotless=True)}),
        ("files as they are", {"content": Content((b"x\r\n",), 3, dotless=True, binary=True)}),
        ("eight bits, without 8BITMIME", {"content": Content((b"x\r\n",), 3, dotless=True, eight_bit=True)}),
        ("more than a burst", {"envelope": Envelope.of("a@b.org", [f"b{number}@b.org" for number in range(101)])}),
    ],
)
def test_what_is_not_usual_is_left_to_the_flow(why: str, changed: dict[str, object]) -> None:
    dialogue = pipelining()

    assert usual_mail(dialogue, SUBMISSION) is not None
    assert usual_mail(dialogue, replace(SUBMISSION, **changed)) is None, why


def test_only_smtp_by_data_with_pipelining_has_a_script() -> None:
    assert usual_mail(pipelining(Extensions({})), SUBMISSION) is None
    assert usual_mail(pipelining(Extensions({"PIPELINING": "", "CHUNKING": ""})), SUBMISSION) is None
    assert usual_mail(pipelining(dialect=Dialect.LMTP), SUBMISSION) is None


def test_a_full_session_has_no_script() -> None:
    dialogue = pipelining()
    dialogue.count.most = dialogue.count.carried = 3

    assert usual_mail(dialogue, SUBMISSION) is None


def test_what_is_no_submission_has_no_script() -> None:
    assert usual_mail(pipelining(), MESSAGE) is None  # type: ignore[arg-type]


# The steps.


PIPELINING = Extensions({"PIPELINING": "", "SIZE": "100000"})


def pipelining(extensions: Extensions = PIPELINING, dialect: Dialect = Dialect.SMTP) -> SmtpDialogue:
    """A dialogue with a server of these capabilities."""
    dialogue = SmtpDialogue(Server("127.0.0.1", 2525, Security.NONE, dialect=dialect))
    dialogue.extensions = extensions
    return dialogue


def ready(message: Message) -> Submission:
    return submission_of(message, IN_SEVEN_BITS)


def answers_of(transcript: str) -> list[bytes]:
    """What the server of a transcript says after EHLO, a group of lines for each of the client."""
    groups: list[bytes] = []
    for group in re.findall(r"(?:^(?:S:.*|---)\n?)+", transcript, re.MULTILINE):
        lines = [line for line in group.splitlines() if line != "---"]
        groups += ["".join(f"{line[3:]}\r\n" for line in lines).encode()] if lines else []
        groups += [HANG_UP] if "---" in group else []
    return [group for group in groups[1:] if b"mx.example.org" not in group]
