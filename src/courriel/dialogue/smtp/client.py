"""SMTP client conversation: one message, from its envelope to the receipt (RFC 5321)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from courriel import errors
from courriel._dataclass import replace
from courriel.dialogue.flow import Flow, HangUp, Send
from courriel.dialogue.reply_reader import closed
from courriel.dialogue.smtp import bdat
from courriel.dialogue.smtp.commands import SmtpCommands
from courriel.dialogue.smtp.replies import CLOSING
from courriel.dialogue.smtp.transaction import BLOCK, VERDICT, Burst, Transaction
from courriel.model.content import Content
from courriel.model.envelope import Envelope
from courriel.model.receipt import Receipt
from courriel.model.servers.server import Dialect
from courriel.model.submission import Submission
from courriel.reply import Reply
from courriel.wire.smtp import client_syntax as wire
from courriel.wire.smtp import dot_stuffing

_UNKNOWN_COMMAND = (500, 502)
BDAT_REFUSED = "BDAT-REFUSED"
"""Record of the failure table for servers that offer CHUNKING and do not know BDAT."""


class SmtpDialogue(SmtpCommands):
    """
    Client side of one SMTP (or LMTP) connection.

    Each public method is a flow: run it with a driver. They follow the order of a conversation: `open`, then `deliver`
    any number of times, then `close`. The facts learnt from the server stand in the attributes.
    """

    # The conversation, in the order it happens.

    def deliver(self, submission: Submission, *, maybe_stale: bool = False) -> Flow[Receipt]:
        """Send one submission, and return the result for each recipient.

        A server may have closed an idle session; then a new one is opened, once, as long as nothing of this message was
        accepted (hazard H15). The same when the server does not know BDAT, although it offers it: the message goes by
        DATA. `on_refused` of the submission is obeyed; its `before_end` is called just before the end is sent, and its
        no closes the connection instead (NotPermitted). On a session that has `maybe_stale`, and may be dead unnoticed,
        the content waits for the server's replies. Raises SenderRefused, RecipientsRefused, MessageRefused;
        NotSupported for a message that this server cannot take; ConnectionFailed with `in_doubt` when the end of the
        message was sent and no reply came.

        A session that has carried as many messages as its server takes is closed, and the message is sent on a new one.
        """
        if self.rules:
            envelope, content = self.by_rules(submission.envelope, submission.content)
            submission = replace(submission, envelope=envelope, content=content)
        if not self.count.room:
            yield from self.begin_next_session()
            maybe_stale = False
        try:
            receipt = yield from self._deliver(submission, maybe_stale=maybe_stale)
        except errors.CourrielError as refused:
            if not self.count.note(refused):
                raise
        else:
            _ = self.count.note(receipt)
            return receipt
        yield from self.begin_next_session()
        try:
            receipt = yield from self._deliver(submission, maybe_stale=False)
        except errors.CourrielError as refused:
            _ = self.count.note(refused)
            raise
        _ = self.count.note(receipt)
        return receipt

    def by_rules(self, envelope: Envelope, content: Content) -> tuple[Envelope, Content]:
        """The mail as it may leave. Raises InvalidMessage when a recipient may get none."""
        for rule in self.rules:
            envelope, content = rule.applied(envelope, content)
        return envelope, content

    def begin_next_session(self) -> Flow[None]:
        """Close a session that has carried its messages, and open another one."""
        self.count.end_session()
        try:  # noqa: SIM105 - contextlib would be imported for this alone
            yield from self.close()
        except errors.ConnectionFailed:
            pass  # the server has closed it already
        yield from self.open()

    def _deliver(self, submission: Submission, *, maybe_stale: bool) -> Flow[Receipt]:
        transaction = Transaction.of(submission)
        try:
            return (yield from self.hand_over(transaction, at_once=not maybe_stale))
        except errors.CourrielError as failed:
            if not (self._goes_by_data(transaction, failed) or _never_begun(transaction, failed)):
                raise
            if self.count.note(failed):
                self.count.end_session()
        again = Transaction.of(submission)
        again.bdat_refused = transaction.bdat_refused
        yield from self.open()
        return (yield from self.hand_over(again))

    # Sending a message.

    def hand_over(self, transaction: Transaction, *, at_once: bool = True) -> Flow[Receipt]:
        """Send one message, from envelope to final reply; `at_once`: envelope and content together, where possible."""
        try:
            yield from self.exchange.expect_silence("sender")
            if self.extensions.chunking and self.extensions.pipelining and self.server.dialect is Dialect.SMTP:
                if self.facts.bdat_taken is not False and not transaction.bdat_refused:
                    return (yield from self._hand_over_by_length(transaction, at_once))
                self._learn(self.capabilities)
            yield from self.announce(transaction, transaction.bursts(self.extensions))
            if not transaction.data_accepted:
                yield from self.require_data_accepted(transaction)
            end = yield from self.send_content(transaction)
            return (yield from self.read_verdict(transaction, end))
        except errors.Refused as refusal:
            refusal.message_id = transaction.message_id
            if refusal.session_usable:
                _ = yield from self.start_afresh(refusal, chunk=0 if transaction.length else transaction.ahead)
            raise
        except errors.CourrielError as broken:
            broken.message_id = transaction.message_id
            # The dot was sent: the server may have accepted the message, whatever failed since, unless a reply decides.
            broken.in_doubt = transaction.end_sent and (broken.reply is None or broken.reply.kind == 3)
            broken.refused = broken.refused or transaction.refused
            raise

    def _hand_over_by_length(self, transaction: Transaction, at_once: bool) -> Flow[Receipt]:
        try:
            if self.facts.bdat_taken is None:
                yield from bdat.announce_with_first_chunk(self.exchange, transaction, self.extensions, self.facts)
            elif at_once and bdat.may_leave_at_once(transaction):
                verdict = yield from bdat.leave_at_once(self.exchange, transaction, self.extensions)
                return transaction.settled(verdict, self.name)
            else:
                yield from bdat.announce(self.exchange, transaction, self.extensions)
            end = yield from self.send_content(transaction)
            return (yield from self.read_verdict(transaction, end))
        except errors.MessageRefused as refused:
            _ = self.note_bdat_refused(transaction, refused)
            raise

    def note_bdat_refused(self, transaction: Transaction, refused: errors.MessageRefused) -> bool:
        """Whether this refusal means that the server does not know BDAT; then the connection must be closed.

        Octets that it has not read as a chunk may be read as commands.
        """
        if refused.reply.code not in bdat.UNKNOWN or not (transaction.begun and transaction.accepted):
            return False
        self.facts.bdat_taken, transaction.bdat_refused, transaction.end_sent = False, True, False
        self._learn(self.capabilities)
        refused.session_usable, refused.hint_id = False, BDAT_REFUSED
        return True

    def _goes_by_data(self, transaction: Transaction, failed: errors.CourrielError) -> bool:
        """Whether a message that could not be sent by BDAT can be sent by DATA, on a new session."""
        refused = failed.hint_id == BDAT_REFUSED or isinstance(failed, errors.ConnectionFailed)
        return transaction.bdat_refused and refused and not transaction.content.binary

    # The steps of that, used for batches as well.

    def announce(self, transaction: Transaction, bursts: Iterable[Burst]) -> Flow[None]:
        """Send MAIL, RCPT for each recipient, DATA; in one burst with PIPELINING (RFC 2920)."""
        for burst in bursts:
            if refusal := transaction.refusal():
                raise refusal
            transaction.note(burst.stages, (yield from self.exchange.pipeline(burst.stages, burst.octets)))

    def require_data_accepted(self, transaction: Transaction) -> Flow[None]:
        """Return when the server asks for the content and a recipient is accepted; otherwise raise the refusal.

        A server may have replied 354 although there is a refusal. With no recipient accepted, a lone dot ends that (RFC
        2920 3.1). With one accepted, that dot would send an empty message: the connection is closed (hazard H02).
        """
        refusal, data_reply = transaction.refusal(), transaction.data_reply
        if refusal and data_reply and data_reply.kind == 3:
            if transaction.accepted:
                refusal.session_usable = False
            else:
                yield from self.exchange.command("message", dot_stuffing.END)
        if refusal:
            raise refusal
        if data_reply is not None and data_reply.kind in (4, 5):
            raise transaction.message_refused(data_reply, "data")
        if data_reply is None or data_reply.kind != 3:
            raise errors.RemoteProtocolError(
                f"the server answered {data_reply} to DATA, where 354 belongs", stage="data", reply=data_reply
            )

    def send_content(self, transaction: Transaction) -> Flow[bytes]:
        """Send the content, block by block; return the last octets, with the dot, which are still to be sent.

        With BDAT, the length goes before it, and there is no dot.
        """
        rest: bytes | None = None if transaction.length else _in_hand(transaction.content)
        if rest is None:
            rest = yield from self._pour_in_blocks(transaction)
        if transaction.before_end is not None:
            yield from transaction.ask_guard()
        if not self.exchange.idle:
            raise (yield from self._early_reply(transaction))
        transaction.end_sent = True
        return rest if transaction.length else rest + dot_stuffing.END

    def _pour_in_blocks(self, transaction: Transaction) -> Flow[bytes]:
        """Send the content as it is read and dot-stuffed, block by block; return the last block."""
        block, size = [transaction.length], 0
        try:
            for chunk in _as_it_goes(transaction):
                # The last block is kept: until it is sent, the server cannot have accepted the message.
                if chunk and size >= BLOCK:
                    yield Send(b"".join(block), "data")
                    block, size = [], 0
                block.append(chunk)
                size += len(chunk)
        except errors.ConnectionFailed as broken:
            yield from self._read_last_words(transaction, broken)
            raise
        except errors.CourrielError as broken:
            broken.session_usable = False  # half a message was sent, and no dot may ever follow it
            raise
        return b"".join(block)

    def _early_reply(self, transaction: Transaction) -> Flow[errors.CourrielError]:
        """Error for a reply before the end of the message: a refusal counts, any other means nothing (hazard H01)."""
        reply = yield from self.exchange.read_reply("message")
        if reply.kind not in (4, 5):
            return errors.RemoteProtocolError(f"the server spoke without being asked: {reply}", stage="message")
        refusal = transaction.message_refused(reply, "message")
        refusal.session_usable = False  # the server waits for content that will not come
        return refusal

    def _read_last_words(self, transaction: Transaction, broken: errors.ConnectionFailed) -> Flow[None]:
        """Read the reply of a server that hung up during a message: it often gave the reason before."""
        try:
            reply = yield from self.exchange.read_reply("data")
        except errors.CourrielError as reply_error:
            if reply_error.reply is None:
                return
            raise reply_error from broken
        if reply.kind in (4, 5):
            refusal = transaction.message_refused(reply, "data")
            refusal.session_usable = False
            raise refusal from broken

    def finish(self, transaction: Transaction, octets: bytes, *, also: int = 0) -> Flow[Sequence[Reply]]:
        """Send the end of the message and read the reply; one that arrived before a connection error counts."""
        try:
            return (yield from self.exchange.pipeline(VERDICT, octets, also=also))
        except errors.TimedOut:
            raise
        except errors.ConnectionFailed as broken:
            yield from self._read_last_words(transaction, broken)
            raise

    def read_verdict(self, transaction: Transaction, end: bytes) -> Flow[Receipt]:
        """Send the end of the message, and return the receipt from the final reply.

        One reply for all recipients, or in LMTP one for each (RFC 2033 4.2).
        """
        (verdict,) = yield from self.finish(transaction, end)
        if verdict.code == CLOSING:
            raise closed(verdict, "message")
        if self.server.dialect is Dialect.LMTP:
            return (yield from self._read_recipient_results(transaction, verdict))
        return transaction.settled(verdict, self.name)

    def _read_recipient_results(self, transaction: Transaction, first: Reply) -> Flow[Receipt]:
        """Read a final reply for each recipient; after one acceptance, later connection errors are only notes."""
        verdicts = [first]
        notes: tuple[str, ...] = ()
        try:
            while len(verdicts) < len(transaction.accepted):
                verdicts.append((yield from self.exchange.read_reply("message")))
        except errors.CourrielError as broken:
            if not any(verdict.kind == 2 for verdict in verdicts):
                raise
            notes = (f"the session broke before every recipient was answered: {broken}",)
            yield HangUp("message")
        best = next((verdict for verdict in verdicts if verdict.kind == 2), first)
        word = self._judge(best, 2, "message", transaction.message_refused)
        return transaction.receipt(word, verdicts, self.name, notes)

    def start_afresh(self, refusal: errors.Refused, *, chunk: int = 0) -> Flow[bool]:
        """Send RSET after a refusal; a server that does not know RSET has no open transaction (hazard H72).

        Return whether the server replied 250. When it does not know BDAT, the octets of a first `chunk` may stand
        before RSET on its line, and make an unknown command of it; then RSET is sent again.
        """
        try:
            reply = yield from self.exchange.command("sender", wire.command("RSET"))
            if chunk and reply.code in bdat.UNKNOWN:
                self.facts.bdat_taken = False
                reply = yield from self.exchange.command("sender", wire.command("RSET"))
        except errors.CourrielError:
            refusal.session_usable = False
            return False
        # Any other reply may belong to the command before, so that later replies would be misattributed (hazard H01).
        refusal.session_usable = reply.kind == 2 or reply.code in _UNKNOWN_COMMAND
        return reply.kind == 2


def _never_begun(transaction: Transaction, failed: errors.CourrielError) -> bool:
    """Whether the connection was lost before the server had accepted anything of the message."""
    lost = isinstance(failed, errors.ConnectionFailed) and not isinstance(failed, errors.TimedOut)
    return lost and not (transaction.begun or failed.in_doubt)


def _as_it_goes(transaction: Transaction) -> Iterable[bytes]:
    """Content in the form that is sent, piece by piece."""
    content = transaction.content
    if transaction.length:
        return bdat.measured(content, transaction.ahead)
    return content if content.dotless else dot_stuffing.stuff(content)


def _in_hand(content: Content) -> bytes | None:
    """Content in the form that is sent, when it is one small piece without dots to stuff; else None."""
    return content.alone if content.dotless and content.size < BLOCK else None
