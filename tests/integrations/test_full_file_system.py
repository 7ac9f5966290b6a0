"""A file system that is really full, under the drop folder, the outbox of its service, and the outbox of a user."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from courriel import Outbox
from integrations.sendmail_process import Sendmail

MOUNT = "mount -t tmpfs -o size={size} tmpfs"


def _can_mount() -> bool:
    command = ["unshare", "--map-root-user", "--mount", "sh", "-c", f"{MOUNT.format(size='1m')} /mnt"]
    return (
        shutil.which("unshare") is not None and not subprocess.run(command, capture_output=True, check=False).returncode
    )


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not _can_mount(), reason="no file system can be mounted in a namespace of one's own"),
]

# Sends until the disk is full, tells how many were answered with 0, and what the last one said; then there is room.
SCRIPT = r"""
set -eu
{mount} {disk}
mkdir -m 3733 {disk}/drop
number=0
mail() {{ printf "Subject: %d\n\n%20000d\n" $number 0; }}
while [ $number -lt 100 ] && mail | {sendmail} -i bob@example.org
do number=$((number + 1)); done
echo "answered $number"
{service} || echo "service failed"
mount -o remount,size=120m {disk}
{service}
cp -r {disk}/. {kept}
"""

SERVICE = """
import sys
from courriel import Outbox
from courriel.integrations.sendmail.drain import DropService
with Outbox(sys.argv[2], elsewhere=True) as outbox:
    DropService(sys.argv[1], outbox).run_once()
"""


# An outbox keeps 64 MiB free, for what becomes of the mails that it has.
@pytest.mark.parametrize(("place", "size"), [("drop", "400k"), ("outbox", "65900k")])
def test_what_was_answered_with_0_is_there_when_there_is_room_again(sendmail: Sendmail, place: str, size: str) -> None:
    disk, kept, program = (sendmail.folder / name for name in ("disk", "kept", "service.py"))
    disk.mkdir()
    kept.mkdir()
    program.write_text(SERVICE)
    service = f"{sys.executable} {program} {disk}/drop {disk}/outbox.db" if place == "drop" else "true"
    environment = {**sendmail.environment, "COURRIEL_OUTBOX": "" if place == "drop" else f"{disk}/outbox.db",
                   "COURRIEL_DROP": f"{disk}/drop" if place == "drop" else "0"}  # fmt: skip

    ran = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "bash", "-c",
         SCRIPT.format(mount=MOUNT.format(size=size), disk=disk, kept=kept, sendmail=sendmail.path, service=service)],
        capture_output=True, text=True, env=environment, timeout=300, check=False,
    )  # fmt: skip

    assert ran.returncode == 0, ran.stderr
    answered = int(ran.stdout.split()[1])
    assert 1 <= answered < 100
    assert ran.stdout.count("service failed") == (place == "drop"), ran.stderr
    assert ran.stderr.count("sendmail: ") == 1
    with Outbox(kept / "outbox.db", elsewhere=True) as outbox:
        subjects = {outbox.get(mail.id).content().split(b"Subject: ")[1].split(b"\r\n")[0] for mail in outbox.list()}
    assert subjects == {str(number).encode() for number in range(answered)}
    assert _names(kept / "drop") == []


def _names(folder: Path) -> list[str]:
    return [file.name for file in folder.iterdir()]
