"""SMTP sessions in plays, blocking and asyncio, whole, by line and by byte."""

from __future__ import annotations

import pickle

import pytest

from courriel import Envelope, Notify, Outcome, Password, Security, Timeouts, Transcript, errors
from courriel.dialogue import opening
from courriel.model.content import Content
from courriel.model.servers.server import Dialect
from session.conftest import Play

RAW = b"Subject: hello\r\n\r\n.signed, Ada\r\n"
CONTENT = Content((RAW,), len(RAW))
BOTH = Envelope.of("ada@example.org", ["bob@example.org", "nobody@example.org"])
BOB = Envelope.of("ada@example.org", "bob@example.org")

GREETED = "S: 220 hi\nC: EHLO client.example.org\nS: 250 hi\n"
TO_BOB = "C: MAIL FROM:<ada@example.org>\nS: 250 ok\nC: RCPT TO:<bob@example.org>\nS: 250 ok\nC: DATA\n"
LETTER = "C: Subject: hello\nC: \nC: ..signed, Ada\nC: .\n"


@pytest.mark.parametrize("transcript", ["one-refused-recipient", "one-refused-recipient-pipelined"])
def test_each_recipient_has_a_result(play: Play, transcript: str) -> None:
    session = play(transcript)

    receipt = session.deliver(BOTH, CONTENT)
    session.close()

    assert receipt.accepted == ("bob@example.org",)
    assert str(receipt.refused["nobody@example.org"]) == "550 5.1.1 no such user"
    assert not receipt.complete
    assert str(receipt.reply) == "250 2.0.0 queued as 42"


def test_a_refused_sender_leaves_the_session_usable(play: Play) -> None:
    session = play("sender-told-to-come-back")

    with pytest.raises(errors.SenderRefused) as refused:
        session.deliver(BOTH, CONTENT)

    assert refused.value.retryable
    assert refused.value.session_usable
    assert refused.value.stage == "sender"
    assert refused.value.server.startswith("127.0.0.1:")
    assert session.deliver(BOTH, CONTENT).complete


def test_an_accepted_data_without_recipients_is_ended_by_a_lone_dot(play: Play) -> None:
    session = play("nobody-accepted-and-the-door-open")

    with pytest.raises(errors.RecipientsRefused) as refused:
        session.deliver(BOTH, CONTENT)

    assert list(refused.value.refused) == ["bob@example.org", "nobody@example.org"]
    session.noop()


def test_all_or_nothing_sends_nothing_when_one_is_refused(play: Play) -> None:
    session = play("all-or-nothing")

    with pytest.raises(errors.RecipientsRefused) as refused:
        session.deliver(BOTH, CONTENT, on_refused="abandon")

    assert list(refused.value.refused) == ["nobody@example.org"]
    session.noop()


def test_an_accepted_data_with_recipients_is_never_ended_by_a_lone_dot(play: Play) -> None:
    """Hazard H02: the dot would send an empty message to the accepted recipients."""
    session = play("sender-refused-and-somebody-accepted")

    with pytest.raises(errors.SenderRefused) as refused:
        session.deliver(BOTH, CONTENT)

    assert not refused.value.session_usable
    assert not session.session.usable


def test_a_server_that_knows_no_ehlo_is_greeted_by_helo(play: Play) -> None:
    session = play("helo-only")

    session.noop()

    assert session.session.capabilities == {}


def test_what_was_learnt_before_tls_is_forgotten(play: Play) -> None:
    session = play("starttls", security=Security.STARTTLS)

    session.noop()

    assert session.session.capabilities == {"PIPELINING": ""}
    assert session.session.tls_version.startswith("TLSv1.")


def test_a_session_that_the_server_ended_is_opened_anew_once(play: Play) -> None:
    session = play("said-goodbye-while-idle", "sent-at-last")
    session.noop()
    session.wait_for_words()

    receipt = session.deliver(BOTH, CONTENT)

    assert receipt.complete
    assert str(receipt.reply) == "250 2.0.0 queued as 44"


def test_a_session_that_ends_at_once_each_time_is_not_opened_for_ever(play: Play) -> None:
    session = play(GREETED + "---", GREETED + "---")

    with pytest.raises(errors.ConnectionFailed) as failed:
        session.deliver(BOB, CONTENT)

    assert failed.value.retryable
    assert not failed.value.in_doubt


