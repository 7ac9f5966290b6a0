"""Many messages by pipelining: the end of one leaves together with the envelope of the next (RFC 2920 3.1)."""

from __future__ import annotations

from collections.abc import Sequence

from courriel import errors
from courriel.dialogue.exchange import CLOSING
from courriel.dialogue.flow import Flow, HangUp
from courriel.dialogue.smtp import SmtpDialogue
from courriel.dialogue.talk import closed
from courriel.dialogue.transaction import Burst
from courriel.dialogue.tray import Parcel, Tray
from courriel.reply import Reply


class Pipelining:
    """One round trip a message: never more than one final dot is unanswered, and so never more than one in doubt."""

    def __init__(self, dialogue: SmtpDialogue, tray: Tray, ahead: int) -> None:
        self.most = ahead  # messages made ready before they are talked about; only the dot of one is ever unanswered
        self._dialogue = dialogue
        self._exchange = dialogue.exchange
        self._tray = tray
        self._open: Parcel | None = None  # its door is open, its content has not left

    def advance(self, *, last: bool) -> Flow[None]:
        """Send what waits; the content of the last stays until its companion comes, unless it is the `last` of all.

        Whoever gives permits writes results down: it has each at once, and does not wait for the others.
        """
        while self._tray.waiting or (last and self._open):
            current = self._open
            yield from self._take_a_step()
            if current is not None and current.permit is not None:
                return

    def _take_a_step(self) -> Flow[None]:
        """The content of the one whose door is open leaves with the envelope of the next; then both are heard of."""
        current, self._open = self._open, None
        following, bursts = self._announcement()
        said = bursts[0].octets if bursts else b""
        heard: Sequence[Reply] = ()
        if current is not None:
            also = len(bursts[0].stages) if bursts else 0
            try:
                end = yield from self._dialogue.pour(current)
                verdict, *heard = yield from self._dialogue.finish(current, end + said, also=also)
            except errors.Refused as refusal:
                self._tray.settle(current, refusal)  # before its time, and the session ends
                raise
            self._judge(current, verdict)
        elif said:
            yield from self._exchange.expect_silence("sender")
            heard = yield from self._exchange.ask_all(bursts[0].stages, said)
        if following is not None:
            yield from self._hear_of(following, bursts, heard)

    def wind_up(self) -> Flow[None]:
        """A message whose door is open is not sent any more; no dot may follow, so the line is cut (scar 2)."""
        if self._open is not None:
            yield HangUp("data")

    def _announcement(self) -> tuple[Parcel | None, list[Burst]]:
        """The next message that this server can take, and its envelope in this server's words."""
        while self._tray.waiting:
            parcel = self._tray.begin()
            try:
                return parcel, parcel.bursts(self._dialogue.able)
            except errors.CourrielError as impossible:
                self._tray.settle(parcel, impossible)
        return None, []

    def _judge(self, current: Parcel, verdict: Reply) -> None:
        """Whatever the verdict is, the transaction is over; a 421 is one too, and ends the session."""
        if verdict.code == CLOSING:
            closing = closed(verdict, "message")
            self._tray.settle(current, closing)
            raise closing
        self._tray.settle(current, current.judged(verdict, self._dialogue.name))

    def _hear_of(self, following: Parcel, bursts: list[Burst], heard: Sequence[Reply]) -> Flow[None]:
        """What was said to the envelope whose first burst has left; a long one has more to say."""
        first = bursts[0]
        try:
            following.note(first.stages, heard or (yield from self._exchange.hear_all(first.stages)))
            if len(bursts) > 1:
                yield from self._dialogue.announce(following, bursts[1:])
            if not following.door_is_open:
                yield from self._dialogue.pass_the_door(following)
        except errors.Refused as refusal:
            self._tray.settle(following, refusal)
            if refusal.session_usable:
                yield from self._dialogue.start_afresh(refusal)
            if not refusal.session_usable:
                raise
        else:
            self._open = following


class LockStep:
    """One message after the other: for servers that read one command at a time, and for messages that go alone."""

    def __init__(self, dialogue: SmtpDialogue, tray: Tray) -> None:
        self.most = 1
        self._dialogue, self._tray = dialogue, tray

    def wind_up(self) -> Flow[None]:
        """Nothing is ever left half said."""
        yield from ()

    def advance(self, *, last: bool) -> Flow[None]:
        """Hand the next one over, from its envelope to its verdict; it may have been withdrawn meanwhile."""
        if not self._tray.waiting:
            return
        parcel = self._tray.begin()
        try:
            self._tray.settle(parcel, (yield from self._dialogue.hand_over(parcel)))
        except (errors.Refused, errors.UsageError, errors.NotSupported) as failed:
            self._tray.settle(parcel, failed)
            if not failed.session_usable:
                raise
