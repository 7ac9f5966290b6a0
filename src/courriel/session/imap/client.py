"""Adapter for IMAPClient: it reads and writes through our connection and raises our errors.

The login is ours, so it is given an authenticated mailbox and no secret (docs/decisions/0016). Of its private parts one
is replaced, `_create_IMAP4`, as its own tests do; of the standard library only methods documented as replaceable:
`open`, `read`, `readline`, `send`, `shutdown`.
"""

from __future__ import annotations

import imaplib
import re
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from courriel import errors
from courriel.dialogue.flow import Flow
from courriel.dialogue.imap.client import ImapDialogue
from courriel.dialogue.imap.replies import reply_of
from courriel.errors import Stage
from courriel.network.stepping import SteppingLine
from courriel.reply import Reply
from courriel.wire.imap import syntax as wire
from courriel.wire.smtp.client_syntax import printable

try:
    # It has no types: what it returns is converted to ours here and in the other imap modules.
    from imapclient import IMAPClient, imap_utf7  # pyright: ignore[reportMissingTypeStubs]
    from imapclient.exceptions import CapabilityError, ProtocolError  # pyright: ignore[reportMissingTypeStubs]
    from imapclient.response_parser import parse_fetch_response  # pyright: ignore[reportMissingTypeStubs]
except ImportError as missing:
    raise errors.MissingExtra('reading by IMAP needs IMAPClient: pip install "courriel[imap]"') from missing

T = TypeVar("T")

_NAMELESS = re.compile(rb"\d+ \((?!.*\bUID \d).*", re.DOTALL | re.IGNORECASE)
_WORDLESS = (b" OK\r\n", b" NO\r\n", b" BAD\r\n")
# Untagged responses about the selected folder; the library would keep them for ever.
_NEWS = ("EXISTS", "RECENT", "EXPUNGE", "FETCH")


class Client:
    """IMAPClient on an authenticated connection."""

    def __init__(self, line: SteppingLine, dialogue: ImapDialogue) -> None:
        self._end = _SocketStandIn(line, dialogue)
        with self._translated("hello"):
            self._imap4 = _Imap4OnOurLine(self._end)
            self._theirs = _Client(self._imap4)
        self._theirs.normalise_times = False  # moments keep their zone

    @contextmanager
    def at(self, stage: Stage) -> Generator[Any]:
        """IMAPClient for the calls of one stage, with its exceptions translated to ours."""
        self._end.stage = stage
        with self._translated(stage):
            yield self._theirs
            for news in _NEWS:
                self._imap4.response(news)

    def folders(self, pattern: str) -> list[tuple[tuple[bytes, ...], bytes | None, str]]:
        """Flags, separator and name of each folder; a name that is not modified UTF-7 (RFC 3501 5.1.3) stays undecoded.

        IMAPClient itself lists no folder at all when one name is invalid.
        """
        with self.at("mailbox") as client:
            client.folder_encode = False
            try:
                listed = client.list_folders("", imap_utf7.encode(pattern))
            finally:
                client.folder_encode = True
        return [(flags, separator, _folder_name(name)) for flags, separator, name in listed]

    def fetch(self, uids: Sequence[int], items: Sequence[str]) -> dict[int, dict[bytes, Any]]:
        """FETCH data of these letters by UID; letters that no longer exist are left out.

        IMAPClient's own `fetch` lists each UID: five hundred consecutive ones make a command of two kilobytes.
        """
        self._end.stage = "letter"
        with self._translated("letter"):
            answer, responses = self._imap4.uid("FETCH", wire.uid_set(uids), f"({' '.join(items)})")
            if answer != "OK":
                raise imaplib.IMAP4.error("FETCH failed")
            wanted = set(uids)
            # Unsolicited FETCH responses may lack a UID; the library would take their sequence number for one.
            # Sequence numbers are unreliable: letters may be expunged during a UID FETCH (RFC 3501 7.4.1).
            fetched = [each for each in responses if not (isinstance(each, bytes) and _NAMELESS.fullmatch(each))]
            parsed = parse_fetch_response(fetched, normalise_times=False)
            return {uid: each for uid, each in parsed.items() if uid in wanted}

    def code(self, name: str) -> bytes:
        """The last response code of this name since the last call: `[APPENDUID 7 12]` is b"7 12"."""
        _, codes = self._imap4.response(name)
        return codes[-1] if codes and isinstance(codes[-1], bytes) else b""

    # The steps.

    @contextmanager
    def _translated(self, stage: Stage) -> Generator[None]:
        try:
            yield
        except BaseException as error:
            ours = self._end.broke or self._translate(error, stage)
            if ours is None or ours is error:
                raise
            raise ours from error

    def _translate(self, error: BaseException, stage: Stage) -> errors.CourrielError | None:
        """Our error for an exception of theirs; None for one that is ours already or unrelated."""
        match error:
            case errors.CourrielError():
                return None
            case CapabilityError():
                return errors.NotSupported(str(error), capability=str(error).split()[-2], stage=stage)
            case imaplib.IMAP4.readonly():
                return errors.CommandRefused(self._last_reply(error), stage=stage, about="the folder is read-only")
            case imaplib.IMAP4.abort():
                return _aborted(error, stage)
            case imaplib.IMAP4.error() if not isinstance(error, ProtocolError):
                return errors.CommandRefused(self._last_reply(error), stage=stage)
            case (
                imaplib.IMAP4.error()
                | ValueError()
                | LookupError()
                | TypeError()
                | AttributeError()
                | AssertionError()
                | RecursionError()
            ):
                # Their parser raises many kinds of exceptions for unexpected data.
                why = f"{type(error).__name__}: {_printable_text(error)}"
                if "integer string conversion" in why:
                    why = "a number of several thousand digits"
                return errors.RemoteProtocolError(f"the server's answer cannot be read ({why})", stage=stage)
            case _:
                return None

    def _last_reply(self, error: BaseException) -> Reply:
        """The server's reply of a refusal; the exception's text when there was none."""
        return reply_of(wire.read_status(self._end.last_answer) or wire.Status("NO", "", _printable_text(error)))


