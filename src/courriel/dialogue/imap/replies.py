"""Answers to IMAP commands, and their refusals as errors."""

from __future__ import annotations

from collections.abc import Iterator

from courriel import errors
from courriel._dataclass import dataclass
from courriel.errors import Stage
from courriel.reply import Reply
from courriel.wire.imap import syntax as wire
from courriel.wire.imap.fetched import Fetched
from courriel.wire.imap.parser import Untagged
from courriel.wire.imap.values import Value
from courriel.wire.smtp.client_syntax import printable

# RFC 5530: response codes of temporary failures. A NO without one of these is permanent.
_PASSING = ("UNAVAILABLE", "INUSE", "SERVERBUG", "LIMIT", "CORRUPTION")


@dataclass(frozen=True, slots=True)
class Answer:
    """Tagged response to a command, and the untagged ones before it."""

    status: wire.AnswerStatus
    untagged: tuple[Untagged | Fetched, ...] = ()

    def named(self, *names: str) -> Iterator[Untagged]:
        """Untagged responses with these names, in order."""
        return (each for each in self.untagged if isinstance(each, Untagged) and each.name in names)

    def behind_closed(self) -> Answer:
        """Answer with the responses behind CLOSED only; those before it are about the folder that SELECT left.

        RFC 7162, section 3.2.11.
        """
        for place, each in enumerate(self.untagged):
            if isinstance(each, Untagged) and each.status is not None and each.status.code.upper() == "CLOSED":
                return Answer(self.status, self.untagged[place + 1 :])
        return self

    def codes(self) -> Iterator[str]:
        """Response codes, the one of the answer itself last."""
        for each in self.untagged:
            if isinstance(each, Untagged) and each.status is not None and each.status.code:
                yield each.status.code
        if self.status.code:
            yield self.status.code

    def code(self, name: str) -> str:
        """Text behind the last code of this name: "7 12" of `[APPENDUID 7 12]`; "" without one."""
        found = ""
        for code in self.codes():
            word, _, rest = code.partition(" ")
            if word.upper() == name:
                found = rest.strip()
        return found


def values_of(response: Untagged) -> list[Value]:
    """Values behind the word of a response. Raises RemoteProtocolError."""
    try:
        return response.values()
    except errors.RemoteProtocolError as wrong:
        wrong.stage = "mailbox"
        raise


def judge(answer: Answer, stage: Stage, about: str = "") -> Answer:
    """Return the answer when it is OK. Raises CommandRefused."""
    if answer.status.word != "OK":
        raise errors.CommandRefused(reply_of(answer.status), stage=stage, about=about)
    return answer


def refuse_goodbye(status: wire.AnswerStatus | None, stage: Stage) -> None:
    """Raise ConnectionFailed for an untagged BYE, which ends the session whatever the command is."""
    if status is not None and status.word == "BYE":
        raise errors.ConnectionFailed(
            f"the server closed the session: {status.shown}", stage=stage, hint_id="SESSION-LOST"
        )


def reply_of(status: wire.AnswerStatus) -> Reply:
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
