"""Hostile and broken SMTP servers never block a session, pass wrong results or control the terminal (part B)."""

from __future__ import annotations

import os
import select
import socket
import ssl
import threading
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress

import pytest
import trustme

import inside
from courriel import Envelope, Password, Receipt, Security, Server, Timeouts, Transcript, Trust, errors
from courriel.model.content import Content
from courriel.model.servers.credentials import Credentials
from hostile.lists import hostile, shown
from session.conftest import Play
from session.play import PATIENCE, Cut, Session
from session.stranger import Act, Phone, greeted, stranger

Call = Callable[..., Session]

RAW = b"Subject: hello\r\n\r\nhello\r\n"
CONTENT = Content((RAW,), len(RAW))
BOB = Envelope.of("ada@example.org", "bob@example.org")

GREETED = "S: 220 hi\nC: EHLO client.example.org\nS: 250 hi\n"
MAIL = "C: MAIL FROM:<ada@example.org>\n"
RCPT = "C: RCPT TO:<bob@example.org>\n"
LETTER = "C: Subject: hello\nC: \nC: hello\nC: .\n"

# The client's last command, and the play that follows when the strange reply was positive.
SCENES = {
    "greeting": ("", "C: EHLO client.example.org\nS: 250 hi\n"),
    "hello": ("S: 220 hi\nC: EHLO client.example.org\n", ""),
    "sender": (GREETED + MAIL, ""),
    "recipient": (GREETED + MAIL + "S: 250 ok\n" + RCPT, ""),
    "data": (GREETED + MAIL + "S: 250 ok\n" + RCPT + "S: 250 ok\nC: DATA\n", ""),
    "message": (GREETED + MAIL + "S: 250 ok\n" + RCPT + "S: 250 ok\nC: DATA\nS: 354 go\n" + LETTER, ""),
}
THE_REST = {
    "greeting": MAIL,
    "hello": MAIL,
    "sender": "S: 250 ok\n" + RCPT,
    "recipient": "S: 250 ok\nC: DATA\n",
    "data": "S: 354 go\n" + LETTER,
    "message": "S: 250 queued\n",
}

REPLIES = hostile("server_replies")
LAWFUL = {"220 \x1b[31mred\r\n", "220 ÿþ\r\n"}  # an unusual text is still a positive reply
TOO_MANY = "250 \r\n" * 100_000  # each of them valid, but not expected here
UNFINISHED = {"250", "25"}
CASES = [
    pytest.param(cut, said, id=f"{shown(said)}-{cut}")
    for said in REPLIES
    for cut in (("whole", "line", "byte") if len(said) < 100 else ("whole",))
]


def as_act(said: str) -> str:
    """These bytes as a line of a play."""
    return "S! " + said.encode("unicode_escape").decode("ascii") + "\n"


def scene(stage: str, said: str, *, then: str) -> str:
    before, after = SCENES[stage]
    return before + as_act(said) + (after if then != "---" else "") + then


def the_rest(stage: str) -> str:
    """The rest of a successful dialogue, from the reply at this stage on."""
    stages = list(THE_REST)
    return "".join(THE_REST[name] for name in stages[max(1, stages.index(stage)) :]).removeprefix(
        "" if stage in {"greeting", "hello"} else THE_REST[stage].partition("\n")[0] + "\n"
    )


def test_every_hostile_reply_is_decided() -> None:
    assert set(REPLIES) >= LAWFUL | UNFINISHED | {TOO_MANY}


@pytest.mark.parametrize("stage", SCENES)
@pytest.mark.parametrize(("cut", "said"), [case for case in CASES if case.values[1] not in LAWFUL | {TOO_MANY}])
def test_what_is_no_reply_ends_the_session(meet: Play, cut: Cut, said: str, stage: str) -> None:
    script = scene(stage, said, then="---")
    # Closed before anything was accepted: one more attempt on a new session is right.
    session = meet(script, script) if stage == "sender" and said in UNFINISHED else meet(script)

    with pytest.raises(errors.CourrielError) as broken:
        open_and_deliver(session)

    expected = errors.ConnectionFailed if said in UNFINISHED else errors.RemoteProtocolError
    assert type(broken.value) is expected
    assert broken.value.stage == stage
    assert broken.value.in_doubt == (stage == "message")
    assert str(broken.value).isprintable()
    assert len(str(broken.value)) < 400
    assert over(session)


