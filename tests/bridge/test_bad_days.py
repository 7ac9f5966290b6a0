"""Bad days of the bridge: a provider that is away, stalls or changes its mind, clients that err or attack."""

from __future__ import annotations

import asyncio
import base64
import os
import resource
import smtplib
import threading
import time
from collections.abc import Callable

import pytest

from bridge.conftest import PASSWORD, Client, Open, by_token
from courriel import OAuthBridge, Sandbox, errors
from servers.accounts import ADA
from session.stranger import Phone

Connect = Callable[..., Client]
MakeProvider = Callable[..., str]
CONTENT = b"Subject: x\r\n\r\ntext\r\n"


# The provider.


@pytest.mark.slow
def test_a_provider_that_is_away_at_the_start_is_told_of_and_the_login_may_be_tried_later(
    opened: Open, client: Connect, sandbox: Sandbox
) -> None:
    url = by_token(sandbox.tls_url)
    sandbox.answer("greeting", "hang up", times=1)
    running = opened(url)

    first, second = client(running.bridge.smtp_port), client(running.bridge.smtp_port)
    sandbox.answer("greeting", "hang up", times=1)
    answers = first.log_in(), second.log_in()

    assert isinstance(running.bridge.trials[0].error, errors.ConnectionFailed)
    assert answers[0].startswith(b"454 4.7.0 ")
    assert answers[1].startswith(b"235 ")


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["greeting", "hello", "authenticate"])
def test_a_provider_that_stalls_at_the_login_is_given_up(
    opened: Open, client: Connect, sandbox: Sandbox, stage: str
) -> None:
    running = opened(by_token(sandbox.tls_url).replace("timeout=2", "timeout=0.5"))
    sandbox.answer(stage, "silence")

    assert client(running.bridge.smtp_port).log_in().startswith(b"454 4.7.0 ")
    assert sandbox.letters == []


def test_a_bridge_in_asyncio_and_on_the_other_loopback_serves_too(sandbox: Sandbox) -> None:
    async def talk() -> list[bytes]:
        async with OAuthBridge({"ada": by_token(sandbox.tls_url)}, PASSWORD, host="::1") as bridge:
            reader, writer = await asyncio.open_connection("::1", bridge.smtp_port)
            writer.write(b"EHLO x\r\nAUTH LOGIN YWRh\r\n")
            lines = [await reader.readline()]
            writer.write(base64.b64encode(PASSWORD.encode()) + b"\r\nQUIT\r\n")
            lines += (await reader.read()).splitlines()
            writer.close()
            await writer.wait_closed()
            return lines

    lines = asyncio.run(talk())

    assert lines[0].startswith(b"220 ")
    assert lines[-2:] == [b"235 2.7.0 Logged in", b"221 2.0.0 Goodbye"]


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_child_process_does_not_end_the_bridge_of_its_parent(opened: Open, client: Connect, sandbox: Sandbox) -> None:
    running = opened(by_token(sandbox.tls_url))
    child = os.fork()
    if not child:
        try:
            running.bridge.__exit__(None, None, None)
        finally:
            os._exit(running.bridge.smtp_port)  # 0, since a child serves nobody

    assert os.waitpid(child, 0)[1] == 0
    assert client(running.bridge.smtp_port).log_in().startswith(b"235 ")


@pytest.mark.slow
def test_a_provider_that_is_lost_before_the_dot_is_421(opened: Open, client: Connect, sandbox: Sandbox) -> None:
    running = opened(by_token(sandbox.tls_url))
    sandbox.answer("recipient", "hang up")
    program = client(running.bridge.smtp_port)
    program.log_in()
    program.ask("MAIL FROM:<ada@example.org>")

    assert program.ask("RCPT TO:<bob@example.org>").startswith(b"421 4.4.2 ")
    assert program.reply() == b""
    ended = running.next_session().session
    assert isinstance(ended.error, errors.ConnectionFailed)
    assert not ended.error.in_doubt


@pytest.mark.slow
@pytest.mark.parametrize("fate", ["hang up", "silence"])
def test_after_the_dot_the_line_is_closed_without_a_word_when_no_answer_comes(
    opened: Open, client: Connect, sandbox: Sandbox, fate: str
) -> None:
    running = opened(by_token(sandbox.tls_url).replace("timeout=2", "timeout=1"))
    sandbox.answer("message", fate)
    program = client(running.bridge.smtp_port)
    program.begin_mail()

    assert program.ask(CONTENT + b".\r\n") == b""
    ended = running.next_session().session
    assert ended.error is not None
    assert ended.error.in_doubt
    assert ended.error.failure is not None
    assert ended.taken == 0


