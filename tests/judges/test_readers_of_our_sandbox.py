"""Other people's readers judge our POP3 server: the standard library, curl and mpop."""

from __future__ import annotations

import poplib
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import courriel
from courriel import Sandbox

CURL = shutil.which("curl")
MPOP = shutil.which("mpop")
BOB, SECRET = "bob@example.org", "sesame"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(users={BOB: SECRET}) as opened:
        for number in range(3):
            courriel.send(
                via=opened.url, sender="ada@example.org", to=BOB, subject=f"Été {number}", text=".\n..\n.three\nend"
            )
        yield opened


def connected(sandbox: Sandbox, security: str) -> poplib.POP3:
    context = ssl.create_default_context(cafile=sandbox.ca)
    if security == "tls":
        return poplib.POP3_SSL(sandbox.host, sandbox.pops_port, context=context)
    client = poplib.POP3(sandbox.host, sandbox.pop_port)
    if security == "starttls":
        client.stls(context)
    return client


@pytest.mark.parametrize("security", ["none", "starttls", "tls"])
@pytest.mark.parametrize("login", ["user", "apop"])
def test_poplib_reads(sandbox: Sandbox, security: str, login: str) -> None:
    client = connected(sandbox, security)
    if login == "apop":
        client.apop(BOB, SECRET)
    else:
        client.user(BOB)
        client.pass_(SECRET)

    count, size = client.stat()
    letters = [b"\r\n".join(client.retr(number)[1]) + b"\r\n" for number in (1, 2, 3)]
    heads = client.top(1, 0)[1]
    uids = client.uidl()[1]
    listed = client.list()[1]
    client.quit()

    contents = [letter.content for letter in sandbox.letters]
    assert letters == contents
    assert (count, size) == (3, sum(map(len, contents)))
    assert b"\r\n".join(heads) + b"\r\n" == contents[0].partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    assert len(set(uids)) == 3
    assert listed[0] == f"1 {len(contents[0])}".encode()


def test_poplib_deletes_and_takes_back(sandbox: Sandbox) -> None:
    client = connected(sandbox, "none")
    client.user(BOB)
    client.pass_(SECRET)
    client.dele(1)
    client.rset()
    client.dele(2)
    client.noop()
    client.quit()

    with courriel.mailbox(sandbox.pop_url.replace("://", f"://bob%40example.org:{SECRET}@")) as box:
        assert [letter.raw for letter in box] == [sandbox.letters[0].content, sandbox.letters[2].content]


def test_poplib_is_refused_with_a_wrong_password(sandbox: Sandbox) -> None:
    client = connected(sandbox, "none")
    client.user(BOB)

    with pytest.raises(poplib.error_proto, match=r"-ERR \[AUTH\]"):
        client.pass_("wrong")

    assert "SASL" in client.capa()
    client.quit()


@pytest.mark.slow
@pytest.mark.skipif(CURL is None, reason="curl is not installed")
@pytest.mark.parametrize("security", ["none", "starttls", "tls"])
@pytest.mark.parametrize("login", ["+APOP", "PLAIN", "LOGIN", "CRAM-MD5", "*"])
def test_curl_reads(sandbox: Sandbox, security: str, login: str) -> None:
    assert CURL is not None
    scheme, port = ("pop3s", sandbox.pops_port) if security == "tls" else ("pop3", sandbox.pop_port)
    secure = ["--cacert", str(sandbox.ca)] if security != "none" else []
    secure += ["--ssl-reqd"] if security == "starttls" else []
    place = f"{scheme}://{sandbox.host}:{port}/2"
    command = [CURL, "-sS", *secure, "--login-options", f"AUTH={login}", "-u", f"{BOB}:{SECRET}", place]

    ran = subprocess.run(command, capture_output=True, check=False, timeout=30)

    assert (ran.returncode, ran.stderr) == (0, b"")
    assert ran.stdout == sandbox.letters[1].content


@pytest.mark.slow
@pytest.mark.skipif(MPOP is None, reason="mpop is not installed (`make debian`)")
@pytest.mark.parametrize("security", ["none", "starttls", "tls"])
@pytest.mark.parametrize("login", ["plain", "cram-md5", "scram-sha-256", "apop", "user", "login"])
def test_mpop_fetches_everything_by_pipelining_and_deletes(
    sandbox: Sandbox, tmp_path: Path, security: str, login: str
) -> None:
    assert MPOP is not None
    for folder in ("new", "cur", "tmp"):
        (tmp_path / "inbox" / folder).mkdir(parents=True)
    secure = ["--tls=on", f"--tls-starttls={'on' if security == 'starttls' else 'off'}",
              f"--tls-trust-file={sandbox.ca}"] if security != "none" else ["--tls=off"]  # fmt: skip
    port = sandbox.pops_port if security == "tls" else sandbox.pop_port
    command = [MPOP, f"--host={sandbox.host}", f"--port={port}", f"--user={BOB}", f"--passwordeval=echo {SECRET}",
               f"--auth={login}", *secure, f"--delivery=maildir,{tmp_path}/inbox", f"--uidls-file={tmp_path}/uidls",
               "--keep=off", "--received-header=off", "--pipelining=on", "--quiet"]  # fmt: skip

    ran = subprocess.run(command, capture_output=True, check=False, timeout=30)

    fetched = [path.read_bytes().replace(b"\n", b"\r\n") for path in (tmp_path / "inbox" / "new").iterdir()]
    assert (ran.returncode, ran.stderr) == (0, b"")
    assert sorted(fetched) == sorted(letter.content for letter in sandbox.letters)
    with courriel.mailbox(sandbox.pop_url.replace("://", f"://bob%40example.org:{SECRET}@")) as box:
        assert len(box) == 0
