"""SMTP server for these tests: with logins, refused recipients, and the letters received.

Not our sandbox: the judge of the WLangage functions should share no code with them.
"""

from __future__ import annotations

import contextlib
import hmac
import socket
import socketserver
import ssl
import threading
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trustme


@dataclass(frozen=True)
class Letter:
    sender: str
    recipients: list[str]
    raw: bytes


@dataclass
class PostOffice:
    """Its capabilities, the recipients it refuses, and what it received. Change `refuses` and others at any time."""

    context: ssl.SSLContext | None = None
    security: str = "none"  # "none", "starttls" or "tls"
    mechanisms: str = "PLAIN LOGIN"
    users: dict[str, str] = field(default_factory=dict)
    dead: dict[str, str] = field(default_factory=dict)  # mechanisms that always fail, and their replies
    refuses: dict[str, str] = field(default_factory=dict)
    extensions: tuple[str, ...] = ("PIPELINING", "8BITMIME", "SMTPUTF8")
    silent_after: str = ""  # a command that is never answered
    hang_up_after_dot: bool = False
    letters: list[Letter] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    _gone: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    logins: list[str] = field(default_factory=list)
    port: int = 0
    visitors: int = 0
    lines: list[socket.socket] = field(default_factory=list, repr=False)
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def letter(self) -> Letter:
        (only,) = self.letters
        return only

    @contextlib.contextmanager
    def open(self) -> Iterator[PostOffice]:
        office = self

        class Visit(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                # ValueError: a TLS connection closed while its thread read from it.
                with contextlib.suppress(OSError, ValueError):
                    office.serve(self.request)

        class Counter(socketserver.ThreadingTCPServer):
            daemon_threads = False
            allow_reuse_address = True

            def shutdown_request(self, request: Any) -> None:
                with contextlib.suppress(OSError):
                    request.close()

        with Counter(("127.0.0.1", 0), Visit) as server:
            self.port = server.server_address[1]
            serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            serving.start()
            try:
                yield self
            finally:
                self.over.set()
                for line in self.lines:
                    with contextlib.suppress(OSError):
                        line.shutdown(socket.SHUT_RDWR)  # wakes the thread that reads from it
                server.shutdown()
                serving.join()

    def serve(self, line: socket.socket) -> None:
        self.visitors += 1
        self.lines.append(line)
        line.settimeout(10)
        if self.security == "tls":
            assert self.context is not None
            line = self.context.wrap_socket(line, server_side=True)
            self.lines.append(line)
        try:
            Conversation(self, line).hold()
        finally:
            line.close()
            self._gone.release()

    def wait_until_somebody_left(self) -> None:
        """Nobody waits for the answer to QUIT, so a test that looks for it has to."""
        assert self._gone.acquire(timeout=10)


class Conversation:
    def __init__(self, office: PostOffice, line: socket.socket) -> None:
        self.office, self.line = office, line
        self.secured = office.security == "tls"
        self.file = line.makefile("rb")

    def say(self, *lines: str) -> None:
        for place, text in enumerate(lines):
            code, _, rest = text.partition(" ")
            joint = " " if place + 1 == len(lines) else "-"
            self.line.sendall(f"{code}{joint}{rest}\r\n".encode())

    def receive(self) -> str:
        heard = self.file.readline()
        if not heard:
            raise ConnectionResetError
        return heard.decode().rstrip("\r\n")

    def hold(self) -> None:
        try:
            self._hold()
        finally:
            self.file.close()
            if isinstance(self.line, ssl.SSLSocket):
                self.line.close()

    def _hold(self) -> None:
        office = self.office
        self.say("220 mx.example.org ready")
        sender, recipients = "", []
        while True:
            command = self.receive()
            office.said.append(command)
            verb = command.partition(" ")[0].upper()
            if office.silent_after and command.upper().startswith(office.silent_after):
                office.over.wait(10)
                return
            match verb:
                case "EHLO":
                    offers = [*office.extensions]
                    if office.security == "starttls" and not self.secured:
                        offers.append("STARTTLS")
                    if office.mechanisms:
                        offers.append(f"AUTH {office.mechanisms}")
                    self.say("250 mx.example.org", *(f"250 {each}" for each in offers))
                case "STARTTLS":
                    self.say("220 go ahead")
                    assert office.context is not None
                    self.file.close()
                    self.line = office.context.wrap_socket(self.line, server_side=True)
                    office.lines.append(self.line)
                    self.file = self.line.makefile("rb")
                    self.secured = True
                case "AUTH":
                    self.log_in(command)
                case "MAIL":
                    sender, recipients = _path(command), []
                    answer = office.refuses.get(sender, "250 2.1.0 ok")
                    sender = sender if answer.startswith("250") else ""
                    self.say(answer)
                case "RCPT":
                    answer = office.refuses.get(_path(command), "250 2.1.5 ok") if sender else "503 5.5.1 MAIL first"
                    if answer.startswith("250"):
                        recipients.append(_path(command))
                    self.say(answer)
                case "DATA" if not recipients:
                    self.say("503 5.5.1 nobody to write to")
                case "DATA":
                    self.say("354 go on")
                    raw = b"".join(iter(self.file.readline, b".\r\n"))
                    if office.hang_up_after_dot:
                        return
                    office.letters.append(Letter(sender, recipients, raw.replace(b"\r\n..", b"\r\n.")))
                    self.say("250 2.0.0 kept")
                case "QUIT":
                    self.say("221 bye")
                    return
                case _:
                    self.say("250 ok")

    def log_in(self, command: str) -> None:
        _, mechanism, *first = command.split(" ")
        dead = self.office.dead.get(mechanism, "")
        if dead and not dead.startswith("535"):
            self.say(dead)
            return
        if mechanism == "CRAM-MD5":
            self.say("334 PDFAZXhhbXBsZS5vcmc+")
            user, _, digest = b64decode(self.receive()).decode().rpartition(" ")
            secret = self.office.users.get(user, "").encode()
            right = hmac.new(secret, b"<1@example.org>", "md5").hexdigest()
            password = self.office.users.get(user, "") if digest == right else ""
        elif mechanism == "LOGIN":
            self.say("334 VXNlcm5hbWU6")
            user = b64decode(self.receive()).decode()
            self.say("334 UGFzc3dvcmQ6")
            password = b64decode(self.receive()).decode()
        else:
            said = b64decode(first[0]).decode()
            if mechanism == "PLAIN":
                _, user, password = said.split("\0")
            else:  # XOAUTH2
                user = said.partition("\x01")[0].removeprefix("user=")
                password = said.partition("Bearer ")[2].rstrip("\x01")
        good = self.office.users.get(user) == password and not dead
        if good:
            self.office.logins.append(f"{mechanism} {user}")
        self.say("235 2.7.0 welcome" if good else dead or "535 5.7.8 no such user or wrong password")


def _path(command: str) -> str:
    return command.partition("<")[2].partition(">")[0]


@dataclass(frozen=True)
class Authority:
    folder: Path
    authority: trustme.CA

    @property
    def file(self) -> Path:
        path = self.folder / "authority.pem"
        self.authority.cert_pem.write_to_path(str(path))
        return path

    def server(self, *names: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert(*names).configure_cert(context)
        return context
