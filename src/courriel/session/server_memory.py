"""
Facts learnt about each server, kept while the process lives; shared by all sessions, pools and outbox lanes.

    known = server_memory.of(server)
    if known.max_messages is not None and carried >= known.max_messages: ...
    known.bdat_taken = True

A server is a host and a port. Facts are single attributes, replaced as a whole, so that threads need no lock to read or
write one. A forked process keeps the facts of its parent: they concern the server, not a connection.
"""

from __future__ import annotations

import os
from _thread import allocate_lock

from courriel.model.servers.server import Server

MOST_SERVERS = 1000
"""Number of servers remembered; the least recently used is forgotten first."""

MOST_USERS = 1000
"""Number of users of one server whose mechanism is remembered."""


class RememberedFacts:
    """Facts about one server. None: not known yet."""

    __slots__ = ("auth", "bdat_taken", "max_messages", "pipeline_after_end")

    def __init__(self) -> None:
        self.max_messages: int | None = None
        """Most messages in one session (OpenSMTPD: "too many messages in this session")."""
        self.pipeline_after_end = True
        """Whether the server reads commands pipelined after the end of a message."""
        self.bdat_taken: bool | None = None
        """Whether the server accepted or refused a BDAT in this process."""
        self.auth: dict[str, str] = {}
        """The SASL mechanism that worked, by user name; set by `remember_mechanism`."""

    def limit_messages(self, most: int) -> None:
        """Record that the server ended a session after so many messages; the smallest number counts, 1 at least."""
        most = max(1, most)
        self.max_messages = most if self.max_messages is None else min(self.max_messages, most)

    def remember_mechanism(self, user: str, mechanism: str) -> None:
        """Record the SASL mechanism with which this user logged in."""
        if user not in self.auth and len(self.auth) >= MOST_USERS:
            self.auth = {}
        self.auth[user] = mechanism


_facts: dict[tuple[str, int], RememberedFacts] = {}
lock = allocate_lock()


def of(server: Server) -> RememberedFacts:
    """The facts of this server, shared by all its connections."""
    key = server.host.lower(), server.port
    with lock:
        facts = _facts.pop(key, None) or RememberedFacts()
        if len(_facts) >= MOST_SERVERS:
            del _facts[next(iter(_facts))]
        _facts[key] = facts
        return facts


def forget() -> None:
    """Forget all servers (for tests)."""
    with lock:
        _facts.clear()


def _after_fork() -> None:
    global lock  # noqa: PLW0603 - a thread of the parent may have held it, and no thread here would release it
    lock = allocate_lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
