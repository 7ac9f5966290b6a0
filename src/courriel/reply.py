"""What a server says. The lowest stone of the house: it imports nothing of ours."""

from __future__ import annotations

from courriel.expressions import expression
from courriel.values import dataclass

_ENHANCED = expression(r"([245])\.(\d{1,3})\.(\d{1,3})(?=\s|$)")


@dataclass(frozen=True, slots=True)
class EnhancedCode:
    """What a reply is about, in three numbers: class, subject, detail (RFC 3463)."""

    kind: int
    subject: int
    detail: int

    @classmethod
    def parse(cls, text: str) -> EnhancedCode | None:
        """Read the code that a reply's text begins with, or None when it begins with something else."""
        found = _ENHANCED.match(text)
        return cls(int(found[1]), int(found[2]), int(found[3])) if found else None

    def __str__(self) -> str:
        return f"{self.kind}.{self.subject}.{self.detail}"


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer of a server: a code and the lines that came with it (RFC 5321 4.2).

    Where a protocol has a `word` in place of the code ("+OK", "-ERR": RFC 1939 3), `code` says no more than what kind
    of answer it is: 200, 300, 400, 500.
    """

    code: int
    lines: tuple[str, ...] = ()
    word: str = ""

    @property
    def kind(self) -> int:
        """The first digit, which is all that a client may rely on: 2 yes, 3 go on, 4 not now, 5 no."""
        return self.code // 100

    @property
    def text(self) -> str:
        """Every line as one sentence, the enhanced code said once although servers repeat it on each line."""
        code = str(self.enhanced or "")
        rest = (line.removeprefix(code).lstrip() if code and place else line for place, line in enumerate(self.lines))
        return " ".join(line.strip() for line in rest if line.strip())

    @property
    def enhanced(self) -> EnhancedCode | None:
        """The enhanced code that the text begins with, if any."""
        return EnhancedCode.parse(self.lines[0]) if self.lines else None

    def __str__(self) -> str:
        return f"{self.word or self.code} {self.text}".rstrip()
