"""Figures that have a ceiling and no rival: round trips, milliseconds of an import, megabytes.

Programs that are measured whole (their start, their memory) are small ones of their own, below: nothing of the bench
is in them.
"""

from __future__ import annotations

import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from .contestants import OURS, Cannot, Contestant, children_seconds
from .material import MB, Material
from .measuring import Ground, Limit, Pace, Result, Skipped, Spread
from .processes import Broken, delay_line, pin_to

PEAK = """
for line in open("/proc/self/status"):
    if line.startswith("VmHWM"):
        print(line.split()[1])
"""
IDLE = "pass"
ATTACH = """
from courriel import Message, Security, Server, SmtpSession
message = Message(sender="bench@example.org", to="someone@example.org", subject="A file", text="Attached.")
with SmtpSession(Server("127.0.0.1", {port}, Security.NONE)) as session:
    session.send(message.with_attachment("{file}"))
"""
WAITING = """
from courriel import Message, Security, Server, SmtpSession
text = ("x" * 70 + "\\n") * 13
mails = (Message(sender="bench@example.org", to="someone@example.org", subject="One of many", text=text)
         for _ in range({count}))
with SmtpSession(Server("127.0.0.1", {port}, Security.NONE)) as session:
    for result in session.send_many(mails):
        assert result.accepted
"""
STDLIB_ATTACH = """
import smtplib
from email.message import EmailMessage
message = EmailMessage()
message["From"], message["To"], message["Subject"] = "bench@example.org", "someone@example.org", "A file"
message.set_content("Attached.")
message.add_attachment(open("{file}", "rb").read(), maintype="application", subtype="octet-stream", filename="x")
with smtplib.SMTP("127.0.0.1", {port}, local_hostname="bench") as line:
    line.send_message(message)
"""
NAMES = "from courriel import Message, Password, Receipt, Server, SmtpSession, send"
WITH_TLS = f"""{NAMES}
from courriel import Security, Trust
from courriel.network.line import prepared_tls
prepared_tls(Server("127.0.0.1", 465, Security.TLS, trust=Trust.file("{{ca}}")))
"""


def latency(ground: Ground, contestants: Mapping[str, Contestant], throttle: Pace) -> list[Result]:
    """Round trips, over a line of 50 ms: a hundred mails, one mail to a hundred, and a whole session.

    A whole number of them is a ceiling for the road; a twentieth of one is left for what the client computes.
    """
    results: list[Result] = []
    secured = {"ca": ground.folder / "ca.pem"}
    few = 3 if throttle.quick else 10
    everybody: list[tuple[str, str, str, int, float | None, Mapping[str, object], str]] = [
        ("latency, PIPELINING", "pipelining", OURS, 100, 1.03, {}, "ready"),
        ("latency, PIPELINING", "pipelining", "smtplib", few, None, {}, "ready"),
        ("latency, PIPELINING", "pipelining", "aiosmtplib", few, None, {}, "ready"),
        ("latency, PIPELINING", "pipelining", "nodemailer", few, None, {}, "ready"),
        ("latency, PIPELINING", "pipelining", "JavaMail", few, None, {}, "ready"),
        ("latency, CHUNKING, 100 mails", "chunking", OURS, 100, 2.05, {}, "ready"),
        ("latency, 100 recipients, DATA", "pipelining", OURS, 1, 2.05, {"recipients": 100}, "single"),
        ("latency, 100 recipients, DATA", "pipelining", "nodemailer", 1, None, {"recipients": 100}, "single"),
        ("latency, 100 recipients, DATA", "pipelining", "smtplib", 1, None, {"recipients": 100}, "single"),
        ("latency, 100 recipients, BDAT", "chunking", OURS, 1, 1.05, {"recipients": 100}, "single"),
        ("sessions, STARTTLS", "starttls", OURS, 1, 9.2, {**secured, "security": "starttls"}, "session"),
        ("sessions, STARTTLS", "starttls", "smtplib", 1, None, {**secured, "security": "starttls"}, "session"),
        ("sessions, TLS at once", "tls", OURS, 1, 7.2, {**secured, "security": "tls"}, "session"),
        ("sessions, TLS at once", "tls", "smtplib", 1, None, {**secured, "security": "tls"}, "session"),
    ]
    for name, kind, who, count, ceiling, options, work in everybody:
        if who not in contestants:
            continue
        # In all, or for each mail.
        share = 1 if "CHUNKING" in name else count
        for milliseconds in (50,) if throttle.quick or ceiling is None else (50, 10):
            what = f"{who}: round trips {'in all' if share == 1 else 'a mail'}, at {milliseconds} ms"
            taken = 1 if ceiling is None else 3 if throttle.quick else 5
            try:
                with ground.sink(kind) as sink, delay_line(getattr(sink, "port", 0), milliseconds / 1000) as line:
                    contestants[who].do(work, getattr(sink, "port", 0), 20 if work == "ready" else 2, **options)
                    trips = []
                    for _ in range(taken):
                        trip = round_trip(line.port) if kind != "tls" else milliseconds / 1000
                        trips.append(contestants[who].do(work, line.port, count, **options).seconds / share / trip)
            except (Cannot, Broken) as why:
                results.append(Skipped(name, f"{who}: {why}"))
                continue
            # At 10 ms what the client computes counts as much as the road: told, and not judged.
            results.append(Limit(name, what, Spread.of(trips), "round trips", ceiling if milliseconds == 50 else None))
    return results


