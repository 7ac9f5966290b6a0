"""
Strict percent-encoding: ambiguous input is refused, and an error never quotes the invalid part.

`urllib.parse` is not used on purpose: it silently drops tabs and line ends, accepts a stray %, and costs more to import
than this whole module.
"""

from __future__ import annotations

from courriel import errors
from courriel._lazy_re import expression

LONGEST_URL = 8192  # characters; a long list of pins fits, a pasted mail does not

_TRIPLET = expression(rb"%([0-9A-Fa-f]{2})")
_STRAY = expression(r"%(?![0-9A-Fa-f]{2})")
_CONTROL = expression("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")  # RFC 3986 2.3


def quote(text: str, *, safe: str = "") -> str:
    """Percent-encode all but unreserved characters and those in `safe`; non-ASCII as UTF-8."""
    return "".join(
        char if char in _UNRESERVED or char in safe else "".join(f"%{octet:02X}" for octet in char.encode())
        for char in text
    )


def unquote(text: str, part: str, *, secret: bool = False) -> str:
    """Decode a part of a URL; `part` names it in errors. A plus sign stays a plus sign.

    Control characters are refused, except in a secret, which is sent in base64 and never as a line. Raises InvalidUrl.
    """
    if _STRAY.search(text):
        raise refusal(f"{part}: a % that two hexadecimal digits do not follow; % itself is written %25")
    try:
        plain = _TRIPLET.sub(lambda triplet: bytes.fromhex(triplet[1].decode()), text.encode()).decode()
    except UnicodeDecodeError:
        raise refusal(f"{part}: what is percent-encoded is not text in UTF-8") from None
    control = _CONTROL.search(plain)
    if control and not secret:
        raise refusal(f"{part}: a control character, %{ord(control[0]):02X}, cannot stand here")
    return plain


def check_characters(url: str) -> None:
    """Refuse white space, control and invisible characters before parsing. Raises InvalidUrl."""
    if len(url) > LONGEST_URL:
        raise refusal(f"a URL of {len(url)} characters: {LONGEST_URL} are the most")
    if not url:
        raise refusal("the URL is empty")
    for position, char in enumerate(url):
        if char == " " or not char.isprintable():
            raise refusal(
                f"U+{ord(char):04X} as character {position + 1} of the URL: no space and no control or invisible"
                " character stands in a URL; a space is written %20"
            )


def refusal(sentence: str, hint_id: str = "") -> errors.InvalidUrl:
    """The InvalidUrl error of the URL parser. Its hint is set here: the text itself may mention STARTTLS."""
    return errors.InvalidUrl(sentence, stage="compose", hint_id=hint_id or "URL-MALFORMED")


def nearest(word: str, known: list[str]) -> str:
    """Suggestion for a misspelled name: ` (did you mean "…"?)` with the closest known one, else ""."""
    from difflib import get_close_matches

    close = get_close_matches(word.lower(), known, n=1, cutoff=0.6)
    return f" (did you mean {close[0]!r}?)" if close else ""