class _Client(IMAPClient):  # type: ignore[misc]  # it has no types
    """IMAPClient with a connection of ours instead of one it makes."""

    def __init__(self, imap4: imaplib.IMAP4) -> None:
        self._ours = imap4
        super().__init__("", ssl=False)

    def _create_IMAP4(self) -> Any:  # noqa: N802 - theirs
        return self._ours


class _SocketStandIn:
    """Stand-in for the socket that imaplib reads and writes: our connection, through our dialogue."""

    def __init__(self, line: SteppingLine, dialogue: ImapDialogue) -> None:
        self._line = line
        self._dialogue = dialogue
        self._greeting = b"* PREAUTH ready\r\n"  # greeting and login are done
        self.stage: Stage = "mailbox"
        self.last_answer = b""
        self.broke: BaseException | None = None

    @property
    def capabilities(self) -> bytes:
        known = self._dialogue.capabilities.items()
        words = [f"{name}={value}" if value else name for name, values in known for value in values.split() or [""]]
        return " ".join(words).encode("ascii", "replace")

    def readline(self) -> bytes:
        if self._greeting:
            line, self._greeting = self._greeting, b""
            return line
        line = self._step(self._dialogue.exchange.line(self.stage))
        if line.endswith(_WORDLESS):
            # The standard library ignores a status line without text; some servers send such.
            line = line[:-2] + b" \r\n"
        if not line.startswith(b"* "):
            _, _, self.last_answer = line.partition(b" ")
        return line

    def read(self, size: int) -> bytes:
        return self._step(self._dialogue.exchange.octets(self.stage, size))

    def send(self, data: bytes) -> None:
        self.last_answer = b""
        self._step(self._dialogue.exchange.write(self.stage, data))

    def hang_up(self) -> None:
        self._line.hang_up()

    def settimeout(self, seconds: float | None) -> None:
        """Ignored: IMAPClient calls it once, and our time limits hold."""

    # The steps.

    def _step(self, flow: Flow[T]) -> T:
        try:
            return self._line.step(flow)
        except BaseException as error:
            # The library may catch it and raise an error of its own with its text only.
            self.broke = error
            raise


class _Imap4OnOurLine(imaplib.IMAP4):
    """imaplib's client, with our connection in place of its socket."""

    def __init__(self, end: _SocketStandIn) -> None:
        self._end = end
        super().__init__()

    def open(self, host: str = "", port: int = 143, timeout: float | None = None) -> None:
        # Only IMAPClient uses the socket, and only to set a time limit.
        self.sock = self._end  # type: ignore[assignment]

    def read(self, size: int) -> bytes:
        return self._end.read(size)

    def readline(self) -> bytes:
        return self._end.readline()

    def send(self, data: bytes) -> None:  # type: ignore[override]  # a buffer, for them
        self._end.send(data)

    def shutdown(self) -> None:
        self._end.hang_up()

    def capability(self) -> tuple[str, list[bytes]]:
        """The capabilities of the login, without asking again."""
        return "OK", [self._end.capabilities]

    @property
    def debug(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride] - an attribute, for them
        """Log level of imaplib: always 0. Our transcript has the conversation, without letters and secrets."""
        return 0

    @debug.setter
    def debug(self, level: int) -> None:  # pyright: ignore[reportIncompatibleVariableOverride]
        pass


def _folder_name(name: bytes | str) -> str:
    try:
        return str(imap_utf7.decode(name))
    except ValueError:
        return name.decode("latin-1") if isinstance(name, bytes) else name


def _aborted(error: imaplib.IMAP4.abort, stage: Stage) -> errors.CourrielError:
    """Our error for their `abort`: the server said BYE, or sent a response that belongs to no command."""
    text = _printable_text(error)
    if "unexpected" in text or "unterminated" in text:
        return errors.RemoteProtocolError(f"the server broke the rules: {text}", stage=stage)
    return errors.ConnectionFailed(f"the server closed the session: {text}", stage=stage, hint_id="SESSION-LOST")


def _printable_text(error: BaseException) -> str:
    return printable(str(error)[:300].encode("utf-8", "backslashreplace"))
