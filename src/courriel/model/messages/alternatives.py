"""Further forms of a message's text beside plain text and HTML: a calendar's event, AMP (RFC 2046 5.1.4)."""

from __future__ import annotations

from collections.abc import Iterable

from courriel._lazy_re import expression
from courriel.model.checks.header import as_text, check_body, refusal
from courriel.model.messages.attachment import checked_type

MOST = 10

_CHARSET = expression(r"(?i); ?charset=\"?([^;\"]+)\"?")


def checked_alternatives(given: object) -> tuple[tuple[str, str], ...]:
    """Check the argument `alternatives=`: pairs of a text type and its content, both text. Raises InvalidMessage."""
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise refusal("alternatives", 'pairs of a type and its text: [("text/x-amp-html", amp)]')
    pairs = tuple(_checked(each) for each in given)
    if len(pairs) > MOST:
        raise refusal("alternatives", f"more than {MOST} of them")
    return pairs


# The steps.


def _checked(pair: object) -> tuple[str, str]:
    """One alternative; its type without a charset, as every text is sent in UTF-8."""
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise refusal("alternatives", 'pairs of a type and its text: [("text/x-amp-html", amp)]')
    kind, text = checked_type(as_text("alternatives", pair[0])), as_text("alternatives", pair[1])
    named = kind.partition(";")[0].strip().lower()
    if not named.startswith("text/") or named in ("text/plain", "text/html"):
        raise refusal(
            "alternatives", f"{named!r:.100} is not a further form of a text; text= and html= are the usual ones"
        )
    charset = _CHARSET.search(kind)
    if charset is not None and charset[1].lower() != "utf-8":
        raise refusal("alternatives", f"every text is sent in UTF-8, not {charset[1]!r:.50}")
    check_body("alternatives", text)
    return _CHARSET.sub("", kind), text
