"""The error for text that is no address, and the characters that no part of one may hold."""

from __future__ import annotations

from courriel import errors
from courriel._lazy_re import expression

# C0, DEL, C1, the two separators that count as line ends, and halves of surrogate pairs.
CONTROL = expression("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
LINE_BREAK = expression("[\r\n\x0b\x0c\x85\u2028\u2029]")


def refusal(text: str, reason: str, hint_id: str = "") -> errors.InvalidAddress:
    """An InvalidAddress that shows the text escaped, at most 80 characters of it."""
    shown = repr(text if len(text) <= 80 else text[:77] + "...")
    return errors.InvalidAddress(f"{shown} is not an address: {reason}", stage="compose", hint_id=hint_id)


def code_point(character: str) -> str:
    return f"U+{ord(character):04X}"
