"""State of one mail transaction: replies to sender, recipients and content, and whether the message was sent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from courriel import errors
from courriel.dialogue.flow import AskEndGuard, Flow
from courriel.dialogue.reply_reader import closed
from courriel.dialogue.smtp.replies import CLOSING
from courriel.errors import Stage
from courriel.model.content import Content
from courriel.model.envelope import Envelope, OnRefused
from courriel.model.receipt import Outcome, Receipt, RecipientResult
from courriel.model.submission import EndGuard, Submission
from courriel.reply import Reply
from courriel.wire.smtp.client_syntax import commands
from courriel.wire.smtp.envelope import announcement
from courriel.wire.smtp.extensions import Extensions

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Self

# A final reply of 3xx ("continue") decides nothing.
_OUTCOMES = {2: Outcome.ACCEPTED, 3: Outcome.IN_DOUBT, 4: Outcome.REFUSED, 5: Outcome.REFUSED}

_OUT_OF_SEQUENCE = 503

VERDICT: tuple[Stage, ...] = ("message",)
"""Stages of the reply to the end of a message."""

BURST = 102
"""Commands sent before their replies are read: enough for a hundred recipients in one round trip, and few enough for
the replies to fit into the smallest buffers during the write (RFC 2920 3.1)."""


BLOCK = 64 * 1024
"""Octets of content written at a time; less leaves together with the dot."""


class Burst:
    """Commands that are sent together, and the stages of their replies, in order."""

    __slots__ = ("octets", "stages")

    def __init__(self, octets: bytes, stages: Sequence[Stage]) -> None:
        self.octets, self.stages = octets, stages


class Transaction:
    """State of one mail transaction on the client side (RFC 5321 3.3)."""

    def __init__(
        self,
        envelope: Envelope,
        content: Content,
        message_id: str = "",
        notes: tuple[str, ...] = (),
        before_end: EndGuard | None = None,
        on_refused: OnRefused = "deliver",
    ) -> None:
        self.envelope, self.content, self.message_id = envelope, content, message_id
        self.notes, self.before_end = notes, before_end
        self.all_or_nothing = on_refused == "abandon"

    @classmethod
    def of(cls, submission: Submission) -> Self:
        """The transaction by which a submission leaves."""
        return cls(
            submission.envelope,
            submission.content,
            submission.message_id,
            submission.notes,
            submission.before_end,
            submission.on_refused,
        )

    # Initial values, as class attributes: for a million messages that is cheaper than setting them.
    sender: Reply | None = None
    data_reply: Reply | None = None
    """Reply to DATA: 354 asks for the content."""
    data_accepted = False
    """Whether sender and recipients were all accepted, and the server waits for the content."""
    length = b""
    """BDAT command that announces the length of the content, when no dot ends it."""
    ahead = 0
    """Octets of the content that were sent before, as a first chunk."""
    bdat_refused = False
    """Whether the server offers BDAT and does not know it: this message goes by DATA."""
    verdict: Reply | None = None
    """Final reply to a message that was sent together with its envelope."""
    end_sent = False
    forbidden = False
    """Whether the guard refused the end of the message: it is not sent again automatically."""
    _answers: tuple[Reply, ...] = ()  # to RCPT, in the order of the recipients
    _all_accepted = True  # of those answered so far

    @property
    def begun(self) -> bool:
        """Whether the server has accepted the sender."""
        return self.sender is not None and self.sender.kind == 2

    @property
    def accepted(self) -> tuple[str, ...]:
        """Recipients accepted by the server."""
        return tuple(name for name, reply in self._answered() if reply.kind == 2)

    @property
    def refused(self) -> dict[str, Reply]:
        """Recipients refused by the server, and the reply to each."""
        return {name: reply for name, reply in self._answered() if reply.kind != 2}

    # Commands.

    def bursts(self, extensions: Extensions) -> list[Burst]:
        """MAIL, RCPT for each recipient, DATA: in as few bursts as the server supports. Raises NotSupported."""
        if self.content.binary:
            raise errors.NotSupported(
                "the message holds files as they are, which cannot be said line by line (DATA)",
                capability="BINARYMIME",
                stage="sender",
            )
        lines = announcement(self.envelope, self.content, extensions)
        # All-or-nothing among several recipients needs the reply to each before DATA.
        apart = self.apart
        if extensions.pipelining and len(lines) < BURST and not apart:
            lines.append("DATA")
            return [Burst(commands(lines), _stages(len(lines)))]
        stages = _stages(len(lines) + 1)
        lines.append("DATA")
        size = BURST if extensions.pipelining else 1
        together = len(lines) - apart
        cuts = [(start, min(start + size, together)) for start in range(0, together, size)]
        if apart:
            cuts.append((together, together + 1))
        return [Burst(commands(lines[start:end]), stages[start:end]) for start, end in cuts]

    @property
    def apart(self) -> bool:
        """Whether the replies to all recipients are needed before the content: all-or-nothing among several."""
        return self.all_or_nothing and len(self.envelope.recipients) > 1

    def whole(self, extensions: Extensions) -> bytes:
        """RSET, envelope and BDAT LAST, to be followed by the content at once (RFC 3030 2).

        RSET comes first. If the message before failed with its transaction still open at the server, MAIL would be
        refused, and the recipients and the content of this message be accepted under the sender of that one. Raises
        NotSupported.
        """
        lines = announcement(self.envelope, self.content, extensions)
        octets = commands(("RSET", *lines, f"BDAT {self.content.size} LAST"))
        self.end_sent = True
        return octets

    ANSWERS = 3
    """Replies to `whole` besides one for each recipient: to RSET, MAIL and BDAT."""

    @property
    def bdat_stages(self) -> tuple[Stage, ...]:
        """Stages of the replies to `whole`."""
        return ("sender", "sender", *_RECIPIENT * len(self.envelope.recipients), "message")

    def ask_guard(self) -> Flow[None]:
        """Ask the guard before the end of the message is sent. Raises NotPermitted: no more of it may be sent then."""
        self.forbidden = True
        try:
            if self.before_end is None or (yield AskEndGuard(self.before_end, "message")):
                self.forbidden = False
                return
        except errors.CourrielError as unclear:
            unclear.session_usable = False
            raise
        raise errors.NotPermitted("the end of the message was held back, so nothing was delivered", stage="message")

    # Replies.

    def note(self, stages: Sequence[Stage], replies: Sequence[Reply]) -> None:
        """Record the replies to a burst. Raises ConnectionFailed when the server closed the session."""
        if len(stages) == 3 == len(replies) and stages is _USUAL:
            # The usual case: one recipient, everything accepted.
            sender, recipient, data_reply = replies
            if sender.code == recipient.code == 250 and data_reply.code == 354:
                self.sender, self._answers, self.data_reply = sender, (recipient,), data_reply
                self.data_accepted = True
                return
        for stage, reply in zip(stages, replies, strict=False):
            if reply.code == CLOSING:
                raise closed(reply, stage)
            if stage == "sender":
                self.sender = reply
            elif stage == "recipient":
                self._answers += (reply,)
                self._all_accepted = self._all_accepted and reply.kind == 2
            elif stage == "message":
                self.verdict = reply
            else:
                self.data_reply = reply
                self.data_accepted = reply.code == 354 and self.begun and self._all_accepted

    def apply_bdat_replies(self, replies: Sequence[Reply], server: str) -> Receipt | errors.CourrielError:
        """Result of a message sent by `whole`, from the replies to it.

        Raises ConnectionFailed when the server closed the session, RemoteProtocolError for impossible replies.
        """
        verdict = replies[-1]
        for reply in replies:
            if reply.code != 250:
                break
        else:
            # The usual case, in which the state of the transaction is not needed any more.
            return self._taken_by_all(verdict, server)
        fresh = replies[0]
        if fresh.code == CLOSING:
            raise closed(fresh, "sender")
        if fresh.kind != 2:
            raise errors.RemoteProtocolError(f"the server answered {fresh} to RSET", stage="sender", reply=fresh)
        self.note(_stages(len(self.envelope.recipients) + 2)[:-1], replies[1:])
        if len(replies) == len(self.envelope.recipients) + self.ANSWERS and verdict.code == CLOSING:
            raise closed(verdict, "message")
        return self._outcome(verdict, server)

    def settled(self, verdict: Reply, server: str) -> Receipt:
        """Receipt of a message sent together with its envelope; raises its refusal."""
        outcome = self._outcome(verdict, server)
        if isinstance(outcome, errors.CourrielError):
            raise outcome
        return outcome

    def judged(self, verdict: Reply, server: str) -> Receipt | errors.Refused:
        """Result of a message whose content was requested and sent. Raises RemoteProtocolError."""
        if verdict.kind == 2:
            return (
                self._taken_by_all(verdict, server) if self._all_accepted else self.receipt(verdict, (verdict,), server)
            )
        if verdict.kind == 3:
            raise errors.RemoteProtocolError(f"the server answered {verdict} to the message", stage="message")
        return self.message_refused(verdict, "message")

    def refusal(self) -> errors.Refused | None:
        """Refusal that forbids sending the content, as far as known; None while it may be sent."""
        if self._all_accepted and (self.sender is None or self.sender.code == 250):
            return None
        if self.sender is not None and self.sender.kind != 2:
            return errors.SenderRefused(self.sender, stage="sender", about=f"sender {self._sender}")
        if len(self._answers) < len(self.envelope.recipients):
            return None
        refused = self.refused
        if refused and (self.all_or_nothing or len(refused) == len(self._answers)):
            name, reply = next(iter(refused.items()))
            about = f"recipient {name}" if len(refused) == 1 else f"recipient {name} and {len(refused) - 1} more"
            return errors.RecipientsRefused(reply, stage="recipient", refused=refused, about=about)
        return None

    @property
    def out_of_sequence(self) -> Reply | None:
        """First 503 (bad sequence of commands) among the replies to the envelope; None after another refusal.

        A server that discarded half of MAIL does not understand the other half (500); then RCPT comes out of sequence.
        """
        sender = self.sender
        answers = [reply for reply in (sender, *self._answers) if reply is not None]
        if self.accepted and self.data_reply is not None:
            answers.append(self.data_reply)
        first = next((reply for reply in answers if reply.code == _OUT_OF_SEQUENCE), None)
        follows = sender is not None and sender.kind != 2 and sender.code not in (500, _OUT_OF_SEQUENCE)
        return None if follows else first

    def message_refused(self, reply: Reply, stage: Stage) -> errors.MessageRefused:
        """Refusal of the whole message, and so of each recipient."""
        everybody = self.refused | dict.fromkeys(self.accepted, reply)
        return errors.MessageRefused(reply, stage=stage, refused=everybody)

    def receipt(self, word: Reply, verdicts: Sequence[Reply], server: str, notes: tuple[str, ...] = ()) -> Receipt:
        """Receipt with the result of each recipient. One final reply is for all; LMTP gives one for each."""
        if self._all_accepted and len(verdicts) == 1 and not notes:
            return self._taken_by_all(word, server)
        apart = len(verdicts) > 1 or bool(notes)
        answers = iter(verdicts)
        fates: list[RecipientResult] = []
        for name, answer in self._answered():
            verdict = answer if answer.kind != 2 else next(answers, None) if apart else word
            fates.append(RecipientResult(name, _OUTCOMES[verdict.kind if verdict else 3], verdict))
        return Receipt(server, self.message_id, word, tuple(fates), notes)

    # The steps.

    def _taken_by_all(self, verdict: Reply, server: str) -> Receipt:
        recipients = self.envelope.recipients
        if len(recipients) == 1:
            return Receipt(
                server, self.message_id, verdict, (RecipientResult(recipients[0].spec, Outcome.ACCEPTED, verdict),)
            )
        fates = tuple([RecipientResult(each.spec, Outcome.ACCEPTED, verdict) for each in recipients])
        return Receipt(server, self.message_id, verdict, fates)

    def _outcome(self, verdict: Reply, server: str) -> Receipt | errors.CourrielError:
        refusal = self.refusal()
        if refusal is None:
            return self.judged(verdict, server)
        if verdict.kind in (2, 3):
            raise errors.RemoteProtocolError(f"the server answered {verdict} to a message for nobody", stage="message")
        return refusal

    @property
    def _sender(self) -> str:
        return self.envelope.sender.spec if self.envelope.sender else "<>"

    def _answered(self) -> Iterator[tuple[str, Reply]]:
        names = (recipient.spec for recipient in self.envelope.recipients)
        return zip(names, self._answers, strict=False)


_USUAL: tuple[Stage, ...] = ("sender", "recipient", "data")
_RECIPIENT: tuple[Stage, ...] = ("recipient",)


def _stages(commands: int) -> tuple[Stage, ...]:
    """Stages of that many replies: to MAIL, to RCPT for each recipient, and to the command that ends the envelope."""
    return _USUAL if commands == 3 else ("sender", *_RECIPIENT * (commands - 2), "data")
