"""Part of a letter on a server, which can be fetched without the rest."""

from __future__ import annotations

from courriel._dataclass import dataclass


@dataclass(frozen=True, slots=True)
class LetterPart:
    """One part of a letter that holds no others; `section` is its number on the server, such as "2.1".

    `content_type`, `charset`, `name`, `content_id` and `attached` (its disposition is `attachment`) are what the sender
    wrote; `encoding` is that of its octets on the server, `size` their number.
    """

    section: str
    content_type: str = "text/plain"
    name: str = ""
    size: int = 0
    encoding: str = ""
    charset: str = ""
    attached: bool = False
    content_id: str = ""
    within: str = ""
    """Type of the multipart around it; "" for a mail of a single part."""
    order: int = 0
    """Number of parts before it in that multipart."""
    alternative: int = 0
    """Number of the innermost multipart/alternative around it; 0 for none."""
