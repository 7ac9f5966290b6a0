"""Script of the usual mail: one by DATA, with PIPELINING, in a single piece, without a guard before its end."""

from __future__ import annotations

from courriel.dialogue.flow import Flow
from courriel.dialogue.smtp.transaction import BLOCK, BURST
from courriel.errors import CourrielError, Stage
from courriel.model.receipt import Outcome, Receipt, RecipientResult
from courriel.model.servers.server import Dialect
from courriel.model.submission import Submission
from courriel.reply import Reply
from courriel.wire.smtp import client_syntax as wire
from courriel.wire.smtp import dot_stuffing
from courriel.wire.smtp.envelope import announcement

TYPE_CHECKING = False

if TYPE_CHECKING:
    from courriel.dialogue.smtp.client import SmtpDialogue

# Names of their own: attribute access of an enumeration is slow.
_ACCEPTED, _SMTP = Outcome.ACCEPTED, Dialect.SMTP
_TO_ONE, _OF_THE_END = (250, 250, 354), (250,)


def usual_mail(dialogue: SmtpDialogue, submission: Submission) -> UsualMail | None:
    """The script of this submission on this open session; None for all that only the flow can do."""
    extensions = dialogue.extensions
    if (
        type(submission) is not Submission
        or submission.before_end is not None
        or submission.on_refused != "deliver"
        or dialogue.rules
        or not extensions.pipelining
        or extensions.chunking
        or dialogue.server.dialect is not _SMTP
        or not dialogue.exchange.idle
        or not dialogue.count.room
    ):
        return None
    envelope, content = submission.envelope, submission.content
    octets = content.alone
    if octets is None or not content.dotless or content.binary or content.size >= BLOCK:
        return None
    if len(envelope.recipients) + 1 >= BURST:
        return None
    try:
        lines = announcement(envelope, content, extensions)
        lines.append("DATA")
        return UsualMail(dialogue, submission, wire.commands(lines), octets + dot_stuffing.END)
    except CourrielError:
        return None  # the flow raises it, with the facts of the session


class UsualMail:
    """Script of one mail: its envelope and DATA, then its content and the dot; see `courriel.dialogue.script`."""

    __slots__ = ("_dialogue", "_submission", "steps")

    judge = staticmethod(wire.last_reply_of)

    def __init__(self, dialogue: SmtpDialogue, submission: Submission, envelope: bytes, content: bytes) -> None:
        recipients = len(submission.envelope.recipients)
        self._dialogue, self._submission = dialogue, submission
        self.steps: tuple[tuple[bytes, Stage, tuple[int, ...]], ...] = (
            (envelope, "sender", _TO_ONE if recipients == 1 else (*_OF_THE_END * (recipients + 1), 354)),
            (content, "message", _OF_THE_END),
        )

    def end(self, reply: Reply) -> Receipt:
        """The receipt for a mail that was accepted for everybody."""
        dialogue, submission = self._dialogue, self._submission
        dialogue.count.carried += 1
        recipients = submission.envelope.recipients
        if len(recipients) == 1:
            fates: tuple[RecipientResult, ...] = (RecipientResult(recipients[0].spec, _ACCEPTED, reply),)
        else:
            fates = tuple([RecipientResult(each.spec, _ACCEPTED, reply) for each in recipients])
        return Receipt(dialogue.name, submission.message_id, reply, fates)

    def flow(self) -> Flow[Receipt]:
        """The flow of the same mail."""
        return self._dialogue.deliver(self._submission)
