"""AsyncSuppressions: the list of addresses that get no more mail from an outbox, awaited."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Any

from courriel.outbox.bounces.suppressions import Suppressions
from courriel.outbox.store.suppression import Suppression, SuppressionReason


class AsyncSuppressions:
    """The suppression list of an outbox; the methods of Suppressions, awaited."""

    def __init__(self, suppressions: Suppressions, ask: Callable[..., Awaitable[Any]]) -> None:
        self._suppressions, self._ask = suppressions, ask

    async def add(
        self,
        address: str,
        reason: SuppressionReason = "manual",
        *,
        stream: str = "",
        note: str = "",
        ticket: str = "",
    ) -> bool:
        """Add an address; see Suppressions.add."""
        act = partial(self._suppressions.add, address, reason, stream=stream, note=note, ticket=ticket)
        return bool(await self._ask(act))

    async def add_many(self, entries: Iterable[Suppression]) -> int:
        """Add many entries, and return how many are new; see Suppressions.add_many."""
        return int(await self._ask(self._suppressions.add_many, entries))

    async def lift(self, address: str, reason: SuppressionReason | None = None, *, stream: str | None = None) -> int:
        """Take an address off the list; see Suppressions.lift."""
        return int(await self._ask(partial(self._suppressions.lift, address, reason, stream=stream)))

    async def of(self, address: str) -> Sequence[Suppression]:
        """Entries of one address; see Suppressions.of."""
        found: Sequence[Suppression] = await self._ask(self._suppressions.of, address)
        return found

    async def list(self, reason: SuppressionReason | None = None) -> AsyncIterator[Suppression]:
        """Iterate over the list by address; see Suppressions.list."""
        entries = self._suppressions.list(reason)
        while (entry := await self._ask(next, entries, None)) is not None:
            yield entry

    async def export(self, path: str | os.PathLike[str]) -> int:
        """Write the list to a new CSV file; see Suppressions.export."""
        return int(await self._ask(self._suppressions.export, path))

    async def load(self, path: str | os.PathLike[str], reason: SuppressionReason = "manual") -> int:
        """Add the addresses of a CSV file; see Suppressions.load."""
        return int(await self._ask(self._suppressions.load, path, reason))

    def __aiter__(self) -> AsyncIterator[Suppression]:
        return self.list()

    def __repr__(self) -> str:
        return f"<Async{repr(self._suppressions)[1:]}"
