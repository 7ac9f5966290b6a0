"""Server side of one message: MAIL, RCPT, then the content by DATA or BDAT (RFC 5321 3.3, RFC 3030)."""

from __future__ import annotations

from collections.abc import Mapping

from courriel.dialogue.flow import Flow
from courriel.dialogue.server.connection import ReplyBuffer, ServerConnection
from courriel.dialogue.server.handler import ANSWERS, Answer, Delivery, DuringData, ServerConfig, ServerHandler
from courriel.model.content import has_long_line
from courriel.model.servers.server import Dialect
from courriel.reply import Reply
from courriel.wire.smtp.dot_unstuffer import DotUnstuffer
from courriel.wire.smtp.parameters import MailFrom, RcptTo, read_mail, read_rcpt
from courriel.wire.smtp.server_syntax import Objection, read_chunk

_SENDER_TAKEN = Reply(250, ("2.1.0 Sender taken",))
_RECIPIENT_TAKEN = Reply(250, ("2.1.5 Recipient taken",))
_GO_ON = Reply(354, ("End with a dot alone on its line",))
_MESSAGE_TAKEN = Reply(250, ("2.0.0 Message taken",))
_PATIENCE_WITH_SIZE = 4  # times the size limit is read and discarded, so that a refusal can be sent in its turn


