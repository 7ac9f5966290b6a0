"""Text of a mail about log records: subject and body, in the language of the process."""

from __future__ import annotations

import os
import socket
import sys
from datetime import datetime
from pathlib import Path

from courriel._lazy_re import expression
from courriel.failures import language
from courriel.integrations.log_digest import DigestLine, RecordBatch, RecordGroup

LONGEST_SUBJECT = 200
_PASSWORD = expression(r"(://[^\s:/@]*:)[^\s@/]+@")  # in a URL, as programs log those of their databases
_CLEAN = dict.fromkeys((*range(32), *range(0x7F, 0xA0), 0x2028, 0x2029), " ")


def subject_of(words: str, records: int) -> str:
    """Subject in one line, with the number of records when there are several."""
    line = clean(" ".join(words.translate(_CLEAN).split()))[:LONGEST_SUBJECT] or "log"
    return line if records == 1 else f"{line} ({records} occurrences)"  # the same word in both languages


def body_of(batch: RecordBatch) -> str:
    """Body of the mail: each entry with its number, then the last lines, then the process that said so."""
    parts = [_entry(entry, alone=batch.records == 1) for entry in batch.entries.values()]
    if batch.more:
        parts.append(_say(f"… et {batch.more} autres messages.", f"… and {batch.more} other records."))
    if batch.records > 1:
        last = _say("Les derniers messages :", "The last records:")
        parts.append("\n".join((last, *(_line(line) for line in batch.lines))))
    parts.append(f"-- \n{_process()}")
    return clean("\n\n".join(parts) + "\n")


def clean(text: str) -> str:
    """Text that a mail can carry: no NUL, no halves of surrogate pairs, and no password of a URL."""
    text = _PASSWORD.sub(r"\1***@", text)
    return text.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()


# The steps.


def _entry(entry: RecordGroup, *, alone: bool) -> str:
    if alone:
        return entry.text
    record = entry.record
    head = f"{entry.count} × {record.levelname} {record.name} ({record.filename}:{record.lineno})"
    if entry.count == 1:
        return f"{head}, {_time(entry.first)}\n{entry.text}"
    span = _say(f"de {_time(entry.first)} à {_time(entry.last)}", f"from {_time(entry.first)} to {_time(entry.last)}")
    text = f"{head}, {span}\n{entry.text}"
    if entry.last_message not in entry.text:
        text += _say("\nLe dernier : ", "\nThe last: ") + entry.last_message
    return text


def _line(line: DigestLine) -> str:
    return f"{_time(line.time)} {line.level} {line.logger}: {line.message}"


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().isoformat(" ", "seconds")


def _process() -> str:
    program = Path(sys.argv[0]).name if sys.argv and sys.argv[0] else "python"
    return _say(
        f"{program}, processus {os.getpid()}, sur {socket.gethostname()}",
        f"{program}, process {os.getpid()}, on {socket.gethostname()}",
    )


def _say(fr: str, en: str) -> str:
    return fr if language() == "fr" else en
