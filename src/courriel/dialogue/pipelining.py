"""Many messages by pipelining: the end of one leaves together with the envelope of the next (RFC 2920 3.1)."""

from __future__ import annotations

from collections.abc import Sequence

from courriel import errors
from courriel.dialogue.exchange import CLOSING
from courriel.dialogue.flow import Flow, HangUp
from courriel.dialogue.smtp import SmtpDialogue
from courriel.dialogue.talk import closed
from courriel.dialogue.transaction import Step, Transaction
from courriel.dialogue.tray import Parcel, Tray
from courriel.errors import Stage


class Pipelining:
    """One round trip a message: never more than one final dot is unanswered, and so never more than one in doubt."""

    def __init__(self, dialogue: SmtpDialogue, tray: Tray, ahead: int) -> None:
        self.most = ahead  # messages made ready before they are talked about; only the dot of one is ever unanswered
        self._dialogue = dialogue
        self._exchange = dialogue.exchange
        self._tray = tray
        self._open: Announced | None = None  # its door is open, its content has not left

    def advance(self, *, last: bool) -> Flow[None]:
        """Send what waits; the content of the last stays until its companion comes, unless it is the `last` of all."""
        while self._tray.waiting or (last and self._open):
            yield from self._take_a_step()

    def _take_a_step(self) -> Flow[None]:
        """The content of the one whose door is open leaves with the envelope of the next; then both are heard of."""
        current, self._open = self._open, None
        following = self._announcement()
        said = following.said if following else b""
        if current is not None:
            yield from self._dialogue.pour(current.transaction, followed_by=said)
            yield from self._hear_verdict(current)
        elif said:
            yield from self._exchange.expect_silence("sender")
            yield from self._exchange.say("sender", said)
        if following is not None:
            yield from self._hear_of(following)

    def wind_up(self) -> Flow[None]:
        """A message whose door is open is not sent any more; no dot may follow, so the line is cut (scar 2)."""
        if self._open is not None:
            yield HangUp("data")

    def _announcement(self) -> Announced | None:
        """The next message that this server can take, and its envelope in this server's words."""
        while self._tray.waiting:
            parcel, transaction = self._tray.begin()
            try:
                first, *rest = transaction.bursts(self._dialogue.capabilities)
            except errors.CourrielError as impossible:
                self._tray.settle(parcel, impossible)
            else:
                return Announced(parcel, transaction, first, rest)
        return None

    def _hear_verdict(self, current: Announced) -> Flow[None]:
        """Whatever the verdict is, the transaction is over; a 421 is one too, and ends the session."""
        (verdict,) = yield from self._exchange.hear_all(("message",))
        if verdict.code == CLOSING:
            closing = closed(verdict, "message")
            self._tray.settle(current.parcel, closing)
            raise closing
        self._tray.settle(current.parcel, current.transaction.judged(verdict, str(self._dialogue.server)))

    def _hear_of(self, following: Announced) -> Flow[None]:
        transaction = following.transaction
        try:
            transaction.note(following.first, (yield from self._exchange.hear_all(following.stages)))
            if following.rest:
                yield from self._dialogue.announce(transaction, following.rest)
            yield from self._dialogue.pass_the_door(transaction)
        except errors.Refused as refusal:
            self._tray.settle(following.parcel, refusal)
            if refusal.session_usable:
                yield from self._dialogue.start_afresh(refusal)
            if not refusal.session_usable:
                raise
        else:
            self._open = following


class Announced:
    """A message whose envelope is on the line: `first` has left, `rest` is what a long one has still to say."""

    __slots__ = ("first", "parcel", "rest", "said", "stages", "transaction")

    def __init__(
        self, parcel: Parcel, transaction: Transaction, first: Sequence[Step], rest: list[Sequence[Step]]
    ) -> None:
        self.parcel, self.transaction, self.first, self.rest = parcel, transaction, first, rest
        self.said = b"".join([line for _, line in first])
        self.stages: list[Stage] = [stage for stage, _ in first]


class LockStep:
    """One message after the other: for servers that read one command at a time, and for messages that go alone."""

    def __init__(self, dialogue: SmtpDialogue, tray: Tray) -> None:
        self.most = 1
        self._dialogue, self._tray = dialogue, tray

    def wind_up(self) -> Flow[None]:
        """Nothing is ever left half said."""
        yield from ()

    def advance(self, *, last: bool) -> Flow[None]:
        """Hand the next one over, from its envelope to its verdict."""
        parcel, transaction = self._tray.begin()
        try:
            self._tray.settle(parcel, (yield from self._dialogue.hand_over(transaction)))
        except (errors.Refused, errors.UsageError, errors.NotSupported) as failed:
            self._tray.settle(parcel, failed)
            if not failed.session_usable:
                raise
