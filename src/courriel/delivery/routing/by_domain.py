"""
ByDomain: a way out for each domain of recipients, and one for all others.

    way = ByDomain({"gmail.com": "google", "example.org": session}, default="main")

A mail to recipients of several domains leaves in parts, one for each way, with the same content. The outbox splits it
when it is put, so that each part has its own row, lane and retries; here, without an outbox, the parts leave one after
the other, and the receipt has the result of each recipient.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Generic, TypeVar

from courriel import errors
from courriel._dataclass import replace
from courriel.delivery.routing import decided
from courriel.delivery.routing.awaiting import AsyncFailover
from courriel.delivery.routing.blocking import Failover
from courriel.delivery.transport import one_after_the_other
from courriel.model.address import Address
from courriel.model.receipt import Outcome, Receipt, RecipientResult
from courriel.model.submission import WINDOW, Submission

if TYPE_CHECKING:
    from typing import Self, Unpack

    from courriel.delivery.routing.ways import Maker
    from courriel.delivery.transport import AsyncTransport, Transport
    from courriel.delivery.urls.route import Via
    from courriel.model.receipt import Result
    from courriel.model.typed import SendArguments
    from courriel.session.encoding import Sendable

W = TypeVar("W")


class DomainTable(Generic[W]):
    """Table of ways by the domain of a recipient; a domain stands for itself, and not for its subdomains.

    Raises UsageError for a table without an entry, and for what is no domain.
    """

    def __init__(self, domains: Mapping[str, W], default: W | None) -> None:
        if not isinstance(domains, Mapping) or not domains:
            raise errors.UsageError("ByDomain: a table of domains and ways, with one entry at least", stage="compose")
        self._ways = {_domain(domain): way for domain, way in domains.items()}
        self._default = default

    @property
    def given(self) -> tuple[Mapping[str, W], W | None]:
        """The ways by their domains, and the one for all others."""
        return self._ways, self._default

    def __iter__(self) -> Iterator[W]:
        """Each way once."""
        seen: list[W] = []
        for way in (*self._ways.values(), *(() if self._default is None else (self._default,))):
            if not any(way is other or (isinstance(way, str) and way == other) for other in seen):
                seen.append(way)
                yield way

    def parts(self, recipients: Iterable[Address]) -> list[tuple[W, tuple[Address, ...]]]:
        """Recipients by their ways, in the order of the first of each. Raises InvalidMessage where one has none."""
        found: list[tuple[W, list[Address]]] = []
        for address in recipients:
            way = self._way_of(address)
            for other, those in found:
                if other is way or (isinstance(way, str) and way == other):
                    those.append(address)
                    break
            else:
                found.append((way, [address]))
        return [(way, tuple(those)) for way, those in found]

    def _way_of(self, address: Address) -> W:
        way = self._ways.get(address.dns_domain, self._default)
        if way is None:
            raise errors.InvalidMessage(
                f"{address.spec}: no way out leads to this domain, and there is none for all others (default=)",
                stage="compose",
            )
        return way


def refuse_abandon(*, all_or_nothing: bool, parts: int) -> None:
    """Raise UsageError for a mail that goes to all or nobody and has several ways: no two servers decide together."""
    if all_or_nothing and parts > 1:
        raise errors.UsageError(
            f'on_refused="abandon": the recipients of this mail have {parts} ways out, and none of them knows what'
            " another server refuses; put one mail for each way, or leave it out",
            stage="compose",
        )


class _ByDomain:
    """What both colours share."""

    name: str

    def _settled(self, submission: Submission, results: list[tuple[str, tuple[Address, ...], Result]]) -> Receipt:
        """One receipt of the results of all parts. Raises an error when no part was taken."""
        receipts = [result for _, _, result in results if isinstance(result, Receipt)]
        failed = [(name, result) for name, _, result in results if not isinstance(result, Receipt)]
        if not receipts:
            doubtful = next((error for _, error in failed if error.in_doubt), None)
            if doubtful is not None or not all(decided.is_undecided(error, permitted=False) for _, error in failed):
                worst = doubtful or failed[0][1]
                raise decided.with_others(worst, [(name, error) for name, error in failed if error is not worst])
            raise decided.all_failed(failed)
        fates = {fate.recipient: fate for receipt in receipts for fate in receipt.fates}
        for _, addresses, result in results:
            if not isinstance(result, Receipt):
                fates |= {each.spec: _fate(each.spec, result) for each in addresses}
        notes = [note for receipt in receipts for note in receipt.notes]
        notes += [decided.reason_of(name, error) for name, error in failed]
        servers = ", ".join(dict.fromkeys(receipt.server for receipt in receipts))
        ordered = tuple(fates.pop(each.spec) for each in submission.envelope.recipients if each.spec in fates)
        return replace(
            receipts[0], server=servers, fates=(*ordered, *fates.values()), notes=tuple(dict.fromkeys(notes))
        )


class ByDomain(_ByDomain):
    """A way out for each domain of recipients, as `{"gmail.com": way}`, and `default` for all others.

    A way is a setting or a Transport. Without a `default`, a mail to another domain is refused before anything is sent.
    A mail that goes to all or nobody (`on_refused="abandon"`) is refused where its recipients have several ways. Raises
    UsageError, InvalidUrl. `close` closes all ways.
    """

    def __init__(
        self,
        domains: Mapping[str, Via | Transport],
        default: Via | Transport = None,
        *,
        maker: Maker | None = None,
    ) -> None:
        self.table = DomainTable(domains, default)
        self._ways = [(given, Failover(given, maker=maker)) for given in self.table]
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
        """Whether all its ways obey `redirect_to`, `allowlist` and the variables of that name."""
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
        return self._settled(submission, results)

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
        return next(way for other, way in self._ways if _same(other, given))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<ByDomain {self.name}>"


class AsyncByDomain(_ByDomain):
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
        """Whether all its ways obey `redirect_to`, `allowlist` and the variables of that name."""
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
        return self._settled(submission, results)

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
        return next(way for other, way in self._ways if _same(other, given))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<AsyncByDomain {self.name}>"


# The steps.


def _same(way: object, other: object) -> bool:
    return way is other or (isinstance(way, str) and way == other)


def _domain(given: object) -> str:
    """A domain as DNS knows it. Raises UsageError."""
    if not isinstance(given, str):
        raise errors.UsageError(f"ByDomain: a domain as text, not {type(given).__name__}", stage="compose")
    try:
        return Address("somebody", given.removeprefix("@")).dns_domain
    except errors.InvalidAddress as wrong:
        raise errors.UsageError(f"ByDomain: {given!r:.80} is no domain: {wrong}", stage="compose") from wrong


def _fate(recipient: str, error: errors.CourrielError) -> RecipientResult:
    """The result of a recipient whose part no server has taken."""
    if error.in_doubt:
        return RecipientResult(recipient, Outcome.IN_DOUBT)
    return RecipientResult(recipient, Outcome.REFUSED, error.refused.get(recipient, error.reply))
