"""Who takes part: courriel, and the peers that are on this machine, with the versions to print beside the figures."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from .install import JAVA_MAIL, Missing, java_classes, javac_if_missing, nodemailer, pinned
from .processes import PEERS, SMTP_SOURCE, Broken, Program, built_by_cc, pin_to

OURS = "courriel"
BARE = "bare Python"
"""No client: what the language, the kernel and the sink leave to be had by any client in Python."""

JUST_IN_TIME = ("nodemailer", "JavaMail")
"""Those who are quick only once they are warm, and send."""
WARMED = (*JUST_IN_TIME, "imapflow")


@dataclass(frozen=True, slots=True)
class Done:
    """One piece of work, done: how long it took by the clock, how long the core was busy with it (the sink's part is
    not in it), and what else the contestant told.
    """

    seconds: float
    core_seconds: float
    sent: float
    more: dict[str, float]

    @property
    def rate(self) -> float:
        return self.sent / self.seconds


class Cannot(Exception):
    """The contestant does not do this work; the text says why."""


class Contestant:
    """A program that stays, does one job after the other, and is warm after the first."""

    def __init__(self, name: str, command: list[str], core: int | None) -> None:
        self.name = name
        self._command = command
        self._core = core
        self._program: Program | None = None

    def do(self, work: str, port: int = 0, count: int = 1, **options: object) -> Done:
        if self._program is None:
            self._program = Program(self._command, self._core)
        job = {"work": work, "port": port, "count": count, **options}
        answer = self._program.ask(" ".join(f"{name}={value}" for name, value in job.items()))
        word, _, rest = answer.partition(" ")
        if word == "skip":
            raise Cannot(rest)
        if word != "ok":
            self.end()
            raise Broken(f"{self.name}, {work}: {rest or answer}")
        told = {name: float(value) for name, value in (pair.split("=") for pair in rest.split())}
        return Done(told["seconds"], told.get("core", 0.0), told["sent"], told)

    def end(self) -> None:
        if self._program is not None:
            self._program.end()
            self._program = None


class OneShot(Contestant):
    """A program that does one piece of work and ends; it takes ready-made mails on one session, and nothing else."""

    def do(self, work: str, port: int = 0, count: int = 1, **options: object) -> Done:
        if work != "ready":
            raise Cannot(f"does not do {work}")
        words = [word.format(port=port, count=count) for word in self._command]
        begun, used = time.perf_counter(), children_seconds()
        ran = subprocess.run(
            words, capture_output=True, text=True, check=False, timeout=600, preexec_fn=pin_to(self._core)
        )
        seconds, core_seconds = time.perf_counter() - begun, children_seconds() - used
        if ran.returncode != 0:
            raise Broken(f"{self.name}: {ran.stderr.strip()}")
        if ran.stdout.startswith("ok "):
            seconds = float(ran.stdout.split()[1].removeprefix("seconds="))
        return Done(seconds, core_seconds, count, {})


@dataclass(frozen=True, slots=True)
class Field:
    """Everybody who takes part, by name, and what there is to say of those who do not."""

    contestants: dict[str, Contestant]
    versions: dict[str, str]
    absent: dict[str, str]

    def end(self) -> None:
        for contestant in self.contestants.values():
            contestant.end()


def python(module: str, folder: Path) -> list[str]:
    return [sys.executable, "-m", f"bench.{module}", str(folder)]


def fresh(name: str, folder: Path, core: int | None) -> Contestant:
    module = {
        OURS: "ours",
        "smtplib": "peers.stdlib",
        "aiosmtplib": "peers.aiosmtp",
        BARE: "peers.bare",
        "imap_tools": "peers.imap_tools_peer",
        "IMAPClient": "peers.imapclient_peer",
        "hoodiecrow": "peers.hoodiecrow_peer",
        "aiosmtpd": "peers.aiosmtpd_peer",
    }[name]
    return Contestant(name, python(module, folder), core)


def assemble(folder: Path, core: int | None) -> Field:
    """Find everybody; install what is missing and may be."""
    import courriel

    contestants = {name: fresh(name, folder, core) for name in (OURS, "smtplib", BARE)}
    python = f"Python {sys.version.split()[0]}"
    versions = {OURS: courriel.__version__, "smtplib": python, BARE: f"{python}, sockets"}
    absent: dict[str, str] = {}

    try:
        import aiosmtplib

        contestants["aiosmtplib"] = fresh("aiosmtplib", folder, core)
        versions["aiosmtplib"] = aiosmtplib.__version__
    except ImportError:
        absent["aiosmtplib"] = "not installed: it is among the development requirements (`make venv`)"
    for name, package in (("imap_tools", "imap-tools"), ("IMAPClient", "IMAPClient"), ("aiosmtpd", "aiosmtpd")):
        try:
            versions[name] = version(package)
            contestants[name] = fresh(name, folder, core)
        except PackageNotFoundError:
            absent[name] = "not installed: it is among the development requirements (`make venv`)"
    try:
        node, versions["nodemailer"] = nodemailer()
        script = str(Path(__file__).parent / "peers" / "nodemailer_peer.mjs")
        contestants["nodemailer"] = Contestant("nodemailer", [node, script, str(folder), str(PEERS)], core)
        versions["hoodiecrow"] = pinned("hoodiecrow-imap")
        contestants["hoodiecrow"] = fresh("hoodiecrow", folder, core)
        versions["imapflow"] = pinned("imapflow")
        script = str(Path(__file__).parent / "peers" / "imapflow_peer.mjs")
        contestants["imapflow"] = Contestant("imapflow", [node, script, str(folder), str(PEERS)], core)
    except Missing as missing:
        absent["nodemailer"] = absent["imapflow"] = absent["hoodiecrow"] = str(missing)
    try:
        javac_if_missing()
        versions["JavaMail"] = java_classes()
        command = ["java", "-Xshare:auto", "-cp", f"{PEERS}:{':'.join(JAVA_MAIL)}", "JavaMailPeer", str(folder)]
        contestants["JavaMail"] = Contestant("JavaMail", command, core)
    except Missing as missing:
        absent["JavaMail"] = str(missing)
    if Path(SMTP_SOURCE).exists():
        # One session (-s 1) that stays open (-d); it makes its own mail out of the same octets (-F).
        ready = str(folder / "ready.lf")
        (folder / "ready.lf").write_bytes((folder / "ready.eml").read_bytes().replace(b"\r\n", b"\n"))
        options = ["-s", "1", "-d", "-f", "bench@example.org", "-t", "someone@example.org", "-F", ready]
        command = [SMTP_SOURCE, *options, "-m", "{count}", "127.0.0.1:{port}"]
        contestants["smtp-source"] = OneShot("smtp-source", command, core)
        versions["smtp-source"] = postfix_version()
    else:
        absent["smtp-source"] = "not installed: Debian's package postfix brings it (`make debian`)"
    debian = subprocess.run(
        ["dpkg-query", "--show", "--showformat=${Version}", "python3-dkim"], capture_output=True, text=True, check=False
    )
    if debian.returncode == 0:
        contestants["dkimpy"] = Contestant(
            "dkimpy", ["/usr/bin/python3", "-m", "bench.peers.dkimpy_peer", str(folder)], core
        )
        versions["dkimpy"] = f"{debian.stdout}, Debian's Python"
    else:
        absent["dkimpy"] = "not installed: Debian's package python3-dkim brings it (`make debian`)"
    client = built_by_cc("peers/client.c")
    if client is not None:
        contestants["C"] = OneShot("C", [str(client), "{port}", "{count}", str(folder)], core)
        versions["C"] = "peers/client.c, cc -O2"
    else:
        absent["C"] = "there is no C compiler (cc)"
    return Field(contestants, versions, absent)


def children_seconds() -> float:
    """What the children that have ended have used of their cores."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def postfix_version() -> str:
    shown = subprocess.run(
        ["dpkg-query", "--show", "--showformat=${Version}", "postfix"], capture_output=True, text=True, check=False
    )
    return f"Postfix {shown.stdout}".strip()