@pytest.mark.parametrize("stage", SCENES)
@pytest.mark.parametrize("cut", ["whole"])
def test_an_answer_too_many_is_never_taken_for_the_next_one(meet: Play, cut: Cut, stage: str) -> None:
    """Hazard H01: only after the final dot the first of them is the result, and then the session is closed."""
    session = meet(scene(stage, TOO_MANY, then="---"))
    receipts: list[Receipt] = []

    def use() -> None:
        receipts.append(open_and_deliver(session))
        session.noop()

    with pytest.raises(errors.RemoteProtocolError) as broken:
        use()

    assert len(receipts) == (stage == "message")
    assert not broken.value.in_doubt
    assert over(session)


@pytest.mark.parametrize("stage", [stage for stage in SCENES if stage != "data"])
@pytest.mark.parametrize(("cut", "said"), [case for case in CASES if case.values[1] in LAWFUL])
def test_a_positive_reply_with_an_unusual_text_is_positive(meet: Play, cut: Cut, said: str, stage: str) -> None:
    """Hazards H74, H75."""
    session = meet(scene(stage, said, then=the_rest(stage)))

    receipt = open_and_deliver(session)

    assert receipt.complete
    assert str(receipt.reply).isprintable()
    assert session.session.greeting.isprintable()


@pytest.mark.parametrize("said", sorted(LAWFUL), ids=shown)
def test_a_positive_reply_of_the_wrong_class_is_a_protocol_error(meet: Play, said: str) -> None:
    session = meet(scene("data", said, then="---"))
    session.open()

    with pytest.raises(errors.RemoteProtocolError) as broken:
        session.deliver(BOB, CONTENT)

    assert broken.value.stage == "data"
    assert str(broken.value).isprintable()


STEERING = "\x1b[31mred\x1b[0m \x07\x00\x7f\x9b2J \u202eevil\u2028\xff"


@pytest.mark.parametrize("stage", SCENES)
def test_the_text_of_a_refusal_never_controls_the_terminal(meet: Play, stage: str) -> None:
    """Hazard H74: not in the error, its reply, its hint, its refused recipients, nor in the transcript."""
    transcript = Transcript()
    hidden = STEERING.encode("utf-8", "surrogateescape").decode("latin-1")
    again = {"greeting": "---", "hello": "C: HELO client.example.org\n" + as_act(f"550 {hidden}\r\n") + "---"}
    session = meet(
        scene(stage, f"550 {hidden}\r\n", then=again.get(stage, "C: RSET\nS: 250 ok\n")).replace(
            "C: EHLO client.example.org\nS: 250 hi\n" + again["greeting"], again["greeting"]
        ),
        transcript=transcript,
    )

    with pytest.raises(errors.Refused) as refused:
        open_and_deliver(session)

    error = refused.value
    shown_of_it = [str(error), str(error.reply), error.hint, error.cause, *map(str, error.refused.values())]
    assert error.stage == stage
    assert all(text.isprintable() for text in shown_of_it)
    assert "red" in str(error)
    assert all(line.text.isprintable() for line in transcript)


@pytest.mark.parametrize(("code", "kind"), [(299, 2), (259, 2), (499, 4), (577, 5)])
def test_an_unknown_code_is_judged_by_its_first_digit(meet: Play, code: int, kind: int) -> None:
    """Hazard H75."""
    rest = the_rest("sender") if kind == 2 else "C: RSET\nS: 250 ok\nC: NOOP\nS: 250 ok\n"
    session = meet(SCENES["sender"][0] + f"S: {code} never heard of\n" + rest)
    session.open()

    if kind == 2:
        assert session.deliver(BOB, CONTENT).complete
        return
    with pytest.raises(errors.SenderRefused) as refused:
        session.deliver(BOB, CONTENT)
    assert refused.value.retryable == (kind == 4)
    session.noop()


@pytest.mark.parametrize("cut", ["whole", "byte"])
def test_a_line_has_the_same_limit_however_it_arrives(meet: Play, cut: Cut) -> None:
    """Hazard H67."""
    session = meet(f"S: 220 {'x' * 9000}\n---")

    with pytest.raises(errors.RemoteProtocolError, match="without ending a line"):
        session.open()

    assert over(session)


@pytest.mark.parametrize("code", ["502 5.5.1 what?", "500 what?", "250 ok"])
def test_a_server_that_knows_no_reset_has_nothing_to_reset(meet: Play, code: str) -> None:
    """Hazard H72."""
    session = meet(GREETED + MAIL + f"S: 550 not you\nC: RSET\nS: {code}\nC: NOOP\nS: 250 ok\n")
    session.open()

    with pytest.raises(errors.SenderRefused) as refused:
        session.deliver(BOB, CONTENT)

    assert refused.value.session_usable
    session.noop()


