"""Summary of a mail for lists: read once, and small enough to be kept."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from threading import Lock

from courriel.sandbox.letter import CapturedMessage
from courriel.wire.parse.letter import Letter

_KEPT = 5000  # summaries
_SNIPPET = 250  # characters
_READ = 4000  # characters of the text that the snippet is made from
_BEGINNING = 100_000  # octets of a mail in which the snippet is looked for: the text of large HTML takes seconds


@dataclass(frozen=True, slots=True)
class Summary:
    """Line of a list about a mail; addresses are those of the header, `recipients` those of the envelope."""

    number: int
    sender: tuple[str, str]
    """Name and address; of the envelope when the header has none."""
    to: tuple[tuple[str, str], ...]
    cc: tuple[tuple[str, str], ...]
    reply_to: tuple[tuple[str, str], ...]
    recipients: tuple[str, ...]
    subject: str
    snippet: str
    message_id: str
    received: datetime
    size: int
    attachments: int
    user: str
    findings: int

    @property
    def hidden(self) -> tuple[str, ...]:
        """Recipients that are in no header: Bcc."""
        named = {address.lower() for _, address in (*self.to, *self.cc)}
        return tuple(each for each in self.recipients if each.lower() not in named)


class Summaries:
    """Summaries by the number of their mail; the latest used are kept."""

    def __init__(self) -> None:
        self._kept: OrderedDict[int, Summary] = OrderedDict()
        self._lock = Lock()

    def of(self, mail: CapturedMessage) -> Summary:
        """The summary of a mail."""
        with self._lock:
            if (known := self._kept.get(mail.number)) is not None:
                self._kept.move_to_end(mail.number)
                return known
        made = summarise(mail)
        with self._lock:
            self._kept[mail.number] = made
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return made


def summarise(mail: CapturedMessage) -> Summary:
    """Read a mail for its summary; nothing else of it is kept."""
    letter = Letter.parse(mail.content)
    beginning = letter if mail.size <= _BEGINNING else Letter.parse(mail.content[:_BEGINNING])
    text = beginning.text or letter.text  # an attachment may stand before it
    sender = letter.sender
    return Summary(
        number=mail.number,
        sender=(sender.name, sender.spec) if sender is not None else ("", mail.sender),
        to=tuple((each.name, each.spec) for each in letter.to[:100]),
        cc=tuple((each.name, each.spec) for each in letter.cc[:100]),
        reply_to=tuple((each.name, each.spec) for each in letter.reply_to[:20]) if letter.header("reply-to") else (),
        recipients=mail.recipients,
        subject=letter.subject,
        snippet=" ".join(text[:_READ].split())[:_SNIPPET],
        message_id=letter.message_id,
        received=mail.received,
        size=mail.size,
        attachments=sum(not file.inline for file in letter.attachments),
        user=mail.user,
        findings=len(mail.findings),
    )
