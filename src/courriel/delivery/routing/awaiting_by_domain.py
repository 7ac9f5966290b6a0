"""AsyncByDomain: a way out for each domain of recipients, for asyncio; see `by_domain`."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING

from courriel import errors
from courriel._dataclass import replace
from courriel.delivery.routing.awaiting import AsyncFailover
from courriel.delivery.routing.domain_table import DomainTable, PartedSending, refuse_abandon, same_way
from courriel.model.submission import WINDOW, Submission

if TYPE_CHECKING:
    from typing import Self, Unpack

    from courriel.delivery.transport import AsyncTransport
    from courriel.delivery.urls.route import Via
    from courriel.model.address import Address
    from courriel.model.receipt import Receipt, Result
    from courriel.model.typed import SendArguments
    from courriel.session.encoding import Sendable


class AsyncByDomain(PartedSending):
    """A way out for each domain of recipients: ByDomain for asyncio. A way is a setting or an AsyncTransport."""

    def __init__(self, domains: Mapping[str, Via | AsyncTransport], default: Via | AsyncTransport = None) -> None:
        self.table = DomainTable(domains, default)
        self._ways = [(given, AsyncFailover(given)) for given in self.table]
        names = dict.fromkeys(way.ways[0] for _, way in self._ways)
        self.name = f"bydomain({', '.join(names)})"

    @property
    def answer_limit(self) -> float:
        """Seconds from the first yes of `before_end` to the last answer: one way after the other."""
        return sum(way.answer_limit for _, way in self._ways)

    @property
    def parallel(self) -> int:
        """Submissions carried at once: as many as the smallest of its ways."""
        return min(way.parallel for _, way in self._ways)

    @property
    def obeys_recipient_rule(self) -> bool:
        """True when all its ways obey the recipient rules (`redirect_to`, `allowlist`, variables of that name)."""
        return all(way.obeys_recipient_rule for _, way in self._ways)

    async def send(self, message: Sendable, /, **options: Unpack[SendArguments]) -> Receipt:
        """Send one message, in seven bits, which every way takes; returns a receipt, see SmtpSession.send."""
        from courriel.model.submission import SendOptions
        from courriel.session.encoding import IN_SEVEN_BITS, submission_of

        return await self.submit(submission_of(message, IN_SEVEN_BITS, SendOptions(**options) if options else None))

    async def submit(self, submission: Submission) -> Receipt:
        """Send one submission, a part by each way of its recipients; see ByDomain.submit."""
        parts = self.table.parts(submission.envelope.recipients)
        refuse_abandon(all_or_nothing=submission.all_or_nothing, parts=len(parts))
        if len(parts) == 1:
            return await self._way(parts[0][0]).submit(submission)
        results: list[tuple[str, tuple[Address, ...], Result]] = []
        for given, recipients in parts:
            way = self._way(given)
            part = replace(submission, envelope=replace(submission.envelope, recipients=recipients))
            try:
                results.append((way.ways[0], recipients, await way.submit(part)))
            except errors.CourrielError as failed:
                results.append((way.ways[0], recipients, failed))
        return self.settled(submission, results)

    async def submit_many(
        self, submissions: Iterable[Submission] | AsyncIterable[Submission], *, window: int | Callable[[], int] = WINDOW
    ) -> AsyncIterator[Result]:
        """Send many submissions, one after the other; see Transport.submit_many."""
        from courriel.delivery.adapters import awaited_one_by_one

        async for result in awaited_one_by_one(self.submit, submissions):
            yield result

    async def close(self) -> None:
        """Close the connections of all ways."""
        for _, way in self._ways:
            await way.close()

    def _way(self, given: Via | AsyncTransport) -> AsyncFailover:
        return next(way for other, way in self._ways if same_way(other, given))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<AsyncByDomain {self.name}>"