def starting(ground: Ground, throttle: Pace) -> list[Result]:
    """What importing costs, over the interpreter with nothing to do, in turns; by the core's time."""
    times = 9 if throttle.quick else 31
    command = [str(Path(sys.executable).parent / "courriel"), "--version"]
    programs: dict[str, list[str]] = {
        "nothing": [sys.executable, "-c", IDLE],
        "import courriel": [sys.executable, "-c", "import courriel"],
        "its names": [sys.executable, "-c", NAMES],
        "with TLS": [sys.executable, "-c", WITH_TLS.format(ca=ground.folder / "ca.pem")],
        "smtplib and email": [sys.executable, "-c", "import smtplib, email.message, email.policy"],
        "aiosmtplib": [sys.executable, "-c", "import aiosmtplib"],
        "--version": command,
    }
    taken: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(times):
        for name, program in programs.items():
            taken[name].append(_milliseconds(program, ground))
    ceilings = {"import courriel": 12.0, "its names": 12.0, "with TLS": 20.0}
    results: list[Result] = [
        Limit("import", f"{name}, over the bare interpreter", _over(taken[name], taken["nothing"]), "ms", ceiling)
        for name, ceiling in (
            *ceilings.items(),
            ("smtplib and email", None),
            ("aiosmtplib", None),
        )
    ]
    results.append(Limit("import", "courriel --version, in all", Spread.of(taken["--version"]), "ms", 120))
    bare = peak_of(IDLE, ground)
    for name in ("its names", "with TLS"):
        value = Spread.of([(peak_of(programs[name][-1], ground) - bare) / 1000])
        ceiling = 7.5 if name == "its names" else None
        results.append(Limit("import", f"memory: {name}, over the bare interpreter", value, "MB", ceiling))
    return results


def memory(ground: Ground, contestants: Mapping[str, Contestant], material: Material, throttle: Pace) -> list[Result]:
    """Peaks: a file, larger and larger; mails that wait; sessions that are idle."""
    results: list[Result] = []
    bare = peak_of(IDLE, ground)

    def over(what: str, program: str, ceiling: float | None) -> None:
        row = "attachment, memory"
        try:
            peaks = [(peak_of(program, ground) - bare) / 1000 for _ in range(1 if throttle.quick else 3)]
        except Broken as why:
            results.append(Skipped(row, f"{what}: {why}"))
        else:
            results.append(Limit(row, what, Spread.of(peaks), "MB", ceiling))

    with ground.sink("pipelining") as sink, ground.sink("chunking") as chunking:
        port, chunks = getattr(sink, "port", 0), getattr(chunking, "port", 0)
        for size in (100,) if throttle.quick else (100, 1000):
            file = material.file(size * MB)
            over(f"courriel: a file of {size} MB, over the bare interpreter", ATTACH.format(port=port, file=file), 6)
            over("courriel: the same by CHUNKING", ATTACH.format(port=chunks, file=file), 6)
            if size == 100:
                over(f"smtplib: a file of {size} MB", STDLIB_ATTACH.format(port=port, file=file), None)
        few, lots = 1_000, 20_000 if throttle.quick else 100_000
        for name, there in (("PIPELINING", port), ("CHUNKING", chunks)):
            try:
                peaks = [peak_of(WAITING.format(port=there, count=count), ground) for count in (few, lots)]
            except Broken as why:
                results.append(Skipped("memory", str(why)))
                continue
            grown = Spread.of([(peaks[1] - peaks[0]) / 1000])
            what = f"{lots:,} mails waiting, over {few:,} of them, {name}"
            results.append(Limit("memory", what, grown, "MB", 1))
        sessions = 1_000 if throttle.quick else 9_000
        try:
            each = contestants[OURS].do("idle", port, sessions).more["each"]
            results.append(Limit("memory", f"one of {sessions:,} idle async sessions", Spread.of([each]), "kB", 20))
        except (Cannot, Broken) as why:
            results.append(Skipped("memory", f"idle sessions: {why}"))
    return results


def round_trip(port: int) -> float:
    """Seconds of one round trip on this line, as it is just now: its timers are no better than the system's.

    Whatever the server speaks: SMTP's NOOP is refused by others, in one line.
    """
    with socket.create_connection(("127.0.0.1", port)) as line, line.makefile("rb") as words:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        words.readline()
        taken: list[float] = []
        for _ in range(5):
            begun = time.perf_counter()
            line.sendall(b"NOOP\r\n")
            words.readline()
            taken.append(time.perf_counter() - begun)
    return statistics.median(taken)


# The steps.


def _milliseconds(program: list[str], ground: Ground) -> float:
    """What a program used of its core: neighbours are not in it."""
    begun = children_seconds()
    ran = subprocess.run(
        program, check=False, capture_output=True, text=True, timeout=60, preexec_fn=pin_to(ground.core)
    )
    taken = (children_seconds() - begun) * 1000
    if ran.returncode != 0:
        raise Broken(_last_words(ran.stderr))
    return taken


def peak_of(program: str, ground: Ground) -> float:
    """The most memory that a program ever held, in kB."""
    command = [sys.executable, "-c", program + PEAK]
    ran = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=900, preexec_fn=pin_to(ground.core)
    )
    if ran.returncode != 0:
        raise Broken(_last_words(ran.stderr))
    return float(ran.stdout.split()[-1])


def _over(values: list[float], bare: list[float]) -> Spread:
    return Spread.of([value - base for value, base in zip(values, bare, strict=True)])


def _last_words(said: str) -> str:
    return said.strip().splitlines()[-1][:200] if said.strip() else "it ended without a word"
