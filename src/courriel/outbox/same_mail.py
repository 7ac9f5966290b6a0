"""
Whether a mail that is put under a known key is the one that was put before: what the caller said is compared.

Two calls that say the same differ all the same in what was made up for them: Message-ID, Date, the boundaries between
parts, the ids of images within the HTML. And another release may fold and encode in another way. So contents are
compared as they are read, and not as they are written; mails that an older release has kept are compared like others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from courriel import errors
from courriel.outbox.store.base import KnownMail, NewMail
from courriel.wire.parse.letter import Letter

# Made anew by each call, or by what signs and carries; the fields of parts are compared with their parts.
_MADE_UP = frozenset((
    "message-id", "date", "mime-version", "dkim-signature", "arc-seal", "arc-message-signature",
    "arc-authentication-results", "authentication-results", "received", "return-path", "x-mailer", "user-agent",
))  # fmt: skip
_OF_ENVELOPES = ("notify", "ret", "envid", "require_tls")


def check_same(mail: NewMail, known: KnownMail) -> None:
    """Raise KeyReused, with what differs, unless the mail says what the one says that is kept under its key."""
    differs = differences(mail, known)
    if differs:
        reused = errors.KeyReused(
            f"key {mail.key!r}: another mail was put under it before ({known.id}); what differs: {', '.join(differs)}",
            stage="compose",
            hint_id="KEY-REUSED",
        )
        reused.key, reused.ticket, reused.differs = mail.key or "", known.id, differs
        raise reused


def differences(mail: NewMail, known: KnownMail) -> tuple[str, ...]:
    """What differs, by the names of envelope and header: "recipients", "Subject", "text", "attachments", …"""
    found = []
    if mail.sender != known.sender:
        found.append("sender")
    if set(mail.recipients) != set(known.recipients):
        found.append("recipients")
    found += [name for name in _OF_ENVELOPES if mail.options.get(name) != known.options.get(name)]
    content = b"".join(mail.chunks)
    if content != known.content:
        new, old = _described(content), _described(known.content)
        found += [name for name in dict.fromkeys((*new, *old)) if new.get(name) != old.get(name)]
    return tuple(found)


# The steps.


def _described(content: bytes) -> Mapping[str, object]:
    """What a content says, by the names of its parts, the long ones as digests."""
    letter = Letter.parse(content)
    said: dict[str, object] = {}
    names: dict[str, str] = {}
    for name, value in letter.headers:
        kind = name.lower()
        if kind in _MADE_UP or kind.startswith("content-"):
            continue
        shown = names.setdefault(kind, name)
        said[shown] = (*said.get(shown, ()), " ".join(value.split()))  # type: ignore[misc]  # a tuple, always
    html = letter.html
    for number, file in enumerate(letter.attachments):
        if file.content_id:
            html = html.replace(f"cid:{file.content_id}", f"cid:{number}")
    said["text"] = _digest(letter.text.encode("utf-8", "replace"))
    said["html"] = _digest(html.encode("utf-8", "replace"))
    said["attachments"] = tuple(
        (file.name, file.content_type, file.inline, _digest(file.content)) for file in letter.attachments
    )
    return said


def _digest(octets: bytes) -> bytes:
    return hashlib.sha256(octets).digest()