def test_an_answer_that_came_before_the_provider_hung_up_counts(
    opened: Open, client: Connect, smtp_provider: MakeProvider
) -> None:
    def act(phone: Phone) -> None:
        for answer in ("250 2.1.0 ok", "250 2.1.5 ok", "354 go"):
            phone.receive()
            phone.say(answer)
        phone.receive_content()
        phone.say("250 2.0.0 <taken.as\\it-is@x> queued")

    program = client(opened(smtp_provider(act)).bridge.smtp_port)
    program.begin_mail()

    assert program.ask(CONTENT + b".\r\n") == b"250 2.0.0 <taken.as\\it-is@x> queued\r\n"


@pytest.mark.slow
def test_what_the_provider_says_comes_through_to_the_octet(
    opened: Open, client: Connect, smtp_provider: MakeProvider
) -> None:
    said = {
        b"MAIL FROM:<ada@example.org> SIZE=5": b"250-2.1.0 first  line\r\n250-\r\n250 2.1.0\ttab and \xc3\xa9\r\n",
        b"RCPT TO:<nobody@example.org> NOTIFY=NEVER": b"550-5.1.1 nobody\r\n550 5.1.1 <https://example.org/?p=x>\r\n",
        b"rcpt to:<bob@example.org>": b"251 elsewhere\r\n",
        b"DATA": b"451 4.7.1 greylisted\r\n",
        b"NOOP": b"250\r\n",
        b"VRFY bob": b"252 2.1.5 perhaps\r\n",
        b"QUIT": b"221 2.0.0 bye\r\n",
    }

    def act(phone: Phone) -> None:
        for command, answer in said.items():
            assert phone.receive() == command
            phone.say(answer)

    running = opened(smtp_provider(act))
    program = client(running.bridge.smtp_port)
    program.log_in()

    assert {command: program.ask(command + b"\r\n") for command in said} == said
    ended = running.next_session().session
    assert ended.refused == 2
    assert ended.last_refusal is not None
    assert ended.last_refusal.reply is not None
    assert ended.last_refusal.reply.code == 451


@pytest.mark.slow
def test_a_refusal_in_the_middle_of_a_mail_is_heard_at_its_end(
    opened: Open, client: Connect, smtp_provider: MakeProvider
) -> None:
    def act(phone: Phone) -> None:
        for answer in ("250 ok", "250 ok", "354 go"):
            phone.receive()
            phone.say(answer)
        phone.receive()
        phone.say("552 5.3.4 far too much")

    program = client(opened(smtp_provider(act)).bridge.smtp_port)
    program.begin_mail()
    program.say(b"Subject: x\r\n\r\n" + b"x" * 70 * 14000)
    for _ in range(20):
        program.say(b"y" * 78 * 1000 + b"\r\n")

    assert program.ask(b"\r\n.\r\n") == b"552 5.3.4 far too much\r\n"
    assert program.reply() == b""


@pytest.mark.slow
@pytest.mark.parametrize("when", ["in the middle", "before the dot"])
def test_a_yes_before_the_end_of_a_mail_is_not_believed(
    opened: Open, client: Connect, smtp_provider: MakeProvider, when: str
) -> None:
    passed, said = threading.Event(), threading.Event()

    def act(phone: Phone) -> None:
        for answer in ("250 ok", "250 ok", "354 go"):
            phone.receive()
            phone.say(answer)
        phone.receive()
        passed.wait(20)
        phone.say("250 2.0.0 taken already")
        said.set()
        phone.expect_nothing_more()

    running = opened(smtp_provider(act))
    program = client(running.bridge.smtp_port)
    program.begin_mail()
    program.say(b"Subject: x\r\n\r\n")
    # When another client is greeted, the piece has been passed on, and the bridge waits for the next one.
    assert client(running.bridge.smtp_port).reply().startswith(b"220 ")
    passed.set()
    assert said.wait(20)
    if when == "in the middle":
        program.say(b"text\r\n" * 100_000)

    assert program.ask(b"text\r\n.\r\n").startswith(b"421 4.4.2 ")
    assert program.reply() == b""
    ended = running.next_session().session
    assert ended.taken == 0
    assert isinstance(ended.error, errors.RemoteProtocolError)


