"""Facts of a failure: stage, reply code, text, exceptions."""

from __future__ import annotations

from courriel._dataclass import dataclass
from courriel._lazy_re import expression

LONGEST_TEXT = 8192
"""Characters that are searched. A usual reply is far shorter; a hostile one must not cost time."""

_BLANKS = expression(r"\s+")
_REPEATED_CODE = expression(
    r"(?<=\s)[2-5][0-9]{2}-?(?=[ ]?[245]\.[0-9]{1,3}\.[0-9]{1,3}\b)|(?<=\s)[2-5][0-9]{2}-"
    r"|(?<=[^\s0-9])[45][0-9]{2}-(?=[45]\.[0-9]{1,3}\.)"  # in a log that has lost its line ends
)


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts of a failure, as far as they are known; every field may be missing."""

    stage: str = ""
    code: int | None = None
    enhanced: str = ""
    text: str = ""
    exceptions: tuple[str, ...] = ()
    """Names of exception classes, most specific first; only the last part of a dotted name counts."""
    errno: int | None = None
    ssl_reason: str = ""
    verify_code: int | None = None
    hint_id: str = ""
    """Id of a record, set by code that knows the failure exactly."""
    server: str = ""
    """Server that was talked to, "host:port"."""


def fold(facts: Facts) -> str:
    """Return the text as the clues expect it: one line, without the repeated codes, single spaces.

    A server breaks its sentences anywhere and begins each line with its codes again.
    """
    text = _BLANKS.sub(" ", _REPEATED_CODE.sub(" ", facts.text[:LONGEST_TEXT]))
    if facts.enhanced:
        head, found, tail = text.partition(facts.enhanced)
        text = head + found + tail.replace(f" {facts.enhanced} ", " ")
    return _BLANKS.sub(" ", text).strip()
