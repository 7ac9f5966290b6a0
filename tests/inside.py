"""Doors to what has no public name: sockets, buffers, and the books of pools and outboxes.

Tests of behaviour use public names. The few that have to see one of these, or put a clock of their own in its place,
reach it here: a rename inside touches this file alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

# Sessions.


def line_of(session: Any) -> Any:
    """The connection of a session, of any protocol and kind."""
    return session._line


def socket_of(session: Any) -> Any:
    """The socket of a blocking session that is open."""
    assert session._line._socket is not None
    return session._line._socket.raw


def idle_socket_of(transport: Any) -> Any:
    """The socket that an HttpTransport has kept for its next mail."""
    return transport._idle[-1]._line


def arrivals_of(session: Any) -> Any:
    """The receive buffer of an asyncio session that is open."""
    assert session._line._arrivals is not None
    return session._line._arrivals


def dialogue_of(session: Any) -> Any:
    """The flows of a session, blocking or awaited."""
    return session._dialogue


def buffered(session: Any) -> int:
    """Octets that arrived and were not read yet, and replies that were read and not taken."""
    replies = dialogue_of(session).exchange
    return len(replies._buffer) + len(replies._replies)


def know(dialogue: Any, extensions: Mapping[str, str]) -> None:
    """Let an SMTP dialogue know these extensions, as after EHLO."""
    dialogue._learn(extensions)


def skip_opening(dialogue: Any, secure: Callable[[], Any]) -> None:
    """Let an SMTP dialogue do without greeting and EHLO, and start TLS by this flow."""
    dialogue._read_greeting = dialogue._introduce = lambda *_: iter(())
    dialogue._secure = secure


# Pools.


def state_of(pool: Any) -> Any:
    """The books of a pool: who has which session, who waits, how far it is throttled."""
    return pool._state


def slots_of(pool: Any) -> Any:
    """The moments of a pool's rate that were given away."""
    return pool._slots


def without_gaps(pool: Any, moment: Callable[[float], float] = lambda now: now) -> None:
    """Let the messages of a throttled pool leave at once, or at this moment."""
    pool._moment = moment


def lock_of(pool: Any) -> Any:
    return pool._lock


def pauses_of(pool: Any) -> Any:
    """The callers that wait for the rate."""
    return pool._pausing


def replace_pauses(pool: Any, pauses: Any) -> None:
    pool._pausing = pauses


def pending_of(pool: Any) -> list[Any]:
    """The messages of tasks that wait to be sent together."""
    waiting: list[Any] = pool._pending._waiting
    return waiting


def sending_of(pool: Any) -> list[Any]:
    """The tasks that send for others."""
    return list(pool._sending.values())


# Parts of sessions and servers.


def unread_of(parser: Any) -> int:
    """Octets that a POP3 parser has not consumed."""
    return len(parser._data) - parser._at


def kept_of(parser: Any) -> int:
    """Octets that a POP3 parser keeps of the text that is arriving."""
    return sum(map(len, parser._parts))


def timer_of(alarm: Any) -> Any:
    return alarm._timer


async def wait_until_gone(sandbox: Any) -> None:
    """Wait until the connections of a sandbox are closed; to be run in its own loop."""
    for listener in sandbox._listeners:
        for connection in list(listener.connections):
            await connection.closed


def loop_of(sandbox: Any) -> Any:
    """The thread with the event loop of a sandbox."""
    return sandbox._aside


# Outboxes.


def store_of(outbox: Any) -> Any:
    return outbox._store


def read_in(store: Any, work: Callable[[Any], Any]) -> Any:
    """What a function reads from the tables of a store, on a connection of it."""
    return store._read(work)


def write_in(store: Any, work: Callable[[Any], Any]) -> Any:
    """Let a function write into the tables of a store, in a transaction of it: what no version of ours would write."""
    return store._write(work)


def keeper_of(outbox: Any, confirm: Any = None) -> Any:
    """The keeper of a worker that does not run; `confirm` is asked by a thread of its own."""
    from courriel.outbox.questions import Questions
    from courriel.outbox.work.lease_keeper import LeaseKeeper

    def end(failed: BaseException) -> None:
        raise failed

    tools = outbox.worker()._tools
    return LeaseKeeper(tools, Questions(confirm, end), lambda event, ident: None)


def bell_of(outbox: Any) -> Any:
    """The wakeup that a worker's commits ring."""
    return outbox._bell


# Exports.


def homes_of(face: Any) -> dict[str, str]:
    """The module of each name that a package exports, as its lazy imports know them."""
    homes: dict[str, str] = face._HOMES
    return homes


def forget_shared_groups() -> None:
    """Close the groups of ways that this process shares, so that none of them rests."""
    from courriel.delivery.routing import shared

    shared._shared.close()
