"""Header fields to text: folded, and encoded where necessary (RFC 2047, RFC 2231)."""

from __future__ import annotations

from binascii import b2a_base64, b2a_qp
from functools import lru_cache

from courriel._lazy_re import expression
from courriel.model.address import Address
from courriel.model.checks.header import FOLD_POINT, is_structured

_FOLD = 78  # characters of a line, recommended (RFC 5322 2.1.1)
_ENCODED_LINE = 76  # characters of a line with an encoded word, at most (RFC 2047 2)
_ENCODED_WORD = 75  # characters of an encoded word, at most (RFC 2047 2)
_MEASURED = len("Reply-To")  # longest field name for which the first line of a cached mailbox has room
_UNBROKEN = 900  # characters of a parameter value in quotes, on a line of its own; the limit of a line is 998

_WRAPPING = len("=?utf-8?q??=")
_SHORTEST = 12  # characters within an encoded word: four octets of one character by Q
# Characters that need no escape in an encoded word, wherever the word stands, a display name included (RFC 2047 5.3).
_SAFE = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/"
_STANDING = _SAFE + b" "
_HIGH = bytes(range(0x80, 0x100))
_Q = {octet: chr(octet) if octet in _SAFE else "_" if octet == 0x20 else f"={octet:02X}" for octet in range(256)}
_CONTINUED = frozenset("89AB")  # first hexadecimal digit of the second and later octets of a character