@pytest.mark.parametrize("answer", ["354 go ahead", "503 5.5.1 need RCPT", "450 4.3.0 not now"])
def test_a_reset_answered_by_something_else_is_out_of_step(meet: Play, answer: str) -> None:
    """Hazard H01: that may be the reply to the command before."""
    session = meet(GREETED + MAIL + f"S: 550 not you\nC: RSET\nS: {answer}\n...")
    session.open()

    with pytest.raises(errors.SenderRefused) as refused:
        session.deliver(BOB, CONTENT)

    assert not refused.value.session_usable
    assert over(session)


def test_the_old_form_of_auth_is_understood(meet: Play) -> None:
    """Hazard H72: `AUTH=LOGIN`, sent by some servers beside the standard form or instead of it."""
    session = meet(
        "S: 220 hi\nC: EHLO client.example.org\nS: 250-hi\nS: 250 AUTH=LOGIN\n"
        "C: AUTH LOGIN\nS: 334 VXNlcm5hbWU6\nC: YWRh\nS: 334 UGFzc3dvcmQ6\nC: czNjcmV0\nS: 235 ok\n",
        credentials=Password("ada", "s3cret"),
    )

    session.open()

    assert session.session.mechanism == "LOGIN"


@pytest.mark.parametrize("said", hostile("server_after_starttls_220"), ids=shown)
def test_nothing_said_before_tls_answers_what_is_said_after(meet: Play, said: str) -> None:
    """Hazard H62: it was received with the 220, without TLS, from anyone."""
    transcript = Transcript()
    session = meet(
        "S: 220 hi\nC: EHLO client.example.org\nS: 250-hi\nS: 250 STARTTLS\nC: STARTTLS\n"
        + as_act("220 go\r\n" + said)
        + "...",
        security=Security.STARTTLS,
        credentials=Password("ada", "s3cret"),
        transcript=transcript,
        timeouts=Timeouts.silence(5),
    )

    with pytest.raises(errors.RemoteProtocolError) as attack:
        session.open()

    assert attack.value.stage == "secure"
    assert attack.value.failure.id == "INJECTED-BEFORE-TLS"
    assert over(session)
    assert session.session.capabilities.keys() <= {"STARTTLS"}
    assert [line.text for line in transcript if line.who == "C"] == ["EHLO client.example.org", "STARTTLS"]


# Servers written as functions, for behaviour that plays cannot describe.


@pytest.fixture
def call(colour: type[Session], authority: trustme.CA) -> Iterator[Callable[..., Session]]:
    """A session, not opened yet, with a server that runs these functions, one for each connection."""
    with ExitStack() as ending:

        def call(
            *acts: Act, receive_buffer: int = 0, credentials: Credentials | None = None, **options: object
        ) -> Session:
            running = ending.enter_context(stranger(*acts, receive_buffer=receive_buffer))
            wishes = {
                "security": Security.NONE,
                "ehlo_name": "client.example.org",
                "timeouts": Timeouts.silence(10),
                "trust": Trust.data(authority.cert_pem.bytes()),
            } | options
            session = colour(Server("127.0.0.1", running.port, **wishes), credentials)  # type: ignore[arg-type]
            ending.callback(session.leave)
            return session

        yield call


@pytest.mark.parametrize("said", ["250 unasked", "354 go on", "550 5.7.1 by the way", "nonsense"])
def test_what_is_said_while_nobody_asks_ends_the_session_at_once(call: Call, said: str) -> None:
    """Hazard H68: it is complete: nothing more has to be waited for."""
    asked = threading.Event()

    def act(phone: Phone) -> None:
        greeted(phone)
        asked.wait(PATIENCE)
        phone.say(said)
        phone.expect_nothing_more()

    session = call(act)
    session.open()
    asked.set()
    session.wait_for_words()

    with pytest.raises(errors.RemoteProtocolError) as unasked:
        session.deliver(BOB, CONTENT)

    assert not unasked.value.in_doubt
    assert over(session)


