"""The words of IMAP that we say and read ourselves: arguments to octets, status lines to values (RFC 3501)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from courriel.errors import RemoteProtocolError, UsageError
from courriel.expressions import expression
from courriel.values import dataclass
from courriel.wire.smtp import printable

_CONTROL = expression("[\x00-\x1f\x7f]")
_STATUS = re.compile(rb"(OK|NO|BAD|BYE|PREAUTH)(?: (?:\[([^\]]*)\] ?)?(.*))?", re.IGNORECASE | re.DOTALL)
_COUNTED = re.compile(rb"\{(\d{1,18})\+?\}\r?\n?\Z")
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
"""Our words for the flags that every server knows; whatever else a flag is called is a keyword."""
_WORDS = {flag.lower(): word for word, flag in FLAGS.items()}


class Counted(bytes):
    """An argument that is sent by its length and then as it is (a literal): it may hold any octets."""


@dataclass(frozen=True, slots=True)
class Status:
    """OK, NO, BAD, BYE or PREAUTH, as a server says it; `code` is what stands in brackets."""

    word: str
    code: str
    text: str

    @property
    def said(self) -> str:
        """All of it, fit to be shown."""
        return " ".join(part for part in (self.word, f"[{self.code}]" if self.code else "", self.text) if part)


def read_status(line: bytes) -> Status | None:
    """Read a status without its tag, or None when it is something else."""
    found = _STATUS.fullmatch(line.rstrip(b"\r\n"))
    if found is None:
        return None
    return Status(found[1].decode("ascii").upper(), printable(found[2] or b""), printable(found[3] or b"").strip())


def counted_at_end(line: bytes) -> int | None:
    """The octets that follow this line because it ends with their number, or None."""
    found = _COUNTED.search(line, max(0, len(line) - 24))
    if found is None:
        # More digits than a number of octets can have: as many as nobody takes.
        return _COUNTLESS if _OVERLONG.search(line, max(0, len(line) - 24)) else None
    return int(found[1])


def capabilities(words: str) -> dict[str, str]:
    """What a server can do, by name in capitals: `AUTH=PLAIN AUTH=LOGIN` is `{"AUTH": "PLAIN LOGIN"}`."""
    found: dict[str, str] = {}
    for word in words.upper().split():
        name, _, value = word.partition("=")
        found[name] = f"{found.get(name, '')} {value}".strip()
    return found


def text(what: str, value: str) -> bytes:
    """Write a text as an argument: quoted when it is ASCII, counted when it is not.

    Raises UsageError for a control character, which is how one command becomes two (A2).
    """
    if _CONTROL.search(value):
        raise UsageError(f"{what} holds a control character", hint_id="HEADER-LINE-BREAK")
    if value.isascii() and len(value) < 1000:
        return b'"' + value.replace("\\", "\\\\").replace('"', '\\"').encode("ascii") + b'"'
    try:
        return Counted(value.encode())
    except UnicodeEncodeError:
        raise UsageError(f"{what} holds half a character (a lone surrogate)") from None


def secret(value: str) -> bytes:
    """Write a user name or a password, which may hold anything: quoted when it is plain, counted when it is not."""
    plain = value.isascii() and value.isprintable() and len(value) < 1000
    return text("it", value) if plain else Counted(value.encode())


def flag(word: str) -> str:
    """The flag for a word of ours ("seen"), or a keyword as it is. Raises UsageError for what cannot be a keyword."""
    known = FLAGS.get(word.lower()) if isinstance(word, str) else None
    if known:
        return known
    if not isinstance(word, str) or not _ATOM.fullmatch(word) or len(word) > 200:
        raise UsageError(
            f"{word!r} is not a flag: {', '.join(FLAGS)}, or a keyword of letters, digits and signs such as $ - _ ."
        )
    return word


def words_of(flags: Iterable[object]) -> frozenset[str]:
    r"""What the server's flags are called here: `\Seen` is "seen", a keyword stays as it is."""
    return frozenset(_WORDS.get(name.lower(), name) for name in map(_shown, flags))


def uid_set(uids: Sequence[int]) -> str:
    """Numbers of letters as IMAP writes them, in ranges: `1:3,7`."""
    return ",".join(str(first) if first == last else f"{first}:{last}" for first, last in _runs(sorted(set(uids))))


def read_uid_set(words: bytes, most: int) -> list[int]:
    """The numbers in `1:3,7`, in the order written. Raises RemoteProtocolError for what is none, or for too many."""
    found: list[int] = []
    for piece in words.split(b","):
        match = _RANGE.fullmatch(piece)
        if match is None:
            raise RemoteProtocolError(f"this is not a list of letters: {printable(words[:80])}")
        first, last = sorted((int(match[1]), int(match[2] or match[1])))
        if not 0 < first <= last <= _MOST or last - first >= most - len(found):
            # Four octets more, `1:4294967295`, would fill our memory with four thousand million numbers.
            raise RemoteProtocolError(f"a list of letters that cannot be: {printable(words[:80])}")
        found.extend(range(first, last + 1))
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