_PHRASE = expression(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
# A parameter value that every reader understands in quotes; others are encoded by RFC 2231.
_PLAIN_VALUE = expression(r"[ !#-\[\]-~]*")
_ATTRIBUTE = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$&+-.^_`{|}~"


def text_field(name: str, value: str) -> str:
    """Write a header of free text, such as Subject, without its line end.

    ASCII is folded and never encoded for its length: that it can be folded was checked when the value was made.
    """
    if _stands_as_it_is(value):
        line = f"{name}: {value}"
        return line if len(line) <= _FOLD else folded(line, len(name) + 2)
    if is_structured(name):
        return folded(f"{name}: {value.strip()}", len(name) + 2)
    return _encoded_field(name, value)


def address_field(name: str, addresses: tuple[Address, ...], utf8: bool = False) -> str:
    """Write a header of addresses, in lines of about 78 characters."""
    if len(addresses) == 1:
        address = addresses[0]
        if not address.name:
            return f"{name}: {address.wire(utf8)}"
        written = named_mailbox(address, utf8)
        # The cached mailbox has room for a name up to Reply-To; a longer one stands on a line of its own.
        return f"{name}: {written}" if len(name) <= _MEASURED or "=?" not in written else f"{name}:\r\n {written}"
    start = f"{name}:"
    lines = [start]
    room = _FOLD - len(start)
    for address in addresses:
        written = mailbox(address, utf8)
        size = len(written) + 2
        if "=?" in written:
            size += _FOLD - _ENCODED_LINE
        if size > room and lines[-1] and (lines[-1] != start or len(name) > _MEASURED):
            lines.append("")
            room = _FOLD
        lines[-1] += f" {written},"
        room -= size  # the shorter limit holds for the rest of a line with an encoded word, too
    return "\r\n".join(lines)[:-1]


def mailbox(address: Address, utf8: bool = False) -> str:
    """Write one address for a header: its name as encoded words where necessary, raw UTF-8 only in the local part.

    Raises InvalidAddress when it needs SMTPUTF8, and `utf8` does not allow it.
    """
    return named_mailbox(address, utf8) if address.name else address.wire(utf8)


@lru_cache(maxsize=2048)
def named_mailbox(address: Address, utf8: bool) -> str:
    """Write an address that has a name; cached, because the same senders write often."""
    where = address.wire(utf8)
    name = address.name
    if _stands_as_it_is(name) and len(name) <= _FOLD - 4:
        if _PHRASE.fullmatch(name):
            return f"{name} <{where}>"
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{quoted}" <{where}>'
    words = encoded_words(name, _MEASURED + 2)
    last = len(words) - words.rfind("\n") if "\n" in words else len(words) + _MEASURED + 2
    if last + len(where) + 4 > _ENCODED_LINE:
        return f"{words}\r\n <{where}>"
    return f"{words} <{where}>"


def ids_field(name: str, ids: tuple[str, ...]) -> str:
    """Write a header of message ids or links, one to a line."""
    return f"{name}: " + "\r\n ".join(ids)


def parameter(name: str, value: str) -> str:
    """Write one parameter of a MIME header, with the `;` and the fold before it.

    In quotes where every reader understands that; otherwise by RFC 2231, in sections that never split a character.
    """
    if is_plain_value(value):
        return f';\r\n {name}="{value}"'
    whole = "".join(map(_percent, value))
    if len(name) + len(whole) + 12 <= _FOLD:
        return f";\r\n {name}*=utf-8''{whole}"
    sections: list[str] = [""]
    room = _FOLD - len(name) - 16
    for character in value:
        written = _percent(character)
        if len(sections[-1]) + len(written) > room:
            sections.append("")
        sections[-1] += written
    lines = [f";\r\n {name}*{number}*={section}" for number, section in enumerate(sections)]
    lines[0] = lines[0].replace("*0*=", "*0*=utf-8''", 1)
    return "".join(lines)


def is_plain_value(value: str) -> bool:
    """Whether a parameter value can stand in quotes unencoded."""
    return len(value) < _UNBROKEN and "=?" not in value and _PLAIN_VALUE.fullmatch(value) is not None


def encoded_words(value: str, indent: int = 0) -> str:
    """Write text as encoded words (RFC 2047), by B or by Q, whichever is shorter; no character is ever split.

    `indent` is the number of characters already on the first line.
    """
    octets = value.encode()
    first = _ENCODED_LINE - indent - _WRAPPING
    if not _SHORTEST <= first <= _ENCODED_WORD - _WRAPPING:
        first = max(min(first, _ENCODED_WORD - _WRAPPING), _SHORTEST)
    encoded = octets.translate(None, _STANDING)
    by_q = len(octets) + 2 * len(encoded)
    by_b = (len(octets) + 2) // 3 * 4
    if by_q <= by_b:
        if by_q <= first and encoded and not encoded.translate(None, _HIGH) and value[-1] != " ":
            # Only letters, digits and spaces besides: binascii writes the same as the table, and faster.
            return f"=?utf-8?q?{b2a_qp(octets, header=True).decode()}?="
        whole = octets.decode("latin-1").translate(_Q)
        chunks = [whole] if by_q <= first else _chunks_of_q(whole, first)
        return "\r\n ".join([f"=?utf-8?q?{chunk}?=" for chunk in chunks])
    words = [octets] if by_b <= first else _chunks_for_b(octets, first // 4 * 3)
    return "\r\n ".join([f"=?utf-8?b?{b2a_base64(word, newline=False).decode('ascii')}?=" for word in words])


def folded(line: str, start: int) -> str:
    """Fold a header line at its spaces, from `start` on; the first word stays beside the name, no word is split."""
    lines: list[str] = []
    begin, last = 0, -1
    for space in FOLD_POINT.finditer(line, start):
        position = space.start()
        if position - begin > _FOLD and last > begin:
            lines.append(line[begin:last])
            begin = last
        last = position
    if len(line) - begin > _FOLD and last > begin:
        lines.append(line[begin:last])
        begin = last
    lines.append(line[begin:])
    return "\r\n".join(lines)


# The steps.


def _stands_as_it_is(value: str) -> bool:
    """Whether text needs no encoding: ASCII without encoded words, tabs, and spaces at its ends, which are lost."""
    return value.isascii() and "=?" not in value and "\t" not in value and value.strip(" ") == value


def _encoded_field(name: str, value: str) -> str:
    """Header of encoded words; they begin on the next line when the name leaves no room for one."""
    indent = len(name) + 2
    if indent > _ENCODED_LINE - _WRAPPING - _SHORTEST:
        return f"{name}:\r\n {encoded_words(value, 1)}"
    return f"{name}: {encoded_words(value, indent)}"


def _chunks_of_q(whole: str, first: int) -> list[str]:
    """Split Q-encoded text into chunks: `first` characters at most, then as many as an encoded word holds. Neither a
    character of the text nor an escape is split."""
    chunks: list[str] = []
    start, room = 0, first
    while len(whole) - start > room:
        end = start + room
        if whole[end - 1] == "=":
            end -= 1
        elif whole[end - 2] == "=":
            end -= 2
        while whole[end] == "=" and whole[end + 1] in _CONTINUED:
            end -= 3
        chunks.append(whole[start:end])
        start, room = end, _ENCODED_WORD - _WRAPPING
    chunks.append(whole[start:])
    return chunks


def _chunks_for_b(octets: bytes, first: int) -> list[bytes]:
    """Split octets for base64: `first` at most, then as many as an encoded word holds; no character is split."""
    chunks: list[bytes] = []
    start, room = 0, first
    while len(octets) - start > room:
        end = start + room
        while octets[end] & 0xC0 == 0x80:
            end -= 1
        chunks.append(octets[start:end])
        start, room = end, (_ENCODED_WORD - _WRAPPING) // 4 * 3
    chunks.append(octets[start:])
    return chunks


def _percent(character: str) -> str:
    return "".join(chr(octet) if octet in _ATTRIBUTE else f"%{octet:02X}" for octet in character.encode())
