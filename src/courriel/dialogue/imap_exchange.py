"""
Commands out, answers in, in IMAP: one buffer for all that a server says, lines and counted octets alike.

The library that speaks most of IMAP for us reads through here too, so that limits, time limits and the transcript are
in one place, and no octet can be read by the wrong one of two readers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from courriel import errors
from courriel.dialogue.flow import Flow, Overhear, Receive, Send
from courriel.dialogue.talk import hung_up
from courriel.errors import Stage
from courriel.model.limits import Limits
from courriel.reply import Reply
from courriel.values import dataclass
from courriel.wire import imap as wire
from courriel.wire.smtp import printable

# RFC 5530: what may go away by itself. IMAP knows no numbers, and a NO alone is final.
_PASSING = ("UNAVAILABLE", "INUSE", "SERVERBUG", "LIMIT", "CORRUPTION")
_ARRIVAL = re.compile(rb"\* \d+ (?:EXISTS|RECENT)\r\n", re.IGNORECASE)
_SMALL = 4096  # octets that may be counted out without being waited for (LITERAL-, RFC 7888)


@dataclass(frozen=True, slots=True)
class Answer:
    """How a command ended, and what was said before that: lines without their asterisk, counted octets left out."""

    status: wire.Status
    untagged: tuple[bytes, ...] = ()


class ImapExchange:
    """The thread of one conversation: what has arrived and not been read yet, and which commands were ours."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.counts_freely = 0  # octets that may follow their number at once (LITERAL+, LITERAL-)
        self.news = False  # letters came since somebody looked: said by the way, in any answer
        self._buffer = bytearray()
        self._octets = self._lines = 0  # heard since the last command
        self._number = 0

    # What is said.

    def say(self, stage: Stage, data: bytes, *, secret: bool = False) -> Flow[None]:
        """Put these octets on the line; a tagged line that is here already answers nothing, and ends the session (B3).

        Raises RemoteProtocolError.
        """
        if self._buffer:
            self._look_for_answers_to_nothing(stage)
        self._octets = self._lines = 0
        yield Send(data, stage, secret)

    def ask(self, stage: Stage, *words: bytes, secret: bool = False) -> Flow[Answer]:
        """Say one command, hear how it ends. Raises ConnectionFailed when the server says BYE instead."""
        tag = yield from self.command(stage, words, secret=secret)
        if isinstance(tag, Answer):
            return tag
        return (yield from self.answer(stage, tag))

    def command(self, stage: Stage, words: Sequence[bytes], *, secret: bool = False) -> Flow[bytes | Answer]:
        """Say a command; the tag of its answer, or the answer itself when the server would not hear all of it."""
        tag = self.new_tag()
        line = bytearray(tag)
        for place, word in enumerate(words):
            # Brackets of a search stand close to what they hold.
            if word != b")" and (not place or words[place - 1] != b"("):
                line += b" "
            if not isinstance(word, wire.Counted):
                line += word
                continue
            if len(word) <= self.counts_freely:
                line += b"{%d+}\r\n%b" % (len(word), word)
                continue
            yield from self.say(stage, bytes(line) + b"{%d}\r\n" % len(word), secret=secret)
            heard = yield from self.hear(stage, tag)
            if isinstance(heard, Answer):
                return heard
            line = bytearray(word)
        yield from self.say(stage, bytes(line) + b"\r\n", secret=secret)
        return tag

    def new_tag(self) -> bytes:
        """A tag that the library's own never looks like."""
        self._number += 1
        return b"c%d" % self._number

    # What is heard.

    def answer(self, stage: Stage, tag: bytes) -> Flow[Answer]:
        """Everything up to the answer with this tag. Raises RemoteProtocolError for a question in place of it."""
        heard = yield from self.hear(stage, tag)
        if isinstance(heard, Answer):
            return heard
        raise errors.RemoteProtocolError(
            f"the server asks although nothing is left to say: {printable(heard)}", stage=stage
        )

    def hear(self, stage: Stage, tag: bytes) -> Flow[Answer | bytes]:
        """The answer with this tag, or the server's question ("+") before it, without its plus sign."""
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
        """One response as a line: octets that it counts out are read and left out."""
        line = yield from self.line(stage)
        while (size := wire.counted_at_end(line)) is not None:
            yield from self.octets(stage, size)
            line = line.rstrip(b"\r\n") + b" " + (yield from self.line(stage))
            if len(line) > self.limits.line:
                raise _too_much("a line", self.limits.line, stage)
        return line

    def line(self, stage: Stage) -> Flow[bytes]:
        """The next line, its end included. Raises ConnectionFailed when the server hung up, RemoteProtocolError for
        what is longer than the limits."""
        looked, begun = 0, False
        while (end := self._buffer.find(b"\n", looked)) < 0:
            looked = len(self._buffer)
            if looked > self.limits.line:
                raise _too_much("a line", self.limits.line, stage)
            # What came before we waited for this line (unasked, or behind another one) began no limit of time.
            yield from self._more(stage, begun=begun)
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
        """So many octets, as they are; refused before a single one is waited for when they are too many."""
        if size > self.limits.letter:
            raise _too_much("a letter", self.limits.letter, stage)
        while len(self._buffer) < size:
            # Each piece that arrives is progress, and has its own time.
            yield from self._more(stage, begun=False)
        with memoryview(self._buffer) as view:
            octets = bytes(view[:size])
        del self._buffer[:size]
        return octets

    def linger(self, stage: Stage, seconds: float) -> Flow[None]:
        """Wait at most so long for the server to speak; what it says is kept."""
        if self.idle:
            self.keep((yield Overhear(stage, seconds)), stage)

    @property
    def idle(self) -> bool:
        """Whether nothing has arrived that is not read yet."""
        return not self._buffer

    def keep(self, chunk: bytes, stage: Stage) -> None:
        """Take in what has arrived, as long as it is not too much."""
        self._octets += len(chunk)
        if self._octets > self.limits.answer:
            raise _too_much("an answer", self.limits.answer, stage)
        self._buffer += chunk

    def expect_nothing(self, stage: Stage) -> Flow[None]:
        """Make sure that not one byte is here: before TLS whatever is may come from someone else (B2).

        Raises RemoteProtocolError.
        """
        if self._buffer or (yield Overhear(stage)):
            raise errors.RemoteProtocolError("the server spoke before the line was secure", stage=stage)

    def forget(self) -> None:
        """Begin anew on a new line."""
        self._buffer.clear()
        self._octets = self._lines = self.counts_freely = 0
        self.news = False

    def learn(self, capabilities: dict[str, str]) -> None:
        """What the server can do, as far as it changes how we speak."""
        self.counts_freely = (
            self.limits.letter if "LITERAL+" in capabilities else _SMALL if "LITERAL-" in capabilities else 0
        )

    # The steps.

    def _more(self, stage: Stage, *, begun: bool) -> Flow[None]:
        chunk = yield Receive(stage, begun)
        if not chunk:
            raise hung_up(stage)
        self.keep(chunk, stage)

    def _look_for_answers_to_nothing(self, stage: Stage) -> None:
        """Only news ("* …") may be here when we begin to speak; it is left where it is."""
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


