"""What is sent: the same octets, texts and files for every contestant, in one folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from random import Random

SENDER = "bench@example.org"
RECIPIENT = "someone@example.org"
READY_SIZE = 1024
LETTER_SIZE = 4096
LETTERS = 2000
"""What a mailbox of the bench holds."""
HEADS = 10_000
"""What the mailbox holds of which the headers are listed."""
SMALL_FILE, LARGE_LETTER = 100_000, 20_000_000
"""Octets of an attachment, and about those of the letter that it is in."""
HUGE_LETTER = 200_000_000
"""Octets of a letter that is saved to a file."""
MANY = 100_000
"""Letters of the folder that is synchronised."""
DIFFERENT = 1000
NUMBER = b"000000"
MB = 1_000_000

_LINE = "The quick brown fox jumps over the lazy dog, and so on to the end of it."
_MERGE_TEXT = """Bonjour {name},

Votre commande n° {number} est prête : elle vous attend à l’atelier, près de la forêt, où elle a été vérifiée.
Déjà payée, elle vous sera remise contre ce numéro. Être reçu à l’heure n’est pas un problème, même l’été.

À bientôt,
l’équipe
"""
_MERGE_HTML = """<html><body><p>Bonjour <b>{name}</b>,</p>
<p>Votre commande n° <b>{number}</b> est prête : elle vous attend à l’atelier, près de la forêt, où elle a été vérifiée.
Déjà payée, elle vous sera remise contre ce numéro. Être reçu à l’heure n’est pas un problème, même l’été.</p>
<p>À bientôt,<br>l’équipe</p></body></html>
"""


@dataclass(frozen=True, slots=True)
class Material:
    """A folder with `ready.eml`, `text.txt`, `merge.txt`, `merge.html`, and files to attach."""

    folder: Path

    def write(self) -> None:
        """Fill the folder; files to attach are made when they are asked for."""
        head = (
            f"From: {SENDER}\r\nTo: {RECIPIENT}\r\nSubject: Ready-made mail number {NUMBER.decode()}\r\n"
            "Date: Mon, 05 Jan 2026 10:00:00 +0000\r\nMessage-ID: <000000.bench@example.org>\r\n"
            "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
        )
        (self.folder / "ready.eml").write_bytes(_filled(head.encode(), READY_SIZE))
        # No line of it begins with a dot: the sink of the bench writes it as it is.
        (self.folder / "letter.eml").write_bytes(_filled(head.encode(), LETTER_SIZE))
        (self.folder / "text.txt").write_bytes(_filled(b"", READY_SIZE).replace(b"\r\n", b"\n"))
        (self.folder / "merge.txt").write_text(_MERGE_TEXT, "utf-8")
        (self.folder / "merge.html").write_text(_MERGE_HTML, "utf-8")

    def ready(self) -> list[bytes]:
        """A thousand mails of one kB, alike but for their number."""
        pattern = (self.folder / "ready.eml").read_bytes()
        return [pattern.replace(NUMBER, b"%06d" % number) for number in range(DIFFERENT)]

    def letter(self, number: int) -> bytes:
        """One of those in a mailbox, by its number from 1."""
        return (self.folder / "letter.eml").read_bytes().replace(NUMBER, b"%06d" % number, 1)

    def text(self, name: str) -> str:
        return (self.folder / name).read_text("utf-8")

    def file(self, size: int) -> Path:
        """A file of this many octets, that no compression and no cache makes smaller; kept for the next who asks."""
        path = self.folder / f"{size}.bin"
        if not path.exists() or path.stat().st_size != size:
            block = Random(size).randbytes(min(size, MB))
            with path.open("wb") as out:
                left = size
                while left > 0:
                    left -= out.write(block[:left])
        return path


def person(number: int) -> tuple[str, str, str]:
    """Name, address and order number of one who gets the merged mail."""
    return f"Zoé Lefèvre {number}", f"zoe{number}@example.org", f"2026-{number:05d}"


def _filled(head: bytes, size: int) -> bytes:
    """`head` and lines of text, `size` octets together, ending in CRLF."""
    line = f"{_LINE}\r\n".encode()
    body = line * (size // len(line) + 1)
    whole = (head + body)[: size - 2]
    # A line end that was cut in two would be one more line, or a bare CR.
    return whole.rstrip(b"\r\n").ljust(size - 2, b".") + b"\r\n"