def test_a_goodbye_while_nobody_asks_is_understood_though_the_server_stays(call: Call) -> None:
    """Hazard H15: a new session, without waiting for the old one to be closed."""
    asked = threading.Event()

    def says_goodbye(phone: Phone) -> None:
        greeted(phone)
        asked.wait(PATIENCE)
        phone.say("421 4.4.2 you were idle")
        phone.expect_nothing_more()

    def takes_it(phone: Phone) -> None:
        to_the_door(phone)
        phone.receive_content()
        phone.say("250 queued")

    session = call(says_goodbye, takes_it)
    session.open()
    asked.set()
    session.wait_for_words()

    assert session.deliver(BOB, CONTENT).complete


def server_first(nonce: str, challenge: str) -> bytes:
    """A hostile challenge, in which `r=x` stands for a nonce that starts with ours."""
    return challenge.replace("r=x", f"r={nonce}x").encode()


@pytest.mark.parametrize("last", ["501 cancelled", "235 welcome all the same", "535 no"])
@pytest.mark.parametrize("challenge", hostile("scram"), ids=shown)
def test_a_hostile_scram_challenge_is_given_up(call: Call, challenge: str, last: str) -> None:
    """Hazard H65: no hour of computing, no proof for a foreign nonce, and no login without the server's proof."""
    answers: list[bytes] = []

    def act(phone: Phone) -> None:
        greeted(phone, "AUTH SCRAM-SHA-256")
        nonce = b64decode(phone.receive().split()[2]).decode().rpartition("r=")[2]
        answers.append(phone.ask("334 " + b64encode(server_first(nonce, challenge)).decode()))
        phone.say(last)
        phone.expect_nothing_more()

    session = call(act, credentials=Password("ada", "s3cret"))

    with pytest.raises((errors.AuthenticationRefused, errors.RemoteProtocolError)) as refused:
        session.open()

    assert refused.value.stage == "authenticate"
    assert isinstance(refused.value, errors.RemoteProtocolError) == last.startswith("235")
    assert answers == [b"" if challenge.startswith("e=") else b"*"]
    assert over(session)


def test_a_server_that_drips_one_octet_at_a_time_is_cut_off_by_the_limit_of_its_stage(call: Call) -> None:
    def act(phone: Phone) -> None:
        phone.line.sendall(b"220 ")
        with suppress(OSError):
            while not select.select([phone.line], [], [], 0.005)[0]:
                phone.line.sendall(b"x")

    session = call(act, timeouts=Timeouts.silence(0.1))

    with pytest.raises(errors.TimedOut) as late:
        session.open()

    assert late.value.stage == "greeting"
    assert over(session)


@pytest.mark.slow
def test_a_port_that_drips_in_clear_is_not_listened_to_for_ever(call: Call) -> None:
    """The greeting in clear is read on a second connection, for the error of a port that does not speak TLS."""

    def act(phone: Phone) -> None:
        with suppress(OSError):
            phone.line.sendall(b"220 ")
            for _ in range(400):  # octets: 512 would be a whole line
                if select.select([phone.line], [], [], 0.05)[0] and not phone.line.recv(1000):
                    return
                phone.line.sendall(b"x")
            raise AssertionError("the client did not hang up")

    session = call(act, act, security=Security.TLS, timeouts=Timeouts.silence(0.5))

    with pytest.raises(errors.TlsFailed) as mixed_up:
        session.open()

    assert mixed_up.value.failure is not None
    assert mixed_up.value.failure.id == "TLS-PORT-MIXUP"


def test_a_reply_without_end_is_cut_off_too(call: Call) -> None:
    """Hazard H67: each line is valid and arrives in time; only their number is excessive."""

    def act(phone: Phone) -> None:
        phone.ask("220 hi")
        with suppress(OSError):
            while True:
                phone.line.sendall(b"250-x\r\n")

    session = call(act)

    with pytest.raises(errors.RemoteProtocolError, match="500 lines") as endless:
        session.open()

    assert endless.value.stage == "hello"
    assert over(session)


def large(blocks: int) -> Content:
    """A message of this many megabytes."""
    return Content((b"\r\n", *[b"0123456789abcde\r\n" * 60_000] * blocks), 2 + 17 * 60_000 * blocks)


def to_the_door(phone: Phone) -> None:
    """Server side up to 354."""
    greeted(phone)
    for answer in ("250 ok", "250 ok", "354 go"):
        phone.receive()
        phone.say(answer)


