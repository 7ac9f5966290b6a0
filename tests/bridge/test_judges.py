"""Other people's programs through the bridge, by user name and password, to a provider that takes OAuth alone."""

from __future__ import annotations

import imaplib
import os
import poplib
import random
import smtplib
import subprocess
from pathlib import Path

import pytest

from bridge.conftest import PASSWORD, Open, Provider, Running
from courriel.delivery.oauth.login import StoredLogin
from servers.accounts import ADA, BOB
from servers.packages import need

pytestmark = pytest.mark.acceptance

MANY = 200
JARS = ("/usr/share/java/jakarta-mail.jar", "/usr/share/java/jakarta-activation.jar")
LETTER = (
    b"From: ada@example.org\r\nTo: ada@example.org\r\nSubject: judged\r\nX-Mark: 1\r\n"
    b"\r\n.a dot\r\n..two\r\n\r\nend\r\n"
)


@pytest.fixture
def running(provider: Provider, opened: Open, fresh_login: StoredLogin) -> Running:
    """A bridge for Ada by all three protocols."""
    return opened(provider.smtp("oauthbearer"), provider.pop(), provider.imap("oauthbearer"))


def letters(seed: int) -> list[bytes]:
    """Letters of every kind: dots at the beginning of lines, eight bits, long lines, none at all, much of it."""
    chance = random.Random(seed)
    made = []
    for number in range(MANY):
        lines = [b"From: ada@example.org", b"Subject: letter %d of %d" % (number, seed), b"X-Number: %d" % number, b""]
        for _ in range(chance.choice((0, 1, 5, 50, 400 if number % 40 == 0 else 20))):
            octets = bytes(chance.choice(b"..abc \t\xe9\xff\x80=?") for _ in range(chance.choice((0, 1, 2, 80, 900))))
            lines.append(octets)
        made.append(b"\r\n".join(lines) + b"\r\n")
    return made


def by_subject(raw: bytes) -> bytes:
    return raw.partition(b"Subject: ")[2].partition(b"\n")[0].rstrip(b"\r")


