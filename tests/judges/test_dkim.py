"""
Other people verify our signatures, and we verify theirs: dkimpy, OpenDKIM, Rspamd; and after a way through servers.

`COURRIEL_TEST_SIGNED` is the number of generated mails (make test-long: ten thousand).
"""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from courriel import Message, ReadyMessage, Sandbox, Security, Server, Signed, SmtpSession
from courriel.delivery.dkim.signer import Signer
from courriel.model.content import Content
from courriel.model.envelope import Envelope
from courriel.model.submission import Submission
from dkim_keys import RSA_PEM, key_files, records, verdicts
from servers.authority import Authority
from servers.daemon import wait_until
from servers.fixtures import authority, dovecot, postfix, postfix_server
from servers.packages import need
from servers.peers import RUNNERS
from servers.postfix import Postfix
from servers.rspamd import rspamd
from servers.sendmail import sendmail

__all__ = ["authority", "dovecot", "postfix", "postfix_server"]

pytestmark = pytest.mark.acceptance

NUMBER = int(os.environ.get("COURRIEL_TEST_SIGNED", "300"))
PYTHON, DKIMPY, OPENDKIM = "/usr/bin/python3", "/usr/lib/python3/dist-packages/dkim/__init__.py", "/usr/sbin/opendkim"
BOTH = ["pass", "pass"]
PIECES = (
    "Hello", "été", " ", "  ", "\t", "\n", "\n\n\n", ".", ".\n..\n", "日本語", "=", "x" * 200, " \n", "\t \n", "From ",
    "--", "€", "🙂", "\n.\n", "a=b; c", "\n ", "<b>", "&", "'", '"',
)  # fmt: skip
RAW_BODIES = (
    b"", b"\r\n", b"\r\n\r\n\r\n", b"no line end", b"ends \t \r\n \r\n\t\r\n", b" \r\n", b"a\tb  c \r\nd\r\n\r\n\r\n",
    b"x" * 990 + b"\r\n", b".\r\n..\r\n", "été €\r\n".encode(),
)  # fmt: skip


def text(chosen: random.Random, most: int) -> str:
    return "".join(chosen.choices(PIECES, k=chosen.randrange(most)))


def built(chosen: random.Random, number: int, folder: Path) -> Message:
    """A mail of any shape that we build."""
    subject = " ".join(text(chosen, 12).split()) or "(none)"
    names = ("Ada", "Société Générale", 'A "B" C', "")
    mail = Message(
        sender=f"{chosen.choice(names).replace(chr(34), '')} <ada@example.org>",
        to=[f"user{each}@example.org" for each in range(chosen.randrange(1, 30))],
        cc=["carl@example.org"] if chosen.random() < 0.3 else (),
        reply_to="replies@example.org" if chosen.random() < 0.3 else None,
        subject=f"{number} {subject}"[:500],
        text=text(chosen, 200),
        html=f"<p>{text(chosen, 60)}</p>" if chosen.random() < 0.3 else "",
        list_unsubscribe=("https://example.org/u/1",) if chosen.random() < 0.2 else (),
    )
    if chosen.random() < 0.2:
        file = folder / f"attached-{number}.bin"
        file.write_bytes(chosen.randbytes(chosen.randrange(5000)))
        mail = mail.with_attachment(file)
    return mail


def written(chosen: random.Random, number: int) -> ReadyMessage:
    """A mail of somebody else, whose header is folded and spaced in odd ways."""
    subject = chosen.choice([" odd", "  odd \t", "\r\n odd", " a\r\n\t b\r\n  c", "", "\t"])
    return ReadyMessage.parse(
        b"From: Ada <ada@example.org>\r\nTo: bob@example.org,\r\n\tcarl@example.org\r\nsubject:%b %d\r\n"
        b"Date: Mon, 30 Nov 2026 14:00:00 +0100\r\nMessage-ID: <%d@example.org>\r\n\r\n%b"
        % (subject.encode(), number, number, chosen.choice(RAW_BODIES))
    )


def generated(folder: Path, number: int, seed: int = 7) -> Iterator[Submission]:
    """Mails signed by both keys."""
    chosen = random.Random(seed)
    signer = Signer("example.org", ("s1", "e1"), key_files(folder))
    for each in range(number):
        mail = written(chosen, each) if chosen.random() < 0.4 else built(chosen, each, folder)
        yield signer.signed(mail)