def refuse_goodbye(said: bytes, stage: Stage) -> None:
    """A BYE that nobody asked for ends the session, whatever was asked. Raises ConnectionFailed."""
    status = wire.read_status(said) if said[:3].upper() == b"BYE" else None
    if status is not None and status.word == "BYE":
        raise errors.ConnectionFailed(
            f"the server closed the session: {status.said}", stage=stage, hint_id="SESSION-LOST"
        )


def reply_of(status: wire.Status) -> Reply:
    """A status as every error holds it: the word is the server's, the number only says what kind of answer it is."""
    if status.word in ("OK", "PREAUTH"):
        kind = 200
    elif status.word == "BAD":
        kind = 504  # it does not know the command, or not like that: at the login another mechanism may follow
    else:
        kind = 400 if status.code.upper() in _PASSING else 500
    text = f"[{status.code}] {status.text}" if status.code else status.text
    return Reply(kind, (text,), status.word)


def answers_nothing(line: bytes, stage: Stage) -> errors.RemoteProtocolError:
    """A line that is neither news nor the answer to what was asked."""
    return errors.RemoteProtocolError(f"this answers nothing that was asked: {printable(line[:80])}", stage=stage)


def _too_much(what: str, limit: int, stage: Stage, unit: str = "octets") -> errors.RemoteProtocolError:
    return errors.RemoteProtocolError(f"{what} of more than {limit:,} {unit}", stage=stage)