def run(command: list[str], *, stdin: bytes = b"", **environment: str) -> bytes:
    done = subprocess.run(
        command, input=stdin, capture_output=True, timeout=100, check=False, env=os.environ | environment
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def test_two_hundred_mails_leave_as_they_were_written(provider: Provider, running: Running) -> None:
    sent = letters(1)

    with smtplib.SMTP("127.0.0.1", running.bridge.smtp_port, timeout=60) as program:
        program.login(ADA.user, PASSWORD)
        for content in sent:
            program.sendmail(ADA.user, [BOB.user], content, mail_options=["BODY=8BITMIME"])

    arrived = {by_subject(letter.raw): letter.content for letter in provider.postfix.letters(BOB.user, MANY, 60)}
    assert len(arrived) == MANY
    assert arrived == {by_subject(content): content for content in sent}
    assert running.next_session().session.taken == MANY


def test_two_hundred_letters_arrive_as_they_were_stored(provider: Provider, running: Running) -> None:
    stored = letters(2)
    with imaplib.IMAP4("127.0.0.1", running.bridge.imap_port, timeout=60) as program:
        program.login(ADA.user, PASSWORD)
        for content in stored:
            assert program.append("INBOX", "", "", content)[0] == "OK"
        program.select("INBOX")
        _, found = program.fetch(f"1:{MANY}", "(BODY.PEEK[])")
    by_imap = [each[1] for each in found if isinstance(each, tuple)]

    by_pop = []
    reader = poplib.POP3("127.0.0.1", running.bridge.pop3_port, timeout=60)
    reader.user(ADA.user)
    reader.pass_(PASSWORD)
    assert reader.stat()[0] == MANY
    assert len(reader.uidl()[1]) == MANY
    for number in range(MANY):
        by_pop.append(b"\r\n".join(reader.retr(number + 1)[1]) + b"\r\n")
        reader.dele(number + 1)
    reader.quit()

    assert by_imap == stored
    assert by_pop == stored
    assert provider.dovecot.mailboxes.letters(ADA.user) == []


def test_s_nail_sends(provider: Provider, running: Running) -> None:
    need("/usr/bin/s-nail")
    options = {
        "mta": f"smtp://127.0.0.1:{running.bridge.smtp_port}", "smtp-auth": "plain", "user": ADA.user,
        "password": PASSWORD, "from": ADA.user, "hostname": "old.example.org", "v15-compat": "yes",
    }  # fmt: skip
    rc = Path("s-nail.rc").resolve()
    rc.write_text("".join(f"set {name}='{value}'\n" for name, value in options.items()))

    run(["/usr/bin/s-nail", "-:u", "-s", "By s-nail", BOB.user], stdin=b"text\n", MAILRC=str(rc))

    (letter,) = provider.postfix.letters(BOB.user)
    assert b"Subject: By s-nail\n" in letter.raw


def test_curl_sends_and_reads_by_both_protocols(provider: Provider, running: Running) -> None:
    need("/usr/bin/curl")
    Path("curlrc").write_text(f'user = "{ADA.user}:{PASSWORD}"\n')
    Path("mail").write_bytes(LETTER)
    curl = ["/usr/bin/curl", "-sS", "-K", "curlrc", "--noproxy", "*"]
    smtp, pop, imap = running.bridge.smtp_port, running.bridge.pop3_port, running.bridge.imap_port

    run(
        [
            *curl,
            f"smtp://127.0.0.1:{smtp}/old.example.org",
            "--mail-from",
            ADA.user,
            "--mail-rcpt",
            ADA.user,
            "-T",
            "mail",
        ]
    )
    (there,) = provider.postfix.letters(ADA.user)

    raw = there.raw.replace(b"\n", b"\r\n")
    assert there.content == LETTER
    assert run([*curl, f"imap://127.0.0.1:{imap}/INBOX;MAILINDEX=1"]) == raw
    assert run([*curl, f"pop3://127.0.0.1:{pop}/1"]) == raw


@pytest.mark.parametrize("protocol", ["POP3", "IMAP"])
def test_fetchmail_fetches_and_deletes(provider: Provider, running: Running, protocol: str) -> None:
    need("/usr/bin/fetchmail")
    with smtplib.SMTP("127.0.0.1", running.bridge.smtp_port, timeout=60) as program:
        program.login(ADA.user, PASSWORD)
        program.sendmail(ADA.user, [ADA.user], LETTER)
    (there,) = provider.postfix.letters(ADA.user)
    port = running.bridge.pop3_port if protocol == "POP3" else running.bridge.imap_port
    rc = Path("fetchmailrc")
    rc.write_text(
        f"poll 127.0.0.1 service {port} protocol {protocol} no dns auth password\n"
        f'  user "{ADA.user}" password "{PASSWORD}" is root here sslproto "" fetchall no rewrite\n'
        f'  mda "cat > fetched"\n'
    )
    rc.chmod(0o600)

    command = ["/usr/bin/fetchmail", "-f", str(rc), "--nodetach", "--nosyslog", "-i", "ids"]
    run([*command, "--pidfile", str(Path("pid").resolve())], FETCHMAILHOME=str(Path.cwd()))

    fetched = Path("fetched").read_bytes()
    assert fetched.endswith(b"X-Mark: 1\n\n.a dot\n..two\n\nend\n")
    assert there.trace["received"].encode()[:20] in fetched
    assert provider.dovecot.mailboxes.letters(ADA.user) == []


def test_java_mail_sends_and_reads(provider: Provider, running: Running) -> None:
    need("/usr/bin/javac", JARS[0])
    Path("mail").write_bytes(LETTER)
    source = str(Path(__file__).parent / "OldProgram.java")
    ports = [str(running.bridge.smtp_port), str(running.bridge.imap_port)]

    run(["java", "-cp", ":".join(JARS), source, *ports, ADA.user, "mail", "result"], BRIDGE_PASSWORD=PASSWORD)

    (there,) = provider.postfix.letters(ADA.user)
    assert there.raw.endswith(b"\n.a dot\n..two\n\nend\n")
    assert Path("result").read_bytes() == there.raw.replace(b"\n", b"\r\n")
