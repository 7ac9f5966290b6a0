"""The servers do what the acceptance tests rely on, seen by other people's clients: smtplib, imaplib, poplib, swaks."""

from __future__ import annotations

import base64
import contextlib
import imaplib
import os
import poplib
import signal
import smtplib
import socket
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from servers import packages
from servers.accounts import ACCENTED, ACCOUNTS, ADA, BOB, CLEO, IDN, Account
from servers.authority import Authority
from servers.daemon import CannotStart, Daemon, private_folder, wait_until
from servers.dovecot import MECHANISMS, Dovecot, access_token
from servers.packages import need
from servers.ports import LOOPBACK, free_ports, listening
from servers.postfix import AFTER_DATA, FORBIDDEN_WORDS, RECIPIENTS, SENDERS, Postfix
from servers.sink import sink

pytestmark = pytest.mark.acceptance

LETTER = b"From: ada@example.org\r\nSubject: numbers\r\n\r\nHello.\r\n"
ADDRESS_LITERAL = "[127.0.0.1]"


@contextlib.contextmanager
def hung_up(client: smtplib.SMTP) -> Generator[smtplib.SMTP]:
    """smtplib's own `with` leaves the socket open after a 421."""
    try:
        yield client
    finally:
        client.close()


@contextlib.contextmanager
def plain(postfix: Postfix, *, port: int = 0, name: str = ADDRESS_LITERAL) -> Generator[smtplib.SMTP]:
    with hung_up(smtplib.SMTP(postfix.host, port or postfix.plain_port, local_hostname=name, timeout=10)) as client:
        client.ehlo()
        yield client


@contextlib.contextmanager
def secured(postfix: Postfix) -> Generator[smtplib.SMTP]:
    """At the submission door, behind STARTTLS, before the login."""
    with plain(postfix, port=postfix.submission_port) as client:
        client.starttls(context=postfix.authority.context())
        client.ehlo()
        yield client


def said(reply: tuple[int, bytes]) -> str:
    return f"{reply[0]} {reply[1].decode()}"


def authenticate(client: smtplib.SMTP, mechanism: str, initial: str) -> str:
    """AUTH with an initial response, in UTF-8 (which smtplib's own `login` refuses)."""
    reply = client.docmd("AUTH", f"{mechanism} {base64.b64encode(initial.encode()).decode('ascii')}")
    if reply[0] == 334:
        # The failure of a token is a challenge; an empty answer brings the refusal.
        reply = client.docmd("")
    return said(reply)


# The doors.


@pytest.mark.parametrize("door", ["plain_port", "strict_port", "submission_port"])
def test_a_door_greets_and_offers_a_secure_line(postfix: Postfix, door: str) -> None:
    with plain(postfix, port=getattr(postfix, door)) as client:
        reply = client.starttls(context=postfix.authority.context())
        client.ehlo()

        assert reply[0] == 220
        assert {"size", "8bitmime", "smtputf8", "pipelining", "chunking", "dsn", "enhancedstatuscodes"} <= set(
            client.esmtp_features
        )
        assert client.esmtp_features["size"] == str(postfix.maximum)


def test_the_submissions_door_speaks_tls_from_the_first_byte(postfix: Postfix) -> None:
    context = postfix.authority.context()

    with hung_up(smtplib.SMTP_SSL(postfix.host, postfix.submissions_port, context=context, timeout=10)) as client:
        reply = client.login(postfix.user, postfix.password)

        assert reply[0] == 235


def test_the_plain_door_knows_no_login(postfix: Postfix) -> None:
    with plain(postfix) as client:
        client.starttls(context=postfix.authority.context())
        client.ehlo()

        assert "auth" not in client.esmtp_features


def test_the_submission_door_wants_a_secure_line_first(postfix: Postfix) -> None:
    with plain(postfix, port=postfix.submission_port) as client:
        reply = said(client.mail("ada@example.org"))

        assert "auth" not in client.esmtp_features
        assert reply.startswith("530 5.7.0")


