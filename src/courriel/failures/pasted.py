"""
Facts of a pasted text: a reply, a traceback or a log, of this library or of programs in other languages.

Stack frames and the explanations that some libraries add to every error are left out, because their words are not those
of the failure. Of several replies in a log the last one that refuses counts, and so does the last exception.
"""

from __future__ import annotations

import re

from courriel._lazy_re import expression

from .facts import LONGEST_TEXT, Facts
from .stages import stage_of

LONGEST_PASTED = 1 << 18
"""Characters of a pasted text that are read, from its end: what ended a program stands last."""

_FRAME_WIDTH = 400
"""Characters of a line that are looked at to tell a stack frame."""

_COLORS = expression(r"\x1b\[[0-9;]{0,20}m")
_FRAME = expression(
    r"""[ \t|+-]*File "[^"]*", line [0-9]"""  # Python
    r"|[ \t|]*at [^(]*\([^)]*\)|[ \t|]*at .*:[0-9]+:[0-9]+"  # Java, JavaScript, C#
    r"|[ \t|]+(?:at|à|bei) [A-Z]\w*\.[\w.]+"  # C#, in English, French and German
    r"|#[0-9]+ "  # PHP
    r"|[ \t]*\.\.\. [0-9]+ (?:more|common)"  # Java
)
_SOURCE_LINE = expression(r"[ \t|]{4,}")
_FUNCTION = expression(r"in (\w+)\s*$")
# MailKit lists these reasons under every failed handshake.
_LISTED_REASONS = expression(
    r"(?:[0-9]\. )?(?:The server is using a self-signed certificate which cannot be verified"
    r"|The local system is missing a Root or Intermediate certificate needed to verify the server's certificate"
    r"|A Certificate Authority CRL server for one or more of the certificates in the chain is temporarily unavailable"
    r"|The certificate presented by the server is expired or invalid"
    r"|The set of SSL/TLS protocols supported by the client and server do not match)\.?"
)

_OWN_ID = expression(
    r"^[ \t]*(?:Reference|Référence)[ \t]{1,20}([A-Z][A-Z0-9-]{2,40})[ \t]*$"
    r'|"failure": ?"([A-Z][A-Z0-9-]{2,40})"',
    re.MULTILINE,
)
# "app.js:587" is a line of a program; "mail.firma.pl:587" is a server.
_SERVER = expression(
    r"(?<![\w.-])((?:[A-Za-z0-9-]{1,63}\.){2,8}[A-Za-z]{2,24}|[A-Za-z0-9-]{1,63}\."
    r"(?!(?:[cm]?[jt]sx?|py|rb|java|kt|cs|php|go|rs|pl|cpp):)[A-Za-z]{2,24})"
    r":(?:25|465|587|2525|110|995|143|993)(?![0-9.])"
)
_ENHANCED = expression(r"(?<![.\w])([245]\.[0-9]{1,3}\.[0-9]{1,3})(?![.\w])")
_ENHANCED_ALONE = expression(r"(?:^|[:>;\"'(] ?)([245]\.[0-9]{1,3}\.[0-9]{1,3})(?![.\w])", re.MULTILINE)
_EXCEPTION = expression(
    r"(?<![\w.])((?:[A-Za-z_]\w{0,60}\.){0,6}(?:[A-Z]\w{0,60}(?:Error|Refused|Failed|Disconnected|Exception)|NotSupported"
    r"|NameNotFound|TimedOut|MissingExtra|Invalid[A-Z]\w{0,20}|gaierror|abort|error_proto))(?=:|\(|\s*$)",
    re.MULTILINE,
)
_ERRNO = expression(
    r"\[(?:Errno|WinError) (-?[0-9]{1,5})\]|SocketException \(([0-9]{1,5})\)|connect:errno=([0-9]{1,5})"
)
_VERIFY_CODE = expression(r"verify error:num=([0-9]{1,3})|Verify return code: ([1-9][0-9]{0,2})")
_REASON = expression(r"\[(?:SSL|X509|CONF|SYS)?:? ?([A-Z][A-Z0-9_/]{5,60})\]")
_PARENTS = {
    "SSLCertVerificationError": ("SSLError",),
    "SSLEOFError": ("SSLError",),
    "UnicodeEncodeError": ("UnicodeError",),
}


def server_in(text: str) -> str:
    """The host that a pasted text names together with a port of mail, as in `mail.firm.example:587`; else empty."""
    found = _SERVER.search(text[-LONGEST_PASTED:])
    return found[1].lower() if found else ""


def read(pasted: str, *, stage: str = "") -> Facts:
    """Extract the facts from a pasted text; `stage` is the stage of the conversation, when the caller knows it."""
    text, function = _without_frames(_in_lines(pasted[-LONGEST_PASTED:]))
    text = text[-LONGEST_TEXT:]
    code, position = _last_reply(text)
    errno, reason, verify_code = _first(_ERRNO, text), _first(_REASON, text), _first(_VERIFY_CODE, text)
    return Facts(
        stage=stage or stage_of(text, function),
        code=code,
        enhanced=_enhanced(text, code, position),
        text=text,
        exceptions=_exceptions(text),
        errno=int(errno) if errno else None,
        ssl_reason=reason,
        verify_code=int(verify_code) if verify_code else None,
        hint_id=_last(_OWN_ID, text),
    )


# The steps.


def _in_lines(text: str) -> str:
    """The text without colours, and with its line ends as such: Python and JSON print them as `\\r` and `\\n`."""
    return _COLORS.sub("", text).replace("\\r", " ").replace("\\n", "\n").replace("\\t", " ")


