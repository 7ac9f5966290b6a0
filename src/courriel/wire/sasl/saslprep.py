"""Non-ASCII user names and passwords in the form in which SASL compares them (RFC 4013)."""

from __future__ import annotations

import stringprep
import unicodedata

from courriel.errors import InvalidServer


def prepare(text: str) -> str:
    """Normalise a text by SASLprep; raises InvalidServer for forbidden characters."""
    mapped = "".join(" " if stringprep.in_table_c12(c) else c for c in text if not stringprep.in_table_b1(c))
    prepared = unicodedata.ucd_3_2_0.normalize("NFKC", mapped)
    if any(forbidden(c) for c in prepared for forbidden in _FORBIDDEN):
        raise InvalidServer("the user name or the password holds a character that SASL forbids (RFC 4013)")
    right_to_left = [stringprep.in_table_d1(c) for c in prepared]
    if any(right_to_left) and not (
        right_to_left[0] and right_to_left[-1] and not any(map(stringprep.in_table_d2, prepared))
    ):
        raise InvalidServer("the user name or the password mixes writing directions in a way SASL forbids (RFC 4013)")
    return prepared


# The steps.

_FORBIDDEN = (
    stringprep.in_table_c21_c22, stringprep.in_table_c3, stringprep.in_table_c4, stringprep.in_table_c5,
    stringprep.in_table_c6, stringprep.in_table_c7, stringprep.in_table_c8, stringprep.in_table_c9,
)  # fmt: skip
