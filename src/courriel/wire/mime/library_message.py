"""
Message of the standard `email` package to a ready message: the octets of its own `as_bytes()` are sent.

The policy of the message decides the length of lines and which fields are refolded. Three defects are corrected, field
by field, where that package writes another value than the message holds:

* identifiers, and words that no line can break, which it turns into encoded words (RFC 2047 5 forbids that);
* raw octets above 127 in a header that was read, which it turns into `=?unknown-8bit?…?=`, or in a parameter into
  `unknown-8bit''…`;
* a local part that is not ASCII, which it encodes although only SMTPUTF8 can carry it.

For a server without 8BITMIME the bodies are written again in seven bits; the header stays the same.
"""

from __future__ import annotations

from copy import deepcopy
from io import BytesIO
from typing import TYPE_CHECKING, TypeAlias

from courriel.errors import NotSupported
from courriel.model.address import Address
from courriel.model.checks.header import LONGEST_ATOM, is_structured, refusal
from courriel.model.content import has_long_line
from courriel.model.messages.ready_message import ReadyMessage
from courriel.wire.mime.ascii_header import ascii_value
from courriel.wire.mime.headers import folded

if TYPE_CHECKING:
    from email.message import Message as LibraryMessage
    from email.policy import Policy

    AnyMessage: TypeAlias = LibraryMessage
    Fields: TypeAlias = list[tuple[str, object]]

_ADDRESSED = frozenset((
    "from", "sender", "reply-to", "to", "cc", "bcc", "resent-from", "resent-to", "resent-cc", "resent-bcc",
))  # fmt: skip
_WORD, _UNKNOWN = b"=?", b"unknown-8bit"


def ready_of(message: AnyMessage, *, eight_bit: bool = True) -> ReadyMessage:
    """Convert a message of the standard `email` package, as that package writes it under the policy it was made with.

    `eight_bit` says that the server offers 8BITMIME; for others the bodies are in seven bits. Raises InvalidMessage
    when it cannot be written, or `ReadyMessage.parse` refuses it.
    """
    from email.errors import MessageError

    try:
        raw = _octets(message, eight_bit)
    except (MessageError, ValueError, LookupError, TypeError, AttributeError) as broken:
        raise refusal("message", f"the email package cannot write it: {broken}") from broken
    # A lone CR that the package leaves in a text part is meant as a line end.
    return ReadyMessage.parse(raw, normalise=True)


# The steps.


class _Written:
    """Header value in its final form; both kinds of policy ask it for its text, and leave it unchanged."""

    def __init__(self, name: str, text: str) -> None:
        self.name, self._text = name, text

    def __str__(self) -> str:
        return self._text

    def fold(self, *, policy: Policy) -> str:
        """Method called by policies with header objects (email.policy.EmailPolicy)."""
        return f"{self.name}: {self.encode(linesep=policy.linesep)}{policy.linesep}"

    def encode(self, *, linesep: str = "\n", **_: object) -> str:
        """Method called by the old policy (email.policy.compat32)."""
        return self._text.replace("\r\n", "\n").replace("\n", linesep)


def _octets(message: AnyMessage, eight_bit: bool) -> bytes:
    policy = _policy_of(message)
    raw = message.as_bytes() if policy is message.policy else message.as_bytes(policy=policy)
    spoilt = (_WORD in raw or _UNKNOWN in raw) and any(_would_spoil(policy, part) for part in message.walk())
    binary = b"inary" in raw and any(map(_is_binary, message.walk()))
    if binary or (not (raw.isascii() or _is_wide_only_above(raw)) and (not eight_bit or has_long_line(raw))):
        return _generated(_in_seven_bits(message, policy), policy.clone(cte_type="7bit"))
    return _generated(_with_final_fields(message, policy), policy) if spoilt else raw


def _policy_of(message: AnyMessage) -> Policy:
    """The caller's policy, with UTF-8 allowed in headers where an address needs it."""
    from email.policy import EmailPolicy

    policy = message.policy
    if not isinstance(policy, EmailPolicy) or policy.utf8:
        return policy
    values = [str(value) for name, value in message.items() if name.lower() in _ADDRESSED]
    return policy.clone(utf8=True) if any(map(_has_wide_local_part, values)) else policy


def _is_wide_only_above(raw: bytes) -> bool:
    """Whether all octets above 127 stand in the header of the message."""
    end = min((at for at in (raw.find(b"\n\n"), raw.find(b"\n\r\n")) if at >= 0), default=len(raw))
    return raw[end:].isascii()


