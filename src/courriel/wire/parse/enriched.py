"""Plain text of text/enriched (RFC 1896) and of text/richtext, its predecessor (RFC 1341 7.1.3)."""

from __future__ import annotations

from courriel._lazy_re import expression

_TAG = expression(r"(<<|</?[A-Za-z0-9-]{1,60}>)")
_LINE_ENDS = expression(r"\n+")
_LEFT_OUT = frozenset(("param", "comment"))
_SAYS = {"<<": "<", "<lt>": "<", "<nl>": "\n", "<np>": "\n", "</paragraph>": "\n\n"}


def from_enriched(text: str, *, rich: bool = False) -> str:
    """Remove the tags from a text whose lines end in LF; `rich` for text/richtext, where line ends are mere spaces.

    In text/enriched a single line end is a space, too, and n of them are n-1; within `<nofill>` all of them count.
    """
    found: list[str] = []
    left_out = ""
    unfilled = 0
    for rank, piece in enumerate(_TAG.split(text)):
        if not rank % 2:
            if not left_out:
                found.append(piece if unfilled else _filled(piece, rich=rich))
            continue
        tag = piece.lower()
        name = tag.strip("</>")
        if left_out:
            left_out = "" if tag == f"</{left_out}>" else left_out
        elif tag == f"<{name}>" and name in _LEFT_OUT:
            left_out = name
        elif name == "nofill":
            unfilled = max(0, unfilled + (-1 if tag.startswith("</") else 1))
        else:
            found.append(_SAYS.get(tag, ""))
    return "".join(found)


# The steps.


def _filled(text: str, *, rich: bool) -> str:
    if rich:
        return text.replace("\n", " ")
    return _LINE_ENDS.sub(lambda found: "\n" * (len(found[0]) - 1) or " ", text)
