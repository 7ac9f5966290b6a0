"""Facts of a failure (stage, reply code, text, exceptions), and how to read them out of a pasted text."""

from __future__ import annotations

import re

from courriel._dataclass import dataclass
from courriel._lazy_re import expression

LONGEST_TEXT = 8192
"""Characters that are searched. A usual reply is far shorter; a hostile one must not cost time."""

_BLANKS = expression(r"\s+")
_CODE = expression(r"(?:^|[\s(:\"'])([2-5][0-9]{2})(?=[ -]|, b?['\"]|$)")
_REPEATED_CODE = expression(r"(?<=\s)([2-5][0-9]{2})-?(?=[ ]?[245]\.[0-9]{1,3}\.[0-9]{1,3}\b)|(?<=\s)[2-5][0-9]{2}-")
_ENHANCED = expression(r"(?<![.\w])([245]\.[0-9]{1,3}\.[0-9]{1,3})(?![.\w])")
_EXCEPTION = expression(
    r"(?<![\w.])((?:[A-Za-z_]\w{0,60}\.){0,6}(?:[A-Z]\w{0,60}(?:Error|Refused|Failed|Disconnected|Exception)|NotSupported"
    r"|NameNotFound|TimedOut|MissingExtra|Invalid[A-Z]\w{0,20}|gaierror|abort|error_proto))(?=:|\(|\s*$)",
    re.MULTILINE,
)
_ERRNO = expression(r"\[(?:Errno|WinError) (-?[0-9]{1,5})\]")
_REASON = expression(r"\[(?:SSL|X509|CONF|SYS)?:? ?([A-Z][A-Z0-9_/]{5,60})\]")
_PARENTS = {
    "SSLCertVerificationError": ("SSLError",),
    "SSLEOFError": ("SSLError",),
    "UnicodeEncodeError": ("UnicodeError",),
}


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


def read(pasted: str, *, stage: str = "") -> Facts:
    """Extract the facts from a pasted reply or traceback."""
    # A reply printed as Python bytes has its line ends as a backslash and a letter.
    text = pasted[-LONGEST_TEXT:].replace("\\r", " ").replace("\\n", "\n")
    code = _CODE.search(text)
    enhanced = _ENHANCED.search(text)
    errno = _ERRNO.search(text)
    reason = _REASON.search(text)
    return Facts(
        stage=stage,
        code=int(code[1]) if code else None,
        enhanced=enhanced[1] if enhanced else "",
        text=text,
        exceptions=_exceptions(text),
        errno=int(errno[1]) if errno else None,
        ssl_reason=reason[1] if reason else "",
    )


def fold(facts: Facts) -> str:
    """Return the text as the clues expect it: one line, without the repeated codes, single spaces.

    A server breaks its sentences anywhere and begins each line with its codes again.
    """
    text = _BLANKS.sub(" ", _REPEATED_CODE.sub("", facts.text[:LONGEST_TEXT]))
    if facts.enhanced:
        head, found, tail = text.partition(facts.enhanced)
        text = head + found + tail.replace(f" {facts.enhanced} ", " ")
    return _BLANKS.sub(" ", text).strip()


def _exceptions(text: str) -> tuple[str, ...]:
    # The last line of a traceback is what ended the program: it comes first.
    names = [found[1] for found in _EXCEPTION.finditer(text)][::-1]
    for name in tuple(names):
        names.extend(_PARENTS.get(name.rpartition(".")[2], ()))
    return tuple(dict.fromkeys(names))
