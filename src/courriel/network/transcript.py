"""What was said on a line, as a value one asks for: who, when, what. Secrets are left out at the source."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import count
from time import monotonic

from courriel.dialogue.flow import Ask, Send
from courriel.errors import Stage, UsageError
from courriel.expressions import expression
from courriel.model.shown import safely_shown
from courriel.network.client_words import ClientWords, without_secret
from courriel.values import dataclass

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Literal

    from courriel.dialogue.login_replies import SaidAtLogin

_CODE = expression(r"\d{3}[ -]|[+-][A-Z]+ |[a-z]?\d+ (?:OK|NO|BAD) ")
_LONGEST = 2000  # characters of one entry
_MOST = 2**31 - 1  # lines


@dataclass(frozen=True, slots=True)
class Line:
    """One thing said: `seconds` after the transcript began, by the client ("C"), the server ("S") or about both
    ("*")."""

    seconds: float
    who: Literal["C", "S", "*"]
    text: str

    def __str__(self) -> str:
        return f"{self.seconds:8.3f} {self.who}: {self.text}"


class Transcript:
    """The last `limit` lines said in the sessions it was given to; print it, or iterate over it.

    What was marked as a secret when it was sent is never here, nor is the content of a message: its place is held by
    its size.
    """

    def __init__(self, limit: int = 1000) -> None:
        if limit is not None and (not isinstance(limit, int) or not 0 <= limit <= _MOST):
            raise UsageError(f"limit: a number of lines, not {safely_shown(limit)}")
        self._lines: deque[Line] = deque(maxlen=limit)
        self._began = monotonic()
        self._begun = b""  # a line of the server that has not ended yet
        self._client = ClientWords()
        self._sessions = count(1)
        self._login: SaidAtLogin | None = None  # while one goes on: its secrets, which a server may repeat

    def sent(self, want: Send | Ask) -> None:
        """The client said this: each command is a line of its own, and content is told by its size."""
        self.note_login(want)
        if want.secret:
            self.write("C", without_secret(want.data))
            return
        for entry in self._client.told(want.data, about_content=want.stage in ("data", "message")):
            self.write("C", entry if isinstance(entry, str) else f"({entry:,} octets of the message)")

    def heard(self, data: bytes, stage: Stage = "") -> None:
        """The server said this; what has no end yet waits for it. Of letters no more is told than a refusal."""
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
        """Something happened that nobody said: connected, secured, hung up."""
        if self._begun:
            self.write_heard(_shown(self._begun))
            self._begun = b""
        self._client = ClientWords()
        self._login = None
        self.write("*", text)

    def take(self) -> list[Line]:
        """The lines that are here, which are forgotten."""
        return [self._lines.popleft() for _ in range(len(self._lines))]

    def write_heard(self, text: str) -> None:
        """Write down a line of the server, but for one that repeats a login: of that, what it begins with."""
        if self._login is not None and self._login.repeated_in(text):
            code = _CODE.match(text)
            text = f"{code[0] if code else ''}(not shown: it repeats the login)"
        self.write("S", text)

    def __iter__(self) -> Iterator[Line]:
        return iter(tuple(self._lines))

    def __len__(self) -> int:
        return len(self._lines)

    def __str__(self) -> str:
        return "\n".join(map(str, self))

    def of_session(self) -> Transcript:
        """A transcript for one of many sessions that tells this one; its lines begin with the session's number."""
        return _OfSession(self, next(self._sessions))

    def note_login(self, want: Send | Ask) -> None:
        """Keep what is said at a login for as long as that goes on; giving a mechanism up ("*") does not end it."""
        if want.secret:
            if self._login is None:
                from courriel.dialogue.login_replies import SaidAtLogin  # noqa: PLC0415 - many a line needs no login

                self._login = SaidAtLogin()
            self._login.add(want.data)
        elif self._login is not None and want.data != b"*\r\n":
            self._login = None

    def write(self, who: Literal["C", "S", "*"], text: str) -> None:
        """Write a line down as it is."""
        self._lines.append(Line(monotonic() - self._began, who, text[:_LONGEST]))


class _OfSession(Transcript):
    """One session of many; keeps nothing itself."""

    def __init__(self, told: Transcript, number: int) -> None:
        super().__init__(0)
        self._told, self._number = told, number

    def write(self, who: Literal["C", "S", "*"], text: str) -> None:
        self._told.write(who, f"[{self._number}] {text}")


class Log(Transcript):
    """A transcript that goes to a log at DEBUG, line by line, and keeps nothing."""

    def __init__(self, name: str) -> None:
        super().__init__(0)
        self._name = name

    def write(self, who: Literal["C", "S", "*"], text: str) -> None:
        from logging import getLogger  # noqa: PLC0415 - there is a log only where somebody has imported logging

        getLogger(self._name).debug("%s: %s", who, text, extra={"action": "wire", "who": who})


def log_if_wanted(name: str = "courriel.smtp") -> Log | None:
    """The log of that name as a witness, when somebody listens; it costs nothing where nobody imported logging."""
    import sys  # noqa: PLC0415

    logging = sys.modules.get("logging")
    return Log(name) if logging is not None and logging.getLogger(name).isEnabledFor(10) else None


def _shown(line: bytes) -> str:
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in line.decode("utf-8", "backslashreplace"))
