"""ENVELOPE of a letter: date, subject, addresses, ids as they stand in its header (RFC 9051 7.5.2)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from courriel._lazy_re import expression
from courriel.wire.imap_server.writing import nil_or_string
from courriel.wire.parse.addresses import received_addresses
from courriel.wire.parse.header import Header
from courriel.wire.parse.words import encoded_words, value_of

_PLACE = expression("\ue000(\\d+)\ue001")
_MOST = 500  # addresses of one field


def envelope(header: Header) -> bytes:
    """The envelope structure; Sender and Reply-To have the addresses of From where they are missing."""
    sender = _addresses(header, "from")
    return b"(%b)" % b" ".join(
        (
            nil_or_string(header.first("date") or None),
            nil_or_string(_subject(header)),
            sender,
            _addresses(header, "sender", sender),
            _addresses(header, "reply-to", sender),
            _addresses(header, "to"),
            _addresses(header, "cc"),
            _addresses(header, "bcc"),
            nil_or_string(header.first("in-reply-to") or None),
            nil_or_string(header.first("message-id") or None),
        )
    )


# The steps.


def _subject(header: Header) -> bytes | None:
    return header.first("subject") if header.all("subject") else None


def _addresses(header: Header, name: str, missing: bytes = b"NIL") -> bytes:
    value = header.first(name)
    if not value:
        return missing
    return b"(%b)" % b"".join(found) if (found := list(_each(value_of(value, _ignore)))) else missing


def _each(value: str) -> Iterator[bytes]:
    """Addresses of one field; encoded words stay as they are, put aside while the addresses are told apart."""
    words: list[str] = []
    pieces: list[str] = []
    end = 0
    value = value.replace("\ue000", "").replace("\ue001", "")
    for start, stop, *_ in encoded_words(value):
        pieces.append(f"{value[end:start]}\ue000{len(words)}\ue001")
        words.append(value[start:stop])
        end = stop
    put_aside = "".join((*pieces, value[end:]))

    def put_back(text: str) -> bytes:
        return _PLACE.sub(lambda found: _word(words, found), text).encode("utf-8", "replace")

    for address in received_addresses(put_aside, _ignore)[:_MOST]:
        mailbox, at, host = address.spec.rpartition("@")
        yield b"(%b NIL %b %b)" % (
            nil_or_string(put_back(address.name) or None),
            nil_or_string(put_back(mailbox if at else address.spec) or None),
            nil_or_string(put_back(host) or b".MISSING-HOST-NAME."),
        )


def _word(words: list[str], found: re.Match[str]) -> str:
    place = int(found[1])
    return words[place] if place < len(words) else ""


def _ignore(defect: str) -> None:
    """Defects are nobody's concern here."""
