"""Table of ways by domain, and how the parts of one mail are settled together; nothing here waits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Generic, TypeVar

from courriel import errors
from courriel._dataclass import replace
from courriel.delivery.routing import decided
from courriel.model.address import Address
from courriel.model.receipt import Outcome, Receipt, RecipientResult
from courriel.model.submission import Submission

if TYPE_CHECKING:
    from courriel.model.receipt import Result

W = TypeVar("W")


class DomainTable(Generic[W]):
    """Table of ways by the domain of a recipient; a domain stands for itself, and not for its subdomains.

    Raises UsageError for a table without an entry, and for what is no domain.
    """

    def __init__(self, domains: Mapping[str, W], default: W | None) -> None:
        if not isinstance(domains, Mapping) or not domains:
            raise errors.UsageError("ByDomain: a table of domains and ways, with one entry at least", stage="compose")
        self._ways: dict[str, W] = {}
        for written, way in domains.items():
            domain = _domain(written)
            if domain in self._ways and not same_way(self._ways[domain], way):
                raise errors.UsageError(f"ByDomain: {domain} stands twice, with two ways", stage="compose")
            self._ways[domain] = way
        self._default = default

    @property
    def given(self) -> tuple[Mapping[str, W], W | None]:
        """The ways by their domains, and the one for all others."""
        return self._ways, self._default

    def __iter__(self) -> Iterator[W]:
        """Iterator over the ways, each once."""
        seen: list[W] = []
        for way in (*self._ways.values(), *(() if self._default is None else (self._default,))):
            if not any(same_way(way, other) for other in seen):
                seen.append(way)
                yield way

    def parts(self, recipients: Iterable[Address]) -> list[tuple[W, tuple[Address, ...]]]:
        """Recipients by their ways, in the order of the first of each. Raises InvalidMessage where one has none."""
        found: list[tuple[W, list[Address]]] = []
        for address in recipients:
            way = self._way_of(address)
            for other, those in found:
                if same_way(way, other):
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


class PartedSending:
    """Settling of a mail that leaves in parts, for both colours."""

    name: str

    def settled(self, submission: Submission, results: list[tuple[str, tuple[Address, ...], Result]]) -> Receipt:
        """One receipt of the results of all parts. Raises an error when no part was taken."""
        receipts = [result for _, _, result in results if isinstance(result, Receipt)]
        failed = [(name, result) for name, _, result in results if not isinstance(result, Receipt)]
        if not receipts:
            doubtful = next((error for _, error in failed if error.in_doubt), None)
            # An answer, where a part has one: nobody may take the mail for one of which nothing is decided.
            answers = (error for _, error in failed if not decided.is_undecided(error, permitted=False))
            worst = doubtful or next(answers, None)
            if worst is not None:
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


def same_way(way: object, other: object) -> bool:
    """Whether two entries of a table are one way: the same object, or equal settings."""
    return way is other or (isinstance(way, str) and way == other)


# The steps.


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
