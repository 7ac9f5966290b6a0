"""What is known so far of one message that is being handed over: who was accepted, who refused, whether it has left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from courriel import errors
from courriel.dialogue.exchange import CLOSING
from courriel.dialogue.talk import closed
from courriel.errors import Stage
from courriel.model.content import Content
from courriel.model.envelope import Envelope
from courriel.model.receipt import Fate, Outcome, Receipt
from courriel.reply import Reply
from courriel.wire import envelope as wire
from courriel.wire.smtp import command

Step = tuple[Stage, bytes]

_RECIPIENT: tuple[Stage, ...] = ("recipient",)

# A verdict that says "go on" says nothing.
_OUTCOMES = {2: Outcome.ACCEPTED, 3: Outcome.IN_DOUBT, 4: Outcome.REFUSED, 5: Outcome.REFUSED}

# Commands sent before their replies are read: enough for a hundred recipients in one round trip, and few enough for the
# replies to fit into the smallest buffers while we are still writing (RFC 2920 3.1).
_BURST = 102


class Transaction:
    """The client's notes on one mail transaction (RFC 5321 3.3)."""

    def __init__(self, envelope: Envelope, content: Content, message_id: str, *, all_or_nothing: bool) -> None:
        self.envelope, self.content, self.message_id = envelope, content, message_id
        self.sender: Reply | None = None
        self.door: Reply | None = None  # the answer to DATA: 354 opens it
        self.dot_sent = False
        self._all_or_nothing = all_or_nothing
        self._answers: list[Reply] = []  # to RCPT, in the order of the recipients
        self._all_accepted = True  # as far as they were answered

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

    def bursts(self, capabilities: Mapping[str, str]) -> Iterator[Sequence[Step]]:
        """MAIL, RCPT for each recipient, DATA: as few bursts as the server can bear. Raises NotSupported."""
        content, envelope = self.content, self.envelope
        steps: list[Step] = [("sender", wire.mail(envelope, content, capabilities))]
        steps.extend(("recipient", wire.rcpt(who, envelope, content, capabilities)) for who in envelope.recipients)
        door: Step = ("data", command("DATA"))
        # All or nothing among several can only be kept by hearing of each before DATA opens the door.
        apart = self._all_or_nothing and len(envelope.recipients) > 1
        size = _BURST if "PIPELINING" in capabilities else 1
        together = steps if apart else [*steps, door]
        for start in range(0, len(together), size):
            yield together[start : start + size]
        if apart:
            yield (door,)

    @property
    def stages(self) -> tuple[Stage, ...]:
        """What the answers to `whole` are about, in their order."""
        return ("sender", "sender", *_RECIPIENT * len(self.envelope.recipients), "message")

    def whole(self, capabilities: Mapping[str, str]) -> bytes:
        """Envelope and content in one piece, by BDAT (RFC 3030 2). Raises NotSupported.

        RSET comes first. The message before may fail, and leave its transaction open at the server: then MAIL would be
        refused, and the recipients and the content of this message be taken under the sender of that one.
        """
        content, envelope = self.content, self.envelope
        said = [command("RSET"), wire.mail(envelope, content, capabilities)]
        said.extend(wire.rcpt(who, envelope, content, capabilities) for who in envelope.recipients)
        said.append(command("BDAT", str(content.size), "LAST"))
        said.extend(content)
        self.dot_sent = True
        return b"".join(said)

    def note_all(self, replies: Sequence[Reply]) -> None:
        """Write down the answers to `whole`. Raises ConnectionFailed when the server closed the session."""
        for place, (stage, reply) in enumerate(zip(self.stages, replies, strict=False)):
            if reply.code == CLOSING:
                raise closed(reply, stage)
            if place == 0:
                if reply.kind != 2:
                    raise errors.RemoteProtocolError(f"the server answered {reply} to RSET", stage=stage, reply=reply)
            elif stage == "sender":
                self.sender = reply
            elif stage == "recipient":
                self._note_recipient(reply)

    def judged(self, verdict: Reply, server: str) -> Receipt | errors.Refused:
        """What became of a message whose content was asked for, and is answered. Raises RemoteProtocolError."""
        if verdict.kind == 2:
            return self.receipt(verdict, (verdict,), server)
        if verdict.kind == 3:
            raise errors.RemoteProtocolError(f"the server answered {verdict} to the message", stage="message")
        return self.message_refused(verdict, "message")

    def outcome(self, verdict: Reply, server: str) -> Receipt | errors.CourrielError:
        """What became of a message that left whole. Raises RemoteProtocolError for a verdict that cannot be."""
        refusal = self.refusal()
        if refusal is None:
            return self.judged(verdict, server)
        if verdict.kind in (2, 3):
            raise errors.RemoteProtocolError(f"the server answered {verdict} to a message for nobody", stage="message")
        return refusal

    def note(self, burst: Sequence[Step], replies: Sequence[Reply]) -> None:
        """Write down what the server answered to a burst. Raises ConnectionFailed when it closed the session."""
        for (stage, _), reply in zip(burst, replies, strict=False):
            if reply.code == CLOSING:
                raise closed(reply, stage)
            if stage == "sender":
                self.sender = reply
            elif stage == "recipient":
                self._note_recipient(reply)
            else:
                self.door = reply

    def refusal(self) -> errors.Refused | None:
        """Why nothing must be handed over, as far as is known; None while it may go on."""
        if self._all_accepted and (self.sender is None or self.sender.code == 250):
            return None
        if self.sender is not None and self.sender.kind != 2:
            return errors.SenderRefused(self.sender, stage="sender", about=f"sender {self._sender}")
        if len(self._answers) < len(self.envelope.recipients):
            return None
        refused = self.refused
        if refused and (self._all_or_nothing or len(refused) == len(self._answers)):
            name, reply = next(iter(refused.items()))
            about = f"recipient {name}" if len(refused) == 1 else f"recipient {name} and {len(refused) - 1} more"
            return errors.RecipientsRefused(reply, stage="recipient", refused=refused, about=about)
        return None

    def message_refused(self, reply: Reply, stage: Stage) -> errors.MessageRefused:
        """The whole message was refused: so is each recipient."""
        everybody = self.refused | dict.fromkeys(self.accepted, reply)
        return errors.MessageRefused(reply, stage=stage, refused=everybody)

    def receipt(self, word: Reply, verdicts: Sequence[Reply], server: str, notes: tuple[str, ...] = ()) -> Receipt:
        """Each recipient's fate. One verdict is for all; LMTP gives one for each, and may break off in between."""
        if self._all_accepted and len(verdicts) == 1 and not notes:
            taken = tuple([Fate(recipient.spec, Outcome.ACCEPTED, word) for recipient in self.envelope.recipients])
            return Receipt(server, self.message_id, word, taken)
        apart = len(verdicts) > 1 or bool(notes)
        answers = iter(verdicts)
        fates: list[Fate] = []
        for name, answer in self._answered():
            verdict = answer if answer.kind != 2 else next(answers, None) if apart else word
            fates.append(Fate(name, _OUTCOMES[verdict.kind if verdict else 3], verdict))
        return Receipt(server, self.message_id, word, tuple(fates), notes)

    # The steps.

    def _note_recipient(self, reply: Reply) -> None:
        self._answers.append(reply)
        self._all_accepted = self._all_accepted and reply.kind == 2

    @property
    def _sender(self) -> str:
        return self.envelope.sender.spec if self.envelope.sender else "<>"

    def _answered(self) -> Iterator[tuple[str, Reply]]:
        names = (recipient.spec for recipient in self.envelope.recipients)
        return zip(names, self._answers, strict=False)
