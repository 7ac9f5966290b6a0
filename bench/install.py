"""Bring the peers: nodemailer through npm into `.peers/`, JavaMail and Redis from Debian, task queues by pip.

Nothing is installed where we may not; then a sentence says what is missing, and the bench goes on without it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from .processes import PEERS

HERE = Path(__file__).parent
JAVA_MAIL = ("/usr/share/java/jakarta-mail.jar", "/usr/share/java/jakarta-activation.jar")
APT = ["apt-get", "-qq", "-o=DPkg::Lock::Timeout=300", "install", "--yes", "--no-install-recommends", "--no-remove"]
DEBIAN_JAVA = ("libjakarta-mail-java", "default-jdk-headless")


class Missing(Exception):
    """A peer is not here and cannot be brought; the text says what would help."""


def pinned(package: str) -> str:
    """The version of a package of node that is wanted."""
    return str(json.loads((HERE / "peers" / "package.json").read_text("utf-8"))["dependencies"][package])


def nodemailer() -> tuple[str, str]:
    """The node to run, and nodemailer's version; what npm brings is installed unless it is there."""
    node = shutil.which("node")
    if node is None:
        raise Missing("there is no node (Debian: nodejs)")
    if not all(_is_here(package) for package in ("nodemailer", "imapflow", "hoodiecrow-imap")):
        npm = shutil.which("npm")
        if npm is None:
            raise Missing("there is no npm to install it with (Debian: npm)")
        PEERS.mkdir(exist_ok=True)
        shutil.copy(HERE / "peers" / "package.json", PEERS)
        quietly = ["--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund"]
        run([npm, "install", *quietly], "npm could not install it", PEERS)
    node_version = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    return node, f"{pinned('nodemailer')}, node {node_version}"


def _is_here(package: str) -> bool:
    there = PEERS / "node_modules" / package / "package.json"
    return there.exists() and json.loads(there.read_text("utf-8"))["version"] == pinned(package)


def queue_python() -> str:
    """The Python of an environment with procrastinate and Celery (peers/queues.txt), made when it is not there."""
    folder, pinned = PEERS / "queues", HERE / "peers" / "queues.txt"
    python, done = folder / "bin" / "python", folder / "installed"
    if not done.exists() or done.read_text("utf-8") != pinned.read_text("utf-8"):
        PEERS.mkdir(exist_ok=True)
        run([sys.executable, "-m", "venv", "--clear", str(folder)], "no environment can be made for it", HERE)
        options = ["--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:"]
        run([str(python), "-m", "pip", "install", *options, "-r", str(pinned)], "pip could not install it", HERE)
        done.write_text(pinned.read_text("utf-8"), "utf-8")
    return str(python)


def redis_server() -> str:
    """The redis-server to run; `make bench` installs it where it may."""
    there = shutil.which("redis-server")
    if there is None:
        raise Missing("redis-server is not installed; on Debian: apt install redis-server")
    return there


def javac_if_missing() -> None:
    """JavaMail and a compiler for it, from Debian when we are root."""
    if shutil.which("javac") and all(Path(jar).exists() for jar in JAVA_MAIL):
        return
    wanted = [DEBIAN_JAVA[0]] + ([] if shutil.which("javac") else [DEBIAN_JAVA[1]])
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise Missing(f"not installed; on Debian: apt install {' '.join(wanted)}")
    run([*APT, *wanted], "apt-get could not install it", HERE)


def java_classes() -> str:
    """Compile the contestant; return the versions."""
    source = HERE / "peers" / "JavaMailPeer.java"
    made = PEERS / "JavaMailPeer.class"
    if not made.exists() or made.stat().st_mtime < source.stat().st_mtime:
        PEERS.mkdir(exist_ok=True)
        command = ["javac", "-encoding", "utf-8", "-cp", ":".join(JAVA_MAIL), "-d", str(PEERS), str(source)]
        run(command, "javac could not compile the contestant", HERE)
    java = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr.splitlines()
    shown = ["dpkg-query", "--show", "--showformat=${Version}", DEBIAN_JAVA[0]]
    version = subprocess.run(shown, capture_output=True, text=True, check=False).stdout
    return f"jakarta.mail {version}, {java[0] if java else 'java'}"


def run(command: list[str], otherwise: str, folder: Path) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        ran = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=600
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise Missing(f"{otherwise}: {problem}") from problem
    if ran.returncode != 0:
        raise Missing(f"{otherwise}: {(ran.stderr or ran.stdout).strip()[-300:]}")
