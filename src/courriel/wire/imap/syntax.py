"""IMAP syntax written and parsed by this package: arguments to octets, status lines to values (RFC 3501)."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence

from courriel._dataclass import dataclass
from courriel._lazy_re import expression
from courriel.errors import RemoteProtocolError, UsageError
from courriel.wire.smtp.client_syntax import printable

_CONTROL = expression("[\x00-\x1f\x7f]")
_CONTROL_OCTET = expression(rb"[\x00-\x1f\x7f]")
_STATUS = re.compile(rb"(OK|NO|BAD|BYE|PREAUTH)(?: ++(.*))?", re.IGNORECASE | re.DOTALL)
# A keyword in PERMANENTFLAGS may hold "]".
_CODES = (re.compile(rb"\[((?:[^\[\]()]|\([^()]*\))*+)\] ?"), re.compile(rb"\[([^\]]*)\] ?"))
_COUNTED = re.compile(rb"\{(\d{1,19})\+?\}\r?\n?\Z")
_OVERLONG = re.compile(rb"[0-9]{20}\+?\}\r?\n?\Z")
_COUNTLESS = 10**18
_ATOM = re.compile(r"[A-Za-z0-9!#$&'+,./:;<=>?@^_`|~-]+")
_RANGE = re.compile(rb"(\d{1,10})(?::(\d{1,10}))?")
_MOST = 2**32 - 1

FLAGS = {
    "seen": "\\Seen",
    "answered": "\\Answered",
    "flagged": "\\Flagged",
    "deleted": "\\Deleted",
    "draft": "\\Draft",
    "recent": "\\Recent",
}
"""Names in this package for the system flags; any other flag is a keyword."""
SYSTEM_FLAGS = tuple(flag for word, flag in FLAGS.items() if word != "recent")
"""System flags that a client may set; only the server sets \\Recent."""
_WORDS = {flag.lower(): word for word, flag in FLAGS.items()}


class Counted(bytes):
    """Argument that is sent as a literal, by its length and then unchanged: it may hold any octets."""


class CountedUtf8(Counted):
    """Argument that is sent as a literal of any octets (literal8), as APPEND takes letters with UTF-8 in the header."""


@dataclass(frozen=True, slots=True)
class AnswerStatus:
    """OK, NO, BAD, BYE or PREAUTH response; `code` is the response code in brackets."""

    word: str
    code: str
    text: str

    @property
    def shown(self) -> str:
        """Whole response as printable text."""
        return " ".join(part for part in (self.word, f"[{self.code}]" if self.code else "", self.text) if part)


def read_status(line: bytes) -> AnswerStatus | None:
    """Parse a status response without its tag, or return None when it is something else."""
    found = _STATUS.fullmatch(line.rstrip(b"\r\n"))
    if found is None:
        return None
    word, text = found[1].decode("ascii").upper(), found[2] or b""
    code = next((code for each in _CODES if (code := each.match(text))), None)
    return AnswerStatus(word, printable(code[1]) if code else "", printable(text[code.end() if code else 0 :]).strip())


def counted_at_end(line: bytes) -> int | None:
    """Length of the literal that follows this line, in octets, or None when the line announces none."""
    found = _COUNTED.search(line, max(0, len(line) - 25))
    if found is None:
        # More digits than any length has: a number above every limit.
        return _COUNTLESS if _OVERLONG.search(line, max(0, len(line) - 25)) else None
    return int(found[1])


def capabilities(words: str) -> dict[str, str]:
    """Capabilities of the server by name in capitals: `AUTH=PLAIN AUTH=LOGIN` is `{"AUTH": "PLAIN LOGIN"}`."""
    found: dict[str, str] = {}
    for word in words.upper().split():
        name, _, value = word.partition("=")
        found[name] = f"{found.get(name, '')} {value}".strip()
    return found


def number(words: str) -> int | None:
    """A number in a response code, None for anything else."""
    return int(words) if words.isascii() and words.isdigit() and len(words) <= 20 else None


def text(noun: str, value: str) -> bytes:
    """Write a text as an argument: quoted when it is ASCII, a literal when it is not.

    Raises UsageError for a control character, by which one command becomes two (hazard H42).
    """
    if _CONTROL.search(value):
        raise UsageError(f"{noun} holds a control character", hint_id="HEADER-LINE-BREAK")
    if value.isascii() and len(value) < 1000:
        return b'"' + value.replace("\\", "\\\\").replace('"', '\\"').encode("ascii") + b'"'
    try:
        return Counted(value.encode())
    except UnicodeEncodeError:
        raise UsageError(f"{noun} holds half a character (a lone surrogate)") from None


def octets(value: bytes) -> bytes:
    """Write octets as an argument: quoted, as servers list them too; a literal where a control character is in them."""
    if len(value) >= 1000 or _CONTROL_OCTET.search(value):
        return Counted(value)
    return b'"' + value.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def secret(value: str) -> bytes:
    """Write a user name or a password: quoted when it is printable ASCII, else a literal of any characters."""
    plain = value.isascii() and value.isprintable() and len(value) < 1000
    return text("it", value) if plain else Counted(value.encode())


def flag(word: str) -> str:
    """IMAP flag for a name of this package ("seen"), or a keyword unchanged. Raises UsageError."""
    known = FLAGS.get(word.lower()) if isinstance(word, str) else None
    if known:
        return known
    if not isinstance(word, str) or not _ATOM.fullmatch(word) or len(word) > 200:
        raise UsageError(
            f"{word!r} is not a flag: {', '.join(FLAGS)}, or a keyword of letters, digits and signs such as $ - _ ."
        )
    return word


def words_of(flags: Iterable[object]) -> frozenset[str]:
    r"""Names of the server's flags in this package: `\Seen` is "seen", a keyword stays as it is."""
    return frozenset(_WORDS.get(name.lower(), name) for name in map(_shown, flags))


