"""Header values to text that people read: encoded words (RFC 2047) in any state, and nothing that steers a screen."""

from __future__ import annotations

from binascii import a2b_qp

from courriel.expressions import expression
from courriel.wire.reading.charsets import Complain, decoded, guessed
from courriel.wire.reading.transfer import from_base64

LONGEST_VALUE = 100_000  # characters of one value that are read; recipients of a large list fit

# An encoded word, with a language (RFC 2231 5) or not; spaces within are wrong, and common.
_WORD = expression(r"=\?([^?\s*]{1,60})(?:\*[^?\s]{0,20})?\?([BbQq])\?([^?]*)\?=")
_BREAK = expression("[\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029]+ *")
_CONTROL = expression("[\0-\x1f\x7f-\x9f\ud800-\udfff]")


def value_of(octets: bytes, complain: Complain) -> str:
    """A field's value as text, its encoded words still encoded: for what has a grammar of its own."""
    if len(octets) > LONGEST_VALUE:
        complain(f"a header field is longer than {LONGEST_VALUE} octets; the rest of it was left out")
        octets = octets[:LONGEST_VALUE]
    return guessed(octets)


def readable(value: str, complain: Complain) -> str:
    """Decode the encoded words of a value, and make one line of it, whatever they held (C8)."""
    return one_line(_without_words(value, complain) if "=?" in value else value, complain)


def one_line(text: str, complain: Complain) -> str:
    """Line breaks become a space, other control characters U+FFFD."""
    text = text.replace("\t", " ").strip(" ")
    if text.isprintable():
        return text
    if _BREAK.search(text):
        complain("a line break within a header value became a space")
        text = _BREAK.sub(" ", text).strip(" ")
    if _CONTROL.search(text):
        complain("a control character within a header value was replaced")
        text = _CONTROL.sub("\ufffd", text)
    return text


# The steps.


def _without_words(value: str, complain: Complain) -> str:
    """Words in a row are one text: the space between them does not count, and senders cut characters in two."""
    said: list[str] = []
    octets, charset = b"", ""
    end = 0
    for found in _WORD.finditer(value):
        between = value[end : found.start()]
        apart = not end or not between.isspace()
        if octets and ((apart and between) or found[1].lower() != charset):
            said.append(decoded(octets, charset, complain))
            octets = b""
        if apart:
            said.append(between)
        octets += _octets_of(found[2], found[3], complain)
        charset, end = found[1].lower(), found.end()
    if octets:
        said.append(decoded(octets, charset, complain))
    return "".join((*said, value[end:]))


def _octets_of(code: str, text: str, complain: Complain) -> bytes:
    octets = text.encode("utf-8", "replace")
    return from_base64(octets, complain) if code in "Bb" else a2b_qp(octets, header=True)
