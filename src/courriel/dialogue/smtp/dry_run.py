"""Envelope without a message: whether a server takes a sender and recipients, asked by MAIL and RCPT, ended by RSET."""

from __future__ import annotations

from courriel import errors
from courriel._dataclass import dataclass
from courriel.dialogue.flow import Flow
from courriel.dialogue.smtp.client import SmtpDialogue
from courriel.model.content import Content
from courriel.model.envelope import Envelope
from courriel.reply import Reply
from courriel.wire.smtp.client_syntax import commands
from courriel.wire.smtp.envelope import announcement


@dataclass(frozen=True, slots=True)
class DryRun:
    """The reply to the sender, and to each recipient; no recipient is asked for a sender that was refused."""

    sender: Reply
    recipients: tuple[tuple[str, Reply], ...] = ()


def ask(dialogue: SmtpDialogue, envelope: Envelope, *, sender_only: bool = False) -> Flow[DryRun]:
    """Announce an envelope, one command after the other, and take it back; DATA is never sent.

    With `sender_only` the recipients are not asked about.

    Raises NotSupported when the server cannot take these addresses; ConnectionFailed, RemoteProtocolError.
    """
    mail, *rest = announcement(envelope, Content((), 0), dialogue.extensions)
    sender = yield from _answer(dialogue, "sender", mail)
    told: list[tuple[str, Reply]] = []
    if sender.kind == 2 and not sender_only:
        for recipient, line in zip(envelope.recipients, rest, strict=True):
            told.append((recipient.spec, (yield from _answer(dialogue, "recipient", line))))
    _ = yield from dialogue.reset()
    return DryRun(sender, tuple(told))


# The steps.


def _answer(dialogue: SmtpDialogue, stage: errors.Stage, line: str) -> Flow[Reply]:
    reply = yield from dialogue.exchange.command(stage, commands((line,)))
    if reply.kind not in (2, 4, 5):
        raise errors.RemoteProtocolError(f"the server answered {reply} at the wrong moment", stage=stage, reply=reply)
    return reply
