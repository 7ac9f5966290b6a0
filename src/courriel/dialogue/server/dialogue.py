"""Server conversations of SMTP and POP3: one command after the other, mistakes counted, TLS on an empty buffer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Container, Mapping
from itertools import count
from typing import ClassVar, NoReturn

from courriel import errors
from courriel.dialogue.flow import Flow, ReceivePending, Secure
from courriel.dialogue.server.connection import ReplyBuffer, ServerConnection
from courriel.dialogue.server.handler import ServerConfig, ServerHandler
from courriel.errors import Stage
from courriel.reply import Reply
from courriel.wire.smtp.client_syntax import printable
from courriel.wire.smtp.server_syntax import CommandLine, Objection, is_http, read_command

_TURN = 250  # commands of one session, after which the others have their turn


class ServerDialogue(ABC):
    """Server side of one connection; `serve` is a flow that ends with the session."""

    def __init__(self, handler: ServerHandler, config: ServerConfig, connection: ServerConnection) -> None:
        self.session = connection.session
        self._handler = handler
        self._config = config
        self._connection = connection
        self._mistakes = 0
        self._commands: Mapping[str, Callable[[str], Flow[None]]] = {}  # handlers by verb; they take the argument

    def serve(self) -> Flow[None]:
        """Send the greeting, answer commands, end the session; a silent client is told so, a lost one is not."""
        try:
            yield from self._greet()
            for turn in count(1):
                yield from self._handle_one_command()
                if not turn % _TURN or self._connection.is_full:
                    # Many commands can come at once, and each may have a long answer.
                    yield from self._connection.give_way(self._stage)
        except ReplyBuffer:
            return
        except errors.TimedOut:
            self.session.note("*", "the client was silent for too long")
            yield from self._refuse_connection("4.4.2", "You were silent for too long")
        except errors.CourrielError as gone:
            self.session.note("*", printable(str(gone).encode()))
        except Exception as failure:  # noqa: BLE001 - the edge: a client never sees internal errors (hazard H83)
            self.session.failures.append(failure)
            yield from self._refuse_connection("4.3.0", "Something went wrong here")

    # What differs.

    _enhanced: ClassVar[bool] = False  # replies have enhanced codes (RFC 3463)
    _mistaken: ClassVar[Container[int]] = range(1000)  # codes of objections that count as mistakes

    @abstractmethod
    def _greet(self) -> Flow[None]: ...

    @property
    @abstractmethod
    def _stage(self) -> Stage:
        """Stage whose command is awaited."""

    @abstractmethod
    def _longest_line(self) -> int: ...

    @abstractmethod
    def _note_command(self, verb: str, line: CommandLine) -> None:
        """Write a command into the transcript, without its secret."""

    # The steps.

    def _handle_one_command(self) -> Flow[None]:
        """Read one line and handle it; while complete lines are in the buffer, nothing is sent or awaited."""
        line = self._connection.ready_line(self._config.limits.command)
        if line is None:
            try:
                line = yield from self._connection.line(self._longest_line(), self._stage)
            except Objection as too_long:
                self.session.note("C", "(a line that is too long)")
                yield from self._send_objection(too_long)
                return
        if is_http(line):
            # A web page can make a browser post to any port: the body would be commands that deliver a mail.
            yield from self._refuse_http()
        try:
            verb, argument = read_command(line)
            if verb not in self._commands:
                raise Objection(500, self._coded("5.5.1", "This command is not known here"))
            if verb != "AUTH" and len(line.octets) + 2 > self._config.limits.command:
                raise Objection(
                    500, self._coded("5.5.2", f"A command has {self._config.limits.command} octets at most")
                )
        except Objection as objection:
            # An invalid command may be a misplaced password: it is not shown.
            self.session.note("C", f"({len(line.octets):,} octets that are no command)")
            if not line.whole and self._enhanced:
                self.session.add_finding(
                    "bare-lf-command", "your client ended a command with a bare LF (RFC 5321 2.3.8)"
                )
            yield from self._send_objection(objection)
            return
        self._note_command(verb, line)
        try:
            yield from self._commands[verb](line.octets[5:].decode() if verb == "PASS" else argument)  # with all spaces
        except Objection as objection:
            yield from self._send_objection(objection)

    def _secure_line(self, verb: str, usual: Reply) -> Flow[bool]:
        """Start TLS with an empty buffer: octets that came along with the command were not encrypted (hazard H77)."""
        if self.session.secured:
            raise Objection(503, self._coded("5.5.1", "The line is secure already"))
        if not self._config.starttls:
            raise Objection(502, self._coded("5.5.1", "There is no TLS here"))
        yield from self._connection.flush("secure")
        early = bytes(self._connection.buffer) + (yield ReceivePending("secure"))
        self._connection.buffer.clear()
        if early:
            self.session.note("*", f"{len(early):,} octets came together with {verb} and were thrown away")
            self.session.add_finding(
                "before-tls", f"something was sent together with {verb}: thrown away, it may be an attacker's"
            )
        answer = self._connection.decide(lambda: self._handler.secure(self.session))
        if not (yield from self._connection.answer(answer, "secure", usual)):
            return False
        yield from self._connection.flush("secure")
        yield Secure()
        self.session.secured = True
        self.session.note("*", f"secured by {self.session.tls_version or 'TLS'}")
        return True

    def _send_objection(self, objection: Objection) -> Flow[None]:
        self._connection.write(objection.reply)
        if objection.reply.code in self._mistaken:
            self._mistakes += 1
            if self._mistakes > self._config.limits.mistakes:
                yield from self._refuse_connection("4.7.0", "Too many mistakes")
                raise ReplyBuffer

    def _refuse_connection(self, enhanced: str, reason: str) -> Flow[None]:
        self._connection.write(Reply(421, (self._coded(enhanced, reason),)))
        try:
            yield from self._connection.flush("goodbye")
        except errors.CourrielError:
            return

    def _refuse_http(self) -> Flow[NoReturn]:
        self.session.note("C", "(HTTP)")
        self.session.add_finding(
            "http", "somebody spoke HTTP to this port: the session was ended before any of it was taken"
        )
        yield from self._refuse_connection("4.7.0", "This is not a web server")
        raise ReplyBuffer

    def _may_log_in(self) -> bool:
        return bool(self._config.mechanisms) and (self.session.secured or not self._config.login_needs_tls)

    def _coded(self, enhanced: str, sentence: str) -> str:
        return f"{enhanced} {sentence}" if self._enhanced else sentence
