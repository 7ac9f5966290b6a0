"""Joining of texts: by + where that is plain, else as an f-string."""

from __future__ import annotations

import ast

from courriel.wlangage.language.translating.code import CALL, SUM, WIDEST, Code

SAME_TEXT = frozenset(("str", "date"))
"""Types whose values are texts as they stand."""


def join_texts(parts: list[Code]) -> Code:
    """Parts of a text as one: by + where all are texts and few, else as an f-string."""
    if all(part.type in SAME_TEXT for part in parts) and not any(_literal(part) for part in parts):
        return _sum([part.at(SUM) for part in parts])
    if any("\n" in part.text for part in parts):
        texts = [part if part.type in SAME_TEXT else Code(f"wl.text({part.text})", "str") for part in parts]
        return _sum([part.at(SUM) for part in texts])
    pieces: list[str] = []
    for part in parts:
        if _literal(part):
            pieces.append(_inside(part))
        elif part.text in ("wl.RC", "wl.CR"):
            pieces.append("\\r\\n")
        elif part.text == "wl.TAB":
            pieces.append("\\t")
        else:
            code = part.text if part.type in ("str", "int", "date") else f"wl.text({part.text})"
            if '"' in code or "\\" in code or "'" in code:
                # Python 3.11 allows neither in an f-string of these quotes.
                return _summed(parts)
            pieces.append(f"{{{code}}}")
    if sum(map(len, pieces)) > WIDEST - 30:
        return _by_lines(pieces)
    return Code(_text_of(pieces), "str")


def _by_lines(pieces: list[str]) -> Code:
    """A long text as a sum of its lines."""
    groups: list[list[str]] = [[]]
    for piece in pieces:
        *ended, rest = piece.split("\\r\\n")
        for each in ended:
            groups[-1].append(each + "\\r\\n")
            groups.append([])
        groups[-1].append(rest)
    texts = [_text_of(group) for group in groups if "".join(group)]
    return _sum(texts) if len(texts) > 1 else Code(texts[0], "str")


def _text_of(pieces: list[str]) -> str:
    return (
        'f"' + "".join(pieces) + '"'
        if any("{" in piece.replace("{{", "") for piece in pieces)
        else f'"{_unfolded(pieces)}"'
    )


def _summed(parts: list[Code]) -> Code:
    """Parts joined by +, for those that an f-string cannot hold; neighbours that it can are put together."""
    groups: list[list[Code]] = []
    for part in parts:
        simple = _literal(part) or part.text in ("wl.RC", "wl.CR", "wl.TAB") or not set(part.text) & set("\"'\\")
        if simple and groups and groups[-1] and not _hard(groups[-1][-1]):
            groups[-1].append(part)
        else:
            groups.append([part])
    texts = []
    for group in groups:
        if _hard(group[0]):
            texts.append(group[0].at(SUM) if group[0].type in SAME_TEXT else f"wl.text({group[0].text})")
        else:
            whole = join_texts(group) if len(group) > 1 else group[0]
            texts.append(whole.at(SUM) if whole.type in SAME_TEXT else f"wl.text({whole.text})")
    return _sum(texts)


def _sum(texts: list[str]) -> Code:
    return Code(" + ".join(texts), "str", SUM, tuple(texts))


def _hard(part: Code) -> bool:
    return not _literal(part) and bool(set(part.text) & set("\"'\\"))


def _literal(part: Code) -> bool:
    return (
        part.type == "str"
        and part.level == CALL
        and part.text[:1] in ("'", '"')
        and part.text[-1:] == part.text[:1]
        and not part.text.startswith('"""')
    )


_ESCAPES = {"\\": "\\\\", '"': '\\"', "\r": "\\r", "\n": "\\n", "\t": "\\t", "{": "{{", "}": "}}"}


def _inside(part: Code) -> str:
    """The inside of a literal, as it stands in an f-string of double quotes."""
    value = str(ast.literal_eval(part.text))
    return "".join(_ESCAPES.get(each) or (each if each.isprintable() else repr(each)[1:-1]) for each in value)


def _unfolded(pieces: list[str]) -> str:
    return "".join(pieces).replace("{{", "{").replace("}}", "}")
