"""Other people's clients judge our server: the standard library, aiosmtplib and swaks."""

from __future__ import annotations

import asyncio
import shutil
import smtplib
import ssl
import subprocess
from collections.abc import Iterator
from email.message import EmailMessage

import aiosmtplib
import pytest

from courriel import Sandbox

SWAKS = shutil.which("swaks")


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(users={"ada": "sesame"}) as opened:
        yield opened


def mail(*, text: str = "Bonjour\n.\n..\nfin") -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "ada@example.org", "bob@example.org", "Été"
    message["Date"], message["Message-ID"] = "Mon, 23 Nov 2026 08:00:00 +0000", "<1@example.org>"
    message.set_content(text)
    return message


def trusting(sandbox: Sandbox) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=sandbox.ca)


# smtplib.


@pytest.mark.parametrize("security", ["none", "starttls", "tls"])
def test_smtplib_sends(sandbox: Sandbox, security: str) -> None:
    if security == "tls":
        client: smtplib.SMTP = smtplib.SMTP_SSL(sandbox.host, sandbox.tls_port, "x.org", context=trusting(sandbox))
    else:
        client = smtplib.SMTP(sandbox.host, sandbox.port, "x.org")
    with client:
        if security == "starttls":
            client.starttls(context=trusting(sandbox))
        client.login("ada", "sesame")
        client.send_message(mail())
        client.send_message(mail())

    letters = sandbox.letters
    assert [letter.text for letter in letters] == ["Bonjour\n.\n..\nfin\n"] * 2
    assert letters[0].findings == ()
    assert (letters[0].user, bool(letters[0].tls_version)) == ("ada", security != "none")


@pytest.mark.parametrize("way", ["auth_cram_md5", "auth_plain", "auth_login"])
@pytest.mark.parametrize("at_once", [True, False])
def test_smtplib_logs_in_each_way(sandbox: Sandbox, way: str, at_once: bool) -> None:
    mechanism = way.removeprefix("auth_").replace("_", "-")
    with smtplib.SMTP(sandbox.host, sandbox.port) as client:
        client.ehlo()
        client.user, client.password = "ada", "sesame"
        good = client.auth(mechanism, getattr(client, way), initial_response_ok=at_once)
    with smtplib.SMTP(sandbox.host, sandbox.port) as client:
        client.ehlo()
        client.user, client.password = "ada", "wrong"
        with pytest.raises(smtplib.SMTPAuthenticationError):
            client.auth(mechanism, getattr(client, way), initial_response_ok=at_once)

    assert good[0] == 235


def test_smtplib_hears_who_was_refused(sandbox: Sandbox) -> None:
    sandbox.refuse("eve@example.org")
    with smtplib.SMTP(sandbox.host, sandbox.port) as client:
        refused = client.send_message(mail(), to_addrs=["bob@example.org", "eve@example.org"])

    assert refused == {"eve@example.org": (550, b"5.1.1 no such user")}
    assert sandbox.letters[0].recipients == ("bob@example.org",)


def test_smtplib_sends_what_is_not_ascii(sandbox: Sandbox) -> None:
    with smtplib.SMTP(sandbox.host, sandbox.port) as client:
        client.sendmail(
            "é@example.org", ["用户@例え.jp"], "Subject: é\r\n\r\né\r\n".encode(), ["SMTPUTF8", "BODY=8BITMIME"]
        )

    (letter,) = sandbox.letters
    assert (letter.sender, letter.recipients) == ("é@example.org", ("用户@例え.jp",))
    assert letter.content == "Subject: é\r\n\r\né\r\n".encode()


def test_smtplib_speaks_lmtp() -> None:
    with Sandbox(lmtp=True) as sandbox, smtplib.LMTP(sandbox.host, sandbox.port) as client:
        # smtplib reads one answer for all recipients, so one recipient it is.
        assert client.send_message(mail()) == {}
        assert len(sandbox.letters) == 1


def test_smtplib_asks_small_things(sandbox: Sandbox) -> None:
    with smtplib.SMTP(sandbox.host, sandbox.port) as client:
        codes = [client.noop()[0], client.verify("bob")[0], client.expn("list")[0], client.rset()[0], client.helo()[0]]
        helped = client.help()

    assert codes == [250, 252, 502, 250, 250]
    assert b"STARTTLS" in helped


# aiosmtplib.


@pytest.mark.parametrize("security", ["none", "starttls", "tls"])
def test_aiosmtplib_sends(sandbox: Sandbox, security: str) -> None:
    errors, answer = asyncio.run(
        aiosmtplib.send(
            mail(),
            hostname=sandbox.host,
            port=sandbox.tls_port if security == "tls" else sandbox.port,
            username="ada",
            password="sesame",
            use_tls=security == "tls",
            start_tls=security == "starttls",
            tls_context=trusting(sandbox) if security != "none" else None,
        )
    )

    assert (errors, answer) == ({}, "2.0.0 Message taken")
    assert (sandbox.letters[0].user, sandbox.letters[0].text) == ("ada", "Bonjour\n.\n..\nfin\n")


@pytest.mark.slow
def test_aiosmtplib_is_many_at_once(sandbox: Sandbox) -> None:
    async def crowd() -> None:
        await asyncio.gather(
            *(aiosmtplib.send(mail(), hostname=sandbox.host, port=sandbox.port, start_tls=False) for _ in range(20))
        )

    asyncio.run(crowd())

    assert len(sandbox.letters) == 20


# swaks.

swaks_is_here = pytest.mark.skipif(SWAKS is None, reason="swaks is not installed")


def swaks(sandbox: Sandbox, *options: str, port: int = 0) -> subprocess.CompletedProcess[str]:
    assert SWAKS is not None
    place = ("--server", sandbox.host, "--port", str(port or sandbox.port), "--timeout", "20s", "--helo", "x.org")
    envelope = ("--from", "ada@example.org", "--to", "bob@example.org", "--header", "Subject: swaks")
    return subprocess.run([SWAKS, *place, *envelope, *options], capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.slow
@swaks_is_here
@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--pipeline",),
        ("--auth", "PLAIN", "--auth-user", "ada", "--auth-password", "sesame"),
        ("--auth", "LOGIN", "--auth-user", "ada", "--auth-password", "sesame"),
    ],
    ids=lambda options: " ".join(options[:2]) or "plain",
)
def test_swaks_sends(sandbox: Sandbox, options: tuple[str, ...]) -> None:
    done = swaks(sandbox, *options)

    assert done.returncode == 0, done.stdout + done.stderr
    assert sandbox.letters[0].subject == "swaks"
    assert "early-data" not in {finding.kind for finding in sandbox.letters[0].findings}


@pytest.mark.slow
@swaks_is_here
@pytest.mark.parametrize(
    ("how", "stage"),
    [
        *(("--quit-after", stage) for stage in ("connect", "banner", "helo", "mail", "rcpt")),
        *(("--drop-after", stage) for stage in ("connect", "banner", "helo", "mail", "rcpt", "data")),
    ],
)
def test_swaks_leaves_whenever_it_likes(sandbox: Sandbox, how: str, stage: str) -> None:
    swaks(sandbox, how, stage)

    assert sandbox.letters == []
    assert [session.session.failures for session in sandbox.sessions] == [[]]