def test_a_session_that_breaks_after_the_sender_is_not_opened_anew(play: Play) -> None:
    session = play(GREETED + "C: MAIL FROM:<ada@example.org>\nS: 250 ok\n---")

    with pytest.raises(errors.ConnectionFailed) as failed:
        session.deliver(BOB, CONTENT)

    assert failed.value.stage == "recipient"
    assert not failed.value.in_doubt


def test_a_dot_without_an_answer_leaves_the_mail_in_doubt(play: Play) -> None:
    session = play(GREETED + TO_BOB + "S: 354 go\n" + LETTER + "---")

    with pytest.raises(errors.ConnectionFailed) as failed:
        session.deliver(BOB, CONTENT)

    assert failed.value.in_doubt
    assert not failed.value.retryable
    assert failed.value.sysexit == 69
    assert not session.session.usable


def test_silence_after_the_dot_leaves_the_mail_in_doubt(play: Play) -> None:
    session = play(GREETED + TO_BOB + "S: 354 go\n" + LETTER + "...", timeouts=Timeouts(message=0.05))

    with pytest.raises(errors.TimedOut) as late:
        session.deliver(BOB, CONTENT)

    assert late.value.in_doubt
    assert late.value.stage == "message"
    assert isinstance(late.value, TimeoutError)


def test_a_refused_message_is_certainly_not_sent(play: Play) -> None:
    session = play(GREETED + TO_BOB + "S: 354 go\n" + LETTER + "S: 554 5.7.1 spam\nC: RSET\nS: 250 ok\n")

    with pytest.raises(errors.MessageRefused) as refused:
        session.deliver(BOB, CONTENT)

    assert not refused.value.in_doubt
    assert list(refused.value.refused) == ["bob@example.org"]


@pytest.mark.parametrize("stage", ["greeting", "hello", "sender", "recipient", "data", "message"])
def test_a_421_ends_the_session_at_any_moment(meet: Play, stage: str) -> None:
    """Hazards H20, H69."""
    acts = {
        "greeting": "",
        "hello": "S: 220 hi\nC: EHLO client.example.org\n",
        "sender": GREETED + "C: MAIL FROM:<ada@example.org>\n",
        "recipient": GREETED + "C: MAIL FROM:<ada@example.org>\nS: 250 ok\nC: RCPT TO:<bob@example.org>\n",
        "data": GREETED + TO_BOB,
        "message": GREETED + TO_BOB + "S: 354 go\n" + LETTER,
    }
    scripts = [acts[stage] + "S: 421 4.3.2 closing\n---"]
    if stage == "sender":
        scripts *= 2  # nothing was accepted: one more attempt on a new session is right
    session = meet(*scripts)

    with pytest.raises(errors.ConnectionFailed) as closed:  # noqa: PT012 - either may be where it happens
        session.open()
        session.deliver(BOB, CONTENT)

    assert closed.value.stage == stage
    assert closed.value.reply is not None
    assert closed.value.reply.code == 421
    assert not closed.value.in_doubt
    assert not session.session.usable


def test_250_where_354_belongs_breaks_the_rules(play: Play) -> None:
    session = play(GREETED + TO_BOB + "S: 250 sure\n...")

    with pytest.raises(errors.RemoteProtocolError) as broken:
        session.deliver(BOB, CONTENT)

    assert broken.value.stage == "data"
    assert not broken.value.in_doubt
    assert not session.session.usable


def test_a_refused_greeting_hangs_up(meet: Play) -> None:
    session = meet("S: 554 5.7.1 go away\n...")

    with pytest.raises(errors.CommandRefused) as refused:
        session.open()

    assert refused.value.stage == "greeting"
    assert not refused.value.retryable
    assert not session.session.usable


def test_words_before_tls_are_an_attack(meet: Play) -> None:
    """Hazard H62: data received with the reply to STARTTLS never answers a command after the handshake."""
    session = meet(
        "S: 220 hi\nC: EHLO client.example.org\nS: 250-hi\nS: 250 STARTTLS\nC: STARTTLS\n"
        "S! 220 go\\r\\n250-evil\\r\\n250 AUTH LOGIN\\r\\n\n...",
        security=Security.STARTTLS,
    )

    with pytest.raises((errors.RemoteProtocolError, errors.TlsFailed)) as attack:
        session.open()

    assert attack.value.stage == "secure"
    assert not session.session.usable


