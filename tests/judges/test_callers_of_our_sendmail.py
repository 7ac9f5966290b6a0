"""Programs that call sendmail, with ours in its place: mailutils, s-nail, cron, PHP, git send-email, mdadm's script."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from integrations.sendmail_process import Sendmail, sendmail
from servers.packages import need

__all__ = ["sendmail"]  # the fixture

pytestmark = pytest.mark.acceptance


def call(sendmail: Sendmail, *command: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    ran = subprocess.run(
        command, input=stdin, capture_output=True, text=True, timeout=100, check=False, cwd=sendmail.folder / "here",
        env={**sendmail.environment, **environment},
    )  # fmt: skip
    assert ran.returncode == 0, (ran.stdout, ran.stderr)
    return ran


def test_mailutils(sendmail: Sendmail) -> None:
    need("/usr/bin/mail.mailutils")

    call(
        sendmail, "/usr/bin/mail.mailutils", "-E", f"set sendmail=sendmail:{sendmail.path}", "-s", "Été",
        "-r", "ada@example.org", "-a", "Cc: eve@example.org", "bob@example.org", stdin="Hello.\n.\nmore\n",
    )  # fmt: skip

    (letter,) = sendmail.sent()
    assert set(letter.recipients) == {"bob@example.org", "eve@example.org"}
    assert letter.sender == "ada@example.org"
    assert letter.subject == "Été"
    assert letter.text.startswith("Hello.\n")


def test_s_nail(sendmail: Sendmail) -> None:
    need("/usr/bin/s-nail")

    call(
        sendmail, "/usr/bin/s-nail", "-:/", "-S", "sendwait", "-S", f"mta=file://{sendmail.path}",
        "-S", "ttycharset=utf-8", "-r", "ada@example.org", "-s", "Été",
        "-b", "eve@example.org", "bob@example.org", stdin="Bonjour.\n.\nsuite\n",
    )  # fmt: skip

    (letter,) = sendmail.sent()
    assert (letter.sender, set(letter.recipients)) == ("ada@example.org", {"bob@example.org", "eve@example.org"})
    assert letter.subject == "Été"
    assert b"eve" not in letter.content
    assert letter.text == "Bonjour.\n.\nsuite\n"


def test_php(sendmail: Sendmail) -> None:
    need("/usr/bin/php")
    program = (
        'exit(mail("bob@example.org, eve@example.org", "Subject", "one\\n.\\ntwo\\n",'
        ' "From: ada@example.org\\r\\nBcc: dora@example.org", "-fbounce@example.org") ? 0 : 1);'
    )

    call(sendmail, "/usr/bin/php", "-n", "-d", f"sendmail_path={sendmail.path} -t -i", "-r", program)

    (letter,) = sendmail.sent()
    assert letter.sender == "bounce@example.org"
    assert set(letter.recipients) == {"bob@example.org", "eve@example.org", "dora@example.org"}
    assert letter.text == "one\n.\ntwo\n\n"  # PHP adds a line end
    assert b"dora" not in letter.content


def test_php_learns_that_it_was_refused(sendmail: Sendmail) -> None:
    need("/usr/bin/php")
    program = 'echo mail("", "Subject", "x") ? "sent" : "refused";'

    ran = call(sendmail, "/usr/bin/php", "-n", "-d", f"sendmail_path={sendmail.path} -t -i", "-r", program)

    assert ran.stdout == "refused"
    assert sendmail.contents() == []


@pytest.mark.parametrize("option", ["--sendmail-cmd", "--smtp-server"])
def test_git_send_email(sendmail: Sendmail, option: str) -> None:
    need("/usr/lib/git-core/git-send-email", "/usr/share/perl5/Mail/Address.pm")
    git = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_AUTHOR_NAME": "Ada É",
           "GIT_AUTHOR_EMAIL": "ada@example.org", "GIT_COMMITTER_NAME": "Ada É",
           "GIT_COMMITTER_EMAIL": "ada@example.org"}  # fmt: skip
    here = sendmail.folder / "here"
    call(sendmail, "git", "init", "-q", ".", **git)
    for name in ("one", "two"):
        (here / name).write_text(f"{name}\n.\n")
        call(sendmail, "git", "add", name, **git)
        call(sendmail, "git", "commit", "-qm", f"add {name}", **git)

    call(
        sendmail, "git", "send-email", "--quiet", "--confirm=never", f"{option}={sendmail.path}",
        "--from=Ada É <ada@example.org>", "--to=bob@example.org", "--cc=list@example.org", "-1", **git,
    )  # fmt: skip

    (letter,) = sendmail.sent()
    assert letter.sender in {"ada@example.org", "box@example.org"}
    assert {"bob@example.org", "list@example.org"} <= set(letter.recipients)
    assert letter.subject == "[PATCH] add two"
    assert "+two\n+.\n" in letter.text


MDADM = """
exec {sendmail} -t <<END
From: mdadm monitoring <root>
To: root
Subject: DegradedArray event on /dev/md0:$(hostname)

