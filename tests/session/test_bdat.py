"""Messages by BDAT: small ones in one piece, large ones and those with a permit after their envelope."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as some

from courriel import Envelope, Outcome, Timeouts, Transcript, errors
from courriel.dialogue.flow import Send
from courriel.dialogue.server.handler import ServerConfig
from courriel.dialogue.smtp.client import SmtpDialogue
from courriel.dialogue.smtp.transaction import Transaction
from courriel.model.content import Content
from courriel.model.servers.server import Dialect
from courriel.model.submission import Submission
from courriel.network import line
from pairs.runner import KeepingHandler
from pairs.test_client_and_server import SERVER, Session
from session.conftest import Play

RAW = b"Subject: hello\r\n\r\n.signed, Ada\r\n"
CONTENT = Content((RAW,), len(RAW))
LARGE = Content((RAW, b"x" * 70 + b"\r\n") + (b"y" * 998 + b"\r\n",) * 100, len(RAW) + 72 + 100_000)
BOTH = Envelope.of("ada@example.org", ["bob@example.org", "nobody@example.org"])
BOB = Envelope.of("ada@example.org", "bob@example.org")

GREETED = "S: 220 hi\nC: EHLO client.example.org\nS: 250-hi\nS: 250-PIPELINING\nS: 250 CHUNKING\n"
FROM_ADA = "C: MAIL FROM:<ada@example.org>\n"
TO_BOB = FROM_ADA + "C: RCPT TO:<bob@example.org>\n"
TO_BOTH = TO_BOB + "C: RCPT TO:<nobody@example.org>\n"
LETTER = f"C: BDAT {len(RAW)} LAST\nC: Subject: hello\nC: \nC: .signed, Ada\n"
RESET = "C: RSET\nS: 250 ok\n"
AND_ON = "C: NOOP\nS: 250 ok\n"


def test_envelope_and_content_are_one_round_trip(play: Play) -> None:
    """The server replies only after it has received everything."""
    session = play(GREETED + TO_BOB + LETTER + "S: 250 ok\nS: 250 ok\nS: 250 2.0.0 queued as 42\n" + AND_ON)

    receipt = session.deliver(BOB, CONTENT)

    assert receipt.complete
    assert str(receipt.reply) == "250 2.0.0 queued as 42"
    session.noop()


def test_accepted_recipients_get_it_and_refused_ones_are_reported(play: Play) -> None:
    session = play(GREETED + TO_BOTH + LETTER + "S: 250 ok\nS: 250 ok\nS: 550 5.1.1 who?\nS: 250 ok\n" + AND_ON)

    receipt = session.deliver(BOTH, CONTENT)

    assert receipt.accepted == ("bob@example.org",)
    assert receipt.refused["nobody@example.org"].code == 550
    session.noop()


def test_with_nobody_accepted_the_server_has_thrown_it_away(play: Play) -> None:
    session = play(GREETED + TO_BOTH + LETTER + "S: 250 ok\nS: 550 who?\nS: 452 full\nS: 554 nobody\n" + RESET + AND_ON)

    with pytest.raises(errors.RecipientsRefused) as refused:
        session.deliver(BOTH, CONTENT)

    assert list(refused.value.refused) == ["bob@example.org", "nobody@example.org"]
    assert not refused.value.in_doubt
    assert refused.value.session_usable
    session.noop()


def test_a_refused_sender_is_reported_whatever_the_other_replies_are(play: Play) -> None:
    session = play(GREETED + TO_BOB + LETTER + "S: 550 5.7.1 no\nS: 503 what?\nS: 503 what?\n" + RESET + AND_ON)

    with pytest.raises(errors.SenderRefused) as refused:
        session.deliver(BOB, CONTENT)

    assert not refused.value.in_doubt
    session.noop()


def test_a_refused_message_is_certainly_not_sent(play: Play) -> None:
    session = play(GREETED + TO_BOB + LETTER + "S: 250 ok\nS: 250 ok\nS: 554 5.7.1 spam\n" + RESET + AND_ON)

    with pytest.raises(errors.MessageRefused) as refused:
        session.deliver(BOB, CONTENT)

    assert list(refused.value.refused) == ["bob@example.org"]
    assert refused.value.stage == "message"
    assert not refused.value.in_doubt
    session.noop()


def test_accepting_a_message_without_recipients_is_a_protocol_error(play: Play) -> None:
    session = play(GREETED + TO_BOB + LETTER + "S: 250 ok\nS: 550 who?\nS: 250 queued\n...")

    with pytest.raises(errors.RemoteProtocolError) as broken:
        session.deliver(BOB, CONTENT)

    assert broken.value.in_doubt
    assert not session.session.usable


def test_all_or_nothing_among_several_hears_of_each_before(play: Play) -> None:
    session = play(
        GREETED + TO_BOTH + "S: 250 ok\nS: 250 ok\nS: 550 who?\n" + RESET
        + TO_BOTH + "S: 250 ok\nS: 250 ok\nS: 250 ok\n" + LETTER + "S: 250 ok\n"
    )  # fmt: skip

    with pytest.raises(errors.RecipientsRefused) as refused:
        session.deliver(BOTH, CONTENT, on_refused="abandon")

    assert not refused.value.in_doubt
    assert session.deliver(BOTH, CONTENT, on_refused="abandon").complete


def test_all_or_nothing_for_one_alone_leaves_at_once(play: Play) -> None:
    session = play(GREETED + TO_BOB + LETTER + "S: 250 ok\nS: 250 ok\nS: 250 ok\n")

    assert session.deliver(BOB, CONTENT, on_refused="abandon").complete


def test_a_large_message_waits_for_an_accepted_recipient(play: Play) -> None:
    upload = f"C: BDAT {LARGE.size} LAST\nC: Subject: hello\nC: \nC: .signed, Ada\nC: {'x' * 70}\n"
    upload += f"C: {'y' * 998}\n" * 100
    session = play(
        GREETED
        + TO_BOB
        + "S: 250 ok\nS: 550 who?\n"
        + RESET
        + TO_BOB
        + "S: 250 ok\nS: 250 ok\n"
        + upload
        + "S: 250 ok\n"
    )

    with pytest.raises(errors.RecipientsRefused):
        session.deliver(BOB, LARGE)

    assert session.deliver(BOB, LARGE).complete


def test_recipients_by_the_hundred_go_before_and_their_refusal_keeps_the_content_here(play: Play) -> None:
    many = Envelope.of("ada@example.org", [f"s{number}@example.org" for number in range(150)])
    rcpts = [f"C: RCPT TO:<s{number}@example.org>\n" for number in range(150)]
    session = play(GREETED + FROM_ADA + "".join(rcpts[:101]) + "S: 550 no\n" + "S: 503 what?\n" * 101 + RESET + AND_ON)

    with pytest.raises(errors.SenderRefused):
        session.deliver(many, CONTENT)

    session.noop()


def test_a_line_that_breaks_with_the_message_on_it_leaves_it_in_doubt(play: Play) -> None:
    """The server may have replied without our receiving it: the message must not be sent again."""
    session = play(GREETED + TO_BOB + LETTER + "---")

    with pytest.raises(errors.ConnectionFailed) as lost:
        session.deliver(BOB, CONTENT)

    assert lost.value.in_doubt
    assert not lost.value.retryable


def test_silence_with_the_message_on_the_line_leaves_it_in_doubt(play: Play) -> None:
    session = play(GREETED + TO_BOB + LETTER + "S: 250 ok\n...", timeouts=Timeouts(recipient=0.05))

    with pytest.raises(errors.TimedOut) as late:
        session.deliver(BOB, CONTENT)

    assert late.value.in_doubt
    assert late.value.stage == "recipient"


def test_a_server_that_closes_in_place_of_an_answer_has_taken_nothing(play: Play) -> None:
    session = play(GREETED + TO_BOB + LETTER + "S: 421 closing\n---", GREETED + TO_BOB + LETTER + "S: 250 ok\n" * 3)

    assert session.deliver(BOB, CONTENT).complete


def test_on_a_session_that_has_rested_the_content_waits_for_an_answer(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The envelope finds out that the connection is dead: nothing is in doubt, and a new one is opened."""
    session = play(
        GREETED + AND_ON + TO_BOB + "---", GREETED + TO_BOB + LETTER + "S: 250 ok\nS: 250 ok\nS: 250 queued\n"
    )
    session.noop()
    monkeypatch.setattr(line, "_LIVELY", -1)

    receipt = session.deliver(BOB, CONTENT)

    assert receipt.fates[0].outcome is Outcome.ACCEPTED


