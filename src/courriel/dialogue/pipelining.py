"""
Many messages by pipelining: the end of one leaves together with the envelope of the next (RFC 2920 3.1).

Some servers throw away whatever stands behind the end of a message, because it might have been smuggled in, and answer
503 to each command of it (Haraka, GHSA-rp4q-8m6x-c43c). What we said there was said too early, and is no refusal: once
RSET is answered 250 the message is handed over again, once, on the same session, and from then on nothing is said
behind the end of a message to this server.
"""

from __future__ import annotations

from collections.abc import Sequence

from courriel import errors
from courriel.dialogue.exchange import CLOSING
from courriel.dialogue.flow import Flow, HangUp
from courriel.dialogue.smtp import BDAT_REFUSED, SmtpDialogue
from courriel.dialogue.talk import closed
from courriel.dialogue.transaction import Burst
from courriel.dialogue.tray import Parcel, Tray
from courriel.reply import Reply

_MOST_BEHIND_END = 8 * 1024
"""Octets: a server that throws them away may hang up on more, and the message before would be in doubt."""


class Pipelining:
    """One round trip a message: never more than one final dot is unanswered, and so never more than one in doubt."""

    def __init__(self, dialogue: SmtpDialogue, tray: Tray, ahead: int) -> None:
        self.most = ahead  # messages made ready before they are talked about; only the dot of one is ever unanswered
        self._dialogue = dialogue
        self._exchange = dialogue.exchange
        self._facts = dialogue.facts
        self._tray = tray
        self._open: Parcel | None = None  # its door is open, its content has not left

    def advance(self, *, last: bool) -> Flow[None]:
        """Send what waits; the content of the last stays until its companion comes, unless it is the `last` of all.

        Whoever gives permits writes results down: it has each at once, and does not wait for the others.
        """
        while self._tray.waiting or (last and self._open):
            current = self._open
            yield from self._take_a_step()
            if current is not None and current.before_end is not None:
                return

    def _take_a_step(self) -> Flow[None]:
        """The content of the one whose door is open leaves with the envelope of the next; then both are heard of."""
        current, self._open = self._open, None
        if current is None or self._facts.pipeline_after_end:
            following, bursts = self._announcement()
        else:
            following, bursts = None, []
        said, behind, also = bursts[0].octets if bursts else b"", b"", 0
        heard: Sequence[Reply] = ()
        if current is not None:
            if following is not None and len(said) <= _MOST_BEHIND_END:
                following.behind_end, behind, also = True, said, len(bursts[0].stages)
            try:
                end = yield from self._dialogue.pour(current)
                verdict, *heard = yield from self._dialogue.finish(current, end + behind, also=also)
            except errors.Refused as refusal:
                self._tray.settle(current, refusal)  # before its time, and the session ends
                raise
            self._judge(current, verdict)
        if said and not behind:
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
        finally:
            too_early = None if following.door_is_open else following.said_too_early
            if too_early:
                self._facts.pipeline_after_end = False
        if following.door_is_open:
            self._open = following  # as nearly every message goes
            return
        if too_early and not (following.handed_over_again or following.withdrawn):
            yield from self._hand_over_again(following, too_early)
            return
        try:
            if len(bursts) > 1:
                yield from self._dialogue.announce(following, bursts[1:])
            if not following.door_is_open:
                yield from self._dialogue.pass_the_door(following)
        except errors.Refused as refusal:
            self._tray.settle(following, refusal)
            if refusal.session_usable:
                _ = yield from self._dialogue.start_afresh(refusal)
            if not refusal.session_usable:
                raise
        else:
            self._open = following

    def _hand_over_again(self, parcel: Parcel, reply: Reply) -> Flow[None]:
        """Its envelope was said behind the end of a message, where this server reads nothing: to be said once more."""
        if parcel.door is not None and parcel.door.kind == 3:
            # It waits for a content although it has thrown the envelope away. A lone dot might send an empty message to
            # whomever it means: the line is cut, and the message goes on a new one (scar 2).
            self._tray.put_back(parcel)
            parcel.handed_over_again = True
            raise errors.RemoteProtocolError(
                "the server asked for a message whose envelope it had refused", stage="data"
            )
        refusal = parcel.refusal() or parcel.message_refused(reply, "data")
        if (yield from self._dialogue.start_afresh(refusal)):
            self._tray.put_back(parcel)
            parcel.handed_over_again = True
            return
        self._tray.settle(parcel, refusal)
        if not refusal.session_usable:
            raise refusal


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
            if failed.hint_id == BDAT_REFUSED and not parcel.withdrawn:
                self._tray.put_back(parcel)
                raise
            self._tray.settle(parcel, failed)
            if not failed.session_usable:
                raise
