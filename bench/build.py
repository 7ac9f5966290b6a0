"""
How fast a message is made and written, beside the standard library's EmailMessage: `python bench/build.py`.

Each row is a ratio taken in one run: both sides alternate, and the median of the rounds counts. Every message is a new
one (its own recipient, subject, text, Message-ID and Date), as in a mailing without a template; what is measured goes
from the fields to the octets that leave.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, localtime, make_msgid
from statistics import median
from time import process_time

from courriel.model.message import Message
from courriel.wire.mime import build

LINE = "The quick brown fox jumps over the lazy dog, and nobody minds at all.\n"
TEXT = LINE * 14
WIDE = "Bonjour à tous, voici la synthèse de l'été : tout va très bien.\n" * 15
HTML = "<html><body>\n" + "<p>Bonjour à tous, voici la <b>synthèse</b> de l’été.</p>\n" * 16 + "</body></html>\n"


def ours_text(number: int) -> bytes:
    message = Message(
        sender="Ada <ada@example.org>",
        to=f"user{number}@example.org",
        subject=f"Invoice {number}",
        text=f"Number {number}\n{TEXT}",
    )
    return bytes(build(message))


def theirs_text(number: int) -> bytes:
    message = EmailMessage()
    message["From"] = "Ada <ada@example.org>"
    message["To"] = f"user{number}@example.org"
    message["Subject"] = f"Invoice {number}"
    message["Date"] = format_datetime(localtime())
    message["Message-ID"] = make_msgid(domain="example.org")
    message.set_content(f"Number {number}\n{TEXT}")
    return message.as_bytes(policy=SMTP)


def ours_both(number: int, eight_bit: bool = True) -> bytes:
    message = Message(
        sender="Ada <ada@example.org>",
        to=f"user{number}@example.org",
        subject=f"Facture {number} de l'été",
        text=f"Numéro {number}\n{WIDE}",
        html=f"<p>Numéro {number}\n{HTML}",
    )
    return bytes(build(message, eight_bit=eight_bit))


def ours_both_7bit(number: int) -> bytes:
    return ours_both(number, eight_bit=False)


def theirs_both(number: int) -> bytes:
    message = EmailMessage()
    message["From"] = "Ada <ada@example.org>"
    message["To"] = f"user{number}@example.org"
    message["Subject"] = f"Facture {number} de l'été"
    message["Date"] = format_datetime(localtime())
    message["Message-ID"] = make_msgid(domain="example.org")
    message.set_content(f"Numéro {number}\n{WIDE}")
    message.add_alternative(f"<p>Numéro {number}\n{HTML}", subtype="html")
    return message.as_bytes(policy=SMTP)


ROWS: tuple[tuple[str, Callable[[int], bytes], Callable[[int], bytes], int | None], ...] = (
    ("1 kB text", ours_text, theirs_text, 60),
    ("text + HTML, UTF-8, 8bit", ours_both, theirs_both, 40),
    ("text + HTML, UTF-8, 7bit", ours_both_7bit, theirs_both, None),
)


def seconds_each(work: Callable[[int], bytes], times: int, start: int) -> float:
    began = process_time()
    for number in range(start, start + times):
        work(number)
    return (process_time() - began) / times


def main() -> None:
    """One line a row: microseconds for each side, the ratio, and what is promised."""
    rounds = 5 if "--quick" in sys.argv else 15
    for name, ours, theirs, floor in ROWS:
        mine: list[float] = []
        other: list[float] = []
        for turn in range(rounds):
            other.append(seconds_each(theirs, 100, turn * 100_000))
            mine.append(seconds_each(ours, 3000, turn * 100_000))
        ratio = median(other) / median(mine)
        promise = f"(at least {floor})" if floor else ""
        print(f"{name:26} courriel {median(mine) * 1e6:7.1f} µs   EmailMessage {median(other) * 1e6:7.1f} µs   "
              f"{ratio:6.1f} x {promise}")  # fmt: skip


if __name__ == "__main__":
    main()