def test_a_permit_is_called_between_the_envelope_and_the_end(play: Play) -> None:
    said = GREETED + TO_BOB + "S: 250 ok\nS: 250 ok\n"
    heard: list[str] = []
    transcript = Transcript()
    session = play(said + LETTER + "S: 250 ok\n" + TO_BOB + "S: 250 ok\nS: 250 ok\n...", transcript=transcript)

    receipt = session.deliver(BOB, CONTENT, before_end=lambda: heard.append(str(transcript)) or True)  # type: ignore[arg-type, func-returns-value]
    with pytest.raises(errors.NotPermitted) as held_back:
        session.deliver(BOB, CONTENT, before_end=lambda: False)  # type: ignore[arg-type]

    assert receipt.complete
    assert "RCPT TO:<bob@example.org>" in heard[0]
    assert "octets of the message" not in heard[0]
    assert not held_back.value.in_doubt
    assert not session.session.usable


@pytest.mark.parametrize("size", [len(RAW) - 1, len(RAW) + 1])
def test_a_content_of_another_size_than_was_said_never_reaches_the_line(play: Play, size: int) -> None:
    """An extra byte would be read as a command."""
    session = play(GREETED + AND_ON)

    with pytest.raises(errors.InvalidMessage, match="octets"):
        session.deliver(BOB, Content((RAW,), size))

    session.noop()


