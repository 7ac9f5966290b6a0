"""The practice server: starting, receiving, inspecting, faults, limits."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gc
import os
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest

import courriel
from courriel import Message, Sandbox, Security, errors
from courriel.dialogue.server.handler import ServerLimits
from courriel.sandbox import certificates
from courriel.session import server_memory

HEAD = b"Date: Mon, 23 Nov 2026 08:00:00 +0000\r\nFrom: ada@example.org\r\nMessage-ID: <1@example.org>\r\n"
MAIL = HEAD + b"Subject: hello\r\n\r\nBonjour\r\n"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as opened:
        yield opened


def message(subject: str = "Les chiffres de l'été", to: str = "bob@example.org") -> Message:
    return Message(sender="Ada <ada@example.org>", to=[to], subject=subject, text="Ci-joint.")


def advance(sandbox: Sandbox, *said: bytes) -> bytes:
    """Send these one after the other, each after a reply, then QUIT; returns everything received."""
    with socket.create_connection((sandbox.host, sandbox.port), timeout=10) as line, line.makefile("rb") as heard:
        answers = heard.readline()
        for words in said:
            line.sendall(words)
            while True:
                answer = heard.readline()
                answers += answer
                if answer[3:4] != b"-":
                    break
        line.sendall(b"QUIT\r\n")
        return answers + heard.read()


# Receiving mail.


def test_what_is_sent_is_there_to_be_looked_at(sandbox: Sandbox) -> None:
    courriel.send(message(), via=sandbox.url)

    (letter,) = sandbox.letters
    assert (letter.sender, letter.recipients) == ("ada@example.org", ("bob@example.org",))
    assert (letter.subject, letter.text) == ("Les chiffres de l'été", "Ci-joint.\n")
    assert isinstance(letter.message, EmailMessage)
    assert letter.findings == ()
    assert letter.path is None


@pytest.mark.parametrize("way", ["url", "starttls_url", "tls_url"])
def test_each_of_its_urls_works_at_once(sandbox: Sandbox, way: str) -> None:
    url = getattr(sandbox, way)

    receipt = courriel.send(message(), via=url)

    assert receipt.complete
    assert sandbox.letters[0].tls_version == ("" if way == "url" else "TLSv1.3")


@pytest.mark.parametrize("security", [Security.NONE, Security.STARTTLS, Security.TLS])
def test_its_server_is_a_value_that_a_session_takes(sandbox: Sandbox, security: Security) -> None:
    with courriel.SmtpSession(sandbox.server(security), courriel.Password("ada", "anything")) as session:
        session.send(message())

    assert sandbox.letters[0].user == "ada"


def test_letters_are_kept_to_the_octet(sandbox: Sandbox) -> None:
    content = b"Subject: x\r\n\r\n.\r\n..\r\nbare \n lf, \xff\x00\r\n"

    advance(
        sandbox,
        b"EHLO x.org\r\n",
        b"MAIL FROM:<a@b.c>\r\n",
        b"RCPT TO:<d@e.f>\r\n",
        b"BDAT %d LAST\r\n" % len(content) + content,
    )

    (letter,) = sandbox.letters
    assert letter.content == content
    assert {finding.kind for finding in letter.findings} >= {
        "bare-lf",
        "nul",
        "eight-bit",
        "no-date",
        "no-from",
        "no-message-id",
    }


def test_what_other_servers_may_not_bear_is_remarked(sandbox: Sandbox) -> None:
    advance(
        sandbox,
        b"EHLO localhost\r\n",
        b"MAIL FROM: <a@b.c>\r\n",
        b"RCPT TO:<d@e.f>\r\n",
        b"DATA\r\n",
        MAIL + b"x" * 999 + b"\r\n.\r\n",
    )
    advance(
        sandbox,
        b"EHLO x.org\r\n",
        b"MAIL FROM:<a@b.c>\r\n",
        b"RCPT TO:<d@e.f>\r\n",
        b"DATA\r\n",
        b"Bcc: x@y.z\r\n" + MAIL + b".\r\n",
    )

    first, second = sandbox.letters
    assert {finding.kind for finding in first.findings} == {"hello-localhost", "space-in-path", "long-line"}
    assert {finding.kind for finding in second.findings} == {"bcc"}
    assert all(str(finding) for finding in first.findings)


def test_a_letter_reads_its_parts(sandbox: Sandbox, tmp_path: Path) -> None:
    figures = tmp_path / "figures.csv"
    figures.write_bytes(b"1;2\r\n")
    mail = Message(
        sender="ada@example.org", to=["bob@example.org"], subject="x", text="plain é", html="<p>rich</p>"
    ).with_attachment(figures)

    courriel.send(mail, via=sandbox.url)

    (letter,) = sandbox.letters
    assert letter.text.strip() == "plain é"
    assert "<p>rich</p>" in letter.html
    assert [(file.name, file.content) for file in letter.attachments] == [("figures.csv", b"1;2\r\n")]
    assert letter.raw == letter.content
    assert str(letter) == "1: x from ada@example.org to bob@example.org"


@pytest.mark.parametrize(
    "content",
    [b"", b"\r\n", b"Content-Type: text/plain; charset=nonsense\r\n\r\n\xff\r\n",
     b"Content-Type: multipart/mixed\r\n\r\nx\r\n",
     b"Subject: =?utf-8?B?DQpCY2M6IGV2aWxAeC5jb20=?=\r\n\r\n",
     b"Content-Transfer-Encoding: base64\r\n\r\n!!!\r\n", b"From: \"\r\n\r\n"],
)  # fmt: skip
def test_a_broken_mail_is_shown_without_breaking_anything(sandbox: Sandbox, content: bytes) -> None:
    advance(sandbox, b"EHLO x.org\r\n", b"MAIL FROM:<>\r\n", b"RCPT TO:<d@e.f>\r\n", b"DATA\r\n", content + b".\r\n")

    (letter,) = sandbox.letters
    assert letter.sender == ""
    assert all(isinstance(text, str) for text in (letter.subject, letter.text, letter.html, str(letter)))
    assert all(file.name for file in letter.attachments)


# Waiting.


def test_wait_for_waits_for_a_letter(sandbox: Sandbox) -> None:
    sender = threading.Thread(target=lambda: courriel.send(message("second", "eve@example.org"), via=sandbox.url))
    courriel.send(message("first"), via=sandbox.url)
    sender.start()

    letter = sandbox.wait_for(to="EVE@example.org", subject="sec")
    sender.join()

    assert letter.number == 2


def test_a_time_out_lists_the_letters_received(sandbox: Sandbox) -> None:
    courriel.send(message("first"), via=sandbox.url)

    with pytest.raises(
        TimeoutError, match=r"no letter to eve@example.org came within 0.01 s; what came: 1: first from ada"
    ) as late:
        sandbox.wait_for(to="eve@example.org", timeout=0.01)

    assert isinstance(late.value, errors.TimedOut)


def test_the_async_methods_behave_the_same() -> None:
    async def practise() -> None:
        async with Sandbox() as sandbox:
            waiting = asyncio.create_task(sandbox.awaited(to="bob@example.org"))
            await courriel.asend(message(), via=sandbox.url)
            letter = await waiting
            with pytest.raises(errors.TimedOut):
                await sandbox.awaited(to="eve@example.org", timeout=0.01)

            assert letter is sandbox.letters[0]
            assert await sandbox.awaited() is letter

    asyncio.run(practise())


def test_one_may_await_what_a_sandbox_in_its_own_thread_gets(sandbox: Sandbox) -> None:
    async def practise() -> None:
        waiting = asyncio.create_task(sandbox.awaited(subject="été"))
        await courriel.asend(message(), via=sandbox.url)

        assert (await waiting).number == 1

    asyncio.run(practise())


# Keeping.


def test_letters_are_filed_under_names_of_ours(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    for _ in range(2):
        with Sandbox(folder=folder) as sandbox:
            courriel.send(message("../../etc/passwd"), via=sandbox.url)
            (letter,) = sandbox.letters

    files = sorted(file.name for file in folder.iterdir())
    assert [re.sub(r"\d{8}T\d{6}Z", "T", name) for name in files] == ["000001-T.eml", "000002-T.eml"]
    assert letter.path is not None
    assert letter.path.read_bytes() == letter.content


def test_a_mail_that_cannot_be_filed_is_not_taken(tmp_path: Path) -> None:
    with Sandbox(folder=tmp_path / "gone") as sandbox:
        (tmp_path / "gone").rmdir()

        with pytest.raises(errors.MessageRefused) as refused:
            courriel.send(message(), via=sandbox.url)

        assert refused.value.reply.code == 451
        assert sandbox.letters == []
        assert isinstance(sandbox.sessions[0].session.failures[0], OSError)


def test_the_latest_letters_are_kept() -> None:
    with Sandbox(keep=2) as sandbox:
        for number in range(5):
            courriel.send(message(f"n {number}"), via=sandbox.url)

        assert [letter.subject for letter in sandbox.letters] == ["n 3", "n 4"]
        assert sandbox.dropped == 3
        sandbox.clear()
        assert sandbox.letters == []


# Logging in.


def test_any_login_is_taken_and_the_secret_is_nowhere(sandbox: Sandbox) -> None:
    with courriel.SmtpSession(sandbox.server(), courriel.Password("ada", "correct-horse")) as session:
        session.send(message())

    (letter,) = sandbox.letters
    everything = repr(letter) + str(sandbox.sessions[0].transcript) + repr(vars(sandbox.sessions[0].session))
    assert letter.user == "ada"
    assert "correct-horse" not in everything
    assert base64.b64encode(b"\0ada\0correct-horse").decode() not in everything


@pytest.mark.parametrize("mechanism", ["scram-sha-256", "cram-md5", "plain", "login"])
def test_known_users_are_checked(mechanism: str) -> None:
    with Sandbox(users={"ada": "sesame"}, require_login=True) as sandbox:
        url = f"smtp://ada:{{}}@127.0.0.1:{sandbox.port}?tls=none&auth={mechanism}"

        assert courriel.send(message(), via=url.format("sesame")).complete
        for wrong in (url.format("wrong"), url.format("sesame").replace("ada", "bob")):
            with pytest.raises(errors.AuthenticationRefused):
                courriel.send(message(), via=wrong)
        with pytest.raises(errors.SenderRefused, match="530"):
            courriel.send(message(), via=sandbox.url)


def test_somebody_unknown_does_not_log_in_with_an_empty_password() -> None:
    with Sandbox(users={"ada": "sesame"}) as sandbox:
        plain = b"AUTH PLAIN " + base64.b64encode(b"\0nobody\0") + b"\r\n"

        assert b"\r\n535 5.7.8" in advance(sandbox, b"EHLO x.org\r\n", plain)


# Faults.


def test_a_recipient_may_be_refused(sandbox: Sandbox) -> None:
    sandbox.refuse("*@nowhere.org")

    receipt = courriel.send(
        Message(sender="ada@example.org", to=["bob@example.org", "eve@nowhere.org"], subject="x", text="x"),
        via=sandbox.url,
    )

    assert receipt.accepted == ("bob@example.org",)
    assert str(receipt.refused["eve@nowhere.org"]) == "550 5.1.1 no such user"
    assert sandbox.letters[0].recipients == ("bob@example.org",)


@pytest.mark.parametrize(
    ("stage", "error"),
    [("hello", errors.CommandRefused), ("sender", errors.SenderRefused), ("recipient", errors.RecipientsRefused),
     ("data", errors.MessageRefused), ("message", errors.MessageRefused)],
)  # fmt: skip
def test_every_stage_can_be_refused_once(sandbox: Sandbox, stage: str, error: type[errors.Refused]) -> None:
    sandbox.answer(stage, "451 4.7.1 not now", times=1)

    with pytest.raises(error) as refused:
        courriel.send(message(), via=sandbox.url)

    assert str(refused.value.reply) == "451 4.7.1 not now"
    assert courriel.send(message(), via=sandbox.url).complete
    assert len(sandbox.letters) == 1


def test_the_first_message_to_a_server_is_not_in_doubt_before_its_last_octets_leave(sandbox: Sandbox) -> None:
    """The client first sends a short chunk, to find out whether the server accepts BDAT."""
    sandbox.answer("recipient", "hang up")

    with pytest.raises(errors.ConnectionFailed) as lost:
        courriel.send(message(), via=sandbox.url)

    assert not lost.value.in_doubt
    assert lost.value.retryable


@pytest.mark.parametrize("stage", ["connect", "greeting", "hello", "sender", "recipient", "data", "message"])
def test_the_line_can_be_cut_at_every_stage(sandbox: Sandbox, stage: str) -> None:
    server_memory.of(sandbox.server()).bdat_taken = True
    sandbox.answer(stage, "hang up")

    with pytest.raises(errors.ConnectionFailed) as lost:
        courriel.send(message(), via=sandbox.url)

    # The message was sent with its envelope (BDAT): a missing reply may be that of any of them.
    assert lost.value.in_doubt == (stage in ("sender", "recipient", "data", "message"))
    assert sandbox.letters == []


def test_the_line_can_be_cut_within_the_content(sandbox: Sandbox) -> None:
    sandbox.answer("data", "hang up", within=True)

    with pytest.raises(errors.ConnectionFailed):
        courriel.send(message(), via=sandbox.url)

    assert sandbox.letters == []


def test_a_server_can_fall_silent(sandbox: Sandbox) -> None:
    sandbox.answer("recipient", "silence")

    with pytest.raises(errors.TimedOut):
        courriel.send(message(), via=f"{sandbox.url}&timeout=0.2")

    assert sandbox.letters == []


def test_the_nth_message_can_fail(sandbox: Sandbox) -> None:
    sandbox.answer("message", "554 5.6.0 no", nth=2, times=1)

    assert courriel.send(message("1"), via=sandbox.url).complete
    with pytest.raises(errors.MessageRefused):
        courriel.send(message("2"), via=sandbox.url)
    assert courriel.send(message("3"), via=sandbox.url).complete
    assert [letter.subject for letter in sandbox.letters] == ["1", "3"]


def test_a_failure_of_the_table_can_be_played(sandbox: Sandbox) -> None:
    sandbox.play("GMAIL-BAD-CREDENTIALS")

    with pytest.raises(errors.AuthenticationRefused) as refused:
        courriel.send(message(), via=sandbox.url.replace("://", "://ada:x@"))

    assert refused.value.failure is not None
    assert refused.value.failure.id == "GMAIL-BAD-CREDENTIALS"


@pytest.mark.parametrize(
    "script",
    [lambda s: s.answer("lunch", "550 no"), lambda s: s.answer("sender", "no"), lambda s: s.answer("sender", ""),
     lambda s: s.answer("sender", "550 a\n551 b"), lambda s: s.answer("sender", "550 a", nth=0),
     lambda s: s.answer("sender", "hang up", within=True), lambda s: s.play("NO-SUCH-FAILURE"),
     lambda s: s.play("CONNECTION-REFUSED")],
)  # fmt: skip
def test_an_invalid_fault_is_refused(sandbox: Sandbox, script: Callable[[Sandbox], None]) -> None:
    with pytest.raises(errors.UsageError):
        script(sandbox)


# TLS and extras.


def test_its_certificate_is_for_this_machine_only(sandbox: Sandbox) -> None:
    trust = ssl.create_default_context(cafile=sandbox.ca)
    for name, good in (("localhost", True), ("127.0.0.1", True), ("example.org", False)):
        with socket.create_connection((sandbox.host, sandbox.tls_port), timeout=10) as line:
            if good:
                trust.wrap_socket(line, server_hostname=name).close()
            else:
                with pytest.raises(ssl.SSLCertVerificationError):
                    trust.wrap_socket(line, server_hostname=name)


def test_without_the_extra_there_is_no_tls_and_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificates, "available", lambda: False)
    monkeypatch.setitem(__import__("sys").modules, "cryptography", None)

    with Sandbox() as sandbox:
        courriel.send(message(), via=sandbox.url)
        with pytest.raises(errors.MissingExtra, match=r'pip install "courriel\[sandbox\]"'):
            _ = sandbox.tls_url

        assert sandbox.tls_port == 0
        assert len(sandbox.letters) == 1


def test_data_pipelined_behind_starttls_is_discarded(sandbox: Sandbox) -> None:
    with socket.create_connection((sandbox.host, sandbox.port), timeout=10) as line:
        line.recv(1000)
        line.sendall(b"STARTTLS\r\nEHLO evil.org\r\nMAIL FROM:<evil@x.org>\r\n")
        assert line.recv(1000) == b"220 2.0.0 Go ahead\r\n"
        with ssl.create_default_context(cafile=sandbox.ca).wrap_socket(line, server_hostname="localhost") as secured:
            secured.sendall(b"NOOP\r\n")

            assert secured.recv(1000) == b"250 2.0.0 Still here\r\n"
    assert [finding.kind for finding in sandbox.sessions[0].session.findings] == ["before-tls"]


def test_a_broken_handshake_leaves_other_sessions_alone(sandbox: Sandbox) -> None:
    url = sandbox.tls_url
    with socket.create_connection((sandbox.host, sandbox.tls_port), timeout=10) as line:
        line.sendall(b"EHLO this is not TLS\r\n")
        while line.recv(1000):
            pass

    assert courriel.send(message(), via=url).complete


# Start and stop.


@pytest.mark.slow
def test_nothing_is_left_when_it_is_closed(sandbox: Sandbox) -> None:
    before = set(threading.enumerate())
    with Sandbox() as other:
        idle = socket.create_connection((other.host, other.port), timeout=10)
        idle.recv(100)
        handshaking = socket.create_connection((other.host, other.tls_port), timeout=10)
        courriel.send(message(), via=other.starttls_url)
        folder = other.ca.parent
        port = other.port

    assert set(threading.enumerate()) == before
    assert not folder.exists()
    assert idle.recv(100) == b""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((other.host, port), timeout=10)
    idle.close()
    handshaking.close()
    gc.collect()
    assert len(other.letters) == 1


def test_a_port_that_is_taken_is_an_error_and_leaves_nothing(sandbox: Sandbox) -> None:
    before = set(threading.enumerate())

    with pytest.raises(OSError, match="in use"), Sandbox(port=sandbox.port):
        pass

    assert set(threading.enumerate()) == before


def test_it_can_be_opened_again(sandbox: Sandbox) -> None:
    practice = Sandbox()
    for _ in range(2):
        with practice:
            courriel.send(message(), via=practice.url)

    assert len(practice.letters) == 2


def test_an_open_sandbox_is_not_opened_again(sandbox: Sandbox) -> None:
    with pytest.raises(errors.UsageError, match="open already"), sandbox:
        pass

    assert courriel.send(message(), via=sandbox.url).complete


def test_silent_clients_are_timed_out() -> None:
    with (
        Sandbox(limits=ServerLimits(patience=0.05)) as sandbox,
        socket.create_connection((sandbox.host, sandbox.port), timeout=10) as line,
    ):
        heard = b""
        while data := line.recv(1000):
            heard += data

    assert heard.endswith(b"421 4.4.2 You were silent for too long\r\n")


@pytest.mark.slow
def test_a_session_has_an_end_however_busy_it_is() -> None:
    with (
        Sandbox(limits=ServerLimits(session=0.2)) as sandbox,
        socket.create_connection((sandbox.host, sandbox.port), timeout=10) as line,
        line.makefile("rwb") as both,
    ):
        both.readline()
        answer = b"250"
        while answer.startswith(b"250"):
            both.write(b"NOOP\r\n")
            both.flush()
            answer = both.readline()

    assert answer.startswith(b"421")


def test_too_many_at_a_time_are_told_to_come_back() -> None:
    with Sandbox(limits=ServerLimits(sessions=1)) as sandbox:
        with courriel.SmtpSession(sandbox.server()) as session:
            with pytest.raises(errors.CourrielError, match=r"421 4\.7\.0 Too many connections") as sent_away:
                courriel.send(message(), via=sandbox.url)
            session.send(message())

        assert sent_away.value.retryable
        assert len(sandbox.letters) == 1


def test_the_last_reply_reaches_a_client_that_is_still_sending() -> None:
    with (
        Sandbox(limits=ServerLimits(message=1000)) as sandbox,
        socket.create_connection((sandbox.host, sandbox.port), timeout=10) as line,
        line.makefile("rb") as heard,
    ):
        heard.readline()
        line.sendall(b"HELO x.org\r\nMAIL FROM:<>\r\nRCPT TO:<a@b.c>\r\nDATA\r\n")
        while not heard.readline().startswith(b"354"):
            pass
        line.sendall(b"x" * 5_000_000)

        assert heard.read() == b"421 4.7.0 That is far too much\r\n"


@pytest.mark.slow
def test_a_flooding_client_is_cut_off() -> None:
    with (
        Sandbox(limits=ServerLimits(session=0.2)) as sandbox,
        socket.create_connection((sandbox.host, sandbox.port), timeout=10) as line,
    ):

        def flood() -> None:
            with contextlib.suppress(OSError):
                while True:
                    line.sendall(b"NOOP\r\n" * 1000)

        flooding = threading.Thread(target=flood)
        flooding.start()
        heard = 0
        with contextlib.suppress(ConnectionError):
            while data := line.recv(100_000):
                heard += len(data)
        flooding.join()

        assert heard
        assert len(sandbox.sessions) == 1


@pytest.mark.slow
def test_fifty_clients_at_once_are_all_served(sandbox: Sandbox) -> None:
    async def crowd() -> None:
        await asyncio.gather(*(courriel.asend(message(f"n {number}"), via=sandbox.url) for number in range(50)))

    asyncio.run(crowd())

    assert {letter.subject for letter in sandbox.letters} == {f"n {number}" for number in range(50)}
    assert sorted(letter.number for letter in sandbox.letters) == list(range(1, 51))


# Attacks.

LETTER = (
    b"EHLO x.example\r\nMAIL FROM:<a@b.org>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\nSubject: x\r\n\r\nx\r\n.\r\n"
    b"QUIT\r\n"
)


@pytest.mark.parametrize(
    "request_",
    [
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        b"post /x HTTP/1.1\r\n\r\n",
        b"STEAL /x HTTP/1.1\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"POST /" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"POST / HTTP/1.1\n\n",
        b"Host: localhost\r\n",
    ],
)
@pytest.mark.parametrize("reading", [False, True])
def test_a_web_page_delivers_and_deletes_nothing(sandbox: Sandbox, request_: bytes, reading: bool) -> None:
    courriel.send(message(), via=sandbox.url)
    commands = b"USER bob@example.org\r\nPASS x\r\nDELE 1\r\nQUIT\r\n" if reading else LETTER
    place = sandbox.host, sandbox.pop_port if reading else sandbox.port
    with socket.create_connection(place, timeout=10) as line, line.makefile("rb") as heard:
        line.sendall(request_ + commands)
        answers = heard.read()

    assert b"This is not a web server" in answers
    assert len(sandbox.letters) == 1
    assert [finding.kind for finding in sandbox.sessions[-1].session.findings] == ["http"]
    with courriel.PopSession(sandbox.pop_server(), courriel.Password("bob@example.org", "x")) as box:
        assert len(box) == 1


@pytest.mark.skipif(os.name == "nt", reason="POSIX's modes and links")
def test_a_letter_in_the_folder_is_its_owners_alone_and_follows_no_link(tmp_path: Path) -> None:
    target, folder = tmp_path / "target", tmp_path / "mails"
    folder.mkdir()
    now = datetime.now(UTC)
    for second in range(60):
        # Predictable names, each planted as a symbolic link.
        (folder / f"000001-{now + timedelta(seconds=second):%Y%m%dT%H%M%SZ}.part").symlink_to(target)
    with Sandbox(folder=folder) as sandbox:
        courriel.send(message(), via=sandbox.url)
        path = sandbox.letters[0].path

    assert not target.exists()
    assert path is not None
    assert not path.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_bytes() == sandbox.letters[0].content


@pytest.mark.slow
def test_many_simultaneous_connections_are_all_answered() -> None:
    """They wait in the listen queue while the server is busy: here the loop is blocked as they connect."""

    async def crowd() -> set[bytes]:
        async with Sandbox(limits=ServerLimits(sessions=400)) as sandbox:
            with contextlib.ExitStack() as lines:
                place = sandbox.host, sandbox.port
                came = [lines.enter_context(socket.create_connection(place, timeout=10)) for _ in range(300)]
                return set(await asyncio.gather(*(asyncio.to_thread(line.recv, 3) for line in came)))

    assert asyncio.run(crowd()) == {b"220"}


@pytest.mark.slow
def test_five_hundred_sessions_at_once_and_slow_ones_among_them_harm_nobody() -> None:
    """Each fifth client stops within a line, or within its content, and stays; the others are served meanwhile."""
    words = (b"EHLO x.org\r\n", b"MAIL FROM:<a@b.c>\r\n", b"RCPT TO:<d@e.f>\r\n", b"DATA\r\n", MAIL + b".\r\n")

    async def client(port: int, number: int, deliver: asyncio.Event) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            await reader.readline()
            arrived.append(number)
            if len(arrived) == 500:
                deliver.set()  # all of them are connected now, and none has left
            await deliver.wait()
            answer = b""
            slow = number % 5 == 0
            for word in words[: number // 5 % 5 + 1] if slow else words:
                half = word[:-3] if slow and word is words[number // 5 % 5] else word
                writer.write(half)
                if half is not word:
                    stays.append(writer)
                    return b"slow"
                while True:
                    answer = await reader.readline()
                    if answer[3:4] != b"-":
                        break
            return answer[:3]
        finally:
            if number % 5:
                writer.close()

    async def crowd() -> list[bytes]:
        async with Sandbox() as sandbox:
            deliver = asyncio.Event()
            answers = await asyncio.gather(*(client(sandbox.port, number, deliver) for number in range(500)))
            assert len(sandbox.letters) == 400
            for writer in stays:
                writer.close()
            return answers

    arrived: list[int] = []
    stays: list[asyncio.StreamWriter] = []

    answers = asyncio.run(crowd())

    assert (answers.count(b"250"), answers.count(b"slow")) == (400, 100)


@pytest.mark.parametrize(
    ("path", "recipient"),
    [
        (b"<@relay.example:bob@example.org>", "bob@example.org"),
        (b"<@a.example,@[192.0.2.1],@b.example:bob@example.org>", "bob@example.org"),
        (b'<""@example.org>', '""@example.org'),
        (b'<@a.example:""@[192.0.2.1]>', '""@[192.0.2.1]'),
    ],
)
def test_lawful_old_addresses_are_taken(sandbox: Sandbox, path: bytes, recipient: str) -> None:
    answers = advance(sandbox, b"HELO x.example\r\n", b"MAIL FROM:" + path + b"\r\n", b"RCPT TO:" + path + b"\r\n",
                   b"DATA\r\n", MAIL + b".\r\n")  # fmt: skip

    assert b"354" in answers
    assert sandbox.letters[0].sender == recipient
    assert sandbox.letters[0].recipients == (recipient,)


@pytest.mark.parametrize(
    "path",
    [b"<@x.org:>", b"<@:a@b.org>", b"<x.org:a@b.org>", b"<@x.org,:a@b.org>", b'<""@>', b'<""@a b>', b'<""x@b.org>'],
)
def test_what_only_looks_like_a_route_is_refused(sandbox: Sandbox, path: bytes) -> None:
    answers = advance(sandbox, b"HELO x.example\r\n", b"MAIL FROM:" + path + b"\r\n")

    assert re.search(rb"^(501|553) ", answers, re.MULTILINE)
