"""Commands and responses of one IMAP connection: tags, literals, time limits, unsolicited responses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias, TypeVar

from courriel import errors
from courriel.dialogue.flow import Flow, Receive, ReceivePending, Send
from courriel.dialogue.imap.replies import Answer, answers_nothing, refuse_goodbye
from courriel.dialogue.reply_reader import hung_up
from courriel.errors import Stage
from courriel.model.received.limits import ReadLimits
from courriel.wire.imap import syntax as wire
from courriel.wire.imap.fetched import Fetched
from courriel.wire.imap.parser import Continuation, Event, ImapParser, Tagged, Unknown, Untagged
from courriel.wire.smtp.client_syntax import printable

_SMALL = 4096  # octets of a literal that may be sent without waiting (LITERAL-, RFC 7888)
_FREE = 1024 * 1024  # the same with LITERAL+: a larger letter waits, because a full mailbox would refuse it
_PROGRESS = 16 * 1024  # octets received that restart the time limit: a server must send as many in it
_SIGNS_OF_LIFE = 20  # responses to one command that restart it ("* OK still searching"), however short they are

Read: TypeAlias = "Untagged | Fetched"
T = TypeVar("T")


class ImapExchange:
    """Parser and tags of one IMAP connection."""

    def __init__(self, limits: ReadLimits) -> None:
        self.limits = limits
        self.counts_freely = 0  # longest literal that may be sent without waiting (LITERAL+, LITERAL-), in octets
        self.news = False  # new letters were announced since the last search (EXISTS, RECENT)
        self.stirred = False  # any change was announced since the folder was selected: letters, flags, removals
        self.parser = ImapParser(limits)
        self._number = 0
        self._running = False  # whether the time limit of an answer is running
        self._gained = 0  # octets since it was restarted
        self._alive = 0  # responses that have restarted it

    # Commands.

    def write(self, stage: Stage, data: bytes, *, secret: bool = False) -> Flow[None]:
        """Send octets; a tagged line that is already here ends the session (hazard H63). Raises RemoteProtocolError."""
        self._check_unsolicited(stage)
        self._restart()
        self.parser.start_answer()
        yield Send(data, stage, secret)

    def write_more(self, stage: Stage, data: bytes) -> Flow[None]:
        """Send a command while the answers to others are on their way (RFC 9051 5.5)."""
        yield Send(data, stage)

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
            if isinstance(word, wire.CountedUtf8):
                line += b"~"
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
        """New tag."""
        self._number += 1
        return b"c%d" % self._number

    # Responses.

    def answer(self, stage: Stage, tag: bytes) -> Flow[Answer]:
        """Read up to the answer with this tag. Raises RemoteProtocolError for a continuation request in its place."""
        answer = yield from self.read_reply(stage, tag)
        if isinstance(answer, Answer):
            return answer
        raise goes_on_asking(answer, stage)

    def read_reply(self, stage: Stage, tag: bytes) -> Flow[Answer | bytes]:
        """Read the answer with this tag, or a continuation request ("+") before it, without its plus sign."""
        untagged: list[Read] = []
        while True:
            event = yield from self.event(stage)
            if isinstance(event, Continuation):
                return event.text
            if isinstance(event, Tagged):
                if event.tag != tag:
                    raise answers_nothing(event.tag + b" " + event.status.shown.encode(), stage)
                return Answer(event.status, tuple(untagged))
            untagged.append(event)

    def first_line(self) -> Flow[bytes]:
        """Read the greeting as a line, which may be anything."""
        while (line := self._parsed(self.parser.line, "greeting")) is None:
            yield from self._receive_more("greeting")
        return line

    def event(self, stage: Stage) -> Flow[Tagged | Continuation | Read]:
        """Read the next response. Raises ConnectionFailed for BYE, RemoteProtocolError for a line that is none."""
        while (event := self.event_here(stage)) is None:
            yield from self._receive_more(stage)
        return event

    def event_here(self, stage: Stage) -> Tagged | Continuation | Read | None:
        """The next response, when it has been received."""
        event = self._parsed(self.parser.next, stage)
        if event is None:
            return None
        if isinstance(event, Tagged):
            self.parser.start_answer()
            self._alive, self._running = 0, False
        elif isinstance(event, Unknown):
            raise answers_nothing(event.line, stage)
        elif not isinstance(event, Continuation):
            self._take_notice(event, stage)
        return event

    def letters_here(self, found: list[Fetched], stage: Stage) -> bool:
        """Take the letters that have been received, in the usual form, up to any other response.

        True when the next one has begun in that form: more of it is to be received.
        """
        return self._parsed(lambda: self.parser.letters(found), stage)

    def sizes_here(self, stage: Stage) -> list[tuple[int, int]]:
        """Take the UIDs and sizes that have been received, in the usual form, up to any other response."""
        return self._parsed(self.parser.sizes, stage)

    def receive_more(self, stage: Stage) -> Flow[None]:
        """Read octets. Raises ConnectionFailed when the server hung up."""
        yield from self._receive_more(stage)

    def linger(self, stage: Stage, seconds: float) -> Flow[None]:
        """Wait at most that many seconds for the server to send; the octets are kept."""
        if self.idle:
            self.append((yield ReceivePending(stage, seconds)), stage)

    def take_news(self, stage: Stage) -> None:
        """Read the untagged responses that have been received while nothing was asked.

        Raises RemoteProtocolError for an answer: nothing was asked.
        """
        while (event := self.event_here(stage)) is not None:
            if isinstance(event, Tagged | Continuation):
                raise _answered_before(event, stage)

    def pour_into(self, write: Callable[[bytes], object] | None, limit: int = 0) -> None:
        """Write the next text of a letter there, of at most that many octets, instead of keeping it."""
        self.parser.pour, self.parser.most_poured = write, limit

    @property
    def idle(self) -> bool:
        """True when the receive buffer is empty: every octet received was read."""
        return self.parser.empty

    def append(self, chunk: bytes, stage: Stage) -> None:
        """Append received octets."""
        if chunk:
            self.parser.add(chunk)

    def expect_nothing(self, stage: Stage) -> Flow[None]:
        """Check that no octet is here: one received before TLS may come from an attacker (hazard H62).

        Raises RemoteProtocolError.
        """
        if not self.idle or (yield ReceivePending(stage)):
            raise errors.RemoteProtocolError("the server spoke before the line was secure", stage=stage)

    def take_rest(self) -> bytes:
        """Remove and return all octets that were received and not read."""
        return self.parser.take_rest()

    def reset(self) -> None:
        """Reset the state for a new connection."""
        self.parser.clear()
        self.pour_into(None)
        self._restart()
        self.counts_freely = 0
        self.news = self.stirred = False

    def learn(self, capabilities: dict[str, str]) -> None:
        """Take over the capabilities that change how commands are sent."""
        self.counts_freely = _FREE if "LITERAL+" in capabilities else _SMALL if "LITERAL-" in capabilities else 0

    # The steps.

    @staticmethod
    def _parsed(parse: Callable[[], T], stage: Stage) -> T:
        try:
            return parse()
        except errors.RemoteProtocolError as wrong:
            wrong.stage = stage
            raise

    def _receive_more(self, stage: Stage) -> Flow[None]:
        """Read octets; the time limit goes on, unless the server has sent enough since it was restarted."""
        chunk = yield Receive(stage, self._running)
        if not chunk:
            raise hung_up(stage)
        self._running = True
        self._gained += len(chunk)
        if self._gained >= _PROGRESS:
            self._gained, self._running = 0, False
        self.parser.add(chunk)

    def _restart(self) -> None:
        self._running, self._gained, self._alive = False, 0, 0

    def _take_notice(self, event: Read, stage: Stage) -> None:
        """Take notice of an untagged response."""
        if self._alive < _SIGNS_OF_LIFE:
            self._alive, self._running = self._alive + 1, False
        if isinstance(event, Untagged):
            if event.name in ("EXISTS", "RECENT"):
                self.news = self.stirred = True
            elif event.name in ("EXPUNGE", "VANISHED"):
                self.stirred = True
            elif event.name == "BYE":
                refuse_goodbye(event.status, stage)
        elif not event.has_letter_data:
            self.stirred = True

    def _check_unsolicited(self, stage: Stage) -> None:
        """Check that only untagged responses ("* …") have arrived before a command."""
        if self.parser.empty:
            return
        self.take_news(stage)
        if self.parser.between and not b"* ".startswith(self.parser.rest[:2]):
            raise errors.RemoteProtocolError(
                f"the server answered before it was asked: {printable(self.parser.rest)}", stage=stage
            )


def goes_on_asking(text: bytes, stage: Stage) -> errors.RemoteProtocolError:
    """Error: a continuation request although the command was complete."""
    return errors.RemoteProtocolError(
        f"the server asks although nothing is left to say: {printable(text)}", stage=stage
    )


# The steps.


def _answered_before(event: Event, stage: Stage) -> errors.RemoteProtocolError:
    line = event.tag + b" " + event.status.shown.encode() if isinstance(event, Tagged) else b"+"
    return errors.RemoteProtocolError(f"the server answered before it was asked: {printable(line[:80])}", stage=stage)
