"""Fields of a reply to a received letter: recipients, subject, threading headers, quoted text."""

from __future__ import annotations

from courriel import errors
from courriel._lazy_re import expression
from courriel.failures import language
from courriel.model.address import Address
from courriel.model.checks.header import is_repeatable_id
from courriel.model.received.address import ReceivedAddress

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Iterable

    from courriel.model.received.answerable import Answerable

MOST_REFERENCES = 50  # ids: the first, which names the conversation, and the latest
LONGEST_SUBJECT = 900  # characters of the repeated subject
_ANSWERED = expression(r"(?i)(?:re|ré|aw|antw|sv)[ \xa0]?(?:\[\d{1,3}\]|\(\d{1,3}\))?[ \xa0]?:")
_NOT_SAYABLE = expression("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_NOT_IN_TEXTS = expression("[\x00\ud800-\udfff]")


def check_letter(letter: object) -> None:
    """Check that the value is a received letter. Raises UsageError."""
    if not all(hasattr(type(letter), name) for name in ("raw", "reply_to", "references", "text")):
        raise errors.UsageError(
            f"replying_to: a letter that was received, such as Letter.parse(octets), not {type(letter).__name__}",
            stage="compose",
        )


def subject_of(letter: Answerable) -> str:
    """Subject of the reply: `Re: ` and the letter's subject, which gets no second `Re:` (RFC 5322 3.6.5)."""
    subject = _NOT_SAYABLE.sub(" ", letter.subject).strip()[:LONGEST_SUBJECT]
    return subject if _ANSWERED.match(subject) else f"Re: {subject}".rstrip()


def answered(letter: Answerable) -> tuple[Address, ...]:
    """Recipients of the reply: Reply-To, or else the sender. Raises InvalidMessage without a valid address."""
    found = _addresses(letter.reply_to)
    if not found:
        raise errors.InvalidMessage(
            "to: the letter names nobody who can be answered; give to=", stage="compose", hint_id="NO-RECIPIENT"
        )
    return found


def others(letter: Answerable, *known: Address) -> tuple[Address, ...]:
    """Addresses of To and Cc, without those in `known`."""
    left_out = {address.spec.casefold() for address in known}
    return tuple(each for each in _addresses((*letter.to, *letter.cc)) if each.spec.casefold() not in left_out)


def threading(letter: Answerable) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """In-Reply-To and References (RFC 5322 3.6.4), with ids as they came, strict or not.

    An id that cannot stand in a header, because it is not ASCII or too long, is left out.
    """
    own = (letter.message_id,) if is_repeatable_id(letter.message_id) else ()
    before = letter.references or (letter.in_reply_to if len(letter.in_reply_to) == 1 else ())
    references = tuple(dict.fromkeys((*filter(is_repeatable_id, before), *own)))
    if len(references) > MOST_REFERENCES:
        references = (references[0], *references[1 - MOST_REFERENCES :])
    return own, references


def quoted(letter: Answerable, introduction: str) -> str:
    """Text of the letter, each line behind `> `, under the introduction line."""
    text = _NOT_IN_TEXTS.sub("\ufffd", letter.text).rstrip()
    lines = (f">{line}" if line.startswith(">") else f"> {line}".rstrip() for line in text.split("\n"))
    return "\n".join((introduction, *lines)) + "\n"


def quoted_html(letter: Answerable, introduction: str) -> str:
    """The letter's text as an HTML quotation. Its HTML is untrusted: the text is repeated, and none of its tags."""
    from html import escape

    text = escape(_NOT_IN_TEXTS.sub("\ufffd", letter.text).rstrip()).replace("\n", "<br>\n")
    return f'<p>{escape(introduction)}</p>\n<blockquote type="cite">{text}</blockquote>\n'


def introduction_of(letter: Answerable) -> str:
    """Introduction line of a quotation: author and date, in the language of `failures.language()`."""
    name = _NOT_SAYABLE.sub(" ", letter.sender.name or letter.sender.spec)[:200] if letter.sender else ""
    day = letter.date
    if language() == "fr":
        when = f"Le {day:%d/%m/%Y} à {day:%H:%M}, " if day else ""
        return f"{when}{name or 'quelqu’un'} a écrit :"
    when = f"On {day:%Y-%m-%d} at {day:%H:%M}, " if day else ""
    return f"{when}{name or 'somebody'} wrote:"


# The steps.


def _addresses(correspondents: Iterable[ReceivedAddress]) -> tuple[Address, ...]:
    found = (each.address for each in correspondents)
    return tuple({address.spec: address for address in found if address is not None}.values())
