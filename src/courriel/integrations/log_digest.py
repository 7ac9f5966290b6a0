"""
Digest of log records: which are the same, how often they came, and when a mail about them is due.

Records with one fingerprint (logger, level, place, kind of message, exception) are one entry with a count. An urgent
entry that was not seen lately makes a mail due at once; the same entry again waits one interval, then two, four, … up
to an hour. No two mails are closer than one interval, whatever happens.
"""

from __future__ import annotations

import logging
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from courriel._lazy_re import expression

LONGEST_TEXT = 16_000
"""Characters of one formatted record; a longer one loses its middle."""
LAST_LINES = 20
"""Last records in the order of their arrival, one line each: what a process said before it died."""
LONGEST_INTERVAL = 3600.0
"""Seconds between two mails about a record that comes again and again."""
_REMEMBERED = 1000  # fingerprints whose interval is known
_LONGEST_LINE = 300
_VARYING = expression(r"0x[0-9a-fA-F]+|[0-9a-fA-F]{8,}|[0-9]+|'[^']*'|\"[^\"]*\"")

Fingerprint = tuple[object, ...]


@dataclass(slots=True)
class RecordGroup:
    """Records with one fingerprint: the first as it was formatted, the last message, and their number."""

    record: logging.LogRecord
    text: str
    count: int
    first: float
    last: float
    last_message: str


@dataclass(frozen=True, slots=True)
class DigestLine:
    """One of the last records, in one line; `time` is in seconds since 1970."""

    time: float
    level: str
    logger: str
    message: str


@dataclass(slots=True)
class RecordBatch:
    """Content of one mail: entries, the last lines, and how many records fitted into neither."""

    entries: dict[Fingerprint, RecordGroup] = field(default_factory=dict)
    lines: deque[DigestLine] = field(default_factory=lambda: deque(maxlen=LAST_LINES))
    more: int = 0

    @property
    def records(self) -> int:
        """Number of all records."""
        return sum(entry.count for entry in self.entries.values()) + self.more

    @property
    def gravest(self) -> logging.LogRecord:
        """First record of the highest level."""
        return max(self.entries.values(), key=lambda entry: (entry.record.levelno, -entry.first)).record


@dataclass(slots=True)
class _Interval:
    mailed: float  # by the monotonic clock
    seconds: float


class Digest:
    """Records that wait for their mail. Not locked: its handler does that. Times are those of a monotonic clock."""

    def __init__(self, interval: float, capacity: int, flush_level: int) -> None:
        self._interval, self._capacity, self._flush_level = interval, capacity, flush_level
        self._batch = RecordBatch()
        self._known: OrderedDict[Fingerprint, _Interval] = OrderedDict()
        self._mailed = float("-inf")
        self._due: float | None = None

    @property
    def due(self) -> float | None:
        """When the next mail is due; None while no record waits."""
        return None if self._due is None else max(self._due, self._mailed + self._interval)

    def add(self, record: logging.LogRecord, formatted: Callable[[logging.LogRecord], str], now: float) -> bool:
        """Count a record; the first of its kind is formatted. Whether the next mail is due sooner by it."""
        message = record.getMessage()
        batch = self._batch
        batch.lines.append(DigestLine(record.created, record.levelname, record.name, _one_line(message)))
        fingerprint = fingerprint_of(record)
        entry = batch.entries.get(fingerprint)
        if entry is not None:
            entry.count += 1
            entry.last, entry.last_message = record.created, message[:LONGEST_TEXT]
            return False
        if len(batch.entries) >= self._capacity:
            batch.more += 1
            return False
        text = _cut(formatted(record))
        batch.entries[fingerprint] = RecordGroup(
            _kept(record), text, 1, record.created, record.created, message[:_LONGEST_LINE]
        )
        return self._make_due(now if len(batch.entries) == self._capacity else self._due_of(fingerprint, record, now))

    def take(self, now: float) -> RecordBatch | None:
        """Take all records for a mail that leaves now; None when there are none."""
        if not self._batch.entries:
            return None
        taken, self._batch, self._due = self._batch, RecordBatch(), None
        self._mailed = now
        for fingerprint in taken.entries:
            self._lengthen(fingerprint, now)
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return taken

    def give_back(self, batch: RecordBatch, due: float) -> None:
        """Merge a batch whose mail could not leave; the next mail is due no sooner than `due`."""
        newer, self._batch = self._batch, batch
        for fingerprint, entry in newer.entries.items():
            older = batch.entries.get(fingerprint)
            if older is not None:
                older.count += entry.count
                older.last, older.last_message = entry.last, entry.last_message
            elif len(batch.entries) < self._capacity:
                batch.entries[fingerprint] = entry
            else:
                batch.more += entry.count
        batch.lines.extend(newer.lines)
        batch.more += newer.more
        self._due = due

    # The steps.

    def _make_due(self, due: float) -> bool:
        if self._due is not None and self._due <= due:
            return False
        self._due = due
        return True

    def _due_of(self, fingerprint: Fingerprint, record: logging.LogRecord, now: float) -> float:
        known = self._known.get(fingerprint)
        if known is not None and now - known.mailed < 2 * known.seconds:
            return max(now, known.mailed + known.seconds)
        return now if record.levelno >= self._flush_level else now + self._interval

    def _lengthen(self, fingerprint: Fingerprint, now: float) -> None:
        known = self._known.pop(fingerprint, None)
        seconds = self._interval
        if known is not None and now - known.mailed < 2 * known.seconds:
            # It went on while nobody looked: twice as long until the next mail about it.
            seconds = min(2 * known.seconds, max(LONGEST_INTERVAL, self._interval))
        self._known[fingerprint] = _Interval(now, seconds)


def fingerprint_of(record: logging.LogRecord) -> Fingerprint:
    """Fingerprint of a record: logger, level, place, message without its numbers and quotes, and exception.

    A QueueHandler formats records before it hands them on, so the message may hold values.
    """
    template = str(record.msg)[:200].partition("\n")[0]
    kind, place = "", 0
    if isinstance(record.exc_info, tuple) and record.exc_info[0] is not None:
        kind = record.exc_info[0].__qualname__
        trace = record.exc_info[2]
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        place = trace.tb_lineno if trace is not None else 0
    return record.name, record.levelno, record.pathname, record.lineno, _VARYING.sub("#", template), kind, place


# The steps.


def _kept(record: logging.LogRecord) -> logging.LogRecord:
    """Copy of a record for `getSubject`, without the frames of its traceback, whose locals it would keep alive."""
    copy = logging.makeLogRecord(record.__dict__)
    copy.msg, copy.args, copy.exc_info = record.getMessage(), None, None
    return copy


def _cut(text: str) -> str:
    if len(text) <= LONGEST_TEXT:
        return text
    half = LONGEST_TEXT // 2
    return f"{text[:half]}\n[…]\n{text[-half:]}"


def _one_line(message: str) -> str:
    return " ".join(message[:_LONGEST_LINE].split())
