"""POP3 client syntax: bytes to status lines, listings and numbers (RFC 1939, RFC 2449, RFC 3206)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from courriel._lazy_re import expression
from courriel.errors import RemoteProtocolError
from courriel.reply import Reply
from courriel.wire.smtp.client_syntax import printable

TEMPORARY = ("IN-USE", "LOGIN-DELAY", "SYS/TEMP")
"""Response codes of a temporary refusal (RFC 2449 8.1, RFC 3206 4)."""

MOST_LETTERS = 10_000_000
"""Limit of letters in a mailbox; a higher count is invalid, and would only fill the memory."""

MOST_CAPABILITIES = 64 * 1024
"""Octets of the answer to CAPA."""

_PER_LETTER = 512  # octets of a line of a listing (RFC 2449 4)
_RESPONSE_CODE = re.compile(r"\[([A-Z0-9][A-Z0-9/-]*)\]", re.IGNORECASE)
# RFC 1939 7: a msg-id of RFC 822. A looser pattern helps attackers who collect digests (CVE-2007-1558).
_TIMESTAMP = expression(r"<[!-;=?A-~]{1,250}@[!-;=?A-~]{1,250}>")
_IN_USE = expression(
    r"(?i)\b(?:mail ?box|mail ?drop|maildrop|spool)\b.{0,40}\b(?:locked|in use|busy|being used)\b"
    r"|\bunable to lock\b.{0,20}\b(?:mail ?box|mail ?drop|spool)\b"
)
_PLAIN_LIST = re.compile(rb"(?:[0-9]{1,9} [0-9]{1,18}\r\n)*")
_OTHERS = (b"220", b"* OK", b"SSH-", b"HTTP/")


def read_status(line: bytes) -> Reply:
    """Parse one status line, without its end: +OK, -ERR, or the "+" of a login that goes on.

    Raises RemoteProtocolError for anything else.
    """
    word, _, text = line.replace(b"\t", b" ", 1).partition(b" ")
    lines = (printable(text),)
    if word == b"+OK":
        return Reply(200, lines, "+OK")
    if word == b"-ERR":
        refusal = Reply(500, lines, "-ERR")
        return Reply(400, lines, "-ERR") if response_code(refusal) in TEMPORARY else refusal
    if word == b"+":
        return Reply(300, lines, "+")
    hint_id = "WRONG-PROTOCOL" if line.startswith(_OTHERS) else ""
    raise RemoteProtocolError(f"not an answer of POP3: {printable(line[:60])!r}", hint_id=hint_id)


def response_code(reply: Reply) -> str:
    """Response code of a refusal, "IN-USE"; "" when there is none (RFC 2449 8)."""
    found = _RESPONSE_CODE.match(reply.lines[0].lstrip(" "))
    return found[1].upper() if found else ""


def says_in_use(reply: Reply) -> bool:
    """Whether the text of a refusal, without a response code, says that another session has the mailbox open."""
    return bool(_IN_USE.search(reply.lines[0]))


def read_capabilities(text: bytes) -> dict[str, str]:
    """Parse the answer to CAPA: capabilities by name (RFC 2449 5)."""
    capabilities: dict[str, str] = {}
    for line in text.split(b"\r\n"):
        name, _, details = printable(line).strip().partition(" ")
        if name:
            capabilities[name.upper()] = details.strip()
    return capabilities


def read_timestamp(greeting: str) -> str:
    """Timestamp of a greeting for the digest of APOP; "" when it has none (RFC 1939 7)."""
    found = _TIMESTAMP.search(greeting)
    return found[0] if found else ""


def digest(timestamp: str, secret: str) -> str:
    """Digest that APOP sends in place of the password (RFC 1939 7)."""
    import hashlib  # noqa: PLC0415 - APOP is rare

    return hashlib.md5((timestamp + secret).encode(), usedforsecurity=False).hexdigest()


def read_stat(reply: Reply) -> tuple[int, int]:
    """Parse the reply to STAT: number of letters and their octets in all, separated by any spaces.

    Raises RemoteProtocolError.
    """
    count, size = (*reply.lines[0].split(), "", "")[:2]
    return _number(count, MOST_LETTERS), _number(size, 2**63)


def longest_listing(count: int) -> int:
    """Limit in octets for a listing of that many letters."""
    return 4096 + count * _PER_LETTER


def of_letters(verb: str, numbers: Iterable[int], words: str = "") -> bytes:
    """Write the same command for many letters. The numbers are our own, so no second command can be among them."""
    return "".join([f"{verb} {number}{words}\r\n" for number in numbers]).encode("ascii")


def read_sizes(text: bytes, last: int = MOST_LETTERS) -> dict[int, int]:
    """Parse the answer to LIST: octets of each letter, by its number, `last` at most. Raises RemoteProtocolError."""
    if _PLAIN_LIST.fullmatch(text):
        # The usual form, two numbers on each line, is parsed at once.
        numbers = list(map(int, text.split()))
        sizes = dict(zip(numbers[::2], numbers[1::2], strict=True))
        if 2 * len(sizes) == len(numbers) and (not sizes or (min(sizes) > 0 and max(sizes) <= last)):
            return sizes
    return {number: _number((*words.split(), "")[0], 2**63) for number, words in _listed(text, last)}


def read_uids(text: bytes, last: int = MOST_LETTERS) -> dict[int, str]:
    """Parse the answer to UIDL: unique id of each letter, by its number, `last` at most.

    Raises RemoteProtocolError.
    """
    uids = {number: words.strip() for number, words in _listed(text, last)}
    if not all(uids.values()):
        raise RemoteProtocolError("a letter without a unique id in the server's list")
    return uids


# The steps.


def _listed(text: bytes, last: int) -> list[tuple[int, str]]:
    """Parse the lines of a listing, with any spaces and tabs; each begins with a valid letter number, and no number
    occurs twice. Raises RemoteProtocolError."""
    found: list[tuple[int, str]] = []
    for line in text.split(b"\r\n")[:-1]:
        number, _, words = printable(line.replace(b"\t", b" ")).strip(" ").partition(" ")
        if number:
            found.append((_number(number, last), words))
    if len(dict(found)) < len(found) or any(number == 0 for number, _ in found):
        raise RemoteProtocolError("the server's list names a letter that cannot be")
    return found


def _number(text: str, maximum: int) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 20 and int(text) <= maximum):
        raise RemoteProtocolError(f"{text[:30]!r} stands where a number up to {maximum} belongs")
    return int(text)
