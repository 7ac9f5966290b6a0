"""
Quirks of real IMAP servers, to be played by name: what each does to the responses.

Each was seen at a provider, or reported to another client; a client has to bear them, and must not lose mail by them.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from courriel._dataclass import dataclass
from courriel._lazy_re import expression
from courriel.wire.imap import folder_names
from courriel.wire.imap.syntax import read_uid_set

_BODY = expression(rb"(BODY\[\]|RFC822) \{(\d+)\}\r\n")
_DATE = expression(rb'INTERNALDATE "[^"]*"')
_UID = expression(rb"(\A\* \d+ FETCH \()UID \d+ ?")
_FLAGS = expression(rb"FLAGS \(([^()]*)\)")
_LISTED = expression(rb'(\* (?:LIST|LSUB) \([^()]*\)) "/" (.*)\r\n', re.DOTALL)
_COPYUID = expression(rb"\[COPYUID (\d+) ([0-9:,]+) ([0-9:,]+)\]")
_MOST = 100_000  # letters of one COPY


@dataclass(frozen=True, slots=True)
class ImapQuirk:
    """Quirk of a server: at which stage and commands, and what it does.

    `rewrite` changes each response to the command, its line end included. `refuses` gives the answer to a command ("NO
    text", "BAD text"), "" to go on; it is told the command and whether the client said ID. `instead` is an answer of
    `Sandbox.answer`.
    """

    about: str
    commands: tuple[str, ...]
    rewrite: Callable[[bytes], bytes] = bytes
    refuses: Callable[[str, bool], str] | None = None
    instead: str = ""


# The steps.


def _instead_of_body(word: bytes) -> Callable[[bytes], bytes]:
    """Put a word in the place of a letter's text."""

    def rewrite(response: bytes) -> bytes:
        found = _BODY.search(response)
        if found is None:
            return response
        return response[: found.start()] + word + response[found.end() + int(found[2]) :]

    return rewrite


def _renamed_body(response: bytes) -> bytes:
    return _BODY.sub(rb"BODY[RFC822] {\2}\r\n", response, count=1)


def _bad_date(response: bytes) -> bytes:
    return _DATE.sub(b'INTERNALDATE "00-Jan-0000 00:00:00 +0000"', response, count=1)


def _without_uid(response: bytes) -> bytes:
    return _UID.sub(rb"\1", response)


def _second_fetch(response: bytes) -> bytes:
    begin = re.match(rb"\* (\d+) FETCH \((?:UID (\d+))?", response)
    if begin is None or not begin[2]:
        return response
    return response + b"* %b FETCH (UID %b FLAGS (\\Seen))\r\n" % (begin[1], begin[2])


def _bracket_keyword(response: bytes) -> bytes:
    if not response.startswith(b"* ") or b" FETCH (" not in response[:30]:
        return response
    return _FLAGS.sub(rb"FLAGS (\1 $Forwarded [Gmail] a]b)", response, count=1).replace(b"FLAGS ( ", b"FLAGS (", 1)


def _raw_names(response: bytes) -> bytes:
    found = _LISTED.fullmatch(response)
    if found is None:
        return response
    name = folder_names.shown(found[2].strip(b'"').replace(b"\\", b""))
    return b'%b "/" "%b"\r\n' % (found[1], name.encode())


def _courier_names(response: bytes) -> bytes:
    found = _LISTED.fullmatch(response)
    if found is None:
        return response
    name = found[2].strip(b'"').replace(b"/", b".")
    if name == b"INBOX":
        return b'%b "." INBOX\r\n* LIST (\\Noselect) NIL ""\r\n' % found[1]
    return b'%b "." "INBOX.%b"\r\n' % (found[1], name)


def _unordered_copyuid(response: bytes) -> bytes:
    def backwards(found: re.Match[bytes]) -> bytes:
        uids = read_uid_set(found[3], _MOST)
        return b"[COPYUID %b %b %b]" % (found[1], found[2], ",".join(map(str, reversed(uids))).encode("ascii"))

    return _COPYUID.sub(backwards, response)


def _copyuid(pattern: bytes) -> Callable[[bytes], bytes]:
    return lambda response: _COPYUID.sub(pattern, response)


def _without(*words: bytes) -> Callable[[bytes], bytes]:
    """Leave out the responses that begin so."""
    return lambda response: b"" if response.startswith(words) else response


def _long_validity(response: bytes) -> bytes:
    return re.sub(rb"\[UIDVALIDITY \d+\]", b"[UIDVALIDITY 1655354778123456]", response)


def _odd_flags(response: bytes) -> bytes:
    if response.startswith(b"* FLAGS "):
        return b"* FLAGS (\\Seen $a b] \\*)\r\n"
    response = re.sub(rb"\[PERMANENTFLAGS \([^()]*\)\]", b"[PERMANENTFLAGS ()]", response)
    response = re.sub(rb"\[HIGHESTMODSEQ \d+\]", b"[NOMODSEQ]", response)
    return re.sub(rb"\[UNSEEN \d+\]", b"[UNSEEN 0]", response)


def _two_lines(response: bytes) -> bytes:
    if not response.startswith(b"* SEARCH "):
        return response
    numbers = response.split()[2:]
    return b"".join(b"* SEARCH %b\r\n" % b" ".join(some) for some in (numbers[:1], numbers[1:]) if some)


def _only_after_id(command: str, identified: bool) -> str:
    return "" if identified else "NO SELECT Unsafe Login. Please contact kefu@188.com for help"


def _no_charset(answer: str) -> Callable[[str, bool], str]:
    return lambda command, identified: answer if " CHARSET " in f" {command.upper()} " else ""


_FETCH, _SELECT, _COPY = ("FETCH", "UID FETCH"), ("SELECT", "EXAMINE"), ("COPY", "UID COPY", "MOVE", "UID MOVE")
_SEARCH, _LIST, _LOGOUT = ("SEARCH", "UID SEARCH"), ("LIST", "LSUB"), ("LOGOUT",)

QUIRKS: dict[str, ImapQuirk] = {
    "IMAP-ID-FIRST": ImapQuirk("163.com refuses SELECT before ID", _SELECT, refuses=_only_after_id),
    "IMAP-BAD-DATE": ImapQuirk("a date of arrival that is none", _FETCH, _bad_date),
    "IMAP-NO-UID": ImapQuirk("UID FETCH answered without UIDs", _FETCH, _without_uid),
    "IMAP-NIL-BODY": ImapQuirk("NIL for the text of a letter", _FETCH, _instead_of_body(b"BODY[] NIL")),
    "IMAP-NO-BODY": ImapQuirk("flags in place of the text", _FETCH, _instead_of_body(b"FLAGS (\\Seen)")),
    "IMAP-EMPTY-BODY": ImapQuirk("an empty string for the text", _FETCH, _instead_of_body(b'BODY[] ""')),
    "IMAP-RFC822-BODY": ImapQuirk("BODY[RFC822] for BODY[]", _FETCH, _renamed_body),
    "IMAP-SECOND-FETCH": ImapQuirk("flags of each letter once more", _FETCH, _second_fetch),
    "IMAP-BRACKET-KEYWORD": ImapQuirk("keywords that hold brackets", _FETCH, _bracket_keyword),
    "IMAP-RAW-FOLDERS": ImapQuirk("names of folders in UTF-8, not encoded", _LIST, _raw_names),
    "IMAP-COURIER-FOLDERS": ImapQuirk("all folders below INBOX, separated by dots", _LIST, _courier_names),
    "IMAP-COPYUID-UNORDERED": ImapQuirk("COPYUID in another order, as Gmail says it", _COPY, _unordered_copyuid),
    "IMAP-COPYUID-ZERO": ImapQuirk("COPYUID with a UIDVALIDITY of 0", _COPY, _copyuid(rb"[COPYUID 0 \2 \3]")),
    "IMAP-COPYUID-NONSENSE": ImapQuirk("COPYUID with the UID 0", _COPY, _copyuid(rb"[COPYUID \1 \2 0]")),
    "IMAP-COPYUID-EMPTY": ImapQuirk("COPYUID without UIDs", _COPY, _copyuid(rb"[COPYUID \1  ]")),
    "IMAP-NO-UIDVALIDITY": ImapQuirk(
        "neither UIDVALIDITY nor UIDNEXT", _SELECT, _without(b"* OK [UIDVALIDITY", b"* OK [UIDNEXT")
    ),
    "IMAP-LONG-UIDVALIDITY": ImapQuirk("a UIDVALIDITY of 64 bits", _SELECT, _long_validity),
    "IMAP-ODD-FLAGS": ImapQuirk("NOMODSEQ, no permanent flags, odd ones", _SELECT, _odd_flags),
    "IMAP-SEARCH-TWO-LINES": ImapQuirk("the result of SEARCH in two responses", _SEARCH, _two_lines),
    "IMAP-SEARCH-BAD": ImapQuirk(
        "Exchange: BAD to CHARSET", _SEARCH, refuses=_no_charset("BAD Command Argument Error. 11")
    ),
    "IMAP-BADCHARSET": ImapQuirk(
        "NO [BADCHARSET]",
        _SEARCH,
        refuses=_no_charset("NO [BADCHARSET (US-ASCII)] The specified charset is not supported."),
    ),
    "IMAP-LOGOUT-HANGUP": ImapQuirk("LOGOUT: hangs up without a word", _LOGOUT, instead="hang up"),
    "IMAP-LOGOUT-SILENCE": ImapQuirk("LOGOUT: no answer", _LOGOUT, instead="silence"),
    "IMAP-LOGOUT-NO-BYE": ImapQuirk("LOGOUT: OK without BYE", _LOGOUT, _without(b"* BYE")),
}
"""The quirks by their names."""
