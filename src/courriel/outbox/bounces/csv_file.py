"""CSV files of suppressed addresses: our own, and those that providers hand out."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from courriel import errors
from courriel.outbox.bounces.entries import checked_entry
from courriel.outbox.store.suppression import REASONS, Suppression, SuppressionReason, moment_of

_COLUMNS = ("address", "reason", "stream", "note", "ticket", "added")
_NAMES = {"created": "added"} | dict.fromkeys(
    ("email", "e-mail", "mail", "email_address", "email address", "e-mail address", "adresse", "adresse e-mail",
     "adresse email", "adresse mail", "courriel", "recipient"), "address"
)  # fmt: skip
"""Heads of columns in files of others, by the names of ours."""


_FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")
"""Beginnings of a cell that spreadsheets run as a formula, and the mark that tells them not to."""


def write_csv(path: Path, entries: Iterable[Suppression]) -> int:
    """Write entries to a new file, UTF-8; an existing file is refused. Returns how many.

    A note may be the words of a stranger: a cell that a spreadsheet would run gets an apostrophe in front, which
    `read_csv` takes away.
    """
    number = 0
    with path.open("x", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(_COLUMNS)
        for entry in entries:
            added = moment_of(entry.added).isoformat(timespec="microseconds")
            cells = (entry.address, entry.reason, entry.stream, entry.note, entry.ticket, added)
            out.writerow(f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in cells)
            number += 1
    return number


def read_csv(path: Path, reason: SuppressionReason) -> Iterator[Suppression]:
    """Entries of a file: with heads of columns, or with an address at the beginning of each line.

    Raises UsageError with the number of the line at fault.
    """
    # utf-8-sig: spreadsheets write a mark in front.
    with path.open(encoding="utf-8-sig", newline="") as file:
        heads: list[str] | None = None
        try:
            # Strictly: a quotation mark that is never closed would take the rest of the file for one note.
            lines = csv.reader(file, delimiter=_delimiter(file), strict=True)
        except UnicodeDecodeError as wrong:
            raise _not_utf_8(path) from wrong
        try:
            for row in lines:
                if not any(cell.strip() for cell in row):
                    continue
                if heads is None:
                    named = [_NAMES.get(cell.strip().lower(), cell.strip().lower()) for cell in row]
                    heads = named if "address" in named else ["address"]
                    if "address" in named:
                        continue
                    if not any("@" in cell for cell in row):
                        raise errors.UsageError(
                            f"no column is called email or address, and no address is there: {', '.join(row)[:80]}"
                        )
                yield checked_entry(_entry(dict(zip(heads, map(_plain, row), strict=False)), reason))
        except UnicodeDecodeError as wrong:
            raise _not_utf_8(path) from wrong
        except (errors.UsageError, csv.Error) as wrong:
            raise errors.UsageError(f"{path}, line {lines.line_num}: {wrong}") from wrong


# The steps.


def _delimiter(file: TextIO) -> str:
    """The sign between two cells, by the first line that is not empty: spreadsheets write semicolons in French."""
    first = next((line for line in file if line.strip()), "")
    file.seek(0)
    return next((sign for sign in ",;\t" if sign in first), ",")


def _plain(cell: str) -> str:
    """A cell without the mark against formulas."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_FORMULA) else cell


def _not_utf_8(path: Path) -> errors.UsageError:
    return errors.UsageError(f"{path} is not in UTF-8: save it again as CSV UTF-8")


def _entry(said: dict[str, str], usual: SuppressionReason) -> Suppression:
    given = said.get("reason", "").strip().lower()
    reason = next((known for known in REASONS if known == given), usual)
    note = said.get("note", "")
    if given and given != reason:
        note = note or given  # a provider's own word
    return Suppression(
        said.get("address", "").strip(),
        reason,  # type: ignore[arg-type]
        said.get("stream", "").strip(),
        " ".join(note.split()),
        said.get("ticket", "").strip(),
        _moment(said.get("added", "").strip()),
    )


def _moment(text: str) -> float:
    """Seconds since 1970; 0, which means now, where there is none. Raises UsageError for what is no time."""
    if not text:
        return 0.0
    try:
        found = datetime.fromisoformat(text)
    except ValueError as wrong:
        raise errors.UsageError(f"added: a time as 2026-11-30T12:00:00+00:00, not {text[:40]!r}") from wrong
    return (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).timestamp()
