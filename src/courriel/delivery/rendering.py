"""Messages as text for a terminal, with control characters escaped."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.message import EmailMessage

from courriel.model.envelope import Envelope

_SHOWN = ("From", "Sender", "Reply-To", "To", "Cc", "Date", "Subject", "Message-ID")
_RULE = "-" * 72


def rendered(envelope: Envelope, content: bytes) -> str:
    """Envelope, main headers, text, and a line for each other part."""
    message = message_from_bytes(content, policy=policy.default)
    lines = [_RULE, f"envelope: from <{envelope.sender.spec if envelope.sender else ''}>"]
    lines += [f"          to <{recipient.spec}>" for recipient in envelope.recipients]
    lines += [f"{name}: {value}" for name in _SHOWN for value in _values(message, name)]
    lines += ["", _text(message, content), *_other_parts(message), _RULE]
    return "\n".join(visible(line) for line in "\n".join(lines).splitlines()) + "\n"


def visible(line: str) -> str:
    """The line with control, bidirectional and invisible characters escaped."""
    return "".join(char if char.isprintable() or char == "\t" else _written_out(char) for char in line)


# The steps.


def _written_out(char: str) -> str:
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _values(message: EmailMessage, name: str) -> list[str]:
    try:
        return [str(value) for value in message.get_all(name, [])]
    except (ValueError, LookupError, IndexError, AttributeError):
        # The standard parser fails on some malformed headers; this is for display only.
        return ["(cannot be read)"]


def _text(message: EmailMessage, content: bytes) -> str:
    """The decoded text part, or the raw body where the standard library cannot decode it."""
    try:
        part = message.get_body(("plain", "html"))
        return "" if part is None else str(part.get_content()).rstrip("\n")
    except (ValueError, LookupError, AttributeError, TypeError):
        return content.partition(b"\r\n\r\n")[2].decode("utf-8", "backslashreplace")


def _other_parts(message: EmailMessage) -> list[str]:
    try:
        body = message.get_body(("plain", "html"))
        others = [part for part in message.walk() if not part.is_multipart() and part is not body]
        return [f"[{part.get_content_type()} {part.get_filename() or ''}, {_octets(part)} octets]" for part in others]
    except (ValueError, LookupError, AttributeError, TypeError):
        return []


def _octets(part: EmailMessage) -> int:
    payload = part.get_payload(decode=True)
    return len(payload) if isinstance(payload, bytes) else 0
