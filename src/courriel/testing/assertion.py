"""`assert_mail`: the mail that must have come, and a readable difference to the nearest ones when it did not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from courriel import errors

if TYPE_CHECKING:
    from courriel import Sandbox
    from courriel.types import CapturedMessage

_SHOWN = 5  # mails in the message of a failure
_LONGEST = 200  # characters of a value in it


@dataclass(frozen=True, slots=True)
class Wish:
    """One thing that a mail must have: what was asked for, and how it is with a mail, in a line or a few."""

    name: str
    wanted: str
    difference: Callable[[CapturedMessage], str]
    """What a mail has instead; "" when it fits."""


class MailAssertion:
    """Function that finds a mail: `assert_mail(to="bob@example.org", subject="Invoice 42")`."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def __call__(
        self,
        *,
        to: str | Iterable[str] | None = None,
        sender: str | None = None,
        subject: str | None = None,
        subject_contains: str | None = None,
        text_contains: str | Iterable[str] | None = None,
        html_contains: str | Iterable[str] | None = None,
        attachment: str | Iterable[str] | None = None,
        header: Mapping[str, str] | None = None,
        timeout: float = 5.0,
    ) -> CapturedMessage:
        """
        The first mail that has all of these, there or yet to come within `timeout` seconds.

        `to` is a recipient of the envelope, or several that it must have, in any case of letters; `sender` is an
        address of From or the envelope's. `attachment` is a file name, or several. `header` has fields with their
        decoded values. Raises AssertionError, with what came instead, the nearest first, and UsageError without any.
        """
        __tracebackhide__ = True
        wishes = [
            *(_recipient(address) for address in _each(to)),
            *([] if sender is None else [_sender(sender)]),
            *([] if subject is None else [_equal("subject", subject, lambda mail: mail.subject)]),
            *(_holding("subject", words, lambda mail: mail.subject) for words in _each(subject_contains)),
            *(_holding("text", words, lambda mail: mail.text) for words in _each(text_contains)),
            *(_holding("html", words, lambda mail: mail.html) for words in _each(html_contains)),
            *(_attachment(name) for name in _each(attachment)),
            *(_header(name, value) for name, value in (header or {}).items()),
        ]
        if not wishes:
            raise errors.UsageError("assert_mail: say what the mail has, such as to=… or subject=…")
        found = self._sandbox.wait_until(lambda letters: next(_fitting(letters, wishes), None), timeout=timeout)
        if found is None:
            raise AssertionError(failure(self._sandbox.letters, wishes, timeout))
        return found


def failure(letters: Iterable[CapturedMessage], wishes: list[Wish], seconds: float) -> str:
    """Message of a failure: what was wanted, and what came, the nearest first, each with its differences."""
    lines = [f"no mail like this came within {seconds:g} s:"]
    lines += [f"    {wish.name}: {_short(wish.wanted)}" for wish in wishes]
    compared = [
        (sum(bool(text) for _, text in differences), mail, differences)
        for mail in letters
        for differences in [[(wish, wish.difference(mail)) for wish in wishes]]
    ]
    if not compared:
        return "\n".join([*lines, "no mail came at all"])
    compared.sort(key=lambda each: each[0])
    lines.append("what came, the nearest first:")
    for wrong, mail, differences in compared[:_SHOWN]:
        lines.append(f"  {mail}  ({wrong} of {len(wishes)} differ{'s' if wrong == 1 else ''})")
        lines += [f"    {wish.name}: {text}" for wish, text in differences if text]
    if len(compared) > _SHOWN:
        lines.append(f"  and {len(compared) - _SHOWN} more")
    return "\n".join(lines)


# The steps.


def _fitting(letters: Iterable[CapturedMessage], wishes: list[Wish]) -> Iterator[CapturedMessage]:
    return (mail for mail in letters if not any(wish.difference(mail) for wish in wishes))


def _each(given: str | Iterable[str] | None) -> list[str]:
    if given is None:
        return []
    return [given] if isinstance(given, str) else list(given)


def _recipient(address: str) -> Wish:
    def difference(mail: CapturedMessage) -> str:
        if address.lower() in map(str.lower, mail.recipients):
            return ""
        return f"wanted {address}, it went to {', '.join(mail.recipients)}"

    return Wish("to", address, difference)


def _sender(address: str) -> Wish:
    def difference(mail: CapturedMessage) -> str:
        written = mail.letter.sender.spec if mail.letter.sender else ""
        if address.lower() in (mail.sender.lower(), written.lower()):
            return ""
        return f"wanted {address}, it is from {written or mail.sender or '<>'}"

    return Wish("sender", address, difference)


def _equal(name: str, wanted: str, value: Callable[[CapturedMessage], str]) -> Wish:
    return Wish(name, repr(wanted), lambda mail: "" if value(mail) == wanted else _pointed(wanted, value(mail)))


def _holding(name: str, words: str, value: Callable[[CapturedMessage], str]) -> Wish:
    def difference(mail: CapturedMessage) -> str:
        held = value(mail)
        if words in held:
            return ""
        if not held:
            return "there is none"
        nearest = _nearest(words, held.splitlines())
        return f"{_short(repr(words))} is not in it; the nearest line:\n        {_short(nearest)}"

    return Wish(f"{name}_contains", repr(words), difference)


def _attachment(wanted: str) -> Wish:
    def difference(mail: CapturedMessage) -> str:
        names = [file.name for file in mail.attachments]
        return "" if wanted in names else f"wanted {wanted}, it has {', '.join(names) or 'none'}"

    return Wish("attachment", wanted, difference)


def _header(name: str, wanted: str) -> Wish:
    def difference(mail: CapturedMessage) -> str:
        values = [value for field, value in mail.headers if field.lower() == name.lower()]
        return "" if wanted in values else f"wanted {wanted!r}, it has {', '.join(map(repr, values)) or 'none'}"

    return Wish(f"header {name}", repr(wanted), difference)


def _pointed(wanted: str, came: str) -> str:
    """Both texts, one above the other, with a mark below the first character that differs."""
    place = next(
        (place for place, (left, right) in enumerate(zip(wanted, came, strict=False)) if left != right),
        min(len(wanted), len(came)),
    )
    start = max(0, place - 60)
    shown = [repr(text[start : start + 120]) for text in (wanted, came)]
    mark = " " * len(repr(wanted[start:place])[:-1]) + "^"
    return f"\n        wanted {shown[0]}\n        came   {shown[1]}\n               {mark}"


def _nearest(words: str, lines: list[str]) -> str:
    """The line that is most alike; of long texts the first thousand lines are looked at."""
    from difflib import SequenceMatcher

    matcher = SequenceMatcher(b=words[:_LONGEST], autojunk=False)

    def likeness(line: str) -> float:
        matcher.set_seq1(line.strip()[:_LONGEST])
        return matcher.ratio()

    return max((line.strip() for line in lines[:1000] if line.strip()), key=likeness, default="")


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