@pytest.mark.slow
def test_a_server_that_never_reads_the_message_times_out_without_doubt(call: Call) -> None:
    done = threading.Event()

    def act(phone: Phone) -> None:
        to_the_door(phone)
        done.wait(PATIENCE)

    session = call(act, receive_buffer=4096, timeouts=Timeouts(data=0.2))
    session.open()

    with pytest.raises(errors.TimedOut) as late:
        session.deliver(BOB, large(16))

    done.set()
    assert late.value.stage == "data"
    assert not late.value.in_doubt
    assert late.value.retryable
    assert over(session)


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["reads on", "hangs up", "closes the door"])
def test_what_a_server_says_in_the_middle_of_a_message_is_the_error(call: Call, ending: str) -> None:
    def act(phone: Phone) -> None:
        to_the_door(phone)
        phone.line.recv(4096, socket.MSG_WAITALL)
        phone.say("552 5.3.4 too big for me")
        if ending == "closes the door":
            phone.line.shutdown(socket.SHUT_WR)
            phone.expect_nothing_more()
        elif ending == "reads on":
            phone.receive_content()
            assert phone.receive() == b"RSET"
            phone.say("250 ok")

    session = call(act, receive_buffer=4096 if ending == "hangs up" else 0)
    session.open()

    with pytest.raises(errors.MessageRefused) as refused:
        session.deliver(BOB, large(8))

    assert refused.value.reply.code == 552
    assert not refused.value.in_doubt
    assert not refused.value.retryable
    if ending == "hangs up":
        assert refused.value.stage == "data"
        assert over(session)


def test_a_server_that_hangs_up_in_the_middle_of_a_message_leaves_no_doubt(call: Call) -> None:
    def act(phone: Phone) -> None:
        to_the_door(phone)
        phone.line.recv(4096, socket.MSG_WAITALL)

    session = call(act, receive_buffer=4096)
    session.open()

    with pytest.raises(errors.ConnectionFailed) as lost:
        session.deliver(BOB, large(8))

    assert lost.value.stage == "data"
    assert not lost.value.in_doubt
    assert lost.value.retryable
    assert over(session)


@pytest.mark.parametrize("stage", ["greeting", "hello", "sender", "recipient", "data", "message"])
def test_a_server_that_cuts_the_line_rudely_is_a_lost_connection(call: Call, stage: str) -> None:
    def act(phone: Phone) -> None:
        if stage == "greeting":
            return phone.reset()
        phone.ask("220 hi")
        for name, answer in zip(
            ("hello", "sender", "recipient", "data", "message"),
            ("250 hi", "250 ok", "250 ok", "354 go", ""),
            strict=True,
        ):
            if name == stage:
                return phone.reset()
            phone.say(answer)
            phone.receive_content() if name == "data" else phone.receive()
        return None

    session = call(act)

    with pytest.raises(errors.ConnectionFailed) as lost:
        open_and_deliver(session)

    assert lost.value.stage == stage or (stage, lost.value.stage) == ("greeting", "connect")
    assert lost.value.in_doubt == (stage == "message")
    assert over(session)


def vanish(phone: Phone) -> None:
    """Close the TCP connection under TLS, without close_notify."""
    phone.file.close()
    os.close(phone.line.detach())


@pytest.mark.parametrize("says_goodbye", [True, False])
def test_tls_closed_without_a_word_after_goodbye_is_no_error(
    call: Call, certificate: ssl.SSLContext, says_goodbye: bool
) -> None:
    """Hazard H71: as Amazon SES does."""

    def act(phone: Phone) -> None:
        phone.secure(certificate)
        greeted(phone)
        phone.receive()
        if says_goodbye:
            phone.say("221 bye")
        vanish(phone)

    session = call(act, security=Security.TLS)
    session.open()

    session.close()

    assert over(session)


def test_tls_closed_without_a_word_before_the_verdict_leaves_the_mail_in_doubt(
    call: Call, certificate: ssl.SSLContext
) -> None:
    """A TCP close can come from an attacker, and says nothing about the server."""

    def act(phone: Phone) -> None:
        phone.secure(certificate)
        to_the_door(phone)
        phone.receive_content()
        vanish(phone)

    session = call(act, security=Security.TLS)
    session.open()

    with pytest.raises(errors.ConnectionFailed) as lost:
        session.deliver(BOB, CONTENT)

    assert lost.value.in_doubt
    assert lost.value.stage == "message"
    assert over(session)


def open_and_deliver(session: Session) -> Receipt:
    session.open()
    return session.deliver(BOB, CONTENT)


def over(session: Session) -> bool:
    """Whether the session is closed, refuses further calls, and has dropped its buffers."""
    with pytest.raises(errors.ConnectionFailed, match="open"):
        session.noop()
    return not session.session.usable and inside.buffered(session.session) < 300_000
