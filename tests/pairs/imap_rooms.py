"""The mailboxes of the practice server without a network: letters are delivered, and IMAP flows are visited."""

from __future__ import annotations

import re

from courriel.dialogue.server.handler import Delivery, ServerConfig, ServerLimits, ServerSession
from courriel.dialogue.server.imap.dialogue import ImapServerDialogue
from courriel.model.address import Address
from courriel.model.servers.server import Dialect
from courriel.sandbox.captured import CapturedMail
from courriel.sandbox.faults import Faults
from courriel.sandbox.folders import Space
from courriel.sandbox.handler import SandboxHandler
from courriel.sandbox.mailboxes import Mailboxes
from courriel.wire.smtp.parameters import MailFrom, RcptTo
from pairs.runner import Cut, Served, Visitor, portions

LETTER = (
    b"From: Ada <ada@example.org>\r\nTo: bob\r\nSubject: one\r\nDate: Tue, 24 Nov 2026 10:00:00 +0100\r\n\r\n"
    b"Bonjour.\r\n"
)
VALIDITY = re.compile(rb"(UIDVALIDITY|APPENDUID|COPYUID) \d+")
MECHANISMS = ("PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256")


class Rooms:
    """One practice server, whose user is bob."""

    def __init__(
        self, *letters: bytes, limits: ServerLimits | None = None, keep: int = 1000, space: Space | None = None
    ) -> None:
        self.captured = CapturedMail(most=keep)
        self.mailboxes = Mailboxes(self.captured, space)
        self.captured.on_arrival.append(self.mailboxes.arrived)
        self.captured.on_removal.append(self.mailboxes.forget)
        self.faults = Faults()
        self.handler = SandboxHandler(self.captured, self.mailboxes, self.faults, {"bob": "sesame"}, lambda letter: "")
        self.config = ServerConfig(
            "test", Dialect.IMAP, starttls=True, mechanisms=MECHANISMS, limits=limits or ServerLimits()
        )
        self.sessions: list[ServerSession] = []
        self.deliver(*letters)

    def deliver(self, *letters: bytes) -> None:
        """Deliver letters to bob, as SMTP does."""
        for octets in letters:
            delivery = Delivery(
                MailFrom(Address.parse("ada@example.org")), (RcptTo(Address.parse("bob@example.org")),), octets
            )
            self.handler.message(ServerSession(), delivery)

    def serve(self, octets: bytes, cut: Cut = "whole") -> Served:
        """What is said to a client that says all this without ever listening."""
        return Served(self.config, self.handler).receive(*portions(octets, cut))

    def visit(self, *, folder: str = "INBOX") -> Visitor:
        """A client that has logged in, and has selected a folder."""
        session = ServerSession()
        self.sessions.append(session)
        visitor = Visitor(ImapServerDialogue(self.handler, self.config, session).serve())
        visitor.say(b"a LOGIN bob sesame\r\n")
        if folder:
            assert b"\r\nb OK" in visitor.say(b"b SELECT %b\r\n" % folder.encode())
        return visitor


def said(octets: bytes) -> bytes:
    """Octets of a server with each UIDVALIDITY written as 7."""
    return VALIDITY.sub(rb"\1 7", octets)
