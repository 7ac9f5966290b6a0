"""Server side of one IMAP connection: commands with their literals in, tagged and untagged responses out."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from courriel._dataclass import dataclass
from courriel._lazy_re import expression
from courriel.dialogue.flow import Flow, ReceivePending
from courriel.dialogue.server.connection import ServerConnection
from courriel.dialogue.server.handler import ServerLimits, ServerSession
from courriel.errors import Stage
from courriel.reply import Reply
from courriel.wire.imap_server.arguments import Arguments
from courriel.wire.imap_server.writing import text
from courriel.wire.smtp.client_syntax import printable
from courriel.wire.smtp.server_syntax import CommandLine, Objection, is_http

_LITERAL = expression(rb"~?\{(\d{1,19})(\+?)\}\Z")
_BEGIN = expression(rb"([!#$&',./0-9:;<=>?@A-Z\[\]^_`a-z|~-]{1,100}) ((?:UID )?[A-Za-z]{1,20})(?: |\Z)", re.IGNORECASE)
_MOST_LITERALS = 500  # of one command
_GENEROUS = 2  # times the limit of a message: a literal of so many octets that nobody asked for is read and discarded
# Response codes (RFC 5530) for our reply codes; a text that begins with one keeps it.
_CODES = {
    451: "UNAVAILABLE", 452: "LIMIT", 535: "AUTHENTICATIONFAILED", 538: "PRIVACYREQUIRED", 552: "LIMIT",
}  # fmt: skip
_BAD = (500, 501, 503)


@dataclass(frozen=True, slots=True)
class ImapCommand:
    """Command: its tag, its verb in capitals (UID FETCH is one), and the texts and literals behind it in turn."""

    tag: str
    verb: str
    pieces: tuple[bytes, ...]

    @property
    def shown(self) -> str:
        """The command as the transcript shows it: literals by their size."""
        rest = "".join(
            f"({len(piece):,} octets)" if place % 2 else printable(piece) for place, piece in enumerate(self.pieces)
        )
        return f"{self.tag} {self.verb} {rest}".rstrip()

    def arguments(self, *, utf8: bool) -> Arguments:
        """The arguments. Raises Objection."""
        return Arguments.read(self.pieces, utf8=utf8)


class ImapServerConnection(ServerConnection):
    """Buffers of one IMAP session. Replies are tagged with the command that is being answered."""

    def __init__(self, session: ServerSession, limits: ServerLimits) -> None:
        super().__init__(session, self._status)
        self.tag = ""  # of the command that is being answered; "" before the first
        self.rewrite: Callable[[bytes], bytes] | None = None
        """Changes each response to this command, as a scripted fault wants it."""
        self.code_of_login: Callable[[], str] = str  # response code of the answer to a login
        self._limits = limits

    # Responses.

    def untagged(self, response: bytes) -> None:
        """Add an untagged response, without its star and line end."""
        self.write(self._rewritten(b"* %b\r\n" % response))

    def ok(self, words: str) -> None:
        """Add the answer to the command."""
        self.write(Reply(250, (words,)))

    def letter(self, pieces: Sequence[bytes], stage: Stage) -> Flow[None]:
        """Add the FETCH response of a letter; every other piece is content, which the transcript does not show."""
        whole = b"".join(pieces)
        if self.rewrite is not None:
            whole = self._rewritten(whole)
        if len(pieces) == 1 and self.rewrite is None:
            self.write(whole)
            return
        self.session.note("S", printable(pieces[0].split(b"\r\n", 1)[0]))
        yield from self.hand_over(whole, stage)

    def wait_for_news(self, stage: Stage, seconds: float) -> Flow[None]:
        """Wait until the client sends, or somebody wakes this session. Raises TimedOut."""
        yield from self.flush(stage)
        self.buffer += yield ReceivePending(stage, seconds)

    # Commands.

    def command(self, limit: int, stage: Stage, literal_limit: Callable[[str], int]) -> Flow[ImapCommand]:
        """Next command. Raises Objection for one that is none, with `tag` set where it has one.

        `literal_limit` gives the octets that a literal of this verb may have.
        """
        self.tag, self.rewrite = "*", None
        line = yield from self.line(limit, stage)
        begin = _BEGIN.match(line.octets)
        if begin is None:
            if is_http(line):
                raise Http
            self.session.note("C", f"({len(line.octets):,} octets that are no command)")
            raise Objection(500, "This is not a command")
        self.tag, verb = begin[1].decode("ascii"), begin[2].decode("ascii").upper()
        pieces = yield from self._pieces(line, begin.end(), limit, literal_limit(verb), stage)
        return ImapCommand(self.tag, verb, tuple(pieces))

    # The steps.

    def _pieces(self, line: CommandLine, at: int, limit: int, most: int, stage: Stage) -> Flow[list[bytes]]:
        """Texts and literals in turn. A literal that is refused is not awaited, or read and discarded (LITERAL+)."""
        pieces: list[bytes] = []
        used, held = len(line.octets), 0
        refusal: Objection | None = None
        octets = line.octets[at:]
        while True:
            if not line.whole:
                raise Objection(500, "A line ends with CR LF, not with LF alone")
            found = _LITERAL.search(octets, max(0, len(octets) - 24))
            if found is None:
                if refusal is not None:
                    raise refusal
                pieces.append(octets)
                return pieces
            size, waits = int(found[1]), not found[2]
            if held + size > most and refusal is None:
                code = 550 if most >= self._limits.message else 500
                refusal = Objection(code, f"[TOOBIG] That is more than {most:,} octets")
            if len(pieces) > 2 * _MOST_LITERALS or (not waits and size > _GENEROUS * self._limits.message):
                self.write(Reply(421, ("That is far too much",)))
                raise (yield from self.leave(stage))
            if refusal is not None and waits:
                raise refusal
            if waits:
                self.write(b"+ Go ahead\r\n")
            pieces.append(octets[: found.start()])
            pieces.append((yield from self._literal(size, keep=refusal is None)))
            held += size
            line = yield from self.line(max(1, limit - used), stage)
            used += len(line.octets)
            octets = line.octets

    def _literal(self, size: int, *, keep: bool) -> Flow[bytes]:
        """Read a known number of octets; with `keep` False they are discarded."""
        parts: list[bytes] = []
        missing = size
        while missing:
            if not self.buffer:
                yield from self.more("message")
            taken = min(missing, len(self.buffer))
            if keep:
                parts.append(bytes(self.buffer[:taken]))
            del self.buffer[:taken]
            missing -= taken
        return b"".join(parts)

    def _rewritten(self, response: bytes) -> bytes:
        return response if self.rewrite is None else self.rewrite(response)

    def _status(self, reply: Reply) -> bytes:
        """Write a reply as a status response: OK, NO, BAD, BYE, or the "+" that asks for more."""
        words = reply.text.removeprefix(str(reply.enhanced or "")).lstrip()
        if reply.kind == 3:
            return b"+ %b\r\n" % text(words)
        code = self.code_of_login() if reply.code == 235 else _CODES.get(reply.code, "")
        coded = f"[{code}] ".encode("ascii") if code and not words.startswith("[") else b""
        shown = coded + text(words or "Done")
        if reply.code == 421 or (not self.tag and reply.kind != 2):
            return b"* BYE %b\r\n" % shown
        word = b"OK" if reply.kind == 2 else b"BAD" if reply.code in _BAD else b"NO"
        return self._rewritten(b"%b %b %b\r\n" % (self.tag.encode("ascii") or b"*", word, shown))


class Http(Exception):
    """Signal: this is HTTP, and the session ends."""
