"""Text of a bounce for people: what it says about each address, before the copy of the mail that came back."""

from __future__ import annotations

import re
from collections.abc import Sequence

from courriel import failures
from courriel._lazy_re import expression
from courriel.wire.parse.charsets.decoding import guessed, ignore_defect
from courriel.wire.parse.parts import Leaf
from courriel.wire.parse.reports.fields import code_in
from courriel.wire.parse.transfer import unpacked_slice
from courriel.wire.parse.words import one_line

LONGEST_TEXT = 131_072  # octets that are read: what a bounce says stands at its beginning
LONGEST_LINE = 1_000

_COPY = expression(
    r"^(?:--- (?:Below|Enclosed)|-{4,10} ?(?:This is a copy|Original|Returned|Message d)|Received: |Return-Path: )",
    re.MULTILINE,
)
# Each address is found from its first character: what stands before it cannot belong to one.
_ADDRESS = expression(r"(?<![^\s<>()\[\]:;,\"'])[^\s<>()\[\]:;,\"'@]{1,64}@[^\s<>()\[\]:;,\"'@]{1,255}")
_MOST_LINES = 20  # of one reason
_LONGEST_REASON = 2_000


class BounceText:
    """Text of a bounce; its reasons are looked up when they are asked for."""

    def __init__(self, data: bytes, leaves: Sequence[Leaf]) -> None:
        """`leaves` are the parts of the letter `data`: the first text among them is meant."""
        whole = _first_text(data, leaves)
        cut = _COPY.search(whole)
        self.text = whole[: cut.start()] if cut else whole
        """What precedes the copy."""
        self.copy = whole[cut.start() :] if cut else ""
        """The copy, with the line that announces it; "" where there is none in the text."""
        self._lines = self.text.split("\n")
        self._places: dict[str, tuple[int, int]] | None = None

    def about(self, address: str) -> str:
        """What the text says behind this address: on its line and below, until an empty line."""
        if self._places is None:
            self._places = {}
            for number, line in enumerate(self._lines):
                for word in _ADDRESS.finditer(line):
                    self._places.setdefault(word[0].lower(), (number, word.end()))
        place = self._places.get(address.lower())
        if place is None:
            return ""
        number, end = place
        found = [self._lines[number][end:].strip(" >:;.,\"')")]
        for line in self._lines[number + 1 : number + _MOST_LINES]:
            if line.strip():
                found.append(line.strip())
            elif any(found):
                break
        return reason_of(" ".join(found))


def reason_of(text: str) -> str:
    """A reason as one line of visible characters, not longer than a reply may be."""
    return one_line(" ".join(text.split()), ignore_defect)[:_LONGEST_REASON]


def status_in(reason: str) -> str:
    """Status code in the words of a server; of a bare reply code its class alone, as "5.0.0"; "" without one."""
    if found := code_in(reason):
        return found
    code = failures.read(reason, stage="recipient").code
    return f"{code // 100}.0.0" if code and code >= 400 else ""


# The steps.


def _first_text(data: bytes, leaves: Sequence[Leaf]) -> str:
    leaf = next((leaf for leaf in leaves if leaf.label.content_type == "text/plain"), None)
    if leaf is None:
        return ""
    end = min(leaf.end, leaf.start + LONGEST_TEXT)
    text = guessed(unpacked_slice(data, leaf.start, end, leaf.label.encoding, ignore_defect)).replace("\r", "")
    return "\n".join(line[:LONGEST_LINE] for line in text.split("\n"))