def test_an_expired_login_is_made_again_between_two_mails(
    opened: Open, client: Connect, smtp_provider: MakeProvider
) -> None:
    def expired(phone: Phone) -> None:
        phone.receive()
        phone.say("535 5.7.3 the token has expired")
        phone.expect_nothing_more()

    def good(phone: Phone) -> None:
        assert phone.receive() == b"MAIL FROM:<ada@example.org>"
        phone.say("250 2.1.0 good again")

    program = client(opened(smtp_provider(expired, good)).bridge.smtp_port)
    program.log_in()

    assert program.ask("MAIL FROM:<ada@example.org>") == b"250 2.1.0 good again\r\n"


def test_a_login_that_is_refused_twice_is_the_providers_own_text(
    opened: Open, client: Connect, smtp_provider: MakeProvider
) -> None:
    def expired(phone: Phone) -> None:
        phone.receive()
        phone.say("535 5.7.3 the token has expired")
        phone.expect_nothing_more()

    running = opened(smtp_provider(expired, expired))
    program = client(running.bridge.smtp_port)
    program.log_in()

    assert program.ask("MAIL FROM:<ada@example.org>") == b"535 5.7.3 the token has expired\r\n"


def test_a_refused_login_is_not_asked_for_again_in_the_same_session(opened: Open, sandbox: Sandbox) -> None:
    """smtplib tries three mechanisms; repeated refusals may lock an account at its provider."""
    running = opened(by_token(sandbox.tls_url))
    sandbox.play("M365-SMTP-AUTH-DISABLED")
    before = len(sandbox.sessions)

    with smtplib.SMTP("127.0.0.1", running.bridge.smtp_port, timeout=30) as program:
        with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
            program.login(ADA.user, PASSWORD)
        program.close()

    ended = running.next_session().session
    assert refused.value.smtp_code == 535
    assert b"5.7.139" in refused.value.smtp_error
    assert len(sandbox.sessions) - before == 1
    assert (ended.refused_logins, ended.provider_refusals) == (0, 3)
    assert ended.error is not None
    assert ended.error.failure is not None
    assert ended.error.failure.id == "M365-SMTP-AUTH-DISABLED"


def test_an_idle_session_that_the_provider_closed_gives_its_421_as_the_next_answer(
    opened: Open, client: Connect, smtp_provider: MakeProvider
) -> None:
    closing = threading.Event()

    def idle(phone: Phone) -> None:
        closing.wait(20)
        phone.say("421 4.4.2 idle for too long")

    program = client(opened(smtp_provider(idle)).bridge.smtp_port)
    program.log_in()
    closing.set()
    answers = [program.ask("NOOP")]
    if answers == [b"421 4.4.2 idle for too long\r\n"]:
        assert program.reply() == b""
    else:
        pytest.fail(f"{answers}")


@pytest.mark.slow
def test_a_reply_that_answers_nothing_ends_the_session(
    opened: Open, client: Connect, smtp_provider: MakeProvider
) -> None:
    def surplus(phone: Phone) -> None:
        phone.receive()
        phone.say("250 ok\n250 and another")
        phone.expect_nothing_more()

    running = opened(smtp_provider(surplus))
    program = client(running.bridge.smtp_port)
    program.log_in()

    assert program.ask("MAIL FROM:<ada@example.org>").startswith(b"421 4.4.2 ")
    assert isinstance(running.next_session().session.error, errors.RemoteProtocolError)


# The client.


@pytest.mark.slow
def test_a_client_that_never_logs_in_is_sent_away(opened: Open, client: Connect, sandbox: Sandbox) -> None:
    running = opened(by_token(sandbox.tls_url), login=0.2)
    program = client(running.bridge.smtp_port)
    program.reply()

    assert program.reply() == b"421 4.4.2 You were silent for too long\r\n"
    assert running.next_session().session.without_login


@pytest.mark.slow
def test_wrong_passwords_are_slowed_down_and_then_sent_away(opened: Open, client: Connect, sandbox: Sandbox) -> None:
    running = opened(by_token(sandbox.tls_url), slowness=0.1, attempts=3)
    program = client(running.bridge.smtp_port, password="a-wrong-password")
    began = time.monotonic()

    answers = [program.log_in(), program.ask("AUTH PLAIN AGFkYUBleGFtcGxlLm9yZwBudWxs")]
    answers += [program.ask("AUTH PLAIN AGFkYUBleGFtcGxlLm9yZwBudWxs"), program.reply(), program.reply()]

    assert time.monotonic() - began >= 0.1 + 0.2 + 0.4
    assert [answer[:3] for answer in answers] == [b"535", b"535", b"535", b"421", b""]
    ended = running.next_session()
    assert ended.session.refused_logins == 3
    assert ended.client is not None
    assert "a-wrong-password" not in str(ended.client)


