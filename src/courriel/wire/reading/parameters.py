"""Values with parameters, `text/plain; charset=utf-8`: quoted, encoded, or in pieces (RFC 2045 5.1, RFC 2231)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from courriel.expressions import expression
from courriel.wire.reading.charsets import Complain, decoded
from courriel.wire.reading.words import one_line, readable

if TYPE_CHECKING:
    import re

MOST_PARAMETERS = 1_000  # pieces of a long name count, too

_PARAMETER = expression(r';[ \t]*([^\s=;"]{1,100})[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"?|([^;]*))')
_PAIR = expression(r"\\(.)")
_PERCENT = expression(rb"%([0-9A-Fa-f]{2})")


def parameters_of(value: str, complain: Complain) -> tuple[str, dict[str, str]]:
    """What stands before the first semicolon, and the parameters by name (in lower case), decoded."""
    main = value.partition(";")[0].partition("(")[0].strip()
    plain: dict[str, str] = {}
    pieces: dict[str, dict[int, tuple[str, bool]]] = {}
    for count, found in enumerate(_PARAMETER.finditer(value), 1):
        if count > MOST_PARAMETERS:
            complain(f"a header field has more than {MOST_PARAMETERS} parameters; the rest was left out")
            break
        name, star, section = found[1].lower().partition("*")
        text = _PAIR.sub(r"\1", found[2]) if found[2] is not None else found[3].strip()
        if not star:
            plain.setdefault(name, text)
        elif (number := _number(section)) is None:
            complain("a parameter in pieces has one without a number")
        else:
            pieces.setdefault(name, {}).setdefault(number, (text, section.endswith("*") or not section))
    known = {name: readable(text, complain) for name, text in plain.items()}
    return main, known | {name: _joined(sections, complain) for name, sections in pieces.items()}


# The steps.


def _number(section: str) -> int | None:
    """`name*` is a whole value, as good as the first piece; `name*0*` and `name*0` are pieces."""
    digits = section.rstrip("*") or "0"
    return int(digits) if digits.isdecimal() and digits.isascii() and len(digits) <= 4 else None


def _joined(sections: dict[int, tuple[str, bool]], complain: Complain) -> str:
    """Pieces in the order of their numbers, as far as there is no gap; the first one names the charset of all."""
    charset = ""
    octets: list[bytes] = []
    for number in range(len(sections)):
        if number not in sections:
            complain("a parameter in pieces lacks one of them")
            break
        text, encoded = sections[number]
        if encoded and not number and text.count("'") >= 2:
            charset, _, text = text.split("'", 2)
        data = text.encode("utf-8", "replace")
        octets.append(_PERCENT.sub(_octet, data) if encoded else data)
    text = decoded(b"".join(octets), charset, complain)
    # Encoded words have no place in pieces; many senders put them there, where nothing else is encoded.
    return one_line(text, complain) if charset else readable(text, complain)


def _octet(found: re.Match[bytes]) -> bytes:
    return bytes.fromhex(found[1].decode("ascii"))
