"""Targets of an unsubscribe: a list of the program, by its functions, or the suppression list of an outbox."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Literal, Protocol, TypeAlias, runtime_checkable

from courriel import errors

Change: TypeAlias = "Callable[[str, str], object]"
"""A function of yours, called with the address and the name of the list, also twice; in ASGI it may be awaited."""


class SuppressionList(Protocol):
    """`outbox.suppressions`, blocking or awaited, or a list of yours with these two methods."""

    def add(self, address: str, reason: Literal["unsubscribe"], *, stream: str) -> object:
        """Send this address no more mail of a stream."""
        ...

    def lift(self, address: str, reason: Literal["unsubscribe"], *, stream: str) -> object:
        """Take that back, and nothing else that stands against the address."""
        ...


@runtime_checkable
class HasSuppressions(Protocol):
    """An `Outbox` or `AsyncOutbox`."""

    @property
    def suppressions(self) -> SuppressionList:
        """Its list of addresses that get no more mail."""
        ...


Target: TypeAlias = "Change | HasSuppressions"
"""What is told of an unsubscribe. With an outbox the name of the list is the stream of `put(stream=…)`."""


def changes_of(target: Target, on_undo: Change | None) -> tuple[Change, Change | None]:
    """The function that unsubscribes, and the one that takes it back. Raises UsageError.

    With an outbox it is taken back there, unless `on_undo` is another function.
    """
    if isinstance(target, HasSuppressions):
        known = target.suppressions
        return _by_stream(known.add), on_undo or _by_stream(known.lift)
    if not callable(target) or not (on_undo is None or callable(on_undo)):
        raise errors.UsageError("on_unsubscribe is a function of an address and a list, or an outbox")
    return target, on_undo


def is_awaited(change: Change) -> bool:
    """Whether a function is a coroutine function, or an object that is called as one."""
    called = getattr(type(change), "__call__")  # noqa: B009, B004 - the method behind a call, of an object with one
    return inspect.iscoroutinefunction(change) or inspect.iscoroutinefunction(called)


# The steps.


def _by_stream(method: Callable[..., object]) -> Change:
    """A method of a suppression list as a function of address and list, awaited where the method is."""

    async def change_awaited(address: str, list_name: str) -> object:
        done = method(address, "unsubscribe", stream=list_name)
        return await done if inspect.isawaitable(done) else done

    def change(address: str, list_name: str) -> object:
        return method(address, "unsubscribe", stream=list_name)

    return change_awaited if inspect.iscoroutinefunction(method) else change
