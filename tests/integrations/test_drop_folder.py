"""The drop folder and its service, with other users' files, links, FIFOs, a full disk, and a service that dies."""

from __future__ import annotations

import logging
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from courriel import Outbox, errors
from courriel.integrations.sendmail.drain import DropService
from courriel.integrations.sendmail.drop import DroppedEnvelope, drop
from integrations.sendmail_process import Sendmail

ENVELOPE = DroppedEnvelope("ada@example.org", ["bob@example.org"], chosen=True)
MAIL = [b"From: ada@example.org\n", b"Subject: x\n", b"\n", b"Hello.\n"]
NOBODY, SERVICE = 65534, 64711  # numbers of users; the second has no name

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="files of another user are made by root")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "spool" / "drop"
    place.mkdir(parents=True)
    place.chmod(0o3733)
    return place


@pytest.fixture
def place_for_all() -> Iterator[Path]:
    """A folder that other users may go through: pytest closes its own to them whenever a run starts."""
    with TemporaryDirectory(dir="/tmp") as place:
        Path(place).chmod(0o755)
        yield Path(place)


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with Outbox(tmp_path / "service.db", elsewhere=True) as outbox:
        yield outbox


@pytest.mark.slow
def test_sendmail_leaves_a_mail_that_only_the_group_reads(sendmail: Sendmail, folder: Path) -> None:
    ran = sendmail.run(
        ["-t", "-f", "ada"], b"To: root, bob@example.org\n\nHello.\n", COURRIEL_DROP=str(folder), COURRIEL_OUTBOX=""
    )

    assert (ran.returncode, ran.stdout, ran.stderr) == (0, b"", b"")
    (file,) = folder.iterdir()
    status = file.stat()
    assert stat.S_IMODE(status.st_mode) == 0o640
    assert status.st_gid == folder.stat().st_gid
    assert not file.name.startswith(".")


def test_the_service_puts_a_mail_into_the_outbox_with_the_user_it_came_from(folder: Path, outbox: Outbox) -> None:
    drop(folder, ENVELOPE, MAIL)

    with DropService(folder, outbox) as service:
        service.run_once()

    (mail,) = outbox.list()
    content = outbox.get(mail.id).content().decode()
    assert (mail.sender, mail.waiting) == ("ada@example.org", ("bob@example.org",))
    assert content.startswith("Received: by ")
    assert f"(courriel, from userid {os.geteuid()})" in content
    assert list(folder.iterdir()) == []


def test_a_caller_that_names_no_sender_gets_that_of_the_service(folder: Path, outbox: Outbox) -> None:
    drop(folder, DroppedEnvelope("www-data@vm", ["bob@example.org"]), MAIL)
    drop(folder, DroppedEnvelope("", ["bob@example.org"], chosen=True), MAIL)

    DropService(folder, outbox, sender="box@example.org").run_once()

    assert [mail.sender for mail in outbox.list()] == ["box@example.org", ""]


