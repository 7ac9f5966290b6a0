"""Mistakes that a type checker finds; each line that is one says so."""

from __future__ import annotations

import courriel
from courriel import AsyncSmtpSession, Message, Outbox, Receipt, Server, SmtpSession, Submission, Transport


class Half:
    """A transport that cannot send many."""

    name = "half"
    answer_limit = 60.0
    parallel = 1

    def submit(self, submission: Submission) -> Receipt:
        raise NotImplementedError

    def hang_up(self) -> None: ...
    def close(self) -> None: ...


def mistakes(message: Message, session: SmtpSession, awaited: AsyncSmtpSession) -> None:
    courriel.send(message, via=Half())  # wrong: it has no submit_many
    courriel.send(message, via=awaited)  # wrong: it is awaited
    courriel.send(message, via=25)  # wrong
    courriel.send(message, subjects="x")  # wrong: no such field
    session.send(message, on_refused="drop")  # wrong: "deliver" or "abandon"
    session.send(message, require_tls="yes")  # wrong
    session.send("Hello")  # wrong: a text is no message
    Message(sender="ada@example.org", to=[25])  # wrong
    Server("smtp.example.org", port="465")  # wrong
    Submission(message, b"")  # wrong: an Envelope and a Content
    Outbox("outbox.db", ways={"billing": awaited})  # wrong: it is awaited
    message.subject = "x"  # wrong: a message does not change
    way: Transport = awaited  # wrong
    del way
    session.busy = False  # wrong: it is told
    courriel.mailbox("imaps://h.example").search()  # wrong: POP3 cannot search
