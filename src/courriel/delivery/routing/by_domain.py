"""
ByDomain: a way out for each domain of recipients, and one for all others.

    way = ByDomain({"gmail.com": "google", "example.org": session}, default="main")

A mail to recipients of several domains leaves in parts, one for each way, with the same content. The outbox splits it
when it is put, so that each part has its own row, lane and retries; here, without an outbox, the parts leave one after
the other, and the receipt has the result of each recipient.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING

from courriel import errors
from courriel._dataclass import replace
from courriel.delivery.routing.blocking import Failover
from courriel.delivery.routing.domain_table import DomainTable, PartedSending, refuse_abandon, same_way
from courriel.delivery.transport import one_after_the_other
from courriel.model.submission import WINDOW, Submission

if TYPE_CHECKING:
    from typing import Self, Unpack

    from courriel.delivery.transport import Transport
    from courriel.delivery.urls.route import Via
    from courriel.model.address import Address
    from courriel.model.receipt import Receipt, Result
    from courriel.model.typed import SendArguments
    from courriel.session.encoding import Sendable


class ByDomain(PartedSending):
    """A way out for each domain of recipients, as `{"gmail.com": way}`, and `default` for all others.

    A way is a setting or a Transport. Without a `default`, a mail to another domain is refused before anything is sent.
    A mail that goes to all or nobody (`on_refused="abandon"`) is refused where its recipients have several ways. Raises
    UsageError, InvalidUrl. `close` closes all ways.
    """

    def __init__(
        self,
        domains: Mapping[str, Via | Transport],
        default: Via | Transport = None,
    ) -> None:
        self.table = DomainTable(domains, default)
        self._ways = [(given, Failover(given)) for given in self.table]
        names = dict.fromkeys(way.ways[0] for _, way in self._ways)
        self.name = f"bydomain({', '.join(names)})"

    @property
    def answer_limit(self) -> float:
        """Seconds from the first yes of `before_end` to the last answer: one way after the other."""
        return sum(way.answer_limit + way.silence_limit for _, way in self._ways)

    @property
    def silence_limit(self) -> float:
        """Seconds without progress before the end of a mail, at most."""
        return max(way.silence_limit for _, way in self._ways)

    @property
    def parallel(self) -> int:
        """Submissions carried at once: as many as the smallest of its ways."""
        return min(way.parallel for _, way in self._ways)

    @property
    def obeys_recipient_rule(self) -> bool:
        """True when all its ways obey the recipient rules (`redirect_to`, `allowlist`, variables of that name)."""
        return all(way.obeys_recipient_rule for _, way in self._ways)

    def send(self, message: Sendable, /, **options: Unpack[SendArguments]) -> Receipt:
        """Send one message, in seven bits, which every way takes; returns a receipt, see SmtpSession.send."""
        from courriel.model.submission import SendOptions
        from courriel.session.encoding import IN_SEVEN_BITS, submission_of

        return self.submit(submission_of(message, IN_SEVEN_BITS, SendOptions(**options) if options else None))

    def submit(self, submission: Submission) -> Receipt:
        """Send one submission, a part by each way of its recipients; see Transport.submit.

        When a part is taken, the receipt has the recipients of the others as refused, or in doubt.
        """
        parts = self.table.parts(submission.envelope.recipients)
        refuse_abandon(all_or_nothing=submission.all_or_nothing, parts=len(parts))
        if len(parts) == 1:
            return self._way(parts[0][0]).submit(submission)
        results: list[tuple[str, tuple[Address, ...], Result]] = []
        for given, recipients in parts:
            way = self._way(given)
            part = replace(submission, envelope=replace(submission.envelope, recipients=recipients))
            try:
                results.append((way.ways[0], recipients, way.submit(part)))
            except errors.CourrielError as failed:
                results.append((way.ways[0], recipients, failed))
        return self.settled(submission, results)

    def submit_many(
        self, submissions: Iterable[Submission], *, window: int | Callable[[], int] = WINDOW
    ) -> Iterator[Result]:
        """Send many submissions, one after the other; see Transport.submit_many."""
        return one_after_the_other(self.submit, submissions)

    def hang_up(self) -> None:
        """Abort the submissions in flight, of all ways."""
        for _, way in self._ways:
            way.hang_up()

    def close(self) -> None:
        """Close the connections of all ways."""
        for _, way in self._ways:
            way.close()

    def _way(self, given: Via | Transport) -> Failover:
        return next(way for other, way in self._ways if same_way(other, given))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<ByDomain {self.name}>"