def _with_final_fields(message: AnyMessage, policy: Policy) -> AnyMessage:
    """Copy of the message, in which the fields that the package would write wrongly are in their final form."""
    copy = deepcopy(message)
    for part in copy.walk():
        fields: Fields = [
            (name, _as_held(name, value, policy) if _is_rewritten(policy, name, value) else value)
            for name, value in part.raw_items()
        ]
        _set_fields(part, fields)
    return copy


def _in_seven_bits(message: AnyMessage, policy: Policy) -> AnyMessage:
    """Copy of the message with bodies in seven bits; its own header is in its final form, as the policy writes it."""
    copy = deepcopy(message)
    for part in copy.walk():
        top = part is copy
        _set_fields(part, [(name, _for_seven_bits(name, value, policy, top)) for name, value in part.raw_items()])
        if _is_binary(part):
            from email.encoders import encode_base64

            del part["Content-Transfer-Encoding"]
            part.set_payload(part.get_payload(decode=True))
            encode_base64(part)
    return copy


def _for_seven_bits(name: str, value: object, policy: Policy, top: bool) -> object:
    if _is_rewritten(policy, name, value):
        kept = _as_held(name, value, policy)
    elif top and not name.lower().startswith("content-"):
        octets = policy.fold_binary(name, value)  # type: ignore[arg-type] # a header object, or text
        kept = _Written(name, octets.decode("ascii", "surrogateescape").partition(":")[2].lstrip(" ").rstrip("\r\n"))
    elif _has_raw_octets(text := str(value)):
        kept = _Written(name, text)
    else:
        return value
    text = str(kept)
    if not top and _has_raw_octets(text):
        # The header of a part must be in seven bits, too; that of the message is checked when it is sent.
        try:
            return _Written(name, ascii_value(name, _octets_of(text).decode()))
        except (NotSupported, UnicodeDecodeError) as unfit:
            raise ValueError(f"{name}: it holds octets above 127, and no code for them is known") from unfit
    return kept


def _would_spoil(policy: Policy, part: AnyMessage) -> bool:
    return any(_is_rewritten(policy, name, value) for name, value in part.raw_items())


def _is_rewritten(policy: Policy, name: str, value: object) -> bool:
    """Whether the package writes encoded words for a value that holds none, and needs none or others."""
    text = str(value)
    if _has_raw_octets(text):
        return _UNKNOWN in policy.fold_binary(name, value)  # type: ignore[arg-type]
    if "=?" in text or not text.isascii():
        return False
    if not is_structured(name) and max(map(len, text.split()), default=0) <= LONGEST_ATOM:
        return False
    return _WORD in policy.fold_binary(name, value)  # type: ignore[arg-type]


def _as_held(name: str, value: object, policy: Policy) -> _Written:
    """Value as the message holds it: with its folds, or folded at its spaces."""
    text = str(value)
    if "\n" not in text:
        line = f"{name}: {text}"
        width = policy.max_line_length
        text = folded(line, len(name) + 2)[len(name) + 2 :] if width and len(line) > width else text
    return _Written(name, text)


def _set_fields(part: AnyMessage, fields: Fields) -> None:
    for name in {name.lower() for name, _ in fields}:
        del part[name]
    for name, value in fields:
        part.set_raw(name, value)  # type: ignore[arg-type] # the method of parsers: the value is stored unchanged


def _generated(message: AnyMessage, policy: Policy) -> bytes:
    from email.generator import BytesGenerator

    written = BytesIO()
    BytesGenerator(written, mangle_from_=False, policy=policy).flatten(message)
    return written.getvalue()


def _is_binary(part: AnyMessage) -> bool:
    """Whether a part has the encoding `binary`; treated as lines it would be changed."""
    encoding = str(part.get("Content-Transfer-Encoding", "")).strip().lower()
    return encoding == "binary" and not part.is_multipart()


def _has_raw_octets(text: str) -> bool:
    """Whether it holds undecoded octets of a header, which the package keeps as halves of surrogate pairs."""
    return not text.isascii() and any("\udc80" <= character <= "\udcff" for character in text)


def _octets_of(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _has_wide_local_part(value: str) -> bool:
    """Whether an address in this header has a local part that is not ASCII."""
    if value.isascii():
        return False
    try:
        return any(address.needs_smtputf8 for address in Address.parse_list(value))
    except ValueError:
        return False