def test_starttls_that_is_not_offered_is_not_done_without(meet: Play) -> None:
    session = meet(GREETED + "...", security=Security.STARTTLS)

    with pytest.raises(errors.NotSupported) as missing:
        session.open()

    assert missing.value.capability == "STARTTLS"
    assert missing.value.hint


def test_starttls_that_is_refused_is_not_done_without(meet: Play) -> None:
    """Hazard H61."""
    session = meet(
        "S: 220 hi\nC: EHLO client.example.org\nS: 250-hi\nS: 250 STARTTLS\nC: STARTTLS\nS: 454 not now\n...",
        security=Security.STARTTLS,
    )

    with pytest.raises(errors.CommandRefused) as refused:
        session.open()

    assert refused.value.stage == "secure"


def test_an_unsolicited_reply_ends_the_session(play: Play) -> None:
    """Hazards H01, H68: it would be taken for the reply to the next command."""
    session = play(GREETED + "C: NOOP\nS: 250 ok\nS: 250 and another\n...")
    session.noop()
    session.wait_for_words()

    with pytest.raises(errors.RemoteProtocolError):
        session.deliver(BOB, CONTENT)

    assert not session.session.usable


@pytest.mark.slow
def test_a_session_out_of_step_is_not_used_again(play: Play) -> None:
    session = play(GREETED + "C: NOOP\n...", timeouts=Timeouts(hello=0.2))
    with pytest.raises(errors.TimedOut):
        session.noop()

    with pytest.raises(errors.ConnectionFailed, match="open it again"):
        session.noop()


def test_a_session_that_was_cut_short_can_be_opened_again(play: Play) -> None:
    session = play(GREETED + "C: NOOP\n---", GREETED + "C: NOOP\nS: 250 ok\n")
    with pytest.raises(errors.ConnectionFailed):
        session.noop()

    session.open()

    session.noop()


def test_a_failing_quit_is_ignored(play: Play) -> None:
    session = play(GREETED + "C: QUIT\n---")

    session.close()

    assert not session.session.usable


def test_quit_is_sent_and_its_reply_is_not_awaited(play: Play) -> None:
    session = play(GREETED + "C: QUIT\n...", timeouts=Timeouts(goodbye=600))

    session.close()  # otherwise the play ends first, and says that the client did not close

    assert not session.session.usable


def test_a_large_message_is_refused_before_a_byte_of_it_leaves(play: Play) -> None:
    session = play("S: 220 hi\nC: EHLO client.example.org\nS: 250-hi\nS: 250 SIZE 10\nC: NOOP\nS: 250 ok\n")

    with pytest.raises(errors.NotSupported) as too_big:
        session.deliver(BOB, CONTENT)

    assert too_big.value.capability == "SIZE"
    assert too_big.value.session_usable
    session.noop()


def test_eight_bit_content_needs_a_server_that_takes_it(play: Play) -> None:
    session = play(GREETED + "C: NOOP\nS: 250 ok\n")
    content = Content((b"\r\n\xe9\r\n",), 5, eight_bit=True)

    with pytest.raises(errors.NotSupported) as missing:
        session.deliver(BOB, content)

    assert missing.value.capability == "8BITMIME"
    session.noop()


def test_reports_are_asked_for_in_the_words_of_dsn(play: Play) -> None:
    session = play(
        "S: 220 hi\nC: EHLO client.example.org\nS: 250-hi\nS: 250-DSN\nS: 250 SIZE\n"
        "C: MAIL FROM:<ada@example.org> SIZE=32 ENVID=a+2Bb\nS: 250 ok\n"
        "C: RCPT TO:<bob+x@example.org> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;bob+2Bx@example.org\nS: 250 ok\n"
        "C: DATA\nS: 354 go\n" + LETTER + "S: 250 ok\n"
    )
    envelope = Envelope.of(
        "ada@example.org", "bob+x@example.org", notify=frozenset({Notify.FAILURE, Notify.SUCCESS}), envid="a+b"
    )

    assert session.deliver(envelope, CONTENT).complete


def test_lmtp_answers_each_recipient(play: Play) -> None:
    session = play(
        "S: 220 hi\nC: LHLO client.example.org\nS: 250-hi\nS: 250 PIPELINING\n"
        "C: MAIL FROM:<ada@example.org>\nC: RCPT TO:<bob@example.org>\nC: RCPT TO:<nobody@example.org>\nC: DATA\n"
        "S: 250 ok\nS: 250 ok\nS: 250 ok\nS: 354 go\n" + LETTER + "S: 250 taken\nS: 452 4.2.2 mailbox full\n",
        dialect=Dialect.LMTP,
    )

    receipt = session.deliver(BOTH, CONTENT)

    assert receipt.accepted == ("bob@example.org",)
    assert receipt.refused["nobody@example.org"].code == 452


