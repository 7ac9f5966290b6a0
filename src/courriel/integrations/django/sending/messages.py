"""Messages of Django as octets: what its own `message()` writes is what arrives, with the envelope beside."""

from __future__ import annotations

from collections.abc import Mapping
from email import policy
from typing import Any

import django

from courriel import Address, ReadyMessage, errors
from courriel._dataclass import dataclass

KEY_HEADER = "Courriel-Key"
"""Header field by which a message names its idempotency key; it is not sent."""

_MODERN = django.VERSION >= (6, 0)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message of Django in its final form, with its envelope and its idempotency key, if it has one."""

    content: ReadyMessage
    sender: str
    recipients: tuple[str, ...]
    key: str | None = None


def outgoing(message: Any) -> Outgoing | None:
    """The octets and the envelope of a message; None for one without recipients, which Django does not send.

    An address that is none, or a list in the place of one, is refused before anything is written: nobody else gets the
    mail by a comma in a form field. Raises InvalidAddress, InvalidMessage; ValueError where Django itself refuses.
    """
    named = message.recipients()
    if not named:
        return None
    octets = _octets(message)  # first: a line break in a header is refused in Django's own words, which programs catch
    recipients = tuple(dict.fromkeys(Address.of(str(each)).spec for each in named))
    sender = Address.of(str(message.from_email)).spec
    return Outgoing(ReadyMessage.parse(octets), sender, recipients, key_of(message))


def key_of(message: Any) -> str | None:
    """The idempotency key of a message: its attribute `courriel_key`, else its header field. Raises UsageError."""
    key = getattr(message, "courriel_key", None)
    if key is None:
        headers: Mapping[str, Any] = message.extra_headers or {}
        key = next((value for name, value in headers.items() if name.lower() == KEY_HEADER.lower()), None)
    if key is None:
        return None
    return str(key)


# The steps.


def _octets(message: Any) -> bytes:
    """Octets of a message as Django writes it, with CRLF. Raises InvalidMessage for what it cannot write: a file."""
    for attachment in message.attachments:
        if isinstance(attachment, tuple) and len(attachment) > 1 and hasattr(attachment[1], "read"):
            # Open or closed: Django 6 would send its repr, and 5.2 raises a TypeError.
            raise _unwritable(TypeError(f"the attachment {attachment[0]!r} is a file"))
    try:
        built = message.message(policy=policy.SMTP) if _MODERN else message.message()
        del built[KEY_HEADER]
        if _MODERN or not hasattr(type(built), "as_bytes"):
            return bytes(built.as_bytes())
        try:
            return bytes(built.as_bytes(linesep="\r\n"))
        except TypeError:  # a message of the standard library, from a `message()` of the project's own
            return bytes(built.as_bytes(policy=built.policy.clone(linesep="\r\n")))
    except ValueError as wrong:
        if "closed file" not in str(wrong):
            raise  # a header with a line break: Django's own words
        raise _unwritable(wrong) from wrong
    except (TypeError, AttributeError) as wrong:
        raise _unwritable(wrong) from wrong


def _unwritable(wrong: Exception) -> errors.InvalidMessage:
    return errors.InvalidMessage(
        f"Django cannot write this message ({type(wrong).__name__}: {wrong}): a part is made of text, or of octets that"
        " were read from an open file",
        stage="compose",
    )
