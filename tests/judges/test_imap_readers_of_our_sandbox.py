"""Other people's readers judge our IMAP server: imaplib, IMAPClient, imap_tools, imapflow, mbsync, neomutt and more."""

from __future__ import annotations

import email.policy
import imaplib
import json
import re
import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from datetime import date
from email import message_from_bytes
from pathlib import Path

import imap_tools
import imapclient
import pytest

import courriel
from courriel import Sandbox
from servers.peers import NODE_MODULES, need_node

BOB, SECRET = "bob@example.org", "sesame"
PDF = bytes(range(256)) * 300
IMAPFLOW = Path(__file__).with_name("imapflow.mjs")


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(users={BOB: SECRET}) as opened:
        for number in range(3):
            courriel.send(
                via=opened.url, sender="Ada Lovelace <ada@example.org>", to=BOB, subject=f"Été {number}",
                text=".\n..\n.three\nend", html="<p>é</p>", attachments=[courriel.Attachment.data(PDF, "Été.pdf")],
            )  # fmt: skip
        yield opened


def need(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed (`make debian`)")
    return found


def contents(sandbox: Sandbox) -> list[bytes]:
    return [letter.content for letter in sandbox.letters]


def in_folder(folder: Path) -> list[bytes]:
    """Letters of a Maildir, with the line ends of the wire, in some order."""
    files = [file for part in ("new", "cur") for file in (folder / part).iterdir()]
    return sorted(file.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") for file in files)


def into_files(folder: Path) -> Path:
    """A program that writes each letter into a file of its own, in the folder `out`."""
    (folder / "out").mkdir()
    program = folder / "deliver"
    program.write_text(f'#!/bin/sh\ncat > "$(mktemp {folder}/out/XXXXXX)"\n')
    program.chmod(0o700)
    return program


def run(command: list[str], folder: Path, *, status: int = 0) -> str:
    done = subprocess.run(
        command, capture_output=True, check=False, timeout=60, text=True, cwd=folder,
        env={"HOME": str(folder), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TERM": "dumb"},
    )  # fmt: skip
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


# imaplib.


def by_imaplib(sandbox: Sandbox, security: str) -> imaplib.IMAP4:
    context = ssl.create_default_context(cafile=sandbox.ca)
    if security == "tls":
        return imaplib.IMAP4_SSL(sandbox.host, sandbox.imaps_port, ssl_context=context)
    client = imaplib.IMAP4(sandbox.host, sandbox.imap_port)
    if security == "starttls":
        client.starttls(context)
    return client


@pytest.mark.slow
@pytest.mark.parametrize("security", ["none", "starttls", "tls"])
@pytest.mark.parametrize("login", ["login", "cram-md5", "plain"])
def test_imaplib_reads_searches_and_files(sandbox: Sandbox, security: str, login: str) -> None:
    client = by_imaplib(sandbox, security)
    if login == "cram-md5":
        client.login_cram_md5(BOB, SECRET)
    elif login == "plain":
        client.authenticate("PLAIN", lambda _: f"\0{BOB}\0{SECRET}".encode())
    else:
        client.login(BOB, SECRET)

    selected = client.select()
    told = client.fetch("1:*", "(BODY.PEEK[])")[1]
    found = client.uid("SEARCH", None, "SUBJECT", "1", "UNSEEN")[1]
    ordered = client.sort("(REVERSE SUBJECT DATE)", "UTF-8", "ALL")[1]
    filed = client.append("Drafts", r"(\Draft)", imaplib.Time2Internaldate(1_700_000_000), b"Subject: x\r\n\r\nhi\r\n")
    copied = client.copy("2", "Archive")
    client.store("1", "+FLAGS", r"(\Deleted)")
    gone = client.expunge()[1]
    counted = client.status("Archive", "(MESSAGES)")[1]
    client.close()
    client.logout()

    assert selected == ("OK", [b"3"])
    assert [each[1] for each in told if isinstance(each, tuple)] == contents(sandbox)
    assert (found, ordered, gone, counted) == ([b"2"], [b"3 2 1"], [b"1"], [b"Archive (MESSAGES 1)"])
    assert (filed[0], copied[0]) == ("OK", "OK")


def test_imaplib_is_refused_with_a_wrong_password(sandbox: Sandbox) -> None:
    client = by_imaplib(sandbox, "none")

    with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
        client.login(BOB, "wrong")

    client.logout()


# IMAPClient, which parses every answer.


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[imapclient.IMAPClient]:
    with imapclient.IMAPClient(sandbox.host, sandbox.imap_port, ssl=False) as opened:
        opened.login(BOB, SECRET)
        yield opened


def test_imapclient_reads_structures_and_envelopes(sandbox: Sandbox, client: imapclient.IMAPClient) -> None:
    client.select_folder("INBOX", readonly=True)
    told = client.fetch([1, 2, 3], ["ENVELOPE", "BODYSTRUCTURE", "INTERNALDATE", "RFC822.SIZE", "BODY.PEEK[2]<0.100>"])

    envelope, structure = told[1][b"ENVELOPE"], told[1][b"BODYSTRUCTURE"]
    theirs = message_from_bytes(contents(sandbox)[0], policy=email.policy.default)
    (sender,) = envelope.from_
    assert (sender.name, sender.mailbox, sender.host) == (b"Ada Lovelace", b"ada", b"example.org")
    assert envelope.subject.decode() == message_from_bytes(contents(sandbox)[0])["Subject"]
    assert envelope.message_id.decode() == str(theirs["Message-ID"])
    assert [part[0] for part in structure[0][0][0]] == [b"text", b"text"]
    assert structure[0][1][:2] == (b"application", b"pdf")
    assert told[1][b"RFC822.SIZE"] == len(contents(sandbox)[0])
    body = contents(sandbox)[0].split(b"\r\n\r\n")
    assert told[1][b"BODY[2]<0>"] in body[-1] + body[-2]
    assert len(told[1][b"BODY[2]<0>"]) == 100


def test_imapclient_searches_flags_and_moves(client: imapclient.IMAPClient) -> None:
    client.select_folder("INBOX")

    client.set_flags([1, 2], [imapclient.FLAGGED, b"$Work"])
    found = client.search(["FLAGGED", "SUBJECT", "Été", "NOT", "KEYWORD", "$None"], charset="UTF-8")
    client.move([1], "Archive")
    client.create_folder("Élèves/Années & co")
    names = [name for _, _, name in client.list_folders()]
    special = client.find_special_folder(b"\\Sent")
    sorted_uids = client.sort(["REVERSE SUBJECT"], charset="UTF-8")
    client.append("Élèves/Années & co", b"Subject: x\r\n\r\n", [imapclient.SEEN])
    counted = client.folder_status("Élèves/Années & co", ["MESSAGES", "UNSEEN"])

    assert found == [1, 2]
    assert client.search() == [2, 3]
    assert "Élèves/Années & co" in names
    assert (special, sorted_uids) == ("Sent", [3, 2])
    assert counted == {b"MESSAGES": 1, b"UNSEEN": 0}


def test_imapclient_is_told_of_a_new_letter_at_once(sandbox: Sandbox, client: imapclient.IMAPClient) -> None:
    client.select_folder("INBOX")
    client.idle()
    sending = threading.Thread(
        target=courriel.send, kwargs={"via": sandbox.url, "sender": "ada@example.org", "to": BOB, "text": "x"}
    )
    sending.start()

    told = client.idle_check(timeout=20)
    client.idle_done()
    sending.join()

    assert (4, b"EXISTS") in told


# imap_tools.


def test_imap_tools_reads_and_files(sandbox: Sandbox) -> None:
    with imap_tools.MailBoxUnencrypted(sandbox.host, sandbox.imap_port).login(BOB, SECRET) as box:
        letters = list(box.fetch(imap_tools.AND(subject="Été", date_gte=date(2020, 1, 1)), charset="UTF-8", bulk=True))
        box.flag([letters[0].uid or ""], ["$Done"], value=True)
        box.move([letters[1].uid or ""], "Archive")
        box.delete([letters[2].uid or ""])
        left = box.uids()
        box.folder.create("Élèves")
        folders = {folder.name for folder in box.folder.list()}
        box.folder.set("Archive")
        moved = [letter.subject for letter in box.fetch()]

    assert [letter.subject for letter in letters] == ["Été 0", "Été 1", "Été 2"]
    assert letters[0].attachments[0].payload == PDF
    assert letters[0].attachments[0].filename == "Été.pdf"
    assert (left, moved) == (["1"], ["Été 1"])
    assert {"INBOX", "Sent", "Drafts", "Trash", "Junk", "Archive", "Élèves"} == folders


# imapflow, which switches everything on that a server has.


@pytest.mark.slow
@pytest.mark.parametrize("security", ["none", "starttls", "tls"])
def test_imapflow_reads_files_and_waits(sandbox: Sandbox, tmp_path: Path, security: str) -> None:
    node = need_node("imapflow")
    settings = {
        "modules": str(NODE_MODULES), "host": sandbox.host, "security": security, "ca": str(sandbox.ca),
        "port": sandbox.imaps_port if security == "tls" else sandbox.imap_port, "user": BOB, "password": SECRET,
        "smtp": sandbox.port,
    }  # fmt: skip

    told = json.loads(run([node, str(IMAPFLOW), json.dumps(settings)], tmp_path).splitlines()[-1])

    assert told["subjects"] == ["Été 0", "Été 1", "Été 2"]
    assert told["sources"] == [len(content) for content in contents(sandbox)[:3]]
    assert told["found"] == [2]
    assert told["attachment"] == len(PDF)
    assert told["moved"] == 1
    assert told["special"] == ["\\Archive", "\\Drafts", "\\Inbox", "\\Junk", "\\Sent", "\\Trash"]
    assert told["arrived"] == 3
    assert told["flags"] == ["\\Flagged"]
    assert told["appended"] == 1
    assert not [session.session.failures for session in sandbox.sessions if session.session.failures]


# Programs.


@pytest.mark.slow
def test_mbsync_mirrors_both_ways(sandbox: Sandbox, tmp_path: Path) -> None:
    mbsync = need("mbsync")
    (tmp_path / "rc").write_text(f"""\
IMAPStore far
Host {sandbox.host}
Port {sandbox.imap_port}
User {BOB}
Pass {SECRET}
SSLType None
AuthMechs PLAIN

MaildirStore near
Path {tmp_path}/near/
Inbox {tmp_path}/near/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Remove Both
Expunge Both
SyncState {tmp_path}/state/
""")
    for folder in ("near", "state"):
        (tmp_path / folder).mkdir()
    command = [mbsync, "-c", str(tmp_path / "rc"), "-a"]

    run(command, tmp_path)
    fetched = in_folder(tmp_path / "near" / "INBOX")
    (tmp_path / "near" / "Sent" / "new" / "1.x").write_bytes(b"Subject: mine\n\nhello\n")
    next((tmp_path / "near" / "INBOX" / "new").iterdir()).unlink()
    run(command, tmp_path)
    run(command, tmp_path)

    assert [re.sub(rb"X-TUID: .*\r\n", b"", octets) for octets in fetched] == sorted(contents(sandbox))
    assert len(in_folder(tmp_path / "near" / "INBOX")) == 2
    with courriel.mailbox(sandbox.imap_url.replace("://", f"://bob%40example.org:{SECRET}@")) as box:
        assert len(box.search()) == 2
        box.select("Sent")
        assert [letter.subject for letter in box.search()] == ["mine"]


@pytest.mark.slow
def test_neomutt_saves_and_deletes(sandbox: Sandbox, tmp_path: Path) -> None:
    neomutt = need("neomutt")
    (tmp_path / "rc").write_text(f"""\
set imap_user="{BOB}" imap_pass="{SECRET}" ssl_starttls=no ssl_force_tls=no mbox_type=Maildir
set folder="imap://{sandbox.host}:{sandbox.imap_port}/" spoolfile="imap://{sandbox.host}:{sandbox.imap_port}/INBOX"
set confirmappend=no delete=yes confirmcreate=no wait_key=no header_cache="" move=no quit=yes
push "<tag-pattern>~A<enter><tag-prefix><copy-message>{tmp_path}/saved<enter><untag-pattern>~A<enter>\
<delete-pattern>~s 1<enter><sync-mailbox><quit>"
""")

    program = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"
    run(["/usr/bin/python3", "-c", program, neomutt, "-F", str(tmp_path / "rc"), "-n"], tmp_path)

    assert len(in_folder(tmp_path / "saved")) == 3
    with courriel.mailbox(sandbox.imap_url.replace("://", f"://bob%40example.org:{SECRET}@")) as box:
        assert [letter.subject for letter in box.search()] == ["Été 0", "Été 2"]


@pytest.mark.slow
@pytest.mark.parametrize("security", ["none", "starttls", "tls"])
@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_fetchmail_fetches_and_deletes(sandbox: Sandbox, tmp_path: Path, protocol: str, security: str) -> None:
    fetchmail = need("fetchmail")
    ports = {"imap": (sandbox.imap_port, sandbox.imaps_port), "pop3": (sandbox.pop_port, sandbox.pops_port)}[protocol]
    secure = {"none": "sslproto ''", "starttls": f"sslproto 'TLS1.2+' sslcertck sslcertfile '{sandbox.ca}'",
              "tls": f"ssl sslcertck sslcertfile '{sandbox.ca}'"}[security]  # fmt: skip
    deliver = into_files(tmp_path)
    (tmp_path / "rc").write_text(
        f"poll localhost service {ports[security == 'tls']} protocol {protocol} user '{BOB}' password '{SECRET}' "
        f"{secure} no rewrite nokeep fetchall mda '{deliver}'\n"
    )
    (tmp_path / "rc").chmod(0o600)

    run([fetchmail, "-f", str(tmp_path / "rc"), "--nosyslog", "--pidfile", str(tmp_path / "pid")], tmp_path)

    fetched = [file.read_bytes() for file in (tmp_path / "out").iterdir()]
    assert len(fetched) == 3
    assert sorted(str(message_from_bytes(each)["Message-ID"]) for each in fetched) == sorted(
        str(message_from_bytes(each)["Message-ID"]) for each in contents(sandbox)
    )
    with courriel.mailbox(sandbox.imap_url.replace("://", f"://bob%40example.org:{SECRET}@")) as box:
        assert len(box.search()) == 0


@pytest.mark.slow
@pytest.mark.parametrize("security", ["none", "tls"])
def test_getmail_fetches_and_deletes(sandbox: Sandbox, tmp_path: Path, security: str) -> None:
    getmail = need("getmail")
    deliver = into_files(tmp_path)
    kind = "SimpleIMAPSSLRetriever" if security == "tls" else "SimpleIMAPRetriever"
    port = sandbox.imaps_port if security == "tls" else sandbox.imap_port
    (tmp_path / "getmailrc").write_text(f"""\
[retriever]
type = {kind}
server = {sandbox.host}
port = {port}
username = {BOB}
password = {SECRET}
mailboxes = ("INBOX",)
{f"ca_certs = {sandbox.ca}" if security == "tls" else ""}

[destination]
type = MDA_external
path = {deliver}
unixfrom = false
allow_root_commands = true

[options]
delete = true
delivered_to = false
received = false
""")

    run([getmail, f"--getmaildir={tmp_path}", "--quiet"], tmp_path)

    fetched = [file.read_bytes() for file in (tmp_path / "out").iterdir()]
    assert sorted(message_from_bytes(each)["Message-ID"] for each in fetched) == sorted(
        message_from_bytes(each)["Message-ID"] for each in contents(sandbox)
    )
    with courriel.mailbox(sandbox.imap_url.replace("://", f"://bob%40example.org:{SECRET}@")) as box:
        assert len(box.search()) == 0
