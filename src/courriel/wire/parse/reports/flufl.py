"""Door to flufl.bounce, which knows the bounces of servers from before the standard: imported on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from courriel.wire.parse.header import Header

if TYPE_CHECKING:
    from email.message import Message

# Its expressions try each character of a line as a beginning: lines are short, and the text is.
LONGEST_TEXT = 16_384
LONGEST_LINE = 500
_FIELDS = ("From", "To", "Subject", "Date", "X-Mailer")


def recipients_by_flufl(header: Header, content_type: str, text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Recipients whose mail is delayed, and those whose mail failed; nothing where the extra is not installed.

    It is handed a letter of the same type with the text that stands before the copy of the mail that came back.
    """
    try:
        from flufl.bounce import all_failures  # noqa: PLC0415
    except ImportError:
        return (), ()
    try:
        delayed, failed = all_failures(_message(header, content_type, text))
    except Exception:  # noqa: BLE001 - a letter of a stranger meets a program of others: what is not read is no report
        return (), ()
    return _texts(delayed), _texts(failed)


# The steps.


def _message(header: Header, content_type: str, text: str) -> Message:
    from email.message import Message  # noqa: PLC0415

    message = Message()
    for name in _FIELDS:
        if value := header.first(name.lower()).decode("ascii", "replace"):
            message[name] = value[:LONGEST_LINE]
    body = "\n".join(line[:LONGEST_LINE] for line in text[:LONGEST_TEXT].split("\n")).encode("ascii", "replace")
    if not content_type.startswith("multipart/"):
        message.set_payload(body.decode("ascii"))
        return message
    message["Content-Type"] = content_type
    for content in (body.decode("ascii"), ""):
        part = Message()
        part.set_payload(content)
        message.attach(part)
    return message


def _texts(found: frozenset[bytes]) -> tuple[str, ...]:
    return tuple(sorted(each.decode("ascii", "replace") for each in found))
