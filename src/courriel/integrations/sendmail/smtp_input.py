"""SMTP on standard input (-bs): what Pine, Alpine and some robots speak with the program that they start."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO

from courriel import Address, errors
from courriel._lazy_re import expression

Deliver = Callable[[str, list[str], Iterator[bytes]], None]
"""Takes sender ("" for the null sender), recipients, and the lines of a message."""

_PATH = expression(r"(?i)(from|to):\s*<([^<>\r\n]*)>(?:\s+[!-~]+)*\s*")
_LONGEST = 2048  # octets of a command
_MISTAKES = 20
_RECIPIENTS = 1000


class SmtpInput:
    """One conversation; `deliver` is called with each message, and raises what makes it refused."""

    def __init__(self, source: BinaryIO, answers: BinaryIO, host: str, deliver: Deliver) -> None:
        self._source, self._answers, self._host, self._deliver = source, answers, host, deliver
        self._sender: str | None = None
        self._recipients: list[str] = []
        self._line_end = b"\r\n"  # that of the last command

    def serve(self) -> None:
        """Serve until QUIT, the end of the input, or too many mistakes."""
        self._say(f"220 {self._host} ESMTP courriel")
        mistakes = 0
        while mistakes < _MISTAKES and (line := self._source.readline(_LONGEST)):
            verb, _, argument = line.decode("utf-8", "replace").strip().partition(" ")
            if verb.upper() == "QUIT":
                self._say("221 2.0.0 Goodbye")
                return
            if line.endswith(b"\n"):
                self._line_end = b"\r\n" if line.endswith(b"\r\n") else b"\n"
                answer = self._answer(verb.upper(), argument)
            else:
                answer = self._refuse_long_line()
            mistakes += answer.startswith("50")
            self._say(answer)
            if answer.startswith("421"):
                return
        if mistakes >= _MISTAKES:
            self._say("421 4.7.0 Too many mistakes")

    # The steps.

    def _say(self, answer: str) -> None:
        self._answers.write(answer.encode() + b"\r\n")
        self._answers.flush()

    def _refuse_long_line(self) -> str:
        """Read the rest of a line that is too long, which is no command of its own."""
        while (piece := self._source.readline(_LONGEST)) and not piece.endswith(b"\n"):
            pass
        return "500 5.5.2 Line too long"

    def _answer(self, verb: str, argument: str) -> str:
        match verb:
            case "EHLO" | "HELO" | "RSET" | "NOOP":
                if verb != "NOOP":
                    self._sender, self._recipients = None, []
                return f"250-{self._host}\r\n250-8BITMIME\r\n250 PIPELINING" if verb == "EHLO" else "250 2.0.0 Ok"
            case "MAIL":
                return self._mail(argument)
            case "RCPT":
                return self._rcpt(argument)
            case "DATA":
                return self._data()
            case "VRFY":
                return "252 2.5.2 Send, and you will see"
            case _:
                return "500 5.5.2 Unknown command"

    def _mail(self, argument: str) -> str:
        found = _PATH.fullmatch(argument)
        if found is None or found[1].lower() != "from":
            return "501 5.5.4 MAIL FROM:<address>"
        self._sender, self._recipients = found[2].strip(), []
        return "250 2.1.0 Ok"

    def _rcpt(self, argument: str) -> str:
        found = _PATH.fullmatch(argument)
        if self._sender is None:
            return "503 5.5.1 MAIL first"
        if found is None or found[1].lower() != "to" or not found[2].strip():
            return "501 5.5.4 RCPT TO:<address>"
        if len(self._recipients) >= _RECIPIENTS:
            return "452 4.5.3 Too many recipients"
        path = found[2].strip()
        try:
            Address.parse(path if "@" in path else f"{path}@{self._host}")
        except errors.InvalidAddress as wrong:
            return f"553 5.1.3 {_one_line(str(wrong))}"
        self._recipients.append(path)
        return "250 2.1.5 Ok"

    def _data(self) -> str:
        if self._sender is None or not self._recipients:
            return "503 5.5.1 MAIL and RCPT first"
        self._say("354 End with a dot on a line of its own")
        content = _Content(self._source, self._line_end)
        sender, recipients, self._sender, self._recipients = self._sender, self._recipients, None, []
        try:
            self._deliver(sender, recipients, iter(content))
        except errors.CourrielError as refused:
            answer = f"{'451 4.3.0' if refused.sysexit == 75 else '554 5.6.0'} {_one_line(str(refused))}"
        except OSError as failed:
            answer = f"451 4.3.0 {failed.strerror or 'try again'}"
        else:
            answer = "250 2.0.0 Ok"
        content.skip()
        return answer if content.complete else "421 4.4.2 The message has no end"


class _Content:
    """
    Lines of a message until the dot, without the dots that were added before other dots.

    The dot stands between line ends of the kind that the commands have. A client that ends lines by CRLF adds no dot
    behind a lone LF of its message: were one taken for the end there, the rest of the message would be commands.
    """

    def __init__(self, source: BinaryIO, line_end: bytes) -> None:
        self._source, self._line_end = source, line_end
        self.complete = False
        self._begun = False  # whether the last piece did not end a line

    def __iter__(self) -> Iterator[bytes]:
        while not self.complete and (piece := self._source.readline(64 * 1024)):
            if not self._begun and piece == b"." + self._line_end:
                self.complete = True
                return
            at_start, self._begun = not self._begun, not piece.endswith(self._line_end)
            yield piece[1:] if at_start and piece.startswith(b".") else piece
        if not self.complete:
            raise errors.InvalidMessage("the message ends without its dot", stage="compose")

    def skip(self) -> None:
        """Read what a refused message has left."""
        try:
            _exhaust(self)
        except errors.InvalidMessage:
            return


def _exhaust(pieces: Iterable[bytes]) -> None:
    for _ in pieces:
        pass


def _one_line(text: str) -> str:
    return " ".join(text.split())[:400]