def test_the_submission_door_wants_a_login(postfix: Postfix) -> None:
    with secured(postfix) as client:
        client.mail("ada@example.org")
        reply = said(client.rcpt("bob@example.org"))

        assert reply.startswith("554 5.7.1")


@pytest.mark.parametrize(
    ("name", "code"), [("localhost", 504), ("a1b2c3d4", 504), (ADDRESS_LITERAL, 250), ("mail.example.org", 250)]
)
def test_the_strict_door_minds_the_name_in_ehlo(postfix: Postfix, name: str, code: int) -> None:
    with plain(postfix, port=postfix.strict_port, name=name) as client:
        client.mail("ada@example.org")
        reply = client.rcpt("bob@example.org")

        assert reply[0] == code


# Logging in.


def test_the_mechanisms_are_those_that_are_promised(postfix: Postfix) -> None:
    with secured(postfix) as client:
        assert set(client.esmtp_features["auth"].split()) == set(MECHANISMS)


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5"])
def test_the_password_opens_by_each_mechanism_that_smtplib_knows(postfix: Postfix, mechanism: str) -> None:
    with secured(postfix) as client:
        client.user, client.password = ADA.user, ADA.password
        method = getattr(client, f"auth_{mechanism.lower().replace('-', '_')}")
        reply = client.auth(mechanism, method)

        assert reply[0] == 235


@pytest.mark.parametrize("account", ACCOUNTS, ids=lambda account: account.user)
def test_every_account_opens_with_its_password(postfix: Postfix, account: Account) -> None:
    with secured(postfix) as client:
        reply = authenticate(client, "PLAIN", f"\0{account.user}\0{account.password}")

        assert reply.startswith("235 2.7.0")


def test_a_wrong_password_is_refused(postfix: Postfix) -> None:
    with secured(postfix) as client, pytest.raises(smtplib.SMTPAuthenticationError) as refused:
        client.login(ADA.user, "wrong")

    assert refused.value.smtp_code == 535


def test_a_token_opens(postfix: Postfix) -> None:
    with secured(postfix) as client:
        reply = authenticate(client, "XOAUTH2", f"user={BOB.user}\1auth=Bearer {access_token(BOB)}\1\1")

        assert reply.startswith("235 2.7.0")


@pytest.mark.parametrize(
    "token", [access_token(BOB, lifetime=-30), access_token(BOB, key=b"another's")], ids=["expired", "forged"]
)
def test_a_token_that_is_no_good_is_refused(postfix: Postfix, token: str) -> None:
    with secured(postfix) as client:
        reply = authenticate(client, "XOAUTH2", f"user={BOB.user}\1auth=Bearer {token}\1\1")

        assert reply.startswith("535 5.7.8")


# Being refused.


def test_an_unknown_recipient_is_refused(postfix: Postfix) -> None:
    with plain(postfix) as client:
        client.mail("ada@example.org")
        reply = said(client.rcpt("nobody@example.org"))

        assert reply.startswith("550 5.1.1")


def test_mail_for_others_is_not_relayed(postfix: Postfix) -> None:
    with plain(postfix) as client:
        client.mail("ada@example.org")
        reply = said(client.rcpt("somebody@elsewhere.example"))

        assert reply.startswith("554 5.7.1")
        assert "Relay access denied" in reply


@pytest.mark.parametrize("recipient", RECIPIENTS)
def test_a_recipient_is_refused_in_the_words_of_the_table(postfix: Postfix, recipient: str) -> None:
    code, enhanced, text = RECIPIENTS[recipient].split(" ", 2)

    with plain(postfix) as client:
        client.mail("ada@example.org")
        reply = said(client.rcpt(recipient))

        assert reply.startswith(f"{code} {enhanced}")
        assert text in reply


@pytest.mark.parametrize("sender", SENDERS)
def test_a_sender_is_refused_in_the_words_of_the_table(postfix: Postfix, sender: str) -> None:
    code, enhanced, text = SENDERS[sender].split(" ", 2)

    with plain(postfix) as client:
        reply = said(client.mail(sender))

        assert reply.startswith(f"{code} {enhanced}")
        assert text in reply


