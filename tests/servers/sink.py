"""smtp-sink, Postfix's test server: it takes everything and throws it away, or fails in the way one asks for."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from .daemon import Daemon, private_folder, start_somewhere
from .packages import need
from .ports import LOOPBACK, free_ports

SINK = "/usr/sbin/smtp-sink"


@dataclass(frozen=True, slots=True)
class Sink:
    """A running smtp-sink: clear SMTP on `host`, at `port`. It offers AUTH, and takes any password."""

    port: int
    daemon: Daemon

    host = LOOPBACK


@contextlib.contextmanager
def sink(*options: str) -> Generator[Sink]:
    """Run an smtp-sink with these options (see smtp-sink(1), or `FAULTS`) for as long as the block lasts."""
    need(SINK)
    started = start_somewhere(lambda: _start(options))
    with started.daemon:
        yield started


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to fail, and what a client that opens a session and sends one message should make of it.

    `error` is the name of the class that is raised, empty when the message is delivered all the same; `stage` where it
    happens. `retryable`, `usable` and `in_doubt` are the answers that the error gives: may the same mail be sent again
    later? is the session still good? could the message have left?
    """

    name: str
    options: tuple[str, ...]
    error: str = ""
    stage: str = ""
    retryable: bool = False
    usable: bool = True
    in_doubt: bool = False

    def __str__(self) -> str:
        return self.name


def _lost(name: str, options: str, stage: str, *, retryable: bool = True, in_doubt: bool = False) -> Fault:
    return Fault(name, tuple(options.split()), "ConnectionFailed", stage, retryable, usable=False, in_doubt=in_doubt)


def _refused(name: str, options: str, error: str, stage: str, *, usable: bool = True) -> Fault:
    # "-r" is for now (450 4.3.0), "-f" for good (500 5.3.0): that, and nothing else, decides about another attempt.
    return Fault(name, tuple(options.split()), error, stage, retryable=options.startswith("-r"), usable=usable)


def _delivered(name: str, *options: str) -> Fault:
    return Fault(name, options)


FAULTS = (
    # It hangs up without a word.
    _lost("hangs up on the caller", "-q CONNECT", "greeting"),
    _lost("hangs up at EHLO", "-q EHLO", "hello"),
    _lost("hangs up at MAIL", "-q MAIL", "sender"),
    _lost("hangs up at RCPT", "-q RCPT", "recipient"),
    _lost("hangs up at DATA", "-q DATA", "data"),
    _lost("hangs up at the final dot", "-q .", "message", retryable=False, in_doubt=True),
    _delivered("hangs up at QUIT", "-q", "QUIT"),
    # It says 421 and hangs up: after the dot this is an answer, so there is no doubt.
    _lost("says goodbye to the caller", "-Q CONNECT", "greeting"),
    _lost("says goodbye at EHLO", "-Q EHLO", "hello"),
    _lost("says goodbye at MAIL", "-Q MAIL", "sender"),
    _lost("says goodbye at RCPT", "-Q RCPT", "recipient"),
    _lost("says goodbye at DATA", "-Q DATA", "data"),
    _lost("says goodbye at the final dot", "-Q .", "message"),
    _delivered("says goodbye at QUIT", "-Q", "QUIT"),
    # It refuses for now.
    _refused("takes no caller now", "-r CONNECT", "CommandRefused", "greeting", usable=False),
    _refused("takes no EHLO now", "-r EHLO", "CommandRefused", "hello", usable=False),
    _refused("takes no sender now", "-r MAIL", "SenderRefused", "sender"),
    _refused("takes no recipient now", "-r RCPT", "RecipientsRefused", "recipient"),
    _refused("takes no data now", "-r DATA", "MessageRefused", "data"),
    _refused("takes no message now", "-r .", "MessageRefused", "message"),
    # It refuses for good.
    _refused("takes no caller ever", "-f CONNECT", "CommandRefused", "greeting", usable=False),
    _refused("takes neither EHLO nor HELO", "-f EHLO,HELO", "CommandRefused", "hello", usable=False),
    _refused("takes no sender ever", "-f MAIL", "SenderRefused", "sender"),
    _refused("takes no recipient ever", "-f RCPT", "RecipientsRefused", "recipient"),
    _refused("takes no data ever", "-f DATA", "MessageRefused", "data"),
    _refused("takes no message ever", "-f .", "MessageRefused", "message"),
    # It refuses, and cannot be talked to any more: the refusal stays the news.
    _refused("refuses the sender, and hangs up at RSET", "-f MAIL -q RSET", "SenderRefused", "sender", usable=False),
    _refused(
        "refuses the sender now, and says goodbye at RSET", "-r MAIL -Q RSET", "SenderRefused", "sender", usable=False
    ),
    # 354, then 550 before the dot, and it reads no more.
    _refused("stops listening within the message", "-A 0", "MessageRefused", "message", usable=False),
    # Old and odd ones, who get their mail delivered.
    _delivered("has no fault"),
    _delivered("knows HELO only", "-e"),
    _delivered("refuses EHLO, takes HELO", "-f", "EHLO"),
    _delivered("stands behind a PIX", "-P"),
    _delivered("does not read ahead", "-p"),
    _delivered("knows no 8BITMIME", "-8"),
    _delivered("knows no enhanced codes", "-E"),
    _delivered("knows no DSN", "-N"),
    _delivered("offers no AUTH", "-a"),
    _delivered("refuses QUIT", "-f", "QUIT"),
    _delivered("takes its time before 354", "-w", "1"),
    _delivered("takes its time after 354", "-H", "1"),
    _delivered("has a tiny window", "-T", "1024"),
)
"""Every way to fail, or to be odd, that smtp-sink knows, but for those that only patience can see.

(For patience: `sink("-W", "MAIL:5")` answers MAIL five seconds late; a client that waits less sees TimedOut there, and
after the final dot, `-W .:5`, with `in_doubt`.) With `-L` it speaks LMTP instead.
"""


# The steps.


def _start(options: tuple[str, ...]) -> Sink:
    folder = private_folder("sink")
    (port,) = free_ports(1)
    # It insists on giving up root's rights.
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    command = [SINK, *user, *options, f"{LOOPBACK}:{port}", "128"]
    return Sink(port, Daemon(command, folder=folder, log=Path(folder / "log"), ports=[port]))
