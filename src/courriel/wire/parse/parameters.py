"""Values with parameters, `text/plain; charset=utf-8`: quoted, encoded, or in sections (RFC 2045 5.1, RFC 2231)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from courriel._lazy_re import expression
from courriel.wire.parse.charsets.decoding import ReportDefect, decoded
from courriel.wire.parse.words import one_line, readable

if TYPE_CHECKING:
    import re

MOST_PARAMETERS = 1_000  # sections of a long name count, too

_MARK = expression(r'[;"(]')
_NAME = expression(r'([^\s=;"()]{1,100})[ \t]*=[ \t]*')
_IN_MAIN = expression(r"[ \t,]([A-Za-z]{1,20})[ \t]?=[ \t]?")
_QUOTED = expression(r'"([^"\\]*+(?:\\.[^"\\]*+)*+\\?)"?', 16)  # DOTALL
_BLANKS = expression(r"[ \t]+")
_COMMENT = expression(r"\([^()]*+\)")
_COMMENT_MARK = expression(r"[()\\]")
_PAIR = expression(r"\\(.)", 16)
_PAIR_OF_NAME = expression(r'\\(["\\])')
_PERCENT = expression(rb"%([0-9A-Fa-f]{2})")
_ENDING = expression(r"\.[A-Za-z0-9]{1,5}\Z")
_NAMES = ("name", "filename")


def parameters_of(value: str, report_defect: ReportDefect) -> tuple[str, dict[str, str]]:
    """Value before the first semicolon, and the decoded parameters by name (in lower case).

    Comments are removed everywhere, except in an unquoted file name, where only one after the extension is removed.
    """
    pieces_of_value = _split(value)
    main = _COMMENT.sub(" ", next(pieces_of_value))
    if found := _IN_MAIN.search(main):
        # `multipart/mixed boundary=x`: the semicolon was forgotten.
        report_defect("a semicolon is missing before a parameter")
        main, first = main[: found.start()], main[found.start() + 1 :]
    else:
        first = ""
    plain: dict[str, str] = {}
    pieces: dict[str, dict[int, tuple[str, bool]]] = {}
    count = 0
    for piece in (first, *pieces_of_value) if first else pieces_of_value:
        if not (found := _NAME.match(piece, _after_comments(piece))):
            continue
        count += 1
        if count > MOST_PARAMETERS:
            report_defect(f"a header field has more than {MOST_PARAMETERS} parameters; the rest was left out")
            break
        name, star, section = found[1].lower().partition("*")
        text = _text_of(piece[found.end() :], name)
        if not star:
            plain.setdefault(name, text)
        elif (number := _number(section)) is None:
            report_defect("a parameter in pieces has one without a number")
        else:
            pieces.setdefault(name, {}).setdefault(number, (text, section.endswith("*") or not section))
    known = {name: readable(text, report_defect) for name, text in plain.items()}
    main = main.partition("(")[0].strip()
    return main, known | {name: _joined(sections, report_defect) for name, sections in pieces.items()}


# The steps.


def _split(value: str) -> Iterator[str]:
    """Split a value at its semicolons, except those in quotes and comments; behind an unclosed quote there are none."""
    start = position = 0
    while found := _MARK.search(value, position):
        mark, position = found[0], found.end()
        if mark == ";":
            yield value[start : found.start()]
            start = position
        elif mark == '"' and _begins_a_value(value, found.start()):
            quoted = _QUOTED.match(value, found.start())
            position = quoted.end() if quoted else position
        elif mark == "(":
            position = _end_of_comment(value, found.start()) or position
    yield value[start:]


def _begins_a_value(value: str, position: int) -> bool:
    """Whether the quotation mark opens a quoted value; within an unquoted value it is a character."""
    while position and value[position - 1] in " \t":
        position -= 1
    return value[position - 1 : position] in ("=", ";", ")", "")


def _end_of_comment(value: str, start: int) -> int:
    """Offset of the end of the comment at `start`; 0 when it has none within 500 characters and five levels."""
    depth = 0
    position = start
    while found := _COMMENT_MARK.search(value, position, start + _LONGEST_COMMENT):
        position = found.end()
        if found[0] == "\\":
            position += 1
            continue
        depth += 1 if found[0] == "(" else -1
        if not depth:
            return position
        if depth > _DEEPEST_COMMENT:
            return 0
    return 0


_LONGEST_COMMENT = 500
_DEEPEST_COMMENT = 5


def _after_comments(piece: str) -> int:
    """Offset of a name or a value, after spaces and comments."""
    position = 0
    while True:
        blanks = _BLANKS.match(piece, position)
        position = blanks.end() if blanks else position
        end = _end_of_comment(piece, position) if piece.startswith("(", position) else 0
        if not end:
            return position
        position = end


def _text_of(text: str, name: str) -> str:
    """Value of a parameter without quotes, escapes and comments.

    In file names a backslash is literal unless a quote or another backslash follows: many are Windows paths.
    """
    is_name = name in _NAMES
    if text.startswith("(") and not is_name:
        text = text[_after_comments(text) :]
    if text.startswith('"') and (found := _QUOTED.match(text)):
        return _PAIR_OF_NAME.sub(r"\1", found[1]) if is_name else _PAIR.sub(r"\1", found[1])
    text = text.strip()
    if is_name:
        begin = text.rfind("(")
        is_comment = text.endswith(")") and _ENDING.search(text[:begin].rstrip()) is not None
    else:
        begin = text.find(" (" if name == "boundary" else "(")
        is_comment = True
    return text[:begin].rstrip() if begin > 0 and is_comment else text


def _number(section: str) -> int | None:
    """Number of a section: `name*` is a whole value, as good as the first section; `name*0*`, `name*0` are sections."""
    digits = section.rstrip("*") or "0"
    return int(digits) if digits.isdecimal() and digits.isascii() and len(digits) <= 4 else None


def _joined(sections: dict[int, tuple[str, bool]], report_defect: ReportDefect) -> str:
    """Join the sections in the order of their numbers, up to the first gap; the first one names the charset of all."""
    charset = ""
    octets: list[bytes] = []
    for number in range(len(sections)):
        if number not in sections:
            report_defect("a parameter in pieces lacks one of them")
            break
        text, encoded = sections[number]
        if encoded and not number and text.count("'") >= 2:
            charset, _, text = text.split("'", 2)
        data = text.encode("utf-8", "replace")
        octets.append(_PERCENT.sub(_octet, data) if encoded else data)
    text = decoded(b"".join(octets), charset, report_defect)
    # Encoded words are not allowed in sections; many senders put them there when nothing else is encoded.
    return one_line(text, report_defect) if charset else readable(text, report_defect)


def _octet(found: re.Match[bytes]) -> bytes:
    return bytes.fromhex(found[1].decode("ascii"))
