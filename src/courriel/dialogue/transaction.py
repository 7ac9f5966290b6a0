"""What is known so far of one message that is being handed over: who was accepted, who refused, whether it has left."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from courriel import errors
from courriel.dialogue.exchange import CLOSING
from courriel.dialogue.flow import Flow, Permit
from courriel.dialogue.talk import closed
from courriel.errors import Stage
from courriel.model.content import Content
from courriel.model.envelope import Envelope
from courriel.model.receipt import Fate, Outcome, Receipt
from courriel.model.submission import EndGuard, OnRefused, Submission
from courriel.reply import Reply
from courriel.wire.abilities import Abilities
from courriel.wire.envelope import announcement
from courriel.wire.smtp import commands

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Self

# A verdict that says "go on" says nothing.
_OUTCOMES = {2: Outcome.ACCEPTED, 3: Outcome.IN_DOUBT, 4: Outcome.REFUSED, 5: Outcome.REFUSED}

_OUT_OF_SEQUENCE = 503

VERDICT: tuple[Stage, ...] = ("message",)
"""What the answer to the end of a message is about."""

BURST = 102
"""Commands sent before their replies are read: enough for a hundred recipients in one round trip, and few enough for
the replies to fit into the smallest buffers while we are still writing (RFC 2920 3.1)."""


class Burst:
    """Commands that leave in one piece, and what the answers to them are about, in their order."""

    __slots__ = ("octets", "stages")

    def __init__(self, octets: bytes, stages: Sequence[Stage]) -> None:
        self.octets, self.stages = octets, stages


class Transaction:
    """The client's notes on one mail transaction (RFC 5321 3.3)."""

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

    # How it begins; a million messages do not write this down one by one.
    sender: Reply | None = None
    door: Reply | None = None
    """The answer to DATA: 354 opens it."""
    door_is_open = False
    """Whether everything was accepted without a murmur, and the content is waited for."""
    length = b""
    """The command that says the length of the content (BDAT), where no dot ends it."""
    ahead = 0
    """Octets of the content that have left before it, as a first chunk."""
    bdat_refused = False
    """By a server that does not know BDAT although it offers it: this message goes by DATA."""
    verdict: Reply | None = None
    """On a message that left with its envelope."""
    dot_sent = False
    forbidden = False
    """By whoever gives the permit: it is not begun again by itself."""
    _answers: tuple[Reply, ...] = ()  # to RCPT, in the order of the recipients
    _all_accepted = True  # as far as they were answered

    @property
    def begun(self) -> bool:
        """Whether the server has accepted anything of this message."""
        return self.sender is not None and self.sender.kind == 2

    @property
    def accepted(self) -> tuple[str, ...]:
        """The recipients that the server will take the message for."""
        return tuple(name for name, reply in self._answered() if reply.kind == 2)

    @property
    def refused(self) -> dict[str, Reply]:
        """The recipients that it will not, and its words to each."""
        return {name: reply for name, reply in self._answered() if reply.kind != 2}

    # What is said to the server.

    def bursts(self, able: Abilities) -> list[Burst]:
        """MAIL, RCPT for each recipient, DATA: as few bursts as the server can bear. Raises NotSupported."""
        if self.content.binary:
            raise errors.NotSupported(
                "the message holds files as they are, which cannot be said line by line (DATA)",
                capability="BINARYMIME",
                stage="sender",
            )
        said = announcement(self.envelope, self.content, able)
        # All or nothing among several can only be kept by hearing of each before DATA opens the door.
        apart = self.apart
        if able.pipelining and len(said) < BURST and not apart:
            said.append("DATA")
            return [Burst(commands(said), _stages(len(said)))]
        stages = _stages(len(said) + 1)
        said.append("DATA")
        size = BURST if able.pipelining else 1
        together = len(said) - apart
        cuts = [(start, min(start + size, together)) for start in range(0, together, size)]
        if apart:
            cuts.append((together, together + 1))
        return [Burst(commands(said[start:end]), stages[start:end]) for start, end in cuts]

    @property
    def apart(self) -> bool:
        """Whether each recipient has to be heard of before the content may leave: all or nothing among several."""
        return self.all_or_nothing and len(self.envelope.recipients) > 1

    def whole(self, able: Abilities) -> bytes:
        """Envelope and end of data ahead of the content, which follows at once, by BDAT (RFC 3030 2).

        RSET comes first. The message before may fail, and leave its transaction open at the server: then MAIL would be
        refused, and the recipients and the content of this message be taken under the sender of that one. Raises
        NotSupported.
        """
        said = announcement(self.envelope, self.content, able)
        octets = commands(("RSET", *said, f"BDAT {self.content.size} LAST"))
        self.dot_sent = True
        return octets

    ANSWERS = 3
    """Replies by which `whole` is answered, beside one for each recipient: to RSET, MAIL and BDAT."""

    @property
    def stages_of_whole(self) -> tuple[Stage, ...]:
        """What all of those are about."""
        return ("sender", "sender", *_RECIPIENT * len(self.envelope.recipients), "message")

    def ask_permit(self) -> Flow[None]:
        """Make sure that the end of this message may leave. Raises NotPermitted: no part of it may follow, ever."""
        self.forbidden = True
        try:
            if self.before_end is None or (yield Permit(self.before_end, "message")):
                self.forbidden = False
                return
        except errors.CourrielError as unclear:
            unclear.session_usable = False
            raise
        raise errors.NotPermitted("the end of the message was held back, so nothing was delivered", stage="message")

    # What is answered.

    def note(self, stages: Sequence[Stage], replies: Sequence[Reply]) -> None:
        """Write down what the server answered to a burst. Raises ConnectionFailed when it closed the session."""
        if len(stages) == 3 == len(replies) and stages is _USUAL:
            # One recipient, and a yes to everything: as it nearly always is.
            sender, recipient, door = replies
            if sender.code == recipient.code == 250 and door.code == 354:
                self.sender, self._answers, self.door = sender, (recipient,), door
                self.door_is_open = True
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
                self.door = reply
                self.door_is_open = reply.code == 354 and self.begun and self._all_accepted

    def note_whole(self, replies: Sequence[Reply], server: str) -> Receipt | errors.CourrielError:
        """What became of a message that left whole, by the answers to it.

        Raises ConnectionFailed when the server closed the session, RemoteProtocolError for answers that cannot be.
        """
        verdict = replies[-1]
        for reply in replies:
            if reply.code != 250:
                break
        else:
            # As nearly every message goes; nothing more will be asked of these notes.
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
        """What became of a message that left at once and alone; raises what befell it."""
        outcome = self._outcome(verdict, server)
        if isinstance(outcome, errors.CourrielError):
            raise outcome
        return outcome

    def judged(self, verdict: Reply, server: str) -> Receipt | errors.Refused:
        """What became of a message whose content was asked for, and is answered. Raises RemoteProtocolError."""
        if verdict.kind == 2:
            return (
                self._taken_by_all(verdict, server) if self._all_accepted else self.receipt(verdict, (verdict,), server)
            )
        if verdict.kind == 3:
            raise errors.RemoteProtocolError(f"the server answered {verdict} to the message", stage="message")
        return self.message_refused(verdict, "message")

    def refusal(self) -> errors.Refused | None:
        """Why nothing must be handed over, as far as is known; None while it may go on."""
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
        """The 503, "bad sequence of commands", that this envelope was answered first; None where it only follows from
        another refusal.

        A server that threw half of MAIL away does not know the other half (500); then RCPT comes out of sequence.
        """
        sender = self.sender
        answers = [reply for reply in (sender, *self._answers) if reply is not None]
        if self.accepted and self.door is not None:
            answers.append(self.door)
        first = next((reply for reply in answers if reply.code == _OUT_OF_SEQUENCE), None)
        follows = sender is not None and sender.kind != 2 and sender.code not in (500, _OUT_OF_SEQUENCE)
        return None if follows else first

    def message_refused(self, reply: Reply, stage: Stage) -> errors.MessageRefused:
        """The whole message was refused: so is each recipient."""
        everybody = self.refused | dict.fromkeys(self.accepted, reply)
        return errors.MessageRefused(reply, stage=stage, refused=everybody)

    def receipt(self, word: Reply, verdicts: Sequence[Reply], server: str, notes: tuple[str, ...] = ()) -> Receipt:
        """Each recipient's fate. One verdict is for all; LMTP gives one for each, and may break off in between."""
        if self._all_accepted and len(verdicts) == 1 and not notes:
            return self._taken_by_all(word, server)
        apart = len(verdicts) > 1 or bool(notes)
        answers = iter(verdicts)
        fates: list[Fate] = []
        for name, answer in self._answered():
            verdict = answer if answer.kind != 2 else next(answers, None) if apart else word
            fates.append(Fate(name, _OUTCOMES[verdict.kind if verdict else 3], verdict))
        return Receipt(server, self.message_id, word, tuple(fates), notes)

    # The steps.

    def _taken_by_all(self, verdict: Reply, server: str) -> Receipt:
        recipients = self.envelope.recipients
        if len(recipients) == 1:
            return Receipt(server, self.message_id, verdict, (Fate(recipients[0].spec, Outcome.ACCEPTED, verdict),))
        fates = tuple([Fate(each.spec, Outcome.ACCEPTED, verdict) for each in recipients])
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
    """What so many answers are about: to MAIL, to RCPT for each recipient, and to what ends the envelope."""
    return _USUAL if commands == 3 else ("sender", *_RECIPIENT * (commands - 2), "data")
