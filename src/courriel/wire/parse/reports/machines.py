"""Signs in the header of a letter that a machine wrote it, and that it came from no list."""

from __future__ import annotations

from courriel._lazy_re import expression
from courriel.wire.parse.addresses import received_addresses
from courriel.wire.parse.charsets.decoding import ignore_defect
from courriel.wire.parse.header import Header
from courriel.wire.parse.words import readable, value_of

_DAEMONS = frozenset({"mailer-daemon", "mailerdaemon", "mail-daemon", "mdaemon", "postmaster", "mailer_daemon"})
_EXCHANGE = "microsoftexchange"  # and digits, in front of the @
_LISTS = ("list-id", "list-post", "list-help", "list-owner")
_KEYWORD = expression(r"[a-z_-]+")


def text_of(header: Header, name: str) -> str:
    """First field of that name, decoded, on one line; "" without one."""
    return readable(value_of(header.first(name), ignore_defect), ignore_defect)


def keyword_of(header: Header, name: str) -> str:
    """First word of a field in lower case, as "auto-replied"; "" without one."""
    found = _KEYWORD.match(text_of(header, name).lower())
    return found[0] if found else ""


def sender_of(header: Header) -> str:
    """Address of From in lower case, "" without one."""
    named = received_addresses(value_of(header.first("from"), ignore_defect)[:_LONGEST_FROM], ignore_defect)
    return named[0].spec.lower() if named else ""


def has_null_sender(header: Header) -> bool:
    """Whether it was sent from `<>`, so that nothing ever comes back to it (RFC 5321 4.5.5)."""
    return text_of(header, "return-path").replace(" ", "") == "<>"


def is_from_daemon(header: Header) -> bool:
    """Whether a mail server signed it."""
    local = sender_of(header).partition("@")[0]
    return local in _DAEMONS or (local.startswith(_EXCHANGE) and len(local) > len(_EXCHANGE) + 8)


def is_from_list(header: Header) -> bool:
    """Whether it came by a mailing list, or in bulk with a way to unsubscribe."""
    return any(header.first(name) for name in _LISTS) or keyword_of(header, "precedence") == "list"


# The steps.

_LONGEST_FROM = 4_000  # characters; the first address is wanted
