"""Header of a message as sendmail completes it: whole addresses, a From, the recipients that it names."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from courriel import Address, errors
from courriel._lazy_re import expression

_ADDRESSED = (b"from", b"sender", b"reply-to", b"to", b"cc", b"bcc")
_RECIPIENTS = (b"to", b"cc", b"bcc")
# A name of this machine alone, as cron writes it: root, root (Cron Daemon), Cron Daemon <root>, "Cron, Daemon" <root>.
_LOCAL = expression(
    r'(?s)(\s*)(?:([A-Za-z0-9_][A-Za-z0-9._+-]*)|((?:[^<>@,;:"]|"(?:[^"\\]|\\.)*")*)<([A-Za-z0-9_][A-Za-z0-9._+-]*)>)'
    r"(\s*(?:\([^()<>@]*\))?\s*)"
)
_COMMENT = expression(r"\(([^()]*)\)\s*$")


def name_of(field: bytes) -> bytes:
    """Name of a header field in lower case."""
    return field.partition(b":")[0].strip().lower()


def qualified(fields: Sequence[bytes], whole: Callable[[str], str]) -> list[bytes]:
    """Header fields whose addresses without a domain get one; `whole` adds it. Others stay as they are."""
    return [_qualified(field, whole) if _is_addressed(name_of(field)) else field for field in fields]


def recipients_of(fields: Sequence[bytes]) -> list[str]:
    """Recipients that the header names: those of To, Cc and Bcc, or of the Resent fields where there are any (-t).

    Raises InvalidAddress.
    """
    names = [name_of(field) for field in fields]
    resent = any(name.startswith(b"resent-") and name[7:] in _RECIPIENTS for name in names)
    wanted = {b"resent-" + name for name in _RECIPIENTS} if resent else set(_RECIPIENTS)
    found: list[str] = []
    for name, field in zip(names, fields, strict=True):
        value = _value(field)
        if name in wanted and value:
            found += [
                Address.parse(piece.strip()).spec for piece, mark in split_addresses(value) if _is_one(piece, mark)
            ]
    return found


def split_addresses(value: str) -> list[tuple[str, str]]:
    """Addresses of a list, each with the mark behind it: `,`, `;`, `:` behind the name of a group, "" at the end.

    Marks in quotes, in comments and between angle brackets set nothing apart. Joined again they are the list.
    """
    found: list[tuple[str, str]] = []
    begin = depth = 0
    quoted = bracketed = escaped = False
    for position, mark in enumerate(value):
        if escaped or mark == "\\":
            escaped = not escaped
        elif mark == '"' and not depth:
            quoted = not quoted
        elif quoted:
            continue
        elif mark in "()":
            depth = max(0, depth + (1 if mark == "(" else -1))
        elif depth:
            continue
        elif mark in "<>":
            bracketed = mark == "<"
        elif mark in ",;:" and not bracketed:
            found.append((value[begin:position], mark))
            begin = position + 1
    return [*found, (value[begin:], "")]


def from_field(sender: str, name: str) -> bytes:
    """A From for a message that has none. Raises InvalidAddress."""
    plain = name.translate(dict.fromkeys((*range(32), 127), " ")).strip()
    if not plain:
        return f"From: {sender}\n".encode()
    quoted = plain.replace("\\", "\\\\").replace('"', '\\"')
    return f'From: "{quoted}" <{sender}>\n'.encode("utf-8", "replace")


def readable(fields: Sequence[bytes]) -> list[bytes]:
    """Header fields in UTF-8: what is none is taken for Latin-1, which old programs write."""
    return [_as_utf8(field) for field in fields]


# The steps.


def _is_addressed(name: bytes) -> bool:
    return name.removeprefix(b"resent-") in _ADDRESSED


def _value(field: bytes) -> str:
    text = field.partition(b":")[2].decode("utf-8", "replace")
    return " ".join(text.split())


def _is_one(piece: str, mark: str) -> bool:
    """Whether a piece of a list is an address: not the name of a group, and not the nothing of two commas."""
    return mark != ":" and bool(piece.strip())


def _qualified(field: bytes, whole: Callable[[str], str]) -> bytes:
    name, _, _ = field.partition(b":")
    pieces = split_addresses(_value(field))
    written = [(_completed(piece, whole) if _is_one(piece, mark) else piece, mark) for piece, mark in pieces]
    if written == pieces:
        return field
    lines = "".join(f"{piece.strip()}{mark}" + ("\n " if mark == "," else " ") for piece, mark in written)
    return name + b": " + lines.rstrip().encode() + b"\n"


def _completed(piece: str, whole: Callable[[str], str]) -> str:
    found = _LOCAL.fullmatch(piece)
    if found is None:
        return piece
    before, bare, phrase, bracketed, after = found.groups()
    comment = _COMMENT.search(after or "")
    if bare and comment:
        # root (Cron Daemon): a comment is a name to nobody but old programs; as a phrase everybody shows it.
        return f'{before}"{comment[1].strip()}" <{whole(bare)}>'.replace("\\", "")
    if bare:
        return f"{before}{whole(bare)}"
    return f"{before}{phrase}<{whole(bracketed)}>{after}"


def _as_utf8(field: bytes) -> bytes:
    try:
        field.decode()
    except UnicodeDecodeError:
        return field.decode("latin-1").encode()
    return field


def check_recipients(recipients: Sequence[str]) -> None:
    """Raise UsageError where nobody would get the message."""
    if not recipients:
        raise errors.UsageError("no recipient: give addresses, or -t with a To, Cc or Bcc")
