"""Checks of a received message: deviations from the standards, reported and not repaired."""

from __future__ import annotations

from courriel._dataclass import dataclass
from courriel.model.content import has_long_line

LONGEST_LINE = 998  # octets without the line end, RFC 5322 2.1.1


@dataclass(frozen=True, slots=True)
class Finding:
    """Deviation from the standards that other servers may refuse; `kind` is a word for programs, `text` a sentence."""

    kind: str
    text: str

    def __str__(self) -> str:
        return self.text


def check_message(content: bytes, *, eight_bit: bool = False, single_dots: int = 0) -> tuple[Finding, ...]:
    """Check the octets of a message; `eight_bit`: they were announced by BODY=8BITMIME or SMTPUTF8."""
    pairs = content.count(b"\r\n")
    findings: list[Finding] = []
    if feeds := content.count(b"\n") - pairs:
        findings.append(
            Finding("bare-lf", f"your client sent a bare LF ({feeds} of them): lines end with CR LF (RFC 5321 2.3.8)")
        )
    if returns := content.count(b"\r") - pairs:
        findings.append(
            Finding("bare-cr", f"your client sent a bare CR ({returns} of them): lines end with CR LF (RFC 5321 2.3.8)")
        )
    if b"\0" in content:
        nuls = content.count(b"\0")
        findings.append(Finding("nul", f"the message holds NUL ({nuls} of them)"))
    if has_long_line(content, LONGEST_LINE, end=b"\r\n"):
        longest = max(map(len, content.split(b"\r\n")))
        findings.append(
            Finding("long-line", f"a line of {longest:,} octets; others cut it at {LONGEST_LINE}, or refuse it")
        )
    if not content.isascii() and not eight_bit:
        findings.append(Finding("eight-bit", "8-bit content although BODY=8BITMIME was not said (RFC 6152)"))
    if single_dots:
        findings.append(
            Finding(
                "single-dot",
                f"a line began with one dot where two belong ({single_dots} of them): the dot is lost (RFC 5321 4.5.2)",
            )
        )
    return tuple(findings)
