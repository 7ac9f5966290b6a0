"""
What a forked process must not go on with: connections of its parent, locks that another thread held, dead threads.

    forks.renew_in_child(self, type(self)._after_fork)      # called in every process that is forked from now on

It costs one entry in a table for each object, and nothing when something is sent. A connection that two processes use
mixes up their mails: in the child it is dropped without a word. `shutdown()`, QUIT and the close_notify of TLS would
end the connection of the parent, and so would the transport of an event loop, whose selector (epoll) both share; only
the child's own descriptor is closed.
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
    """Call this with it in each process that is forked while it exists, before anything else runs there."""
    key = id(thing)
    _renewed[key] = ref(thing, lambda _: _renewed.pop(key, None)), renew


def drop(line: socket.socket) -> None:
    """Close our descriptor of a connection that is our parent's, and leave the connection as it is."""
    try:  # noqa: SIM105 - contextlib would be imported for this alone
        os.close(line.detach())
    except OSError:
        pass  # it was closed already


def keep_for_ever(*things: object) -> None:
    """Never collect these: their destructors would act on what is our parent's, or complain."""
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