This is an automatically generated mail message.
A DegradedArray event had been detected on md device /dev/md0.
END
"""


def test_a_script_that_speaks_as_mdadm_does(sendmail: Sendmail) -> None:
    config = sendmail.folder / "home" / ".config" / "courriel"
    config.mkdir(parents=True)
    (config / "aliases").write_text("root: ada@example.org\n")

    call(sendmail, "/bin/sh", "-c", MDADM.format(sendmail=sendmail.path))

    (letter,) = sendmail.sent()
    assert letter.recipients == ("ada@example.org",)
    assert letter.message["From"] == "mdadm monitoring <root@example.org>"
    assert letter.subject.startswith("DegradedArray event")


CRON = """
set -e
mount -t tmpfs -o mode=755 none /var/spool
mount -t tmpfs -o mode=755 none /run
mkdir -p /var/spool/cron/crontabs
install -d -m 3733 /var/spool/courriel/drop
printf 'MAILTO=bob@example.org\\n@reboot echo été; echo .; echo last\\n' > /var/spool/cron/crontabs/root
chmod 600 /var/spool/cron/crontabs/root
mount --bind {sendmail} /usr/sbin/sendmail
exec /usr/sbin/cron -f
"""


@pytest.fixture
def cron(sendmail: Sendmail) -> Iterator[Path]:
    """A cron daemon whose sendmail is ours, in mounts of its own, with one job; its drop folder."""
    need("/usr/sbin/cron", "/usr/sbin/sendmail", as_root=True)
    script = sendmail.folder / "cron.sh"
    script.write_text(CRON.format(sendmail=sendmail.path))
    environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}  # cron names the charset of its locale
    with subprocess.Popen(["unshare", "--mount", "/bin/sh", str(script)], env=environment) as daemon:
        try:
            yield Path(f"/proc/{daemon.pid}/root/var/spool/courriel/drop")
        finally:
            daemon.terminate()


def test_cron(cron: Path, sendmail: Sendmail) -> None:
    from courriel import Outbox
    from courriel.integrations.sendmail.drain import DropService

    taken = sendmail.folder / "taken"
    program = (
        "import os, shutil, sys, time\n"
        "while True:\n"
        "    try: names = [name for name in os.listdir(sys.argv[1]) if name[0] != '.']\n"
        "    except FileNotFoundError: names = []\n"
        "    if names: break\n"
        "    time.sleep(0.05)\n"
        "shutil.copytree(sys.argv[1], sys.argv[2])"
    )
    subprocess.run([sys.executable, "-c", program, str(cron), str(taken)], check=True, timeout=100)
    taken.chmod(0o3733)
    with Outbox(sendmail.outbox_file, elsewhere=True) as outbox:
        assert DropService(taken, outbox).run_once() == 1

    (letter,) = sendmail.sent()
    assert letter.recipients == ("bob@example.org",)
    assert "été\n.\nlast\n" in letter.text
    assert "Cron Daemon" in letter.message["From"]
    assert shutil.which("cron", path="/usr/sbin")
