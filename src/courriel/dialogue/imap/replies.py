"""
Commands and responses of IMAP: one buffer for lines and literals.

The library that implements most of IMAP reads through this buffer too, so that size limits, time limits and the
transcript are in one place, and no octet can be read by the wrong one of two readers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from courriel import errors
from courriel._dataclass import dataclass
from courriel.dialogue.flow import Flow, Receive, ReceivePending, Send
from courriel.dialogue.reply_reader import hung_up
from courriel.errors import Stage
from courriel.model.received.limits import ReadLimits
from courriel.reply import Reply
from courriel.wire.imap import syntax as wire
from courriel.wire.smtp.client_syntax import printable

# RFC 5530: response codes of temporary failures. A NO without one of these is permanent.
_PASSING = ("UNAVAILABLE", "INUSE", "SERVERBUG", "LIMIT", "CORRUPTION")
_ARRIVAL = re.compile(rb"\* \d+ (?:EXISTS|RECENT)\r\n", re.IGNORECASE)
_SMALL = 4096  # octets of a literal that may be sent without waiting (LITERAL-, RFC 7888)


@dataclass(frozen=True, slots=True)
class Answer:
    """Tagged response to a command, and the untagged ones before it: without their asterisk and without literals."""

    status: wire.Status
    untagged: tuple[bytes, ...] = ()


class ImapReplies:
    """Receive buffer and tags of one IMAP connection."""

    def __init__(self, limits: ReadLimits) -> None:
        self.limits = limits
        self.counts_freely = 0  # longest literal that may be sent without waiting (LITERAL+, LITERAL-), in octets
        self.news = False  # new letters were announced since the last search (EXISTS, RECENT)
        self._buffer = bytearray()
        self._octets = self._lines = 0  # received since the last command
        self._number = 0

    # Commands.

    def write(self, stage: Stage, data: bytes, *, secret: bool = False) -> Flow[None]:
        """Send octets; a tagged line that is already in the buffer ends the session (hazard H63).

        Raises RemoteProtocolError.
        """
        if self._buffer:
            self._check_unsolicited(stage)
        self._octets = self._lines = 0
        yield Send(data, stage, secret)

    def command(self, stage: Stage, *words: bytes, secret: bool = False) -> Flow[Answer]:
        """Send one command and read its answer. Raises ConnectionFailed when the server sends BYE instead."""
        tag = yield from self.send_command(stage, words, secret=secret)
        if isinstance(tag, Answer):
            return tag
        return (yield from self.answer(stage, tag))

    def send_command(self, stage: Stage, words: Sequence[bytes], *, secret: bool = False) -> Flow[bytes | Answer]:
        """Send a command; return its tag, or the answer itself when the server refused a literal of it."""
        tag = self.new_tag()
        line = bytearray(tag)
        for place, word in enumerate(words):
            # No space inside the brackets of a search.
            if word != b")" and (not place or words[place - 1] != b"("):
                line += b" "
            if not isinstance(word, wire.Counted):
                line += word
                continue
            if len(word) <= self.counts_freely:
                line += b"{%d+}\r\n%b" % (len(word), word)
                continue
            yield from self.write(stage, bytes(line) + b"{%d}\r\n" % len(word), secret=secret)
            answer = yield from self.read_reply(stage, tag)
            if isinstance(answer, Answer):
                return answer
            line = bytearray(word)
        yield from self.write(stage, bytes(line) + b"\r\n", secret=secret)
        return tag

    def new_tag(self) -> bytes:
        """New tag, different from all tags of the library."""
        self._number += 1
        return b"c%d" % self._number

    # Responses.

    def answer(self, stage: Stage, tag: bytes) -> Flow[Answer]:
        """Read up to the answer with this tag. Raises RemoteProtocolError for a continuation request in its place."""
        answer = yield from self.read_reply(stage, tag)
        if isinstance(answer, Answer):
            return answer
        raise errors.RemoteProtocolError(
            f"the server asks although nothing is left to say: {printable(answer)}", stage=stage
        )

    def read_reply(self, stage: Stage, tag: bytes) -> Flow[Answer | bytes]:
        """Read the answer with this tag, or a continuation request ("+") before it, without its plus sign."""
        untagged: list[bytes] = []
        while True:
            line = yield from self.response(stage)
            begin, _, rest = line.partition(b" ")
            if begin == b"+" or line.rstrip() == b"+":
                return rest.rstrip(b"\r\n")
            if begin == b"*":
                refuse_goodbye(rest, stage)
                untagged.append(rest.rstrip(b"\r\n"))
                continue
            status = wire.read_status(rest) if begin == tag else None
            if status is None:
                raise answers_nothing(line, stage)
            return Answer(status, tuple(untagged))

    def response(self, stage: Stage) -> Flow[bytes]:
        """Read one response as a line; its literals are read and left out."""
        line = yield from self.line(stage)
        while (size := wire.counted_at_end(line)) is not None:
            yield from self.octets(stage, size)
            line = line.rstrip(b"\r\n") + b" " + (yield from self.line(stage))
            if len(line) > self.limits.line:
                raise _too_much("a line", self.limits.line, stage)
        return line

    def line(self, stage: Stage) -> Flow[bytes]:
        """Read the next line, its end included. Raises ConnectionFailed, and RemoteProtocolError above the limits."""
        looked, begun = 0, False
        while (end := self._buffer.find(b"\n", looked)) < 0:
            looked = len(self._buffer)
            if looked > self.limits.line:
                raise _too_much("a line", self.limits.line, stage)
            # Octets that were here before (unsolicited, or behind another line) did not start the time limit.
            yield from self._receive_more(stage, begun=begun)
            begun = True
        self._lines += 1
        if end > self.limits.line:
            raise _too_much("a line", self.limits.line, stage)
        if self._lines > self.limits.lines:
            raise _too_much("an answer", self.limits.lines, stage, "lines")
        line = bytes(self._buffer[: end + 1])
        del self._buffer[: end + 1]
        self.news = self.news or _ARRIVAL.match(line) is not None
        return line

    def octets(self, stage: Stage, size: int) -> Flow[bytes]:
        """Read a literal of that many octets; above the limit it is refused before the first octet is awaited."""
        if size > self.limits.letter:
            raise _too_much("a letter", self.limits.letter, stage)
        while len(self._buffer) < size:
            # Each portion that arrives is progress, and restarts the time limit.
            yield from self._receive_more(stage, begun=False)
        with memoryview(self._buffer) as view:
            octets = bytes(view[:size])
        del self._buffer[:size]
        return octets

    def linger(self, stage: Stage, seconds: float) -> Flow[None]:
        """Wait at most that many seconds for the server to send; the octets are kept."""
        if self.idle:
            self.keep((yield ReceivePending(stage, seconds)), stage)

    @property
    def idle(self) -> bool:
        """Whether the buffer is empty."""
        return not self._buffer

    def keep(self, chunk: bytes, stage: Stage) -> None:
        """Append received octets to the buffer, within the limit of an answer."""
        self._octets += len(chunk)
        if self._octets > self.limits.answer:
            raise _too_much("an answer", self.limits.answer, stage)
        self._buffer += chunk

    def expect_nothing(self, stage: Stage) -> Flow[None]:
        """Check that no octet is here: one received before TLS may come from an attacker (hazard H62).

        Raises RemoteProtocolError.
        """
        if self._buffer or (yield ReceivePending(stage)):
            raise errors.RemoteProtocolError("the server spoke before the line was secure", stage=stage)

    def forget(self) -> None:
        """Reset the state for a new connection."""
        self._buffer.clear()
        self._octets = self._lines = self.counts_freely = 0
        self.news = False

    def learn(self, capabilities: dict[str, str]) -> None:
        """Take over the capabilities that change how commands are sent."""
        self.counts_freely = (
            self.limits.letter if "LITERAL+" in capabilities else _SMALL if "LITERAL-" in capabilities else 0
        )

    # The steps.

    def _receive_more(self, stage: Stage, *, begun: bool) -> Flow[None]:
        chunk = yield Receive(stage, begun)
        if not chunk:
            raise hung_up(stage)
        self.keep(chunk, stage)

    def _check_unsolicited(self, stage: Stage) -> None:
        """Check that only untagged responses ("* …") are in the buffer before a command; they stay in it."""
        at = 0
        while (end := self._buffer.find(b"\n", at)) >= 0:
            line = bytes(self._buffer[at : end + 1])
            if not line.startswith(b"* "):
                raise errors.RemoteProtocolError(
                    f"the server answered before it was asked: {printable(line[:80])}", stage=stage
                )
            at = end + 1
            while (size := wire.counted_at_end(line)) is not None:
                at += size
                end = self._buffer.find(b"\n", at)
                if end < 0:
                    return
                line = bytes(self._buffer[at : end + 1])
                at = end + 1


def refuse_goodbye(response: bytes, stage: Stage) -> None:
    """Raise ConnectionFailed for an untagged BYE, which ends the session whatever the command is."""
    status = wire.read_status(response) if response[:3].upper() == b"BYE" else None
    if status is not None and status.word == "BYE":
        raise errors.ConnectionFailed(
            f"the server closed the session: {status.shown}", stage=stage, hint_id="SESSION-LOST"
        )


def reply_of(status: wire.Status) -> Reply:
    """Convert a status to the `Reply` that errors hold: `word` is the server's, `code` only the class of the reply."""
    if status.word in ("OK", "PREAUTH"):
        kind = 200
    elif status.word == "BAD":
        kind = 504  # unknown command or syntax: at the login another mechanism may follow
    else:
        kind = 400 if status.code.upper() in _PASSING else 500
    text = f"[{status.code}] {status.text}" if status.code else status.text
    return Reply(kind, (text,), status.word)


def answers_nothing(line: bytes, stage: Stage) -> errors.RemoteProtocolError:
    """Error: a line that is neither an untagged response nor the answer to a command."""
    return errors.RemoteProtocolError(f"this answers nothing that was asked: {printable(line[:80])}", stage=stage)


def _too_much(noun: str, limit: int, stage: Stage, unit: str = "octets") -> errors.RemoteProtocolError:
    return errors.RemoteProtocolError(f"{noun} of more than {limit:,} {unit}", stage=stage)
