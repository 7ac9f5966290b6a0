"""Actions of `courriel inbox` on one mailbox, by IMAP or POP3."""

from __future__ import annotations

import datetime
import os
import signal
import sys
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from courriel import ImapSession, Letter, PopSession, SyncMark, Timeouts, Transcript, errors, mailbox
from courriel._dataclass import dataclass, replace
from courriel.cli.i18n import label, say, transcript_line, visible
from courriel.cli.password_prompt import with_password
from courriel.cli.reporting import CommandReport
from courriel.delivery.open_mailbox import named_route
from courriel.failures import spoken
from courriel.types import ChangeKind

if TYPE_CHECKING:
    from courriel.cli.command import GlobalOptions
    from courriel.types import FolderLetter, LetterPart, PopLetter, ThreadedLetter, Watch

_NOT_FOUND = 66
_DEEPEST = 20  # levels of a conversation that are indented: a terminal has eighty columns


@dataclass(frozen=True, slots=True)
class LetterSelection:
    """Selection of letters, from the options; None and False select all."""

    folder: str | None = None
    unseen: bool = False
    sender: str | None = None
    subject: str | None = None
    since: object = None
    last: int = 50
    sort: tuple[str, ...] = ()
    threads: bool = False

    def search(self) -> dict[str, Any]:
        """The options as arguments of `search`."""
        day = self.since.date() if isinstance(self.since, datetime.datetime) else None
        words = {"unseen": self.unseen or None, "sender": self.sender, "subject": self.subject, "since": day}
        return {name: value for name, value in words.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Found:
    """One letter of a mailbox, the same for both protocols; `flags` is None with POP3."""

    number: int
    letter: Letter
    size: int
    flags: tuple[str, ...] | None = None
    received: datetime.datetime | None = None
    answers: ThreadedLetter | None = None


class InboxReader:
    """Runs one action on one mailbox."""

    def __init__(
        self, manner: GlobalOptions, url: str, wanted: LetterSelection, *, timeout: float | None, transcript: bool
    ) -> None:
        self._report = CommandReport(manner)
        self._wanted = wanted
        self._transcript = Transcript() if transcript else None
        self._box = self._mailbox(manner, url, timeout)

    def run(self, action: str, numbers: tuple[int, ...], to: str | None, mark: str | None) -> int:
        """Run the action, and return the exit status."""
        try:
            with self._box:
                if isinstance(self._box, ImapSession):
                    self._box.select(self._wanted.folder or "INBOX", read_only=action != "watch")
                match action:
                    case "show":
                        self._for_each(numbers, self._show)
                    case "save":
                        target = Path(to or ".")
                        target.mkdir(parents=True, exist_ok=True)
                        self._for_each(numbers, lambda found: self._save(found, target))
                    case "part":
                        self._part(numbers, to)
                    case "watch":
                        self._watch()
                    case "folders":
                        self._list_folders()
                    case "sync":
                        self._sync(Path(mark) if mark is not None else None)
                    case _:
                        for found in self._list():
                            self._print_summary(found)
        finally:
            for line in self._transcript or ():
                print(transcript_line(line), file=sys.stderr)
        return self._report.status

    # The steps.

    def _mailbox(self, manner: GlobalOptions, url: str, timeout: float | None) -> ImapSession | PopSession:
        route = named_route(url)
        if route.reads:
            route = with_password(route, ask=manner.ask)
        if timeout is not None and route.server is not None:
            route = replace(route, server=replace(route.server, timeouts=Timeouts.silence(timeout)))
        box = mailbox(route, transcript=self._transcript)
        wanted = self._wanted
        if isinstance(box, PopSession) and (wanted.search() or wanted.folder or wanted.sort or wanted.threads):
            raise click.UsageError(
                say(
                    "POP3 ne sait ni chercher, ni trier, ni ouvrir un dossier : --last, ou une URL imaps://",
                    "POP3 can neither search nor sort nor open a folder: --last, or an imaps:// URL",
                )
            )
        return box

    def _list(self) -> Iterator[Found]:
        if isinstance(self._box, ImapSession):
            return self._list_folder(self._box)
        count = len(self._box)
        return (_found_in_maildrop(self._box[index]) for index in range(max(0, count - self._wanted.last), count))

    def _list_folder(self, box: ImapSession) -> Iterator[Found]:
        """The last letters, in the order of the folder, in another one, or by conversations."""
        wanted = self._wanted
        if wanted.threads:
            threads = box.threads(**wanted.search())[-wanted.last :]
            threaded = {each.uid: each for thread in threads for each in thread.letters}
            found = {each.uid: _found_in_folder(each) for each in box.fetch(threaded, listing=True)}
            return (replace(found[uid], answers=each) for uid, each in threaded.items() if uid in found)
        letters = box.search(**wanted.search(), listing=True, sort=wanted.sort, last=wanted.last)
        if letters.sorted_by == "here":
            self._report.aside(say("trié ici : le serveur ne sait pas trier", "sorted here: the server cannot sort"))
        return map(_found_in_folder, letters)

    def _for_each(self, numbers: Iterable[int], action: Callable[[Found], None]) -> None:
        for number in numbers:
            found = self._by_number(number)
            if found is None:
                self._no_letter(number)
            else:
                action(found)

    def _no_letter(self, number: int) -> None:
        words = say(f"il n'y a pas de message {number}", f"there is no letter {number}")
        self._report.failing(_NOT_FOUND, "LetterNotFound", words)

    def _by_number(self, number: int) -> Found | None:
        if isinstance(self._box, ImapSession):
            return next(map(_found_in_folder, self._box.fetch(number)), None)
        return _found_in_maildrop(self._box[number - 1]) if number <= len(self._box) else None

    def _print_summary(self, found: Found) -> None:
        if self._report.values(_letter_object(found)):
            return
        when = found.letter.date or found.received
        day = f"{when:%Y-%m-%d %H:%M}" if when else " " * 16
        mark = " " if found.flags is None or "seen" in found.flags else "•"
        sender = visible(str(found.letter.sender or "?"))[:30]
        subject = visible(found.letter.subject) or say("(sans objet)", "(no subject)")
        level = "  " * min(found.answers.level, _DEEPEST) if found.answers else ""
        self._report.line(f"{found.number:>6} {mark} {day}  {sender:<30}  {level}{subject}")

    def _show(self, found: Found) -> None:
        letter = found.letter.load()
        if self._report.values(_letter_object(found) | _content_object(letter)):
            return
        for fr, en, value in (
            ("De", "From", str(letter.sender or "")),
            ("À", "To", ", ".join(map(str, letter.to))),
            ("Cc", "Cc", ", ".join(map(str, letter.cc))),
            ("Date", "Date", f"{letter.date:%Y-%m-%d %H:%M %z}" if letter.date else ""),
            ("Objet", "Subject", letter.subject),
        ):
            if value:
                self._report.line(f"{label(fr, en)}{visible(value)}")
        self._report.line("")
        for line in letter.text.splitlines():
            self._report.line(visible(line))
        for file in letter.attachments:
            self._report.line(f"[{visible(file.name)}, {file.content_type}, {file.size:,}]")
        for defect in letter.defects:
            self._report.aside(f"{label('attention', 'warning')}{visible(spoken(defect))}")

    def _save(self, found: Found, folder: Path) -> None:
        path = folder / f"{found.number:06d}.eml"
        # Never overwrite a file: it may be a letter of another mailbox.
        self._box.save(found.number, path)
        size = path.stat().st_size
        if not self._report.values({"ok": True, "number": found.number, "path": str(path), "size": size}):
            self._report.line(str(path))

    def _part(self, numbers: tuple[int, ...], to: str | None) -> None:
        """List the parts of a letter, or write one into a new file; nothing else of the letter is fetched."""
        box = self._imap(say("POP3 ne sait pas donner une partie seule", "POP3 cannot give one part alone"))
        number, *wanted = numbers
        letter = next(iter(box.fetch(number)), None)
        if letter is None:
            self._no_letter(number)
            return
        parts = box.parts_of(letter)
        if not wanted or to is None:
            for place, part in enumerate(parts, 1):
                self._print_part(place, part)
        elif wanted[0] > len(parts):
            words = say(
                f"le message {number} n'a pas de partie {wanted[0]}", f"letter {number} has no part {wanted[0]}"
            )
            self._report.failing(_NOT_FOUND, "PartNotFound", words)
        else:
            octets = box.part_of(letter, parts[wanted[0] - 1])
            _write_new(Path(to), octets)
            if not self._report.values({"ok": True, "number": number, "part": wanted[0], "path": to,
                                        "size": len(octets)}):  # fmt: skip
                self._report.line(to)

    def _print_part(self, place: int, part: LetterPart) -> None:
        if not self._report.values({"part": place, "name": part.name or None, "content_type": part.content_type,
                                    "size": part.size, "section": part.section}):  # fmt: skip
            self._report.line(
                f"{place:>6}   {part.size:>13,}  {visible(part.content_type)}  {visible(part.name)}".rstrip()
            )

    def _list_folders(self) -> None:
        box = self._imap(say("POP3 n'a pas de dossiers", "POP3 has no folders"))
        for folder in box.folders():
            if not self._report.values({"name": folder.name, "special": folder.special or None,
                                        "separator": folder.separator, "selectable": folder.selectable}):  # fmt: skip
                self._report.line(f"{visible(folder.name)}{f'  ({folder.special})' if folder.special else ''}")

    def _sync(self, file: Path | None) -> None:
        """Print what has changed since the mark in the file; write the new mark there when all of it was printed."""
        box = self._imap(say("POP3 ne sait pas ce qui a changé", "POP3 does not know what has changed"))
        since = SyncMark.read(file.read_text("utf-8")) if file is not None and file.exists() else None
        sync = box.sync(self._wanted.folder or "INBOX", since=since)
        for change in sync:
            if change.letter is not None:
                found = _found_in_folder(change.letter)
                if not self._report.values({"change": change.kind.value} | _letter_object(found)):
                    self._print_summary(found)
                continue
            flags = sorted(change.flags)
            if not self._report.values({"change": change.kind.value, "number": change.uid, "flags": flags}):
                gone = say("parti", "gone") if change.kind is ChangeKind.GONE else ", ".join(flags) or "-"
                self._report.line(f"{change.uid:>6}   {gone}")
        if file is not None:
            _write(file, str(sync.mark))

    def _imap(self, otherwise: str) -> ImapSession:
        """The mailbox, when it is read by IMAP. Raises NotSupported."""
        if not isinstance(self._box, ImapSession):
            raise errors.NotSupported(otherwise, capability="IMAP", stage="mailbox")
        return self._box

    def _watch(self) -> None:
        box = self._imap(say("POP3 ne sait pas attendre de nouveaux messages", "POP3 cannot wait for new letters"))
        with box.watch(self._wanted.folder or "INBOX") as watch, _ended_by_signals(watch):
            self._report.aside(
                say("En attente de nouveaux messages ; Ctrl-C pour finir.", "Waiting for new letters; Ctrl-C to end.")
            )
            for letter in watch:
                self._print_summary(_found_in_folder(letter))


def _write_new(file: Path, octets: bytes) -> None:
    """Write a new file, readable by its owner alone; none is overwritten, and none is left that is not complete."""
    with open(file, "xb", opener=lambda path, flags: os.open(path, flags, 0o600)) as out:
        try:
            _ = out.write(octets)
            out.flush()
        except BaseException:
            file.unlink(missing_ok=True)
            raise


def _write(file: Path, text: str) -> None:
    """Replace a file as a whole: one that is cut off would be no mark."""
    unfinished = file.with_name(f".{file.name}.new")
    unfinished.write_text(text, "utf-8")
    unfinished.replace(file)


def _found_in_folder(letter: FolderLetter) -> Found:
    return Found(letter.uid, letter, letter.size, tuple(sorted(letter.flags)), letter.received)


def _found_in_maildrop(letter: PopLetter) -> Found:
    return Found(letter.number, letter, letter.size)


def _letter_object(found: Found) -> dict[str, object]:
    letter = found.letter
    threaded = {"answers": found.answers.parent or None, "level": found.answers.level} if found.answers else {}
    return {
        "number": found.number,
        "date": letter.date.isoformat() if letter.date else None,
        "received": found.received.isoformat() if found.received else None,
        "from": str(letter.sender) if letter.sender else None,
        "to": [str(each) for each in letter.to],
        "subject": letter.subject,
        "message_id": letter.message_id or None,
        "size": found.size,
        "flags": None if found.flags is None else list(found.flags),
        **threaded,
    }


def _content_object(letter: Letter) -> dict[str, object]:
    return {
        "text": letter.text,
        "attachments": [
            {"name": file.name, "content_type": file.content_type, "size": file.size} for file in letter.attachments
        ],
        "defects": list(letter.defects),
    }


@contextmanager
def _ended_by_signals(watch: Watch) -> Generator[None]:
    """Stop the watch on SIGINT and SIGTERM; neither is an error."""

    def end(number: int, frame: FrameType | None) -> None:
        watch.stop()

    former = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