def test_lmtp_that_breaks_off_leaves_only_the_others_in_doubt(play: Play) -> None:
    session = play(
        "S: 220 hi\nC: LHLO client.example.org\nS: 250-hi\nS: 250 PIPELINING\n"
        "C: MAIL FROM:<ada@example.org>\nC: RCPT TO:<bob@example.org>\nC: RCPT TO:<nobody@example.org>\nC: DATA\n"
        "S: 250 ok\nS: 250 ok\nS: 250 ok\nS: 354 go\n" + LETTER + "S: 250 taken\n---",
        dialect=Dialect.LMTP,
    )

    receipt = session.deliver(BOTH, CONTENT)

    assert [fate.outcome for fate in receipt.fates] == [Outcome.ACCEPTED, Outcome.IN_DOUBT]
    assert receipt.notes
    assert not session.session.usable


def test_an_error_keeps_its_facts_when_it_is_pickled(play: Play) -> None:
    session = play("sender-told-to-come-back")
    with pytest.raises(errors.SenderRefused) as refused:
        session.deliver(BOTH, CONTENT)
    session.deliver(BOTH, CONTENT)

    twin = pickle.loads(pickle.dumps(refused.value))

    assert type(twin) is errors.SenderRefused
    assert (twin.reply, twin.stage, twin.server, str(twin)) == (
        refused.value.reply, "sender", refused.value.server, str(refused.value),
    )  # fmt: skip
    assert twin.hint == refused.value.hint


def test_a_transcript_shows_the_play_and_no_secret(play: Play) -> None:
    transcript = Transcript()
    session = play(
        "S: 220 hi\nC: EHLO client.example.org\nS: 250-hi\nS: 250 AUTH PLAIN\n"
        "C: AUTH PLAIN AGFkYQBzM2NyZXQ=\nS: 235 welcome\nC: NOOP\nS: 250 ok\n",
        credentials=Password("ada", "s3cret"),
        transcript=transcript,
    )
    session.noop()

    shown = str(transcript)

    assert "EHLO client.example.org" in shown
    assert "235 welcome" in shown
    assert "AGFkYQBzM2NyZXQ" not in shown
    assert "s3cret" not in shown


def test_a_total_deadline_stands_over_every_stage(meet: Play) -> None:
    session = meet("...\n", timeouts=Timeouts(total=0.05))

    with pytest.raises(errors.TimedOut, match="whole call"):
        session.open()


@pytest.mark.slow
@pytest.mark.parametrize("limit", [0.3, 30])
def test_a_port_that_waits_for_tls_is_told_from_one_that_sleeps(
    meet: Play, monkeypatch: pytest.MonkeyPatch, limit: float
) -> None:
    """Hazard H21: found out at once, and not after five minutes."""
    monkeypatch.setattr(opening, "PATIENCE", 0.3)
    session = meet("...\n", ">>>\n", timeouts=Timeouts(greeting=limit))

    with pytest.raises(errors.TimedOut, match="waits for one") as silent:
        session.open()

    assert silent.value.failure is not None
    assert silent.value.failure.id == "PLAIN-ON-TLS-PORT"
    assert not silent.value.retryable
    assert "smtps://" in silent.value.hint


def test_a_server_that_is_slow_to_greet_is_waited_for(meet: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "PATIENCE", 0.01)
    session = meet("S! 2\nS: 20 hi\nC: EHLO client.example.org\nS: 250 hi\nC: NOOP\nS: 250 ok\n")
    session.open()

    session.noop()


def test_a_port_that_begins_in_clear_is_quoted_when_tls_was_asked_of_it(meet: Play) -> None:
    session = meet("S: 220 mx.example.org ready\n...\n", "S: 220 mx.example.org ready\n...\n", security=Security.TLS)

    with pytest.raises(errors.TlsFailed, match=r"in clear it says: 220 mx\.example\.org ready") as mixed_up:
        session.open()

    assert mixed_up.value.failure is not None
    assert mixed_up.value.failure.id == "TLS-PORT-MIXUP"