def test_a_service_that_dies_before_it_removes_a_file_sends_it_once(
    folder: Path, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(folder, ENVELOPE, MAIL)
    with monkeypatch.context() as dying:
        dying.setattr(os, "unlink", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            DropService(folder, outbox).run_once()
    assert len(list(folder.iterdir())) == 1

    DropService(folder, outbox).run_once()

    assert len(list(outbox.list())) == 1
    assert list(folder.iterdir()) == []


def test_links_fifos_and_folders_are_cleared_away_and_never_read(
    folder: Path, outbox: Outbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(ENVELOPE.line() + b"".join(MAIL))
    (folder / "a-symlink").symlink_to(secret)
    other = tmp_path / "other"
    other.write_bytes(secret.read_bytes())
    (folder / "a-hard-link").hardlink_to(other)
    os.mkfifo(folder / "a-fifo")
    (folder / "a-folder").mkdir()
    drop(folder, ENVELOPE, MAIL)

    with caplog.at_level(logging.WARNING, "courriel.drop"):
        DropService(folder, outbox).run_once()

    assert len(list(outbox.list())) == 1
    assert list(folder.iterdir()) == []
    assert secret.read_bytes().startswith(b"{")
    assert len(caplog.records) == 4
    assert {getattr(record, "action", "") for record in caplog.records} == {"drop_refused"}


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"no envelope\n",
        b'{"sender": 7, "to": ["b@x"], "chosen": false, "notify": [], "ret": "", "envid": ""}\n\nx\n',
        b'{"sender": "a@b.c", "to": "bob@x", "chosen": true, "notify": [], "ret": "", "envid": ""}\nA: b\n\nx\n',
        b'{"sender": "a@b.c", "to": ["b@x\\r\\nDATA"], "chosen": true, "notify": [], "ret": "", "envid": ""}\nA: b\n\n',
        b'{"sender": "a@b.c", "to": [], "chosen": true, "notify": [], "ret": "", "envid": ""}\nA: b\n\nx\n',
        b'{"sender": "a@b.c", "to": ["b@x"], "chosen": true, "notify": ["X"], "ret": "", "envid": ""}\nA: b\n\nx\n',
        b"[" * 100_000,
    ],
)
def test_what_is_no_mail_is_kept_beside_the_folder(folder: Path, outbox: Outbox, raw: bytes) -> None:
    (folder / "planted").write_bytes(raw)

    assert DropService(folder, outbox).run_once() == 0

    assert list(outbox.list()) == []
    assert list(folder.iterdir()) == []
    (kept,) = (folder.parent / "drop-refused").iterdir()
    assert kept.read_bytes() == raw
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700


def test_mails_over_the_quota_of_their_user_wait(
    folder: Path, outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(5):
        drop(folder, ENVELOPE, MAIL)
    service = DropService(folder, outbox, quota=3)

    with caplog.at_level(logging.WARNING, "courriel.drop"):
        taken = [service.run_once(), service.run_once()]

    assert taken == [3, 0]
    assert len(list(folder.iterdir())) == 2
    assert [getattr(record, "action", "") for record in caplog.records] == ["drop_quota"]


@pytest.mark.slow
def test_a_full_disk_leaves_nothing_behind_and_asks_to_come_again(sendmail: Sendmail, folder: Path) -> None:
    program = (
        "import os, resource, sys\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "os.execv(sys.argv[1], sys.argv[1:])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program, sendmail.path, "-i", "bob@example.org"],
        input=b"Subject: x\n\n" + b"y\n" * 500_000, capture_output=True, timeout=100, check=False,
        env={**sendmail.environment, "COURRIEL_DROP": str(folder), "COURRIEL_OUTBOX": ""},
    )  # fmt: skip

    assert ran.returncode == 75, ran.stderr
    assert ran.stderr.count(b"\n") == 1
    assert list(folder.iterdir()) == []


@as_root
def test_another_user_leaves_mail_and_takes_none(place_for_all: Path, outbox: Outbox) -> None:
    folder = place_for_all / "drop"
    folder.mkdir()
    folder.chmod(0o3733)
    drop(folder, ENVELOPE, MAIL)
    (mine,) = folder.iterdir()
    program = f"""
import os, sys
sys.path[:0] = {sys.path!r}
from pathlib import Path
from courriel.integrations.sendmail.drop import DroppedEnvelope, drop
folder, mine = Path({str(folder)!r}), Path({str(mine)!r})
os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})
drop(folder, DroppedEnvelope("eve@example.org", ["bob@example.org"], True), [b"Subject: x\\n\\nHello.\\n"])
renaming = lambda: mine.rename(folder / "other")
for forbidden in (lambda: os.listdir(folder), mine.unlink, renaming, mine.read_bytes):
    try:
        forbidden()
    except PermissionError:
        continue
    sys.exit("was allowed")
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr

    DropService(folder, outbox).run_once()

    senders = {mail.sender: outbox.get(mail.id).content() for mail in outbox.list()}
    assert f"from userid {NOBODY})".encode() in senders["eve@example.org"]
    assert f"from userid {os.geteuid()})".encode() in senders["ada@example.org"]


@pytest.mark.slow
@as_root
def test_the_service_is_a_user_of_its_own_and_reads_by_its_group(place_for_all: Path) -> None:
    own, folder = place_for_all / "own", place_for_all / "spool" / "drop"
    own.mkdir()
    folder.mkdir(parents=True)
    for place in (own, folder, folder.parent):
        os.chown(place, SERVICE, SERVICE)
    folder.chmod(0o3733)
    program = f"""
import os, sys
from pathlib import Path
from courriel import Outbox
from courriel.integrations.sendmail.drain import DropService
from courriel.integrations.sendmail.drop import DroppedEnvelope, drop
folder, own, warm = Path({str(folder)!r}), Path({str(own)!r}), Path({str(place_for_all)!r}, "warm")
mail = DroppedEnvelope("eve@example.org", ["bob@example.org"], True), [b"Subject: x\\n\\nHello.\\n"]
warm.mkdir(); warm.chmod(0o3733)
drop(warm, *mail)
with Outbox(warm.with_name("warm.db"), elsewhere=True) as outbox:  # so that every module is loaded
    DropService(warm, outbox).run_once()
if os.fork() == 0:
    os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})
    os.umask(0o077)
    drop(folder, *mail)
    os._exit(0)
assert os.wait()[1] == 0
os.setgroups([]); os.setgid({SERVICE}); os.setuid({SERVICE})
(folder / "planted").symlink_to("/etc/passwd")
with Outbox(own / "outbox.db", elsewhere=True) as outbox:
    assert DropService(folder, outbox).run_once() == 1
    print(*(outbox.get(mail.id).content().decode() for mail in outbox.list()))
assert os.listdir(folder) == []
"""

    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)

    assert ran.returncode == 0, ran.stderr
    assert f"from userid {NOBODY})" in ran.stdout


@pytest.mark.parametrize("mode", [0o777, 0o733])
def test_a_folder_that_anybody_can_empty_is_refused(folder: Path, outbox: Outbox, mode: int) -> None:
    folder.chmod(mode)

    with pytest.raises(errors.UsageError, match="chmod 3733"):
        DropService(folder, outbox)


def test_a_link_or_nothing_in_place_of_the_folder_is_refused(folder: Path, outbox: Outbox) -> None:
    link = folder.with_name("link")
    link.symlink_to(folder)

    for place in (link, folder / "missing"):
        with pytest.raises(errors.UsageError):
            DropService(place, outbox)


@pytest.mark.slow
def test_the_worker_takes_and_sends_what_was_dropped(sendmail: Sendmail, folder: Path) -> None:
    for number in range(3):
        ran = sendmail.run([f"bob{number}@example.org"], COURRIEL_DROP=str(folder), COURRIEL_OUTBOX="")
        assert ran.returncode == 0, ran.stderr

    worker = subprocess.run(
        [sys.executable, "-m", "courriel", "worker", "--once", "--drop", str(folder)],
        capture_output=True, text=True, env=sendmail.environment, timeout=100, check=False,
        cwd=sendmail.folder / "here",
    )  # fmt: skip

    assert worker.returncode == 0, worker.stderr
    assert sorted(letter.recipients[0] for letter in sendmail.sandbox.letters) == [
        f"bob{number}@example.org" for number in range(3)
    ]
    assert {letter.sender for letter in sendmail.sandbox.letters} == {"box@example.org"}