def test_the_password_alone_opens_nothing_for_an_unknown_user(opened: Open, client: Connect, sandbox: Sandbox) -> None:
    running = opened(by_token(sandbox.tls_url))
    before = len(sandbox.sessions)

    assert client(running.bridge.smtp_port, user="eve").log_in().startswith(b"535 ")
    assert len(sandbox.sessions) == before


@pytest.mark.slow
def test_two_clients_at_once_do_not_wait_for_each_other(opened: Open, client: Connect, sandbox: Sandbox) -> None:
    running = opened(by_token(sandbox.tls_url))
    slow, quick = client(running.bridge.smtp_port), client(running.bridge.smtp_port)
    slow.begin_mail()
    slow.say(b"Subject: slow\r\n")
    quick.begin_mail()

    assert quick.ask(b"Subject: quick\r\n\r\n.\r\n").startswith(b"250 ")
    assert slow.ask(b"\r\nend\r\n.\r\n").startswith(b"250 ")
    assert [letter.subject for letter in sandbox.letters] == ["quick", "slow"]


def test_clients_beyond_the_limit_are_told_so(opened: Open, client: Connect, sandbox: Sandbox) -> None:
    running = opened(by_token(sandbox.tls_url), sessions=1)
    assert client(running.bridge.smtp_port).reply().startswith(b"220 ")

    assert client(running.bridge.smtp_port).reply().startswith(b"421 4.7.0 Too many connections")


def test_a_client_that_pipelines_gets_every_answer_in_order(opened: Open, client: Connect, sandbox: Sandbox) -> None:
    running = opened(by_token(sandbox.tls_url))
    program = client(running.bridge.smtp_port)
    program.log_in()
    sandbox.refuse("nobody@example.org", "550 5.1.1 no such user")
    program.say(b"MAIL FROM:<ada@example.org>\r\nRCPT TO:<nobody@example.org>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n")
    answers = [program.reply()[:3] for _ in range(4)]
    program.say(b"Subject: x\r\n\r\n.\r\nMAIL FROM:<ada@example.org>\r\nRSET\r\nQUIT\r\n")
    answers += [program.reply()[:3] for _ in range(4)]

    assert answers == [b"250", b"550", b"250", b"354", b"250", b"250", b"250", b"221"]
    assert sandbox.letters[0].recipients == ("bob@example.org",)


def test_a_client_that_hangs_up_after_the_dot_does_not_undo_the_mail(
    opened: Open, client: Connect, sandbox: Sandbox
) -> None:
    running = opened(by_token(sandbox.tls_url))
    program = client(running.bridge.smtp_port)
    program.begin_mail()
    program.say(b"Subject: gone\r\n\r\n.\r\n")
    program.close()

    assert sandbox.wait_for(subject="gone", timeout=20).subject == "gone"
    assert running.next_session().session.taken == 1


@pytest.mark.slow
def test_a_client_that_hangs_up_before_the_dot_sends_nothing(opened: Open, client: Connect, sandbox: Sandbox) -> None:
    running = opened(by_token(sandbox.tls_url))
    program = client(running.bridge.smtp_port)
    program.begin_mail()
    program.say(b"Subject: half\r\n\r\n.")
    program.close()

    assert running.next_session().session.taken == 0
    assert sandbox.letters == []


HOSTILE = {
    "a line without end": (b"x" * 300_000, b"421"),
    "octets that are no command": (bytes(range(256)) + b"\r\n", b"500"),
    "a bare line feed": (b"NOOP\n", b"500"),
    "a web page": (b"POST / HTTP/1.1\r\nHost: x\r\n\r\nEHLO x\r\n", b"421"),
    "STARTTLS": (b"STARTTLS\r\n", b"500"),
    "BDAT": (b"BDAT 10 LAST\r\n", b"500"),
}


