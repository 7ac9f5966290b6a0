"""Many messages by pipelining: the end of one leaves together with the envelope of the next (RFC 2920 3.1)."""

from __future__ import annotations

from collections.abc import Sequence

from courriel import errors
from courriel.dialogue.flow import Flow, HangUp
from courriel.dialogue.smtp import SmtpDialogue
from courriel.dialogue.transaction import Step, Transaction
from courriel.dialogue.tray import Parcel, Tray


class Pipelining:
    """One round trip a message: never more than one final dot is unanswered, and so never more than one in doubt."""

    most = 1  # messages that should be waiting before it is worth talking

    def __init__(self, dialogue: SmtpDialogue, tray: Tray) -> None:
        self._dialogue = dialogue
        self._exchange = dialogue.exchange
        self._tray = tray
        self._open: tuple[Parcel, Transaction] | None = None  # its door is open, its content has not left

    def advance(self) -> Flow[None]:
        """Send the content of the one whose door is open, with the envelope of the next; hear of both."""
        current, self._open = self._open, None
        following = self._announcement()
        first = following[2][0] if following else ()
        said = b"".join(line for _, line in first)
        if current is not None:
            yield from self._dialogue.pour(current[1], followed_by=said)
            yield from self._hear_verdict(*current)
        elif following is not None:
            yield from self._exchange.expect_silence("sender")
            yield from self._exchange.say("sender", said)
        if following is not None:
            yield from self._hear_of_the_next(*following)

    def wind_up(self) -> Flow[None]:
        """A message whose door is open is not sent any more; no dot may follow, so the line is cut (scar 2)."""
        if self._open is not None:
            yield HangUp("data")

    def _announcement(self) -> tuple[Parcel, Transaction, list[Sequence[Step]]] | None:
        """The next message that this server can take, and its envelope in this server's words."""
        while self._tray.waiting:
            parcel, transaction = self._tray.begin()
            try:
                return parcel, transaction, list(transaction.bursts(self._dialogue.capabilities))
            except errors.CourrielError as impossible:
                self._tray.settle(parcel, impossible)
        return None

    def _hear_verdict(self, parcel: Parcel, transaction: Transaction) -> Flow[None]:
        try:
            receipt = yield from self._dialogue.hear_verdict(transaction)
        except errors.Refused as refusal:
            self._tray.settle(parcel, refusal)  # and the transaction is over all the same
        else:
            self._tray.settle(parcel, receipt)

    def _hear_of_the_next(self, parcel: Parcel, transaction: Transaction, bursts: list[Sequence[Step]]) -> Flow[None]:
        try:
            transaction.note(bursts[0], (yield from self._exchange.hear_all([stage for stage, _ in bursts[0]])))
            yield from self._dialogue.announce(transaction, bursts[1:])
            yield from self._dialogue.pass_the_door(transaction)
        except errors.Refused as refusal:
            self._tray.settle(parcel, refusal)
            if refusal.session_usable:
                yield from self._dialogue.start_afresh(refusal)
            if not refusal.session_usable:
                raise
        else:
            self._open = parcel, transaction


class LockStep:
    """One message after the other: for servers that read one command at a time, for LMTP, and for those that go
    alone."""

    most = 1

    def __init__(self, dialogue: SmtpDialogue, tray: Tray) -> None:
        self._dialogue, self._tray = dialogue, tray

    def wind_up(self) -> Flow[None]:
        """Nothing is ever left half said."""
        yield from ()

    def advance(self) -> Flow[None]:
        """Hand the next one over, from its envelope to its verdict."""
        parcel, transaction = self._tray.begin()
        try:
            self._tray.settle(parcel, (yield from self._dialogue.hand_over(transaction)))
        except (errors.Refused, errors.UsageError, errors.NotSupported) as failed:
            self._tray.settle(parcel, failed)
            if not failed.session_usable:
                raise
