"""A root of its own for a server that cannot be installed here: its unpacked packages laid over this machine's files.

The server finds its compiled-in paths (/etc/courier, /usr/lib/cyrus) without anything being installed. What it writes
lies in memory and is gone with it; only /tmp, /dev and /proc are this machine's.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from .packages import leave_out

UNPACKED = Path(__file__).resolve().parents[2] / ".servers" / "debian"
"""Where tools/unpacked_servers.py puts the packages of each server."""

ENTER = Path(__file__).with_name("own_root.sh")


def need_unpacked(name: str) -> Path:
    """The folder of a server's unpacked packages; the test is left out when they are missing, or we are not root."""
    folder = UNPACKED / name
    if not folder.with_name(f"{name}.unpacked").exists():
        leave_out(f"the packages of {name} are not unpacked: run tools/unpacked_servers.py")
    if os.geteuid() != 0:
        leave_out(f"{name} runs in a mount namespace of its own: run the tests as root")
    return folder


def in_own_root(
    folder: Path, packages: Path, users: Mapping[str, int], command: list[str], setup: str = ""
) -> list[str]:
    """The command line that runs `command` in the foreground, in a root where `packages` are installed.

    `users` are system users (name and number, each with a group of its own) that exist there; `setup` is a shell script
    run there first. `folder` (below /tmp) holds what is needed on the way.
    """
    for name, tail in (("passwd", ":{number}::/nonexistent:/usr/sbin/nologin"), ("group", ":")):
        lines = Path("/etc", name).read_text("utf-8").splitlines()
        kept = [line for line in lines if line.partition(":")[0] not in users]
        added = [f"{user}:x:{number}{tail.format(number=number)}" for user, number in users.items()]
        (folder / name).write_text("\n".join([*kept, *added, ""]), "utf-8")
    (folder / "setup").write_text(setup, "utf-8")
    (folder / "root").mkdir()
    return ["unshare", "--mount", "/bin/sh", str(ENTER), str(folder), str(packages), *command]