@pytest.mark.parametrize("sender", AFTER_DATA)
def test_a_message_is_refused_for_now_after_the_dot(postfix: Postfix, sender: str) -> None:
    with plain(postfix) as client:
        client.mail(sender)
        client.rcpt("bob@example.org")
        reply = said(client.data(LETTER))

        assert reply.startswith(AFTER_DATA[sender][:9])


def test_a_message_with_forbidden_words_is_refused_after_the_dot(postfix: Postfix) -> None:
    with plain(postfix) as client:
        client.mail("ada@example.org")
        client.rcpt("bob@example.org")
        reply = said(client.data(LETTER + FORBIDDEN_WORDS.encode("ascii") + b"\r\n"))

        assert reply.startswith("550 5.7.1")


def test_a_message_that_says_it_is_too_large_is_refused_at_once(postfix: Postfix) -> None:
    with plain(postfix) as client:
        reply = said(client.mail("ada@example.org", [f"SIZE={postfix.maximum + 1}"]))

        assert reply.startswith("552 5.3.4")


def test_a_message_that_is_too_large_is_refused_at_the_end(postfix: Postfix) -> None:
    with plain(postfix) as client:
        client.mail("ada@example.org")
        client.rcpt("bob@example.org")
        reply = said(client.data(LETTER + b"0123456789\r\n" * (postfix.maximum // 12 + 1)))

        assert reply.startswith("552 5.3.4")


def test_a_bare_line_feed_is_not_a_line_end(postfix: Postfix) -> None:
    with plain(postfix) as client:
        client.mail("ada@example.org")
        client.rcpt("bob@example.org")
        client.docmd("DATA")
        client.send(b"Subject: x\r\n\r\nsmuggled\n.\nMAIL FROM:<x@example.org>\r\n.\r\n")
        reply = said(client.getreply())

        assert reply.startswith("550 5.5.2")
        assert postfix.letters("bob@example.org", count=0) == []


# Being delivered.


def test_a_letter_is_kept_to_the_byte(postfix: Postfix) -> None:
    content = (
        b"Subject: a\r\n folded\r\n\t line\r\nBcc: leaked@example.org\r\nReceived: from nowhere\r\n"
        b"X-Long: " + b"x" * 900 + b"\r\n\r\n"
        b".\r\n..\r\n.leading dot\r\ntrailing space \r\n\ttab\t\r\n\r\n\r\nFrom here\r\n"
        + b"y" * 998
        + b"\r\n\xe9t\xe9 \xff\r\n\r\n"
    )

    with plain(postfix) as client:
        client.sendmail("ada@example.org", ["bob@example.org"], content, ["BODY=8BITMIME"])
        client.quit()
    (letter,) = postfix.letters("bob@example.org")

    assert letter.content == content
    assert letter.trace["return-path"] == "<ada@example.org>"
    assert letter.trace["delivered-to"] == "bob@example.org"
    assert " with ESMTP " in letter.trace["received"]


def test_letters_are_found_by_what_they_contain(postfix: Postfix) -> None:
    with plain(postfix) as client:
        for word in (b"first", b"second"):
            client.sendmail("ada@example.org", ["bob@example.org"], LETTER + word + b"\r\n")

    (found,) = postfix.letters("bob@example.org", containing=b"second")
    everything = postfix.letters("bob@example.org", count=2)

    assert found.content.endswith(b"second\r\n")
    assert len(everything) == 2
    with pytest.raises(TimeoutError, match=r"0 of 1 letters for bob@example\.org"):
        postfix.letters("bob@example.org", containing=b"third", timeout=0.05)


@pytest.mark.parametrize(
    ("recipient", "box"),
    [
        ("bob+invoices@example.org", "bob@example.org"),
        ("ada@xn--bcher-kva.example", IDN.user),
        ('"john smith"@example.org', "john-smith@example.org"),
        ('"a,b=c"@example.org', "a,b=c@example.org"),
    ],
)
def test_an_address_leads_to_its_mailbox(postfix: Postfix, recipient: str, box: str) -> None:
    with plain(postfix) as client:
        client.sendmail("ada@example.org", [recipient], LETTER)

    (letter,) = postfix.letters(box)

    assert letter.content == LETTER


@pytest.mark.parametrize("address", [ACCENTED.user, IDN.user])
def test_an_international_address_leads_to_its_mailbox(postfix: Postfix, address: str) -> None:
    with plain(postfix) as client:
        client.command_encoding = "utf-8"
        client.sendmail("ada@example.org", [address], LETTER, ["SMTPUTF8"])

    (letter,) = postfix.letters(address)

    assert letter.content == LETTER
    assert " with UTF8SMTP " in letter.trace["received"]


def test_the_letters_can_be_read_by_imap_and_pop(postfix: Postfix, dovecot: Dovecot) -> None:
    context = dovecot.authority.context()
    with plain(postfix) as client:
        client.sendmail("ada@example.org", [CLEO.user], LETTER)
    (letter,) = postfix.letters(CLEO.user)
    on_the_line = letter.raw.replace(b"\n", b"\r\n")

    with imaplib.IMAP4_SSL(dovecot.host, dovecot.imaps_port, ssl_context=context) as imap:
        imap.login(CLEO.user, CLEO.password)
        imap.select()
        fetched = imap.fetch("1", "(BODY.PEEK[])")[1][0]
    with imaplib.IMAP4(dovecot.host, dovecot.imap_port) as imap:
        imap.starttls(context)
        imap.login(CLEO.user, CLEO.password)
    retrieved = []
    for pop in (
        poplib.POP3_SSL(dovecot.host, dovecot.pops_port, context=context),
        poplib.POP3(dovecot.host, dovecot.pop_port),
    ):
        if not isinstance(pop, poplib.POP3_SSL):
            pop.stls(context)
        pop.user(CLEO.user)
        pop.pass_(CLEO.password)
        retrieved.append(b"\r\n".join([*pop.retr(1)[1], b""]))
        pop.quit()

    assert isinstance(fetched, tuple)
    assert fetched[1] == on_the_line
    assert retrieved == [on_the_line, on_the_line]
    assert postfix.letters(CLEO.user)[0].content == LETTER


def test_lmtp_answers_for_each_recipient(dovecot: Dovecot) -> None:
    dovecot.mailboxes.empty()

    with hung_up(smtplib.LMTP(dovecot.host, dovecot.lmtp_port)) as client:
        refused = client.sendmail("ada@example.org", [BOB.user, "nobody@example.org"], LETTER)

    assert refused["nobody@example.org"][0] == 550
    assert len(dovecot.mailboxes.letters(BOB.user)) == 1


def test_swaks_submits_with_a_verified_certificate_and_a_password(postfix: Postfix) -> None:
    need("/usr/bin/swaks")
    door = ["--server", postfix.host, "--port", str(postfix.submission_port)]
    trust = ["--tls", "--tls-verify", "--tls-ca-path", str(postfix.ca_file)]
    login = ["--auth", "PLAIN", "--auth-user", postfix.user, "--auth-password", postfix.password]
    mail = ["--from", "ada@example.org", "--to", "bob@example.org", "--helo", ADDRESS_LITERAL]

    swaks = subprocess.run(
        ["/usr/bin/swaks", *door, *trust, *login, *mail], capture_output=True, text=True, timeout=30, check=False
    )

    assert swaks.returncode == 0, swaks.stdout + swaks.stderr
    assert "Authenticated sender: ada@example.org" in postfix.letters("bob@example.org")[0].trace["received"]


# smtp-sink.


def test_a_sink_takes_everything() -> None:
    with sink() as drain, hung_up(smtplib.SMTP(drain.host, drain.port)) as client:
        assert client.sendmail("ada@example.org", ["anybody@example.org"], LETTER) == {}


def test_a_sink_fails_as_it_is_told() -> None:
    with sink("-Q", "MAIL") as drain, hung_up(smtplib.SMTP(drain.host, drain.port)) as client:
        client.ehlo()
        reply = client.mail("ada@example.org")

        assert reply[0] == 421


def test_an_option_that_does_not_exist_is_told_with_what_was_said() -> None:
    with pytest.raises(CannotStart, match="invalid option"), sink("-z"):
        pass


# Beginning and ending.


def test_nothing_is_left_of_a_server_that_has_ended(authority: Authority) -> None:
    from servers.dovecot import dovecot as running_dovecot
    from servers.postfix import postfix as running_postfix

    with running_dovecot(authority) as reader, running_postfix(reader) as postfix:
        with secured(postfix) as client:
            client.login(postfix.user, postfix.password)
            client.sendmail("ada@example.org", ["bob@example.org"], LETTER)
        postfix.letters("bob@example.org")
        started = [*postfix.daemon.members(), *reader.daemon.members()]
        folders = [postfix.folder, reader.mailboxes.folder.parent]
        ports = [postfix.plain_port, reader.imap_port]

    assert len(started) > 8
    assert [pid for pid in started if alive(pid)] == []
    assert [folder for folder in folders if folder.exists()] == []
    assert not any(listening([port]) for port in ports)


def test_nothing_is_left_of_a_server_whose_test_run_was_killed() -> None:
    need("/usr/sbin/smtp-sink")
    program = (
        "import sys, time\n"
        "from servers.sink import sink\n"
        "with sink() as drain:\n"
        "    print(drain.port, drain.daemon.process.pid, drain.daemon._folder, flush=True)\n"
        "    sys.stdin.read()\n"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    with subprocess.Popen(
        [sys.executable, "-c", program], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout is not None
        port, pid, folder = run.stdout.readline().split()
        was_there = alive(int(pid)) and listening([int(port)])
        run.send_signal(signal.SIGKILL)

    assert was_there
    assert wait_until(lambda: not alive(int(pid)) and not listening([int(port)]), 5)
    assert wait_until(lambda: not Path(folder).exists(), 5)


def test_a_server_that_takes_its_time_to_end_is_made_to() -> None:
    folder = private_folder("stubborn")
    (port,) = free_ports(1)
    program = (
        "import os, signal, socket, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"door = socket.create_server(('127.0.0.1', {port}))\n"
        "os.fork()\n"
        "time.sleep(600)\n"
    )

    with Daemon(
        [sys.executable, "-c", program], folder=folder, log=folder / "log", ports=[port], gentleness=0.1
    ) as stubborn:
        wait_until(lambda: len(stubborn.members()) == 2, 5)
        members = stubborn.members()

    assert len(members) == 2
    assert not any(alive(pid) for pid in members)


def test_ports_are_different_and_nobody_listens_on_them() -> None:
    ports = free_ports(20)

    assert len(set(ports)) == 20
    assert not any(listening([port]) for port in ports)
    with socket.create_server((LOOPBACK, ports[0])):
        assert listening(ports[:1])
        assert not listening(ports[:2])


def test_no_other_process_is_given_the_same_ports() -> None:
    mine = free_ports(50)

    asked = f"from servers.ports import Ports; ports = Ports({mine[0]}); print(*(ports.next() for _ in range(50)))"
    told = subprocess.run(
        [sys.executable, "-c", asked], cwd=Path(__file__).parents[1], capture_output=True, text=True, check=True
    )
    theirs = set(map(int, told.stdout.split()))

    assert len(theirs) == 50
    assert theirs.isdisjoint(mine)
    assert min(theirs) <= mine[-1] + 100, "the other process began elsewhere"


def test_a_missing_package_leaves_the_test_out_and_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setitem(packages.PACKAGES, "/nowhere/master", "postfix")

    with pytest.raises(pytest.skip.Exception, match=r"postfix not installed\..*apt-get install .* postfix"):
        need("/nowhere/master")


def test_where_the_tests_are_the_purpose_a_missing_package_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    monkeypatch.setitem(packages.PACKAGES, "/nowhere/master", "postfix")

    with pytest.raises(pytest.fail.Exception, match="postfix not installed"):
        need("/nowhere/master")


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and was not yet buried does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
