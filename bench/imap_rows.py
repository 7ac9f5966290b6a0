"""What is promised of IMAP beside others; see `rows`.

Each run reads all letters of a row, except that of somebody who goes one by one: the first lines of a list are asked
for few at a time, and say nothing of its cost.

The folder is selected before the clock starts, for everybody; a search and what is fetched are timed.
"""

from __future__ import annotations

from .contestants import OURS
from .material import HEADS, LETTERS
from .measuring import Rival, Row

_PART = "an attachment of 100 kB in a letter of 20 MB, at 10 ms"


def imap_rows() -> list[Row]:
    """Rows of IMAP that compare us with somebody."""
    return [*(_letters(milliseconds) for milliseconds in (0, 10)), _parsed(), *_parts(), *_heads()]


# The steps.


def _letters(milliseconds: int) -> Row:
    loopback = not milliseconds
    return Row(
        "imap" + _at(milliseconds, " "),
        f"{LETTERS:,} letters of 4 kB, whole{_at(milliseconds, ' at ')}",
        "imap",
        "imap" + _far(milliseconds),
        (
            Rival("smtplib", None, "imap-each", label="imaplib, letter by letter", few=True),
            Rival("smtplib", 1.3 if loopback else 1.0, label="imaplib, one command"),
            Rival("imap_tools", 4 if loopback else None),
            Rival("IMAPClient", 6 if loopback else None),
            Rival("imapflow", 4 if loopback else None),
        ),
        unit="letters/s",
        most=LETTERS,
        whole=True,
    )


def _parsed() -> Row:
    return Row(
        "imap parsed",
        f"{LETTERS:,} letters of 4 kB, whole; subject, text and attachments of each",
        "imap-parsed",
        "imap",
        (Rival("imap_tools", 3),),
        unit="letters/s",
        most=LETTERS,
        whole=True,
    )


def _parts() -> list[Row]:
    """A line without a width tells what copying costs, and none that anybody has; 100 Mbit/s is a good one."""
    return [
        Row(
            name,
            _PART + width,
            "imap-part",
            f"imap-part at 10 ms{by}",
            (Rival(OURS, floor, "imap-part-whole", label="the letter fetched whole"),),
            unit="letters/s",
            most=1,
        )
        for name, width, by, floor in (
            ("imap part", " and 100 Mbit/s", " by 100 Mbit/s", 20),
            ("imap part, any width", ", a line of any width", "", None),
        )
    ]


def _heads() -> list[Row]:
    return [
        Row(
            name + _at(milliseconds, " "),
            f"headers of {HEADS:,} letters for a list{does}{_at(milliseconds, ' at ')}",
            work,
            "imap-heads" + _far(milliseconds),
            (Rival("smtplib", None if milliseconds else floor, "imap-heads", label="imaplib, untouched"),),
            unit="letters/s",
            most=HEADS,
            whole=True,
        )
        for name, work, does, floor in (
            ("imap heads", "imap-heads", "", 1.3),
            ("imap heads read", "imap-heads-read", ", subject, sender and date of each", 0.2),
        )
        for milliseconds in (0, 10)
    ]


def _at(milliseconds: int, before: str) -> str:
    return f",{before}{milliseconds} ms" if milliseconds else ""


def _far(milliseconds: int) -> str:
    return f" at {milliseconds} ms" if milliseconds else ""