def _without_frames(text: str) -> tuple[str, str]:
    """The text without stack frames and their source lines; and the function of the last frame of Python."""
    kept: list[str] = []
    in_frame, function = False, ""
    for line in text.split("\n"):
        head = line[:_FRAME_WIDTH]
        if _FRAME.match(head):
            in_frame = 'File "' in head
            if in_frame and (found := _FUNCTION.search(head)):
                function = found[1]
        elif not (in_frame and _SOURCE_LINE.match(head)):
            in_frame = False
            kept.append(line)
    return _LISTED_REASONS.sub("", "\n".join(kept)), function


def _first(pattern: re.Pattern[str], text: str) -> str:
    """Return the group of the first match in the text; "" without one."""
    found = pattern.search(text)
    return _group(found) if found else ""


def _last(pattern: re.Pattern[str], text: str) -> str:
    """Return the group of the last match in the text; "" without one."""
    *_, last = ["", *map(_group, pattern.finditer(text))]
    return last


def _group(found: re.Match[str]) -> str:
    """Return the group that matched, of a pattern that is a choice of groups."""
    return next((str(group) for group in found.groups() if group), "")


# Replies.

_THREE_DIGITS = expression(
    r"(?<![\w.,/=+#\-])[2-5][0-9]{2}(?![\w.,/=%][0-9A-Za-z]|[\w/=%])|(?<=[a-z.>])[45][0-9]{2}(?=-[45]\.)"
)
_CODE_AND_ENHANCED = expression(r"(?:[ #-]|: ?)([245])\.[0-9]{1,3}\.[0-9]{1,3}\b")
_IN_TUPLE = expression(r", ?b?['\"]")
_PROMPT = expression(
    r"[ \t]*(?:[\[(][^\])]{0,40}[\])] ?|[0-9:., -]{8,30} )?(?:[A-Z]: ?|<[-~<]{0,2} |-> ?|SERVER -> CLIENT: )?$"
)
_CUE = expression(r"(?:[:;>|(\[{] ?[\"'`]?|[\"'`]|code ?|(?:said|returned|reply|error) )$", re.IGNORECASE)
_OTHER_NUMBER = expression(r"(?:status(?: code)?|HTTP/[0-9.]+|port|line|timeout|errno|pid|size)\W{0,4}$", re.IGNORECASE)
_COUNTED = expression(
    r" ?(?:m?s|sec\w*|milli\w*|min\w*|bytes?|octets?|ko|kb|mo|mb|messages?|e?-?mails?|times|fois)\b", re.IGNORECASE
)
_AFTER = expression(r"[ -]|: |[\"'`,)\]}]|$", re.MULTILINE)
_SPOKEN_CODES = frozenset((
    220, 221, 235, 250, 251, 252, 334, 354,
    421, 422, 430, 431, 432, 441, 442, 446, 447, 449, 450, 451, 452, 453, 454, 455, 458, 459, 471,
    500, 501, 502, 503, 504, 505, 510, 511, 512, 513, 515, 517, 521, 523, 530, 531, 533, 534, 535, 538, 540, 541, 542,
    543, 544, 545, 546, 547, 550, 551, 552, 553, 554, 555, 556, 557, 571, 572, 573, 574, 581, 591,
))  # fmt: skip
"""Reply codes that servers use: within a sentence, another number of three digits is none."""


def _last_reply(text: str) -> tuple[int | None, int]:
    """The code of the last reply that refuses (else of the first reply), and the place behind it."""
    first: tuple[int, int] | None = None
    refusal: tuple[int, int] | None = None
    for found in _THREE_DIGITS.finditer(text):
        if _is_reply(text, found):
            code = int(found[0])
            first = first or (code, found.end())
            if code >= 400:
                refusal = (code, found.end())
    return refusal or first or (None, 0)


def _is_reply(text: str, found: re.Match[str]) -> bool:
    """Whether three digits are the code of a reply, and no other number ("500 questions", "port: 465")."""
    code, end = found[0], found.end()
    enhanced = _CODE_AND_ENHANCED.match(text, end)
    if enhanced and enhanced[1] == code[0]:
        return True
    before = text[max(0, found.start() - 60) : found.start()]
    if before.endswith("(") and _IN_TUPLE.match(text, end):
        return True
    if not _AFTER.match(text, end) or _COUNTED.match(text, end):
        return False
    line = before.rpartition("\n")[2]
    if (len(line) < 60 or found.start() == len(line)) and _PROMPT.match(line):
        return True
    return int(code) in _SPOKEN_CODES and bool(_CUE.search(before)) and not _OTHER_NUMBER.search(before)


def _enhanced(text: str, code: int | None, position: int) -> str:
    """The enhanced status code behind the code of the reply; without a code, one that stands alone."""
    if code is None:
        return _first(_ENHANCED_ALONE, text)
    line = text[position : position + 300]
    return next(
        (found[1] for found in _ENHANCED.finditer(line) if found[1][0] == str(code)[0]), _first(_ENHANCED, line)
    )


def _exceptions(text: str) -> tuple[str, ...]:
    # The last line of a traceback is what ended the program: it comes first.
    names = [found[1] for found in _EXCEPTION.finditer(text)][::-1]
    for name in tuple(names):
        names.extend(_PARENTS.get(name.rpartition(".")[2], ()))
    return tuple(dict.fromkeys(names))
