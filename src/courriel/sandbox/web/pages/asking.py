"""What a click plays on the next mail: "what would Gmail, Microsoft 365, Orange say?", and bad weather."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from courriel import errors, failures
from courriel.sandbox import weather
from courriel.sandbox.faults import Faults

QUICK = {
    "Gmail": "GMAIL-IP-NOT-AUTHORIZED",
    "Microsoft 365": "M365-RECIPIENT-REJECTED",
    "Orange": "ORANGE-TRY-LATER",
    "GREYLISTED": "GREYLISTED",
}
"""Failures that have a button of their own: refusals of a mail, which need no login."""

# Bad weather whose name has a code, a count or a stage in it, as the page offers it.
_EXAMPLES = {
    "refuse-NNN": ("refuse-550", "refuse-450"),
    "refuse-message-NNN": ("refuse-message-554", "refuse-message-451"),
    "rate-limit-N": ("rate-limit-1",),
    "hang-up-at-STAGE": ("hang-up-at-greeting", "hang-up-at-recipient"),
    "silence-at-STAGE": ("silence-at-greeting", "silence-at-recipient"),
    "cut-at-N": ("cut-at-200",),
}

_PROVIDERS = {
    "GMAIL": "Gmail", "M365": "Microsoft 365", "OUTLOOK": "Outlook.com", "ORANGE": "Orange", "ICLOUD": "iCloud",
    "GMX": "GMX", "SES": "Amazon SES",
}  # fmt: skip


@dataclass(frozen=True)
class Playable:
    """A failure that the practice server can play, and its stage."""

    id: str
    stage: str
    provider: str
    """"" for one that any server may show."""
    answer: str


@cache
def known_failures() -> tuple[Playable, ...]:
    """All failures of the table that a server says in SMTP, providers first."""
    found: list[Playable] = []
    for each in failures.all():
        trial = Faults()
        try:
            trial.play(each.id)
        except errors.UsageError:
            continue
        # Only what a server says in SMTP: POP3 and IMAP have words in place of the code.
        answer = next((example for example in each.examples if example[:3].isdigit()), None)
        if answer is None or each.stage in ("mailbox", "letter"):
            continue
        provider = _PROVIDERS.get(each.id.partition("-")[0], "")
        found.append(Playable(each.id, each.stage, provider, answer))
    return tuple(sorted(found, key=lambda one: (not one.provider, one.provider, one.id)))


@cache
def known_weather() -> tuple[tuple[str, str, str], ...]:
    """All bad weather: a name that can be played, and what happens, in French and in English."""
    return tuple(
        (example, french, english)
        for name, (french, english) in weather.NAMES.items()
        for example in _EXAMPLES.get(name, (name,))
    )