def test_a_large_content_that_is_longer_than_was_said_is_cut_before_the_octet_too_many() -> None:
    transaction = Transaction(BOB, Content((b"x" * 40_000,) * 8, 200_001), "<x@y>")
    transaction.length = b"BDAT 200001 LAST\r\n"
    sent: list[bytes] = []

    with pytest.raises(errors.InvalidMessage) as wrong:
        sent.extend(want.data for want in SmtpDialogue(SERVER).send_content(transaction) if isinstance(want, Send))

    assert len(b"".join(sent)) <= len(transaction.length) + 200_001
    assert not wrong.value.session_usable
    assert not transaction.end_sent


@pytest.mark.parametrize("offered", ["S: 250 CHUNKING\n", "S: 250 PIPELINING\n"])
def test_without_chunking_and_reading_ahead_it_goes_by_data(play: Play, offered: str) -> None:
    commands = [FROM_ADA, "C: RCPT TO:<bob@example.org>\n", "C: DATA\n"]
    answers = ["S: 250 ok\n", "S: 250 ok\n", "S: 354 go\n"]
    ahead = "PIPELINING" in offered
    envelope = commands + answers if ahead else [line for pair in zip(commands, answers, strict=True) for line in pair]
    session = play(
        "S: 220 hi\nC: EHLO client.example.org\nS: 250-hi\n" + offered + "".join(envelope)
        + "C: Subject: hello\nC: \nC: ..signed, Ada\nC: .\nS: 250 ok\n"
    )  # fmt: skip

    assert session.deliver(BOB, CONTENT).complete


def test_lmtp_keeps_to_data(play: Play) -> None:
    session = play(
        GREETED.replace("EHLO", "LHLO") + TO_BOB + "C: DATA\nS: 250 ok\nS: 250 ok\nS: 354 go\n"
        "C: Subject: hello\nC: \nC: ..signed, Ada\nC: .\nS: 250 ok\n",
        dialect=Dialect.LMTP,
    )

    assert session.deliver(BOB, CONTENT).complete


def test_a_transcript_shows_the_commands_and_only_the_size_of_the_content(play: Play) -> None:
    transcript = Transcript()
    session = play(GREETED + TO_BOB + LETTER + "S: 250 ok\nS: 250 ok\nS: 250 ok\n", transcript=transcript)

    session.deliver(BOB, CONTENT)

    shown = str(transcript)
    assert "C: MAIL FROM:<ada@example.org>\n" in shown
    assert f"C: BDAT {len(RAW)} LAST\n" in shown
    assert f"C: ({len(RAW)} octets of the message)" in shown
    assert "signed" not in shown


@given(some.binary(max_size=300), some.sampled_from(["whole", "byte"]), some.booleans())
def test_whatever_octets_there_are_arrive_as_they_are(octets: bytes, cut: str, maybe_stale: bool) -> None:
    handler = KeepingHandler()
    session = Session(cut, handler, ServerConfig())  # type: ignore[arg-type]
    session.open()

    session.pair.run(
        session.client.deliver(
            Submission(BOB, Content((octets,), len(octets), eight_bit=True), "<x@y>"), maybe_stale=maybe_stale
        )
    )

    assert [delivery.content for delivery in handler.deliveries] == [octets]


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 131_072, 200_000])
def test_a_message_is_in_doubt_from_its_last_byte_on(size: int) -> None:
    """While a part is held back the server cannot have accepted the message, whatever the blocks are."""
    content = Content((b"x" * 65_536, b"x" * 65_536, b"x" * 70_000), 200_000)
    content = Content(tuple(cut(content, size)), size)
    transaction = Transaction(BOB, content, "<x@y>")
    transaction.length = b"BDAT %d LAST\r\n" % size

    flow = SmtpDialogue(SERVER).send_content(transaction)
    sent: list[tuple[bytes, bool]] = []
    while True:
        try:
            want = next(flow)
        except StopIteration as end:
            sent.append((end.value, transaction.end_sent))
            break
        assert isinstance(want, Send)
        sent.append((want.data, transaction.end_sent))

    assert b"".join(data for data, _ in sent) == transaction.length + b"x" * size
    assert [in_doubt for _, in_doubt in sent] == [False] * (len(sent) - 1) + [True]
    assert sent[-1][0]


def cut(content: Content, size: int) -> Iterator[bytes]:
    for chunk in content:
        yield chunk[:size]
        size -= len(chunk[:size])
