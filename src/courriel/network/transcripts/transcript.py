"""Transcript of a session: time, side and text of each line, recorded on request. Secrets are never recorded."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import count, starmap
from time import monotonic

from courriel._dataclass import dataclass
from courriel._lazy_re import expression
from courriel.dialogue.flow import Ask, Send
from courriel.errors import Stage, UsageError
from courriel.model.checks.shown import safely_shown
from courriel.network.transcripts.client_words import ClientWords, without_secret

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Literal

    from courriel.dialogue.login_replies import SaidAtLogin

_CODE = expression(r"\d{3}[ -]|[+-][A-Z]+ |[a-z]?\d+ (?:OK|NO|BAD) ")
_LONGEST = 2000  # characters of one entry
_MOST = 2**31 - 1  # lines


@dataclass(frozen=True, slots=True)
class TranscriptEntry:
    """One line of a transcript: `seconds` since its start, side (client "C", server "S", event "*"), text."""

    seconds: float
    who: Literal["C", "S", "*"]
    text: str

    def __str__(self) -> str:
        return f"{self.seconds:8.3f} {self.who}: {self.text}"


class Transcript:
    """The last `limit` lines of the sessions it was passed to; print it, or iterate over it.

        transcript = Transcript()
        courriel.send(message, transcript=transcript)
        print(transcript)

    Secrets, which are marked when they are sent, are never in it, nor is the content of a message: its size stands
    there instead.
    """

    def __init__(self, limit: int = 1000) -> None:
        if limit is not None and (not isinstance(limit, int) or not 0 <= limit <= _MOST):
            raise UsageError(f"limit: a number of lines, not {safely_shown(limit)}")
        # The fields of entries, which are made when somebody looks: a server notes nine lines a mail.
        self._lines: deque[tuple[float, Literal["C", "S", "*"], str]] = deque(maxlen=limit)
        self._began = monotonic()
        self._begun = b""  # an incomplete line of the server
        self._client = ClientWords()
        self._sessions = count(1)
        self._login: SaidAtLogin | None = None  # during a login: its secrets, which a server may repeat

    def sent(self, want: Send | Ask) -> None:
        """Record client data: one line for each command, content by its size."""
        self.note_login(want)
        if want.secret:
            self.write("C", without_secret(want.data))
            return
        for entry in self._client.told(want.data, about_content=want.stage in ("data", "message")):
            self.write("C", entry if isinstance(entry, str) else f"({entry:,} octets of the message)")

    def heard(self, data: bytes, stage: Stage = "") -> None:
        """Record server data; an incomplete line waits for its end. Of letters only a refusal or the size is shown."""
        if stage == "letter":
            refusal = _shown(data.partition(b"\r\n")[0]) if data.startswith(b"-ERR") else ""
            self.write("S", refusal or f"({len(data):,} octets of letters)")
            return
        *whole, self._begun = (self._begun + data).split(b"\n")
        for line in whole:
            self._client.heard(line[:3])
            self.write_heard(_shown(line.rstrip(b"\r")))
        if len(self._begun) > _LONGEST:
            self.write_heard(_shown(self._begun))
            self._begun = b""

    def noted(self, text: str) -> None:
        """Record an event: connected, secured, hung up."""
        if self._begun:
            self.write_heard(_shown(self._begun))
            self._begun = b""
        self._client = ClientWords()
        self._login = None
        self.write("*", text)

    @property
    def elapsed(self) -> float:
        """Seconds since its start."""
        return monotonic() - self._began

    def take(self) -> list[TranscriptEntry]:
        """Remove and return the lines recorded so far."""
        return [TranscriptEntry(*self._lines.popleft()) for _ in range(len(self._lines))]

    def write_heard(self, text: str) -> None:
        """Record a line of the server; one that repeats the login is cut after its reply code."""
        if self._login is not None and self._login.repeated_in(text):
            code = _CODE.match(text)
            text = f"{code[0] if code else ''}(not shown: it repeats the login)"
        self.write("S", text)

    def __iter__(self) -> Iterator[TranscriptEntry]:
        return starmap(TranscriptEntry, tuple(self._lines))

    def __len__(self) -> int:
        return len(self._lines)

    def __str__(self) -> str:
        return "\n".join(map(str, self))

    def of_session(self) -> Transcript:
        """A transcript for one of many sessions that writes to this one; its lines begin with the session's number."""
        return _OfSession(self, next(self._sessions))

    def note_login(self, want: Send | Ask) -> None:
        """Keep the secrets of a login while it lasts, to filter replies; cancelling ("*") does not end it."""
        if want.secret:
            if self._login is None:
                from courriel.dialogue.login_replies import SaidAtLogin  # noqa: PLC0415 - many sessions need no login

                self._login = SaidAtLogin()
            self._login.add(want.data)
        elif self._login is not None and want.data != b"*\r\n":
            self._login = None

    def write(self, who: Literal["C", "S", "*"], text: str) -> None:
        """Record a line as it is."""
        self._lines.append((monotonic() - self._began, who, text[:_LONGEST]))


class _OfSession(Transcript):
    """Transcript of one of many sessions; keeps nothing itself."""

    def __init__(self, told: Transcript, number: int) -> None:
        super().__init__(0)
        self._told, self._number = told, number

    def write(self, who: Literal["C", "S", "*"], text: str) -> None:
        self._told.write(who, f"[{self._number}] {text}")


class Log(Transcript):
    """Transcript that writes each line to a logger at DEBUG, and keeps nothing."""

    def __init__(self, name: str) -> None:
        super().__init__(0)
        self._name = name

    def write(self, who: Literal["C", "S", "*"], text: str) -> None:
        from logging import getLogger  # noqa: PLC0415 - made only where logging was imported

        getLogger(self._name).debug("%s: %s", who, text, extra={"action": "wire", "who": who})


def log_if_wanted(name: str = "courriel.smtp") -> Log | None:
    """A transcript to this logger, if it is enabled for DEBUG; free of cost where logging was never imported."""
    import sys  # noqa: PLC0415

    logging = sys.modules.get("logging")
    return Log(name) if logging is not None and logging.getLogger(name).isEnabledFor(10) else None


def _shown(line: bytes) -> str:
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in line.decode("utf-8", "backslashreplace"))
