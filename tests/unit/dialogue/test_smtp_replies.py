"""Replies that an SMTP client accepts: as many as it asked for, and no more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import pytest

import inside
from courriel import Envelope, Security, Server, errors
from courriel.dialogue.flow import Ask, Flow, Receive, ReceivePending, Want
from courriel.dialogue.smtp.batch_sender import BatchSender
from courriel.dialogue.smtp.client import SmtpDialogue
from courriel.dialogue.smtp.replies import SmtpReplies
from courriel.dialogue.smtp.send_queue import QueuedMessage
from courriel.model.content import Content
from courriel.model.submission import Submission
from courriel.reply import Reply
from courriel.wire.smtp.client_syntax import take_replies

T = TypeVar("T")

RAW = b"Subject: hello\r\n\r\nhello\r\n"
BOB = Envelope.of("ada@example.org", "bob@example.org")
YES = b"250 2.1.0 ok\r\n"
GO_ON = b"354 go on\r\n"


class Told:
    """Runner of a flow with prepared input, one item for each read (an error is raised); keeps the wants."""

    def __init__(self, *arrivals: bytes | errors.CourrielError) -> None:
        self.arrivals = list(arrivals)
        self.wants: list[Want] = []

    def run(self, flow: Flow[T]) -> T:
        try:
            want = next(flow)
            while True:
                self.wants.append(want)
                answer = self.arrivals.pop(0) if isinstance(want, Ask | Receive) else b""
                want = flow.throw(answer) if isinstance(answer, errors.CourrielError) else flow.send(answer)
        except StopIteration as end:
            result: T = end.value
            return result


@pytest.fixture(params=[True, False], ids=["heard before", "heard the first time"])
def known(request: pytest.FixtureRequest) -> bool:
    """Whether the same replies were received before: cached ones take another path."""
    if request.param:
        take_replies(bytearray(YES + GO_ON))
    return bool(request.param)


def heard(text: str, known: bool) -> bytes:
    """Positive reply with this text."""
    line = f"250 2.1.0 {text} {known}\r\n".encode()
    if known:
        take_replies(bytearray(line))
    return line


def codes(replies: Sequence[Reply]) -> list[int]:
    return [reply.code for reply in replies]


def test_a_burst_is_one_want_when_its_answers_come_together(known: bool) -> None:
    server = Told(heard("together", known) + GO_ON)

    assert codes(server.run(SmtpReplies().pipeline(("sender", "data"), b"MAIL\r\nDATA\r\n"))) == [250, 354]

    assert server.wants == [Ask(b"MAIL\r\nDATA\r\n", "sender")]


def test_what_is_missing_is_waited_for_under_its_own_name(known: bool) -> None:
    server = Told(heard("apart", known), GO_ON)

    assert codes(server.run(SmtpReplies().pipeline(("sender", "data"), b"MAIL\r\nDATA\r\n"))) == [250, 354]

    assert server.wants[1:] == [Receive("data")]


def test_an_answer_that_has_begun_has_no_more_time_than_before() -> None:
    server = Told(b"250 2.1", b".0 slow", b"\r\n354 g", b"o\r\n")

    assert codes(server.run(SmtpReplies().pipeline(("sender", "data"), b"MAIL\r\nDATA\r\n"))) == [250, 354]

    assert server.wants[1:] == [Receive("sender", more=True), Receive("sender", more=True), Receive("data")]


@pytest.mark.parametrize("also", [0, 1, 2])
def test_so_many_more_are_given_as_were_wanted_and_are_all_here(also: int, known: bool) -> None:
    exchange, yes = SmtpReplies(), heard("more", known)

    replies = Told(yes * 3).run(exchange.pipeline(("message",), b".\r\n", also=also))

    assert len(replies) == (3 if also == 2 else 1 + also)
    assert exchange.idle == (also == 2)


def test_an_answer_too_many_ends_the_session_before_anything_is_said(known: bool) -> None:
    exchange = SmtpReplies()
    Told(heard("two", known) * 2).run(exchange.pipeline(("sender",), b"MAIL\r\n"))
    server = Told()

    with pytest.raises(errors.RemoteProtocolError, match="without being asked"):
        server.run(exchange.pipeline(("recipient",), b"RCPT\r\n"))

    assert not server.wants


def test_a_hang_up_in_place_of_a_reply_is_raised() -> None:
    with pytest.raises(errors.ConnectionFailed) as gone:
        Told(b"").run(SmtpReplies().pipeline(("sender",), b"MAIL\r\n"))

    assert gone.value.stage == "sender"


def test_a_reply_before_the_content_was_sent_is_not_the_final_one(known: bool) -> None:
    """Hazard H01: a positive reply that came with the 354 is no reply to the message, of which nothing was sent."""
    dialogue = SmtpDialogue(Server("127.0.0.1", 25, Security.NONE))
    inside.know(dialogue, {"PIPELINING": ""})
    server = Told(heard("early", known) * 2 + GO_ON + heard("early", known))

    with pytest.raises(errors.RemoteProtocolError, match="without being asked") as unasked:
        server.run(dialogue.deliver(Submission(BOB, Content((RAW,), len(RAW), dotless=True), "<x@y>")))

    assert not unasked.value.in_doubt
    assert [type(want) for want in server.wants] == [ReceivePending, Ask]


NO = b"552 5.3.4 that is too much\r\n"


def told_no() -> tuple[SmtpDialogue, Told]:
    """Server that sends a refusal together with its 354."""
    dialogue = SmtpDialogue(Server("127.0.0.1", 25, Security.NONE))
    inside.know(dialogue, {"PIPELINING": ""})
    return dialogue, Told(YES * 2 + GO_ON + NO)


def test_a_refusal_before_the_content_was_sent_counts() -> None:
    dialogue, server = told_no()

    with pytest.raises(errors.MessageRefused) as refused:
        server.run(dialogue.deliver(Submission(BOB, Content((RAW,), len(RAW), dotless=True), "<x@y>")))

    assert refused.value.reply.code == 552
    assert not refused.value.session_usable
    assert [type(want) for want in server.wants] == [ReceivePending, Ask]


def test_in_a_batch_such_a_refusal_is_final() -> None:
    dialogue, server = told_no()
    stream = BatchSender(dialogue, window=10)
    stream.put(QueuedMessage(BOB, Content((RAW,), len(RAW), dotless=True), "<x@y>"))

    server.run(stream.finish())

    (result,) = stream.results()
    assert isinstance(result, errors.MessageRefused)
    assert not any(isinstance(want, Ask) and RAW in want.data for want in server.wants)


def broke_with_a_no() -> tuple[SmtpDialogue, Told]:
    """Server that refuses and hangs up during the last write: its reply has arrived, the connection is lost."""
    dialogue, _ = told_no()
    return dialogue, Told(YES * 2 + GO_ON, errors.ConnectionFailed("broken pipe", stage="message"), NO)


def test_a_refusal_that_arrived_during_the_last_write_is_read() -> None:
    dialogue, server = broke_with_a_no()

    with pytest.raises(errors.MessageRefused) as refused:
        server.run(dialogue.deliver(Submission(BOB, Content((RAW,), len(RAW), dotless=True), "<x@y>")))

    assert (refused.value.reply.code, refused.value.in_doubt, refused.value.session_usable) == (552, False, False)


def test_in_a_batch_such_a_refusal_is_read_as_well() -> None:
    dialogue, server = broke_with_a_no()
    stream = BatchSender(dialogue, window=10)
    stream.put(QueuedMessage(BOB, Content((RAW,), len(RAW), dotless=True), "<x@y>"))

    server.run(stream.finish())

    (result,) = stream.results()
    assert isinstance(result, errors.MessageRefused)


@pytest.mark.parametrize("broken", [errors.ConnectionFailed, errors.TimedOut])
def test_without_a_reply_the_message_is_in_doubt_and_a_timeout_is_not_repeated(
    broken: type[errors.ConnectionFailed],
) -> None:
    dialogue, _ = told_no()
    server = Told(YES * 2 + GO_ON, broken("gone", stage="message"), b"")

    with pytest.raises(broken) as lost:
        server.run(dialogue.deliver(Submission(BOB, Content((RAW,), len(RAW), dotless=True), "<x@y>")))

    assert lost.value.in_doubt
    assert len(server.arrivals) == (broken is errors.TimedOut)