@pytest.fixture(scope="module")
def signed_files(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("signed")
    paths = []
    for number, submission in enumerate(generated(folder, NUMBER)):
        path = folder / f"{number}.eml"
        path.write_bytes(bytes(submission.content))
        paths.append(str(path))
    return paths


@pytest.fixture(scope="module")
def opendkim_keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("opendkim") / "keys"
    file.write_text("".join(f"{name} {text}\n" for name, text in records().items()), "ascii")
    return file


def in_batches(files: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(files), 500):
        yield files[start : start + 500]


def run(*command: str, folder: Path) -> str:
    done = subprocess.run(command, capture_output=True, cwd=folder, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.decode("utf-8", "replace")


def test_our_own_verifier_agrees_with_the_signer(signed_files: list[str]) -> None:
    assert all(verdicts(Path(file).read_bytes()) == BOTH for file in signed_files)


@pytest.mark.timeout(900)
def test_dkimpy_verifies_every_mail(signed_files: list[str], tmp_path: Path) -> None:
    need(DKIMPY)
    known = tmp_path / "records.json"
    known.write_text(json.dumps(records()), "ascii")
    script = str(Path(__file__).with_name("by_dkimpy.py"))
    for files in in_batches(signed_files):
        said = run(PYTHON, "-I", script, "verify", str(known), *files, folder=tmp_path)
        wrong = {file: line for file, line in zip(files, said.splitlines(), strict=True) if line != "[true, true]"}
        assert not wrong


@pytest.mark.timeout(900)
def test_opendkim_verifies_every_mail(signed_files: list[str], opendkim_keys: Path, tmp_path: Path) -> None:
    need(OPENDKIM)
    settings = tmp_path / "opendkim.conf"
    settings.write_text(f"Mode v\nTestPublicKeys {opendkim_keys}\nAuthservID judge\nAlwaysAddARHeader yes\n", "ascii")
    for files in in_batches(signed_files):
        said = run(OPENDKIM, "-vv", "-x", str(settings), "-t", ",".join(files), folder=tmp_path)
        results = re.findall(r"hname='Authentication-Results' hvalue='(.*?)'\n", said, re.DOTALL)
        assert len(results) == len(files)
        wrong = {file: each for file, each in zip(files, results, strict=True) if each.count("dkim=pass") != 2}
        assert not wrong


@pytest.mark.timeout(900)
def test_rspamd_verifies_every_mail(signed_files: list[str]) -> None:
    with rspamd(records()) as judge:
        for file in signed_files:
            mail = Path(file).read_bytes()
            symbols = judge.symbols(mail)
            body = mail.partition(b"\r\n\r\n")[2]
            if not body.strip() and body.strip(b"\r\n"):
                # A body of blanks is empty in the relaxed form (RFC 6376 3.4.4): no octets for dkimpy, OpenDKIM and us,
                # and for Rspamd sometimes an empty line.
                assert body != b" \r\n" or "R_DKIM_REJECT" in symbols
                continue
            assert sorted(symbols.get("R_DKIM_ALLOW", [])) == ["example.org:s=e1", "example.org:s=s1"], (file, symbols)
        broken = Path(signed_files[0]).read_bytes() + b"more\r\n"
        assert "R_DKIM_REJECT" in judge.symbols(broken)


@pytest.mark.parametrize("canon", ["simple/simple", "simple/relaxed", "relaxed/simple", "relaxed/relaxed"])
def test_we_verify_what_opendkim_has_signed(tmp_path: Path, canon: str) -> None:
    need(OPENDKIM)
    key = tmp_path / "s1.pem"
    key.write_bytes(RSA_PEM)
    key.chmod(0o600)
    settings = tmp_path / "opendkim.conf"
    settings.write_text(
        f"Mode s\nDomain example.org\nSelector s1\nKeyFile {key}\nCanonicalization {canon}\n"
        "SignatureAlgorithm rsa-sha256\nRequireSafeKeys no\nInternalHosts 0.0.0.0/0\nOversignHeaders From,Reply-To\n",
        "ascii",
    )
    chosen = random.Random(3)
    for number in range(20):
        # A milter is handed values without the blanks before them, so that "simple" has none that it could sign.
        mail = re.sub(rb"subject:\s*", b"subject: ", bytes(written(chosen, number).content), count=1)
        file = tmp_path / f"{number}.eml"
        file.write_bytes(mail)
        said = run(OPENDKIM, "-vv", "-x", str(settings), "-t", str(file), folder=tmp_path)
        (value,) = re.findall(r"hname='DKIM-Signature' hvalue='(.*?)'\n", said, re.DOTALL)
        field = f"DKIM-Signature: {value.strip()}".replace("\r\n", "\n").replace("\n", "\r\n").encode()
        assert verdicts(field + b"\r\n" + mail) == ["pass"], (canon, mail)


def test_we_verify_what_dkimpy_has_signed(tmp_path: Path) -> None:
    need(DKIMPY)
    key = tmp_path / "s1.pem"
    key.write_bytes(RSA_PEM)
    chosen = random.Random(5)
    for number in range(10):
        file = tmp_path / f"{number}.eml"
        file.write_bytes(bytes(written(chosen, number).content))
        script = str(Path(__file__).with_name("by_dkimpy.py"))
        done = subprocess.run(
            [PYTHON, "-I", script, "sign", str(key), str(file)], capture_output=True, timeout=60, check=True
        )
        assert verdicts(done.stdout) == ["pass"]


@pytest.mark.parametrize("runner", RUNNERS)
def test_signatures_survive_the_way_through_other_servers(runner: str, authority: Authority, tmp_path: Path) -> None:
    mails = [at_home(each) for each in generated(tmp_path, 40, seed=11)]
    with RUNNERS[runner](authority) as peer:
        with Signed.by(SmtpSession(peer.server()), Signer("example.org", ("s1", "e1"), key_files(tmp_path))) as signed:
            results = list(signed.submit_many(mails))
        arrived = peer.messages(len(mails))

    assert not [each for each in results if isinstance(each, Exception)]
    assert [verdicts(from_dkim(each)) for each in arrived] == [BOTH] * len(mails)


def test_signatures_survive_the_way_through_postfix(postfix_server: Postfix, tmp_path: Path) -> None:
    postfix_server.empty()
    mails = [at_home(each) for each in generated(tmp_path, 40, seed=13)]
    with SmtpSession(Server("localhost", postfix_server.plain_port, Security.NONE)) as session:
        results = list(session.submit_many(mails))
    arrived = [letter.raw for letter in postfix_server.letters("ada@example.org", len(mails))]

    assert not [each for each in results if isinstance(each, Exception)]
    assert [verdicts(from_dkim(each)) for each in arrived] == [BOTH] * len(mails)


def test_signatures_survive_the_way_through_sendmail(tmp_path: Path) -> None:
    mails = [at_home(each) for each in generated(tmp_path, 40, seed=17)]
    with Sandbox(keep=1000) as end, sendmail(end.port) as relay:
        with SmtpSession(Server("127.0.0.1", relay.port, Security.NONE)) as session:
            results = list(session.submit_many(mails))
        assert wait_until(lambda: len(end.letters) == len(mails), 60)
        arrived = [letter.content for letter in end.letters]

    assert not [each for each in results if isinstance(each, Exception)]
    assert [verdicts(from_dkim(each)) for each in arrived] == [BOTH] * len(mails)


def test_sendmail_writes_a_list_of_addresses_anew_which_no_signature_survives(tmp_path: Path) -> None:
    """It puts a blank behind each comma. What courriel builds has one; a mail that is handed over as octets may not."""
    raw = b"From: ada@example.org\r\nTo: bob@example.org,carl@example.org\r\nSubject: x\r\n\r\nHello.\r\n"
    signer = Signer("example.org", ("s1", "e1"), key_files(tmp_path))
    with Sandbox() as end, sendmail(end.port) as relay:
        with SmtpSession(Server("127.0.0.1", relay.port, Security.NONE)) as session:
            session.submit(at_home(signer.signed(ReadyMessage.parse(raw))))
        assert wait_until(lambda: len(end.letters) == 1, 60)
        arrived = end.letters[0].content

    assert b"To: bob@example.org, carl@example.org" in arrived
    assert verdicts(from_dkim(arrived)) == ["fail", "fail"]


# The steps.


def at_home(submission: Submission) -> Submission:
    """The same mail to somebody whom the servers of the tests know."""
    content = submission.content
    assert isinstance(content, Content)
    envelope = Envelope.of("cleo@example.org", ("ada@example.org",))
    return Submission(envelope, content, submission.message_id, signed=True)


def from_dkim(arrived: bytes) -> bytes:
    """The mail as it arrived, line ends as on the wire."""
    return arrived.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
