"""Scripted faults of the practice server; never random (hazard H40)."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from threading import Lock

from courriel import errors
from courriel.dialogue.server.handler import Answer, Disconnect, DuringData, LineFault, Quirk, Stall
from courriel.reply import Reply
from courriel.sandbox import weather
from courriel.sandbox.weather import STAGES, Weather
from courriel.wire.imap_server.quirks import QUIRKS

_LINE = re.compile(r"([2-5][0-9][0-9])(?:[ -](.*))?")
_STATUS = re.compile(r"(\+OK|-ERR)(?: (.*))?")  # in POP3
_TAGGED = re.compile(r"(?:[A-Za-z]{0,3}[0-9]+ |\* )?(OK|NO|BAD|BYE) (.*)")  # in IMAP
_CODES = {"OK": 200, "NO": 550, "BAD": 500, "BYE": 421}


@dataclass(slots=True)
class Fault:
    """One fault of the script."""

    stage: str
    answer: Answer | str  # at "certificate" and "line" a word
    when: str  # shell pattern in lower case; "" for any
    skip: int  # matches to skip first
    times: int | None  # remaining uses; None for no limit
    label: str = ""  # name or id in the failure table, or the answer as it was written
    taken: bool = False  # the mail is taken all the same

    @property
    def reply(self) -> Answer | None:
        """Answer of the server, None where the fault is not one of answers."""
        return None if isinstance(self.answer, str) else self.answer


class Faults:
    """The script: a list of faults, of which the first that matches applies. May be changed while the server runs."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._met: list[str] = []
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
        self._append(Fault(stage, script, when.lower(), nth - 1, times, label or str(answer)))

    def play(self, name: str, *, when: str = "", nth: int = 1, times: int | None = None) -> None:
        """Add the bad weather of this name, of this id in the failure table, or this quirk of IMAP servers.

        Raises UsageError.
        """
        if name in QUIRKS:
            self._play_quirk(name, when=when, nth=nth, times=times)
            return
        found = weather.by_name(name)
        if found is None:
            known = ", ".join(weather.NAMES)
            raise errors.UsageError(
                f"{name!r} cannot be played: it is no failure of the table that a server makes, and no name of these: "
                f"{known}"
            )
        if nth < 1 or (times is not None and times < 1):
            raise errors.UsageError("nth and times count from 1")
        script = found.answer if found.stage in ("certificate", "line") else script_of(found)
        self._append(Fault(found.stage, script, when.lower(), nth - 1 + found.after, times, found.name, found.taken))

    def pending(self) -> list[Fault]:
        """Copies of the faults that can still apply, in their order."""
        with self._lock:
            return [replace(fault) for fault in self._faults if fault.times != 0]

    @property
    def met(self) -> list[str]:
        """Labels of the faults that were applied since the last `clear`, in order, as often as they were."""
        with self._lock:
            return list(self._met)

    def clear(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._faults.clear()
            self._met.clear()

    def decide(self, stage: str, about: tuple[str, ...] = ()) -> Answer | None:
        """The reply of the first matching fault; `about` are the words that `when` is matched with."""
        fault = self.decide_fault(stage, about)
        return None if fault is None else fault.reply

    def certificate(self) -> str:
        """Kind of bad certificate for the handshake that begins now; "" for a good one."""
        fault = self.decide_fault("certificate")
        return "" if fault is None else str(fault.answer)

    def line(self) -> LineFault | None:
        """Fault of the connection that begins now."""
        fault = self.decide_fault("line")
        if fault is None:
            return None
        return LineFault(drip=True) if fault.answer == weather.DRIP else LineFault(cut_at=int(str(fault.answer)))

    def decide_fault(self, stage: str, about: tuple[str, ...] = ()) -> Fault | None:
        """The first fault that matches, counted as applied."""
        if not self._faults:
            return None
        with self._lock:
            for fault in self._faults:
                if fault.stage != stage or not _matches(fault.when, about) or fault.times == 0:
                    continue
                if fault.skip:
                    fault.skip -= 1
                    continue
                if fault.times is not None:
                    fault.times -= 1
                self._met.append(fault.label)
                return fault
        return None

    def _append(self, *faults: Fault) -> None:
        with self._lock:
            self._faults.extend(faults)

    def _play_quirk(self, name: str, *, when: str, nth: int, times: int | None) -> None:
        quirk = QUIRKS[name]
        answer: Answer = read_answer(quirk.instead) if quirk.instead else Quirk(name)
        commands = (when,) if when else quirk.commands
        self._append(*(Fault("mailbox", answer, command.lower(), nth - 1, times, name) for command in commands))


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


def asked_by(recipient: str) -> Weather | None:
    """The weather that the address of a recipient asks for, such as refuse-550@example.org."""
    return weather.by_address(recipient.rpartition("@")[0])


def script_of(found: Weather) -> Answer:
    """Answer of the server in this weather, at its stage."""
    parsed = read_answer(found.answer)
    return DuringData(parsed) if found.within else parsed


def _matches(when: str, about: tuple[str, ...]) -> bool:
    return not when or any(fnmatchcase(word.lower(), when) for word in about)