def uid_set(uids: Sequence[int]) -> str:
    """Format UIDs as an IMAP sequence set, in ranges: `1:3,7`."""
    return ",".join(str(first) if first == last else f"{first}:{last}" for first, last in _runs(sorted(set(uids))))


def read_uid_set(words: bytes, limit: int) -> list[int]:
    """Parse the UIDs of `1:3,7`, in order. Raises RemoteProtocolError for an invalid set, or above `limit`."""
    found: list[int] = []
    for piece in words.split(b","):
        match = _RANGE.fullmatch(piece)
        if match is None:
            raise RemoteProtocolError(f"this is not a list of letters: {printable(words[:80])}")
        first, last = sorted((int(match[1]), int(match[2] or match[1])))
        if not 0 < first <= last <= _MOST or last - first >= limit - len(found):
            # A short range, `1:4294967295`, would fill the memory with four thousand million numbers.
            raise RemoteProtocolError(f"a list of letters that cannot be: {printable(words[:80])}")
        found.extend(range(first, last + 1))
    return found


def known_in_set(words: bytes, ordered: Sequence[int]) -> set[int]:
    """Known UIDs, in ascending order, that stand in `1:3,7`, however large its ranges are.

    Raises RemoteProtocolError.
    """
    found: set[int] = set()
    for piece in words.split(b","):
        match = _RANGE.fullmatch(piece)
        if match is None:
            raise RemoteProtocolError(f"this is not a list of letters: {printable(words[:80])}")
        first, last = sorted((int(match[1]), int(match[2] or match[1])))
        found.update(ordered[bisect_left(ordered, first) : bisect_right(ordered, last)])
    return found


# The steps.


def _shown(name: object) -> str:
    return printable(name) if isinstance(name, bytes) else str(name)


def _runs(ordered: list[int]) -> Iterator[tuple[int, int]]:
    first = last = 0
    for number in ordered:
        if first and number == last + 1:
            last = number
            continue
        if first:
            yield first, last
        first = last = number
    if first:
        yield first, last
