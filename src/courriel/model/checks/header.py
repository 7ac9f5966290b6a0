"""Checks of header values: line breaks, control characters, lengths, message ids; errors name the field."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from courriel import errors
from courriel._lazy_re import expression
from courriel.model.checks.text import described, text_of

LONGEST_VALUE = 16_384  # characters of one header value; servers refuse header blocks somewhere above 64 kB
LONGEST_NAME = 76  # characters of one header name, so that it fits on a line (RFC 5322 2.1.1)
LONGEST_ID = 900  # characters of one message id, which cannot be folded
LONGEST_LINE = 998  # octets of a line, its CRLF not counted (RFC 5322 2.1.1)
LONGEST_ATOM = 900  # octets of one word; a longer one is a token that must not be folded or encoded

# Every character that some reader takes for a line end, NUL, and halves of surrogate pairs. A tab may stay: it is
# encoded.
_CONTROL = expression("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_LINE_BREAK = "\r\n\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
_NAME = expression(r"[A-Za-z0-9][A-Za-z0-9!#$%&'*+.^_`|~-]*")
_MESSAGE_ID = expression(r"<[!-;=?A-~]+@[!-;=?A-~]+>")
# Ids made by other programs: in brackets, with spaces within perhaps, or one word.
_SOME_ID = expression(r"<[!-;=?-~]+(?: +[!-;=?-~]+)*>|[!-;=?-~]+")
_ONE_ID = expression(r"<[^<>]*>|[^\s<>]+|[<>]")
# Some readers decode encoded words where RFC 2047 5 forbids it, and would find a line break in one.
_ENCODED = "=?"
# A line is folded only between two visible characters: a line of spaces alone ends the header for some readers.
FOLD_POINT = expression(r"(?<=[^ \t])[ \t](?=[^ \t])")
_LINK = expression(r"(?:https?|mailto):[!-;=?-~]+")

# Identifiers, and fields that programs read: an encoded word in one of them is another value (RFC 2047 5).
_STRUCTURED = frozenset((
    "arc-authentication-results", "arc-message-signature", "arc-seal", "authentication-results", "auto-submitted",
    "autocrypt", "content-id", "content-location", "content-transfer-encoding", "date", "dkim-signature",
    "domainkey-signature", "feedback-id", "in-reply-to", "list-archive", "list-help", "list-id", "list-owner",
    "list-post", "list-subscribe", "list-unsubscribe", "list-unsubscribe-post", "message-id", "mime-version",
    "original-message-id", "received", "received-spf", "references", "resent-date", "resent-message-id", "return-path",
    "supersedes", "x-google-dkim-signature",
))  # fmt: skip

_OWN_FIELDS = {
    "from": "use sender=",
    "sender": "use sender=, or the sender of the envelope",
    "reply-to": "use reply_to=",
    "to": "use to=",
    "cc": "use cc=",
    "bcc": "use bcc=, which stays in the envelope",
    "subject": "use subject=",
    "date": "use date=",
    "message-id": "use message_id=",
    "in-reply-to": "use in_reply_to=",
    "references": "use references=",
    "list-unsubscribe": "use list_unsubscribe=",
    "list-unsubscribe-post": "use one_click=",
    "x-priority": "use priority=",
    "x-msmail-priority": "use priority=",
    "importance": "use priority=",
    "priority": "use priority=",
    "disposition-notification-to": "use read_receipt=",
    "return-receipt-to": "use delivery_receipt=",
    "mime-version": "it is always written",
    "return-path": "servers write it; the sender of the envelope decides",
    "received": "servers write it",
}


def refusal(field: str, reason: str, hint_id: str = "") -> errors.InvalidMessage:
    """Return an InvalidMessage whose text begins with the field at fault."""
    return errors.InvalidMessage(f"{field}: {reason}", stage="compose", hint_id=hint_id)


def is_structured(name: str) -> bool:
    """Whether a header field holds identifiers or other data for programs, and is never written as encoded words."""
    return name.lower() in _STRUCTURED


def as_text(field: str, value: object) -> str:
    """Convert a value to text: a `str` or subclass, or a lazy string whose `str()` is the text (Django's gettext_lazy).

    Raises InvalidMessage for every other type, with the conversion to use.
    """
    if (text := text_of(value)) is not None:
        return text
    raise refusal(field, f"text is expected, not {described(value)}")


def check_text(field: str, value: str) -> None:
    """Check a header value: no line breaks above all, by which one header becomes two, and no control characters.

    ASCII that cannot be folded into lines of 998 octets is refused too: encoding it would change what programs read.
    """
    if (value.isascii() and value.isprintable()) or not (control := _CONTROL.search(value)):
        if len(value) > LONGEST_ATOM:
            _check_length(field, value)
        return
    if control[0] in _LINE_BREAK:
        raise refusal(field, f"it holds a line break (U+{ord(control[0]):04X})", "HEADER-LINE-BREAK")
    if control[0] >= "\ud800":
        raise refusal(field, f"it holds half of a character (U+{ord(control[0]):04X})", "NON-ASCII-TEXT")
    raise refusal(field, f"it holds a control character (U+{ord(control[0]):04X})")


def _check_length(field: str, value: str) -> None:
    if len(value) > LONGEST_VALUE:
        raise refusal(field, f"it is longer than {LONGEST_VALUE} characters")
    if not value.isascii():
        return  # it leaves as encoded words, which are short
    first, *others = FOLD_POINT.split(value)
    if len(field) + 2 + len(first) > LONGEST_LINE or any(len(other) >= LONGEST_LINE for other in others):
        raise refusal(
            field,
            f"it cannot be folded, and its line would be longer than {LONGEST_LINE} octets",
            "HEADER-LINE-TOO-LONG",
        )


def check_body(field: str, value: str) -> None:
    """Check a body text: no NUL, and no halves of surrogate pairs."""
    if "\0" in value:
        raise refusal(field, f"it holds a NUL character, at position {value.index(chr(0))}")
    if not value.isascii():
        try:
            # No encoding takes half of a surrogate pair; UTF-16 takes half the time of UTF-8.
            value.encode("utf-16")
        except UnicodeEncodeError as broken:
            half = f"U+{ord(value[broken.start]):04X}"
            raise refusal(
                field, f"it holds half of a character ({half}), at position {broken.start}", "NON-ASCII-TEXT"
            ) from None


def checked_headers(headers: Mapping[str, str] | Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Check headers added by the caller: names are tokens, and none is a header with a field of its own."""
    pairs = pairs_of(headers)
    for name, value in pairs:
        if not _NAME.fullmatch(name) or len(name) > LONGEST_NAME:
            raise refusal("headers", f"{name!r:.100} is not the name of a header")
        known = _OWN_FIELDS.get(name.lower())
        if name.lower().startswith("content-"):
            known = "use text=, html= and attachments="
        elif name.lower().startswith("resent-"):
            known = "a message that is resent is a ready message, Message.parse()"
        if known:
            raise refusal("headers", f"{name} has its own field: {known}")
        check_text(name, value)
        if is_structured(name) and not (value.isascii() and _ENCODED not in value):
            raise refusal(name, "programs read it, so it is ASCII and holds no encoded word (=?)", "NON-ASCII-TEXT")
    return pairs


def pairs_of(headers: object) -> tuple[tuple[str, str], ...]:
    """Header fields as pairs of texts, from a mapping or from pairs. Raises InvalidMessage for anything else."""
    given: object = headers.items() if isinstance(headers, Mapping) else headers
    pairs: list[tuple[str, str]] = []
    for each in _listed("headers", given, "a mapping of names to values, or pairs of them"):
        if isinstance(each, str | bytes) or not isinstance(each, Iterable):
            raise refusal("headers", f"a mapping of names to values, or pairs of them, not {type(each).__name__}")
        pair: tuple[object, ...] = tuple(each)
        if len(pair) != 2:
            raise refusal("headers", f"a pair is a name and a value, not {len(pair)} things")
        name = as_text("headers", pair[0])
        pairs.append((name, as_text(name if _NAME.fullmatch(name) else "headers", pair[1])))
    return tuple(pairs)


def checked_id(field: str, value: str) -> str:
    """Check the Message-ID of a new message: `<left@right>`, in ASCII (RFC 5322 3.6.4)."""
    value = value if type(value) is str else as_text(field, value)
    if not _MESSAGE_ID.fullmatch(value) or len(value) > LONGEST_ID or _ENCODED in value:
        raise refusal(field, f"a message id is <left@right>, in ASCII and without spaces, not {value!r:.100}")
    return value


def checked_ids(field: str, value: str | Iterable[str]) -> tuple[str, ...]:
    """Check ids of other messages: kept as they came, strict or not, if they are ASCII and can be separated.

    The ids of others are repeated, not validated (RFC 5322 3.6.4): `<no at sign>`, or no brackets at all.
    """
    text = text_of(value)
    ids: tuple[str, ...]
    if text is not None:
        check_text(field, text)
        ids = split_ids(text)
    else:
        ids = tuple([as_text(field, each) for each in _listed(field, value, "one message id, or several")])
    for each in ids:
        if not is_repeatable_id(each):
            raise refusal(
                field,
                "a message id is in ASCII, at best <left@right>; more than one are a list, or stand apart by spaces; "
                f"not {each!r:.100}",
            )
    return ids


def split_ids(text: str) -> tuple[str, ...]:
    """Ids in a text: the parts in angle brackets, spaces included, and the words between; else the text itself."""
    return tuple(_ONE_ID.findall(text)) if "<" in text else (text.strip(),)


def is_repeatable_id(text: str) -> bool:
    """Whether an id of another message can stand in a header as it came: it is neither folded nor encoded there."""
    return _SOME_ID.fullmatch(text) is not None and len(text) <= LONGEST_ID and _ENCODED not in text


def checked_links(field: str, value: str | Iterable[str]) -> tuple[str, ...]:
    """Check the links to unsubscribe: https or mailto, without angle brackets (RFC 2369)."""
    links = texts_of(field, value)
    for each in links:
        if not _LINK.fullmatch(each) or len(each) > LONGEST_ID:
            raise refusal(
                field, f"a link begins with https: or mailto: and has neither spaces nor brackets, unlike {each!r:.100}"
            )
        if _ENCODED in each:
            raise refusal(field, f"=? would be read as an encoded word, and is written =%3F in a link: {each!r:.100}")
    return links


def texts_of(field: str, value: object) -> tuple[str, ...]:
    """One text or several, as a tuple. Raises InvalidMessage."""
    text = text_of(value)
    if text is not None:
        return (text,)
    return tuple([as_text(field, each) for each in _listed(field, value, "one text, or a list of them")])


# The steps.


def _listed(field: str, value: object, wanted: str) -> Iterable[object]:
    """Check that the value is iterable and not octets. Raises InvalidMessage."""
    if isinstance(value, bytes | bytearray) or not isinstance(value, Iterable):
        raise refusal(field, f"{wanted}, not {described(value)}")
    return value
