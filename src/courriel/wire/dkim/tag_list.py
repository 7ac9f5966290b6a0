"""Tag lists of DKIM, `v=1; a=rsa-sha256; …` (RFC 6376 3.2)."""

from __future__ import annotations

from courriel._lazy_re import expression
from courriel.failures import Text

LONGEST = 65_536
"""Characters of a list that are read: a signature has some hundreds, a key record with RSA-4096 eight hundred."""

_NAME = expression(r"[A-Za-z][A-Za-z0-9_]*")
_BLANKS = str.maketrans("", "", " \t\r\n")


class BrokenTagList(ValueError):
    """A text that is no tag list, or not one that can be used; `reason` says why."""

    def __init__(self, fr: str, en: str) -> None:
        super().__init__(en)
        self.reason = Text(fr, en)


def read_tags(text: str) -> dict[str, str]:
    """Tags by their names, which are case-sensitive, in their order. Raises BrokenTagList."""
    if len(text) > LONGEST:
        raise BrokenTagList(f"plus de {LONGEST} caractères", f"more than {LONGEST} characters")
    tags: dict[str, str] = {}
    parts = text.split(";")
    if not parts[-1].strip():
        del parts[-1]
    for part in parts:
        name, equals, value = part.partition("=")
        name = name.strip()
        if not equals or not _NAME.fullmatch(name):
            raise BrokenTagList(f"{part.strip()!r:.40} n'est pas une étiquette", f"{part.strip()!r:.40} is no tag")
        if name in tags:
            raise BrokenTagList(f"{name:.40}= y est deux fois", f"{name:.40}= stands twice")
        tags[name] = value.strip()
    return tags


def without_blanks(text: str) -> str:
    """A value without its folding white space."""
    return text.translate(_BLANKS)


def words(text: str) -> list[str]:
    """Words of a list with colons, as `h=` and `t=` have it."""
    return [word.strip() for word in text.split(":") if word.strip()]


def octets_of(text: str) -> bytes:
    """Octets of a value in base64. Raises BrokenTagList."""
    from binascii import a2b_base64

    try:
        return a2b_base64(without_blanks(text), strict_mode=True)
    except ValueError:
        raise BrokenTagList("son base64 est abîmé", "its base64 is broken") from None
