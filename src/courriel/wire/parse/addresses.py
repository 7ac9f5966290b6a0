"""Address lists of received headers: comments, groups, routes, and the many invalid forms (RFC 5322 3.4, 4.4)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, TypeAlias

from courriel._lazy_re import expression
from courriel.model.received.address import ReceivedAddress
from courriel.wire.parse.charsets.decoding import ReportDefect
from courriel.wire.parse.words import encoded_words, one_line, readable

MOST_ADDRESSES = 5_000

Kind: TypeAlias = Literal["text", "quoted", "bracketed", "open", "mark", "comment"]
Token: TypeAlias = tuple[Kind, str]

# Possessive quantifiers: no backtracking, so that an unclosed quote or bracket costs a single pass.
_QUOTED = expression(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"', 16)  # DOTALL
_BRACKETED = expression(r'<++([^<>"]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^<>"]*+)*+)>++', 16)
_BRACKETED_PLAINLY = expression(r"<++([^<>]*+)>++")
_LITERAL = expression(r"\[[^\[\]<>\"\s]{1,100}\]")
_TEXT = expression(r'[^"<>,;:()\[\]=\\]++|\\.|.', 16)
_IN_COMMENT = expression(r"[^()\\]++|\\.|.", 16)
_PAIR = expression(r"\\(.)", 16)
# One address in a usual form, which needs no interpretation: in brackets, behind its name or behind that in quotes, or
# alone.
_USUAL = expression(
    r"(?:(?:([A-Za-z0-9]++(?: [A-Za-z0-9]++)*+) |\"([A-Za-z0-9.,_'-]++(?: [A-Za-z0-9.,_'-]++)*+)\" )?+"
    r"<([A-Za-z0-9._+-]+@[A-Za-z0-9.-]+)>"
    r"|([A-Za-z0-9._+-]+@[A-Za-z0-9.-]+))"
)
_SCHEME = expression(r"(?:mailto|smtp):", 2)  # IGNORECASE


def received_addresses(value: str, report_defect: ReportDefect) -> tuple[ReceivedAddress, ...]:
    """Parse the addresses of a value whose encoded words are not decoded yet, so that none of them counts as syntax."""
    if usual := _USUAL.fullmatch(value):
        name, quoted, spec, alone = usual.groups()
        return (ReceivedAddress(name or quoted or "", spec or alone),)
    list_ = _List(report_defect)
    for kind, token in _tokens(value):
        if len(list_.found) >= MOST_ADDRESSES:
            report_defect(f"a header field names more than {MOST_ADDRESSES} addresses; the rest was left out")
            break
        list_.take(kind, token)
    list_.finish()
    return tuple(list_.found)


# The steps.


def _tokens(value: str) -> Iterator[Token]:
    """Split a value into quoted strings, addresses in brackets, comments, punctuation, and text."""
    words = {start: stop for start, stop, *_ in encoded_words(value)} if "=?" in value else {}
    quotes = True  # False behind a quote that is never closed: no quoted string can follow
    position = 0
    while position < len(value):
        begin = value[position]
        if stop := words.get(position):
            yield "text", value[position:stop]
            position = stop
        elif begin == '"' and quotes:
            if found := _QUOTED.match(value, position):
                yield "quoted", found[0]
                position = found.end()
            else:
                quotes = False
        elif begin == "<":
            if found := _BRACKETED.match(value, position) or _BRACKETED_PLAINLY.match(value, position):
                yield "bracketed", found[1]
                position = found.end()
            else:
                while value.startswith("<", position):
                    position += 1
                yield "open", "<"
        elif begin == "(":
            comment, position = _comment(value, position + 1)
            yield "comment", comment
        elif begin in ",;:":
            yield "mark", begin
            position += 1
        elif begin == ")":
            position += 1  # the end of a comment without its beginning
        else:
            found = (_LITERAL.match(value, position) if begin == "[" else None) or _TEXT.match(value, position)
            token = found[0] if found else begin
            yield "text", token
            position += len(token)


def _comment(value: str, position: int) -> tuple[str, int]:
    """Text of a comment, nested ones included, and its end; an unclosed one goes to the end of the value."""
    texts: list[str] = []
    depth = 1
    while depth and (found := _IN_COMMENT.match(value, position)):
        position = found.end()
        if found[0] == "(":
            depth += 1
        elif found[0] == ")":
            depth -= 1
        else:
            texts.append(found[0].removeprefix("\\"))
    return "".join(texts), position


class _Words:
    """Words of a name or an address, each in its raw and in its unquoted form; a comment separates words."""

    def __init__(self) -> None:
        self._raw: list[list[str]] = []
        self._read: list[list[str]] = []
        self._has_at: list[bool] = []
        """Whether each word has an `@` outside its quotes."""
        self._glued = False

    def __len__(self) -> int:
        return len(self._raw)

    def add(self, kind: Kind, token: str) -> None:
        if kind == "quoted":
            self._piece(token, _PAIR.sub(r"\1", token[1:-1]))
            self._glued = True
            return
        if token[:1].isspace():
            self._glued = False
        for word in token.split():
            self._piece(word, word)
            self._glued = False
        self._glued = not token[-1:].isspace()

    def _piece(self, raw: str, read: str) -> None:
        has_at = "@" in raw and not raw.startswith('"')
        if self._glued and self._raw:
            self._raw[-1].append(raw)
            self._read[-1].append(read)
            self._has_at[-1] |= has_at
        else:
            self._raw.append([raw])
            self._read.append([read])
            self._has_at.append(has_at)

    def name(self) -> str:
        """Words joined as a display name."""
        return " ".join("".join(word) for word in self._read)

    def raw(self) -> list[tuple[str, bool]]:
        """Words in raw form, and whether each is an address; spaces around `@` and dots are removed."""
        found: list[tuple[list[str], list[bool]]] = []
        last = ""
        for pieces, has_at in zip(self._raw, self._has_at, strict=True):
            word = "".join(pieces)
            if found and (word[0] in "@." or last[-1] == "@" or last == "."):
                found[-1][0].append(word)
                found[-1][1].append(has_at)
            else:
                found.append(([word], [has_at]))
            last = word
        return [("".join(words), any(ats)) for words, ats in found]

    def only_quoted(self) -> str | None:
        """Text of the quoted string when there is nothing else."""
        only = len(self._raw) == 1 and len(self._raw[0]) == 1 and self._raw[0][0]
        return self._read[0][0] if only and only.startswith('"') and len(only) > 1 else None


class _List:
    """Parser of an address list, token after token."""

    def __init__(self, report_defect: ReportDefect) -> None:
        self.found: list[ReceivedAddress] = []
        self._report_defect = report_defect
        self._pending: list[str] = []
        """Names before a comma without an address: parts of the next name (`Doe, John <john@x.org>`), or alone."""
        self._words, self._after = _Words(), _Words()
        self._comment = ""
        """Last comment, in which old programs write the name."""
        self._spec: str | None = None
        self._open: int | None = None
        """Number of words before a bracket that is not closed."""

    def take(self, kind: Kind, token: str) -> None:
        """Process one token."""
        match kind:
            case "comment":
                self._comment = token
            case "bracketed":
                self._take_bracket(token)
            case "open":
                self._open = len(self._words) if self._open is None else self._open
            case "mark" if token == ":":
                self._flush()
                self._begin()  # the words before are the name of a group
            case "mark":
                self._end(comma=token == ",")
            case _:
                # Words after an address are the rest of its name, or the next name when the comma is missing.
                words = self._words if self._spec is None else self._after
                words.add(kind, token)

    def finish(self) -> None:
        """End the current address, if there is one."""
        self._end(comma=False)

    # The steps.

    def _take_bracket(self, spec: str) -> None:
        if self._spec is not None and (self._spec or len(self._after)):
            self._report_defect("a comma is missing between two addresses")
            words = self._after
            self._after = _Words()
            self._end(comma=False)
            self._words = words
        self._spec = spec

    def _end(self, *, comma: bool) -> None:
        words, spec = self._words, self._spec
        if spec is None and self._open is not None:
            self._report_defect("an address stands in a bracket that is not closed")
            raw = [word for word, _ in words.raw()]
            self._add(" ".join(raw[: self._open]), " ".join(raw[self._open :]))
        elif spec is None:
            self._add_bare(words, comma=comma)
        else:
            self._add(" ".join(filter(None, (words.name(), self._after.name()))), _spec_in(spec), bracketed=True)
        self._begin()

    def _add_bare(self, words: _Words, *, comma: bool) -> None:
        """Add an address without brackets, the last of several words; or several, each behind its name."""
        if (quoted := words.only_quoted()) and "@" in quoted:
            self._add("", quoted)
            return
        raw = words.raw()
        addresses = [place for place, word in enumerate(raw) if word[1]]
        if not addresses:
            name = words.name() or self._comment
            if comma and name:
                self._pending.append(name)
            else:
                self._add(words.name(), "")
            return
        if len(addresses) > 1:
            self._report_defect("a comma is missing between two addresses")
        start = 0
        for place in addresses:
            name = " ".join(_read(word) for word, _ in raw[start:place])
            self._add(name, _bare(raw[place][0]))
            start = place + 1

    def _add(self, name: str, spec: str, *, bracketed: bool = False) -> None:
        if self._pending and bracketed and name and spec:
            self._report_defect("a comma within a name is not in quotes")
            name = ", ".join((*self._pending, name))
            self._pending = []
        self._flush()
        name = readable(name or self._comment, self._report_defect)
        if name or spec:
            self.found.append(ReceivedAddress(" ".join(name.split()), one_line(spec, self._report_defect)))

    def _flush(self) -> None:
        """Add the pending names, without an address."""
        pending, self._pending = self._pending, []
        for name in pending:
            self.found.append(ReceivedAddress(" ".join(readable(name, self._report_defect).split()), ""))

    def _begin(self) -> None:
        self._words, self._after = _Words(), _Words()
        self._comment, self._spec, self._open = "", None, None


def _spec_in(bracketed: str) -> str:
    """Address in brackets, without its comments, spaces and route (RFC 5322 4.4)."""
    spec = bracketed.strip()
    if "(" in spec or " " in spec or "\t" in spec:
        words = _Words()
        for kind, token in _tokens(spec):
            if kind != "comment":
                words.add("quoted" if kind == "quoted" else "text", token)
        spec = " ".join(word for word, _ in words.raw())
    if spec.startswith("@"):
        _, colon, rest = spec.partition(":")
        spec = rest if colon else spec
    elif scheme := _SCHEME.match(spec):
        spec = spec[scheme.end() :]
    return spec.strip()


def _bare(word: str) -> str:
    """Address without the single quotes around it."""
    return word[1:-1] if word.startswith("'") and word.endswith("'") and "@" in word else word


def _read(word: str) -> str:
    return _PAIR.sub(r"\1", word[1:-1]) if len(word) > 1 and word.startswith('"') and word.endswith('"') else word