class Reception:
    """Receiver of messages, one after the other; `offered` are the extensions that this client may use."""

    def __init__(self, handler: ServerHandler, config: ServerConfig, connection: ServerConnection) -> None:
        self.offered: set[str] = set()
        self._handler = handler
        self._config = config
        self._connection = connection
        self._session = connection.session
        self.forget()

    @property
    def begun(self) -> bool:
        """Whether a sender was accepted, and the transaction is not over."""
        return self._origin is not None

    def forget(self) -> None:
        """Reset the transaction (RSET, a second EHLO, the end of a message)."""
        self.sender_refused = False
        self._origin: MailFrom | None = None
        self._recipients: list[RcptTo] = []
        self._chunks: list[bytes] = []
        self._size = 0
        self._chunking = False
        self._chunk_failed = False

    def mail(self, argument: str) -> Flow[None]:
        """Handle MAIL: begin a message."""
        if self.begun:
            raise Objection(503, "5.5.1 A message has been begun already; RSET forgets it")
        self.sender_refused = True
        if self._session.messages >= self._config.limits.messages:
            raise Objection(452, "4.5.3 That was enough for one session")
        origin = read_mail(argument, self.offered)
        if (origin.size or 0) > self._config.limits.message:
            raise self._too_big()
        self._note_space(argument)
        answer = self._connection.decide(lambda: self._handler.sender(self._session, origin))
        usual = self._connection.write_usual(answer, _SENDER_TAKEN)
        if usual or (yield from self._connection.answer(answer, "sender", _SENDER_TAKEN)):
            self._origin = origin
            self.sender_refused = False

    def rcpt(self, argument: str) -> Flow[None]:
        """Handle RCPT: add a recipient."""
        if self._origin is None or self._chunking:
            raise Objection(503, "5.5.1 A recipient comes after the sender and before the content")
        recipient = read_rcpt(argument, self.offered, utf8=self._origin.utf8, our_name=self._config.name)
        if len(self._recipients) >= self._config.limits.recipients:
            # RFC 5321 4.5.3.1.10: the client sends the message to these, and again for the others.
            raise Objection(452, f"4.5.3 A message has {self._config.limits.recipients} recipients at most")
        self._note_space(argument)
        answer = self._connection.decide(lambda: self._handler.recipient(self._session, recipient))
        usual = self._connection.write_usual(answer, _RECIPIENT_TAKEN)
        if usual or (yield from self._connection.answer(answer, "recipient", _RECIPIENT_TAKEN)):
            self._recipients.append(recipient)

    def data(self, argument: str) -> Flow[None]:
        """Handle DATA: the content, ended by nothing but a dot alone on its line (hazard H76)."""
        if argument:
            raise Objection(501, "5.5.4 DATA stands alone")
        if self._chunking:
            raise Objection(503, "5.5.1 The content has begun by BDAT (RFC 3030 2)")
        if self._origin is not None and self._origin.binary:
            raise Objection(503, "5.5.1 BODY=BINARYMIME is followed by BDAT (RFC 3030 3)")
        self._expect_recipients()
        if self._connection.buffer:
            self._session.add_finding(
                "early-data", "your client sent the message without waiting for 354 (RFC 2920 3.1)"
            )
        answer = self._connection.decide(lambda: self._handler.data(self._session))
        usual = self._connection.write_usual(answer, _GO_ON)
        if not (usual or (yield from self._connection.answer(answer, "data", _GO_ON))):
            return
        if isinstance(answer, DuringData):
            raise (yield from self._act_during_data(answer))
        stuffed = DotUnstuffer(self._config.limits.message)
        while not stuffed.take(self._connection.buffer):
            if stuffed.size > _PATIENCE_WITH_SIZE * self._config.limits.message:
                self._connection.write(Reply(421, ("4.7.0 That is far too much",)))
                raise (yield from self._connection.leave("message"))
            yield from self._connection.more("message")
        self._session.note("C", f"({stuffed.size:,} octets of the message)")
        self._session.note("C", ".")
        if stuffed.overflowed:
            self.forget()
            raise self._too_big()
        yield from self._deliver(stuffed.content, stuffed.single_dots)

    def bdat(self, argument: str) -> Flow[None]:
        """Handle BDAT: its octets are read even when they are refused, because commands follow (RFC 3030 2)."""
        try:
            size, last = read_chunk(argument)
        except Objection as objection:
            # The beginning of the next command is unknown.
            self._connection.write(objection.reply)
            self._connection.write(Reply(421, ("4.5.4 We have lost each other",)))
            raise (yield from self._connection.leave("message")) from None
        if size > _PATIENCE_WITH_SIZE * self._config.limits.message:
            self._connection.write(Reply(421, ("4.7.0 That is far too much",)))
            raise (yield from self._connection.leave("message"))
        wanted = self.begun and bool(self._recipients) and not self._chunk_failed
        fits = self._size + size <= self._config.limits.message
        answer: Answer | None = None
        if wanted and not self._chunking:
            answer = self._connection.decide(lambda: self._handler.data(self._session))
            if isinstance(answer, DuringData):
                raise (yield from self._act_during_data(answer))
        chunk = yield from self._octets(size, keep=wanted and fits)
        self._session.note("C", f"({size:,} octets of the message)")
        if self._chunk_failed:
            raise Objection(503, "5.5.1 This message has failed already; RSET forgets it")
        self._expect_recipients()
        self._chunking = True
        if not (yield from self._connection.answer(answer, "data", None)):
            self._chunk_failed = True
            return
        if not fits:
            self._chunk_failed = True
            raise self._too_big()
        self._chunks.append(chunk)
        self._size += size
        if last:
            yield from self._deliver(b"".join(self._chunks), 0)
        else:
            self._connection.write(Reply(250, (f"2.0.0 {size} octets taken",)))

    # The steps.

    def _octets(self, size: int, *, keep: bool) -> Flow[bytes]:
        """Read a known number of octets; with `keep` False they are discarded."""
        parts: list[bytes] = []
        missing = size
        buffer = self._connection.buffer
        while missing:
            if not buffer:
                yield from self._connection.more("message")
            taken = min(missing, len(buffer))
            if keep:
                parts.append(bytes(buffer[:taken]))
            del buffer[:taken]
            missing -= taken
        return b"".join(parts)

    def _expect_recipients(self) -> None:
        if not self.begun:
            raise Objection(503, "5.5.1 There is no message; MAIL begins one")
        if not self._recipients:
            # RFC 5321 3.3: 503 or 554; a client that pipelines takes 554 for "no recipient accepted".
            raise Objection(554, "5.5.1 No recipient was accepted")

    def _act_during_data(self, answer: DuringData) -> Flow[ReplyBuffer]:
        if not self._connection.buffer:
            yield from self._connection.more("message")
        yield from self._connection.answer(answer.then, "message", None)
        # The rest of the content can no longer be told from commands.
        return (yield from self._connection.leave("message"))

    def _deliver(self, content: bytes, single_dots: int) -> Flow[None]:
        """Pass the message to the handler, and send its result: once, or in LMTP once for each recipient."""
        origin, recipients = self._origin, tuple(self._recipients)
        self.forget()
        assert origin is not None
        delivery = Delivery(origin, recipients, content, tuple(self._session.findings), single_dots)
        if has_long_line(delivery.in_lines, self._config.limits.line, end=b"\r\n"):
            raise Objection(554, f"5.6.0 A line of the message has more than {self._config.limits.line} octets")
        words: Mapping[str, Reply] = {}

        def decide() -> Answer | None:
            nonlocal words
            decision = self._handler.message(self._session, delivery)
            if decision is None or isinstance(decision, ANSWERS):
                return decision
            words = decision
            return None

        answer = self._connection.decide(decide)
        self._session.messages += 1
        if self._config.dialect is not Dialect.LMTP:
            yield from self._connection.answer(answer, "message", _MESSAGE_TAKEN)
            return
        for recipient in recipients:
            yield from self._connection.answer(answer or words.get(recipient.address.spec), "message", _MESSAGE_TAKEN)

    def _too_big(self) -> Objection:
        return Objection(552, f"5.3.4 A message has {self._config.limits.message} octets at most")

    def _note_space(self, argument: str) -> None:
        if ": " in argument and argument.partition(":")[2].startswith(" "):
            self._session.add_finding(
                "space-in-path", "your client put a space after MAIL FROM: or RCPT TO: (RFC 5321 3.3 has none)"
            )
