"""Addresses as they come: comments, groups, routes, and the many ways to write them wrong (RFC 5322 3.4, 4.4)."""

from __future__ import annotations

from courriel.expressions import expression
from courriel.model.correspondent import Correspondent
from courriel.wire.reading.charsets import Complain
from courriel.wire.reading.words import one_line, readable

MOST_ADDRESSES = 5_000

# A quoted string of reasonable length, an address in brackets, a mark of the grammar, or a stretch of anything else.
_TOKEN = expression(r'"((?:[^"\\]|\\.){0,500})"|<([^<>]*)>|([,;:()])|[^"<,;:()]+|.')
_PAIR = expression(r"\\(.)")
_ROUTE = expression(r"@[^:]*:")


def correspondents(value: str, complain: Complain) -> tuple[Correspondent, ...]:
    """Everybody named in a value whose encoded words are not decoded yet: what they hold is never taken for grammar."""
    list_ = _List(complain)
    for token in _TOKEN.finditer(value):
        if len(list_.found) >= MOST_ADDRESSES:
            complain(f"a header field names more than {MOST_ADDRESSES} addresses; the rest was left out")
            break
        list_.take(token[0], token[1], token[2], token[3])
    list_.end()
    return tuple(list_.found)


# The steps.


class _List:
    """Reads token after token; one address at a time is in the making."""

    def __init__(self, complain: Complain) -> None:
        self.found: list[Correspondent] = []
        self._complain = complain
        self._depth = 0
        self._said: list[str] = []
        self._name: list[str] = []
        self._comment: list[str] = []
        self._spec: str | None = None

    def take(self, token: str, quoted: str | None, bracketed: str | None, mark: str | None) -> None:
        """Take one token: whole, and what it is."""
        if mark and mark in "()":
            self._depth = max(0, self._depth + (1 if mark == "(" else -1))
        elif self._depth:
            self._comment.append(token)
        elif mark == ":":
            self._begin()  # what came before was the name of a group
        elif mark:
            self.end()
        elif bracketed is not None:
            self._spec = bracketed
        else:
            self._said.append(token)
            self._name.append(_PAIR.sub(r"\1", quoted) if quoted is not None else token)

    def end(self) -> None:
        """Finish the address in the making, if there is one."""
        said = "".join(self._said).strip()
        name = "".join(self._name)
        spec = self._spec
        if spec is None:
            name, spec = self._without_brackets(said, name)
        spec = _ROUTE.sub("", spec.strip(), count=1) if spec.lstrip().startswith("@") else spec.strip()
        name = readable(name or "".join(self._comment), self._complain)
        if name or spec:
            self.found.append(Correspondent(" ".join(name.split()), one_line(spec, self._complain)))
        self._begin()

    def _without_brackets(self, said: str, name: str) -> tuple[str, str]:
        """The address alone, after a bracket that is never closed, or as the last of several words."""
        if "<" in said:
            self._complain("an address stands in a bracket that is not closed")
            name, _, spec = said.partition("<")
            return name, spec
        if "@" not in said:
            return name, ""
        if said.startswith('"') or " " not in said:
            return "", said
        name, _, spec = said.rpartition(" ")
        return (name, spec) if "@" in spec else ("", said)

    def _begin(self) -> None:
        self._said, self._name, self._comment, self._spec = [], [], [], None
