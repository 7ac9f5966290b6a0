"""
Fork safety: a child process must not use connections, held locks and threads of its parent.

    forks.renew_in_child(self, type(self)._after_fork)      # called in every process forked from now on

It costs one table entry for each object, and nothing when a message is sent. A connection used by two processes mixes
up their mails: the child drops it silently. `shutdown()`, QUIT and the close_notify of TLS would end the connection of
the parent, and so would the transport of an event loop, whose selector (epoll) both share; only the child's own
descriptor is closed.
"""

from __future__ import annotations

import os
from _weakref import ref

TYPE_CHECKING = False

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from typing import Any, TypeVar

    T = TypeVar("T")


def renew_in_child(thing: T, renew: Callable[[T], None]) -> None:
    """Call `renew(thing)` in each process forked while `thing` exists, before any other code runs there."""
    key = id(thing)
    _renewed[key] = ref(thing, lambda _: _renewed.pop(key, None)), renew


def drop(line: socket.socket) -> None:
    """Close our descriptor of an inherited connection, and leave the connection itself open."""
    try:  # noqa: SIM105 - contextlib would be imported for this alone
        os.close(line.detach())
    except OSError:
        pass  # it was closed already


def keep_for_ever(*things: object) -> None:
    """Keep these objects from being collected: their destructors would act on the parent's resources, or warn."""
    _kept.append(things)


# The steps.

_renewed: dict[int, tuple[ref[Any], Callable[[Any], None]]] = {}
_kept: list[object] = []


def _renew_all() -> None:
    for each, renew in list(_renewed.values()):
        if (thing := each()) is not None:
            renew(thing)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_all)
