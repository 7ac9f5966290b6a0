"""Server replies: code, text lines, enhanced status code (RFC 5321 4.2, RFC 3463). The lowest layer."""

from __future__ import annotations

from courriel._dataclass import dataclass
from courriel._lazy_re import expression

_ENHANCED = expression(r"([245])\.(\d{1,3})\.(\d{1,3})(?=\s|$)")


@dataclass(frozen=True, slots=True)
class EnhancedCode:
    """Enhanced status code in three numbers: class, subject, detail (RFC 3463)."""

    kind: int
    subject: int
    detail: int

    @classmethod
    def parse(cls, text: str) -> EnhancedCode | None:
        """Parse the code at the beginning of a reply's text, or return None when there is none."""
        found = _ENHANCED.match(text)
        return cls(int(found[1]), int(found[2]), int(found[3])) if found else None

    def __str__(self) -> str:
        return f"{self.kind}.{self.subject}.{self.detail}"


@dataclass(frozen=True, slots=True)
class Reply:
    """Server reply: a code and its text lines (RFC 5321 4.2).

    A protocol with a status `word` in place of the code ("+OK", "-ERR": RFC 1939 3) gives `code` only the class of the
    reply: 200, 300, 400, 500.
    """

    code: int
    lines: tuple[str, ...] = ()
    word: str = ""

    @property
    def kind(self) -> int:
        """First digit of the code, on which clients may rely: 2 success, 3 continue, 4 temporary, 5 permanent."""
        return self.code // 100

    @property
    def text(self) -> str:
        """All lines as one sentence; the enhanced code, which servers repeat on each line, stands once."""
        code = str(self.enhanced or "")
        rest = (line.removeprefix(code).lstrip() if code and place else line for place, line in enumerate(self.lines))
        return " ".join(line.strip() for line in rest if line.strip())

    @property
    def enhanced(self) -> EnhancedCode | None:
        """Enhanced code at the beginning of the text, or None."""
        return EnhancedCode.parse(self.lines[0]) if self.lines else None

    def __str__(self) -> str:
        return f"{self.word or self.code} {self.text}".rstrip()