@pytest.mark.slow
@pytest.mark.parametrize("what", sorted(HOSTILE))
def test_hostile_words_are_refused_and_harm_nobody(opened: Open, client: Connect, sandbox: Sandbox, what: str) -> None:
    octets, answer = HOSTILE[what]
    running = opened(by_token(sandbox.tls_url))
    program = client(running.bridge.smtp_port)
    program.reply()

    assert program.ask(octets)[:3] == answer
    assert client(running.bridge.smtp_port).log_in().startswith(b"235 ")


@pytest.mark.parametrize("trick", [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\rMAIL"])
def test_a_dot_that_servers_disagree_about_is_refused(
    opened: Open, client: Connect, sandbox: Sandbox, trick: bytes
) -> None:
    running = opened(by_token(sandbox.tls_url))
    program = client(running.bridge.smtp_port)
    program.begin_mail()

    assert program.ask(b"Subject: x\r\n\r\nx" + trick + b"MAIL FROM:<evil@example.org>\r\n.\r\n").startswith(
        b"554 5.6.0"
    )
    assert program.reply() == b""
    assert sandbox.letters == []


def test_a_bridge_that_cannot_wait_any_longer_says_that_the_mail_is_in_doubt(
    opened: Open, client: Connect, smtp_provider: MakeProvider
) -> None:
    at_the_dot = threading.Event()

    def act(phone: Phone) -> None:
        for answer in ("250 ok", "250 ok", "354 go"):
            phone.receive()
            phone.say(answer)
        phone.receive_content()
        at_the_dot.set()
        phone.expect_nothing_more()

    running = opened(smtp_provider(act).replace("timeout=2", "timeout=20"), grace=0.1)
    program = client(running.bridge.smtp_port)
    program.begin_mail()
    program.say(CONTENT + b".\r\n")
    assert at_the_dot.wait(20)

    running.bridge.__exit__(None, None, None)

    assert program.reply() == b""
    ended = running.next_session().session
    assert ended.error is not None
    assert ended.error.in_doubt


def test_smtplib_hears_of_a_mail_in_doubt_as_a_lost_server(opened: Open, sandbox: Sandbox) -> None:
    running = opened(by_token(sandbox.tls_url))
    sandbox.answer("message", "hang up")

    with smtplib.SMTP("127.0.0.1", running.bridge.smtp_port, timeout=30) as program:
        program.login(ADA.user, PASSWORD)
        with pytest.raises(smtplib.SMTPServerDisconnected):
            program.sendmail(ADA.user, ["bob@example.org"], CONTENT)


@pytest.mark.slow
def test_each_way_to_log_in_is_taken(opened: Open, sandbox: Sandbox) -> None:
    running = opened(by_token(sandbox.tls_url))
    for mechanism in ("PLAIN", "LOGIN", "CRAM-MD5"):
        with smtplib.SMTP("127.0.0.1", running.bridge.smtp_port, timeout=30) as program:
            program.ehlo()
            program.user, program.password = ADA.user, PASSWORD
            way = getattr(program, f"auth_{mechanism.lower().replace('-', '_')}")
            assert program.auth(mechanism, way)[0] == 235
            assert program.ehlo()[0] == 250
            assert not program.has_extn("auth")


def test_what_is_offered_is_what_the_provider_has(opened: Open, smtp_provider: MakeProvider) -> None:
    running = opened(smtp_provider())

    with smtplib.SMTP("127.0.0.1", running.bridge.smtp_port, timeout=30) as program:
        program.ehlo()

        assert {*program.esmtp_features} == {"pipelining", "size", "8bitmime", "auth", "help"}
        assert program.esmtp_features["size"] == "1000000"


@pytest.mark.slow
def test_a_large_mail_passes_in_pieces(opened: Open, client: Connect, smtp_provider: MakeProvider) -> None:
    size, heard = 100_000_000, []

    def act(phone: Phone) -> None:
        for answer in ("250 ok", "250 ok", "354 go"):
            phone.receive()
            phone.say(answer)
        total = 0
        while (line := phone.file.readline()) not in (b".\r\n", b""):
            total += len(line)
        heard.append(total)
        phone.say("250 2.0.0 taken")

    running = opened(smtp_provider(act))
    program = client(running.bridge.smtp_port)
    program.begin_mail()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    line = b"x" * 9_998 + b"\r\n"
    block = line * 100
    for _ in range(size // len(block)):
        program.say(block)

    assert program.ask(b".\r\n").startswith(b"250 ")
    assert heard == [size]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000  # kB
