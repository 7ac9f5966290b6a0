"""Scripted faults of the practice server; never random (hazard H40)."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from threading import Lock

from courriel import errors, failures
from courriel.dialogue.server.handler import Answer, Disconnect, DuringData, Quirk, Stall
from courriel.reply import Reply
from courriel.wire.imap_server.quirks import QUIRKS

STAGES = (
    "connect", "greeting", "hello", "secure", "authenticate", "sender", "recipient", "data", "message", "mailbox",
    "letter", "goodbye",
)  # fmt: skip
"""Stages at which a fault can be set, named as in the errors."""

_LINE = re.compile(r"([2-5][0-9][0-9])(?:[ -](.*))?")
_STATUS = re.compile(r"(\+OK|-ERR)(?: (.*))?")  # in POP3
_TAGGED = re.compile(r"(?:[A-Za-z]{0,3}[0-9]+ |\* )?(OK|NO|BAD|BYE) (.*)")  # in IMAP
_SAID = re.compile(f"{_STATUS.pattern}|{_TAGGED.pattern}")
_CODES = {"OK": 200, "NO": 550, "BAD": 500, "BYE": 421}


@dataclass(slots=True)
class Fault:
    """One fault of the script."""

    stage: str
    answer: Answer
    when: str  # shell pattern in lower case; "" for any
    skip: int  # matches to skip first
    times: int | None  # remaining uses; None for no limit
    label: str = ""  # id in the failure table, or the answer as it was written


class Faults:
    """The script: a list of faults, of which the first that matches applies. May be changed while the server runs."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = Lock()

    def add(
        self,
        stage: str,
        answer: str | bytes,
        *,
        when: str = "",
        nth: int = 1,
        times: int | None = None,
        within: bool = False,
        label: str = "",
    ) -> None:
        """Add a fault; see `Sandbox.answer`. Raises UsageError."""
        if stage not in STAGES:
            raise errors.UsageError(f"{stage!r} is not a stage; there are: {', '.join(STAGES)}")
        if nth < 1 or (times is not None and times < 1):
            raise errors.UsageError("nth and times count from 1")
        if within and stage not in ("data", "letter"):
            raise errors.UsageError('within the content: that is the stage "data", or "letter" in POP3')
        parsed = read_answer(answer)
        script = DuringData(parsed) if within else parsed
        with self._lock:
            self._faults.append(Fault(stage, script, when.lower(), nth - 1, times, label or str(answer)))

    def play(self, failure_id: str, **where: object) -> None:
        """Add the server reply of this record of the failure table, or a quirk of IMAP servers. Raises UsageError."""
        if failure_id in QUIRKS:
            self._play_quirk(failure_id, **where)  # type: ignore[arg-type]
            return
        known = failures.by_id(failure_id)
        if known is None:
            raise errors.UsageError(f"there is no failure {failure_id!r}")
        reply = next((each for each in known.examples if _LINE.match(each) or _SAID.fullmatch(each)), None)
        if reply is None or known.stage not in STAGES:
            raise errors.UsageError(f"{failure_id} is nothing that a server says, so that it cannot be played")
        self.add(known.stage, reply, label=failure_id, **where)  # type: ignore[arg-type]

    def pending(self) -> list[Fault]:
        """Copies of the faults that can still apply, in their order."""
        with self._lock:
            return [replace(fault) for fault in self._faults if fault.times != 0]

    def _play_quirk(self, name: str, *, when: str = "", nth: int = 1, times: int | None = None) -> None:
        quirk = QUIRKS[name]
        answer: Answer = read_answer(quirk.instead) if quirk.instead else Quirk(name)
        with self._lock:
            for command in (when,) if when else quirk.commands:
                self._faults.append(Fault("mailbox", answer, command.lower(), nth - 1, times))

    def clear(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._faults.clear()

    def decide(self, stage: str, about: tuple[str, ...] = ()) -> Answer | None:
        """The reply of the first matching fault; `about` are the words that `when` is matched with."""
        with self._lock:
            for fault in self._faults:
                if fault.stage != stage or not _matches(fault.when, about) or fault.times == 0:
                    continue
                if fault.skip:
                    fault.skip -= 1
                    continue
                if fault.times is not None:
                    fault.times -= 1
                return fault.answer
        return None


def read_answer(text: str | bytes) -> Reply | bytes | Disconnect | Stall:
    """Parse a reply: "550 5.1.1 no" (or several lines), "-ERR no", "NO no", "hang up", "silence"; bytes stay bytes."""
    if isinstance(text, bytes):
        return text
    if text == "hang up":
        return Disconnect()
    if text == "silence":
        return Stall()
    if status := _STATUS.fullmatch(text):
        return Reply(200 if status[1] == "+OK" else 500, (status[2] or "",))
    if tagged := _TAGGED.fullmatch(text):
        return Reply(_CODES[tagged[1]], (tagged[2],))
    lines = [_LINE.fullmatch(line) for line in text.splitlines()]
    codes = {line[1] for line in lines if line}
    if None in lines or len(codes) != 1:
        raise errors.UsageError(
            f'{text!r} is not an answer; write "550 5.1.1 no such user" (in POP3 "-ERR [IN-USE] locked", in IMAP "NO'
            ' [UNAVAILABLE] later"), "hang up" or "silence", or give bytes'
        )
    return Reply(int(codes.pop()), tuple(line[2] or "" for line in lines if line))


def _matches(when: str, about: tuple[str, ...]) -> bool:
    return not when or any(fnmatchcase(word.lower(), when) for word in about)
