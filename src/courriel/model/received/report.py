"""What a machine reports about an earlier mail: that it came back, that somebody complained, that nobody is there."""

from __future__ import annotations

from datetime import datetime
from enum import Enum

from courriel._dataclass import dataclass, field, replace

TYPE_CHECKING = False

if TYPE_CHECKING:
    from courriel.failures import Failure, Text


class ReportKind(Enum):
    """Kind of a letter that a machine wrote about an earlier mail."""

    DELIVERY = "delivery"  # what became of the mail, for each recipient (RFC 3464): a bounce, most often
    COMPLAINT = "complaint"  # somebody pressed "this is spam" (RFC 5965)
    AUTO_REPLY = "auto-reply"  # an absence, a confirmation of receipt (RFC 3834)
    CHALLENGE = "challenge"  # the mail waits until its sender proves to be a person


@dataclass(frozen=True, slots=True)
class RecipientReport:
    """What a report says of one recipient.

    `recipient` is the address at which delivery was tried, `original_recipient` the one that the mail was sent to, ""
    where the report does not say. `action` is "failed", "delayed", "delivered", "relayed" or "expanded", and "" in a
    complaint; `status` an enhanced code as "5.1.1", or "". `diagnostic` is the reply of the server `remote_mta`, or
    another reason, as text; both are "" where they are missing.
    """

    recipient: str
    action: str = ""
    status: str = ""
    diagnostic: str = ""
    remote_mta: str = ""
    original_recipient: str = ""

    @property
    def permanent(self) -> bool:
        """Whether delivery failed for good: another attempt with the same address and mail would fail, too."""
        return self.action == "failed" and self.status.startswith("5.")

    @property
    def failure(self) -> Failure | None:
        """Record of the failure table that explains it; None where there is none, or nothing failed."""
        if self.action not in ("failed", "delayed"):
            return None
        from courriel import failures  # noqa: PLC0415 - most programs never ask
        from courriel.failures.match import find_certain  # noqa: PLC0415

        facts = failures.read(self.diagnostic, stage="recipient")
        # The status is what the reporting server says itself; the text may lack a code, or quote another server's.
        return find_certain(replace(facts, enhanced=facts.enhanced or self.status, server=self.remote_mta))

    @property
    def explanation(self) -> str:
        """Cause in one sentence for people, in the language of `failures.language()`; "" where it is not known."""
        known = self.failure
        return "" if known is None else self._said(known.cause)

    @property
    def hint(self) -> str:
        """Remedy for people, in the language of `failures.language()`; "" where none is known."""
        known = self.failure
        return "" if known is None else self._said(known.fix)

    def _said(self, text: Text) -> str:
        return text.in_(host=self.remote_mta)


@dataclass(frozen=True, slots=True)
class Report:
    """Report about an earlier mail, as a machine wrote it. None of it is verified: anybody can write such a letter.

    `recipients` are those of whom it speaks; an automatic reply and a challenge name none. `message_id` and
    `original_headers` are those of the mail that it is about, as far as it was returned; `envid` is the envelope id
    under which that mail was sent (RFC 3461). `reporting_mta` is the server that reports, `arrival_date` when the mail
    came to it. A complaint has a `feedback_type`, most often "abuse", and may have the `reported_domain`. All are ""
    or None where the report does not say.
    """

    kind: ReportKind
    recipients: tuple[RecipientReport, ...] = ()
    message_id: str = ""
    envid: str = ""
    reporting_mta: str = ""
    arrival_date: datetime | None = None
    feedback_type: str = ""
    reported_domain: str = ""
    original_headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    certain: bool = True
    """Whether a standard format says it; False when it was recognised by the words of some known program."""

    @property
    def failed(self) -> tuple[RecipientReport, ...]:
        """Recipients that the mail does not reach."""
        return tuple(each for each in self.recipients if each.action == "failed")

    def original_header(self, name: str) -> str:
        """First field of that name in the mail that it is about, decoded; "" when it is not known."""
        wanted = name.lower()
        return next((value for known, value in self.original_headers if known.lower() == wanted), "")
