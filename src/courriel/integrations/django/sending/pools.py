"""
Transports of this process: one pool for each URL, shared by every thread and every mailer with that URL.

Django makes a backend for each call, so a pool lives outside of it. It is made on first use, opens its own sessions
after a fork (gunicorn with `--preload`), and is closed when the process ends.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Generator
from contextlib import contextmanager
from threading import Lock

import courriel
from courriel import Receipt, Route, Signed, SmtpPool
from courriel._dataclass import replace
from courriel.errors import AuthenticationRefused
from courriel.types import Sendable

SIZE = 4
"""Sessions at once of one process where the URL does not say (`?pool=`): the strictest of the usual providers takes so
many."""

_MOST = 32  # pools of one process; get_connection(host=…) may name any number of servers


class _Pools:
    """The pools of this process, by route, the one used longest ago first."""

    def __init__(self) -> None:
        self.renew_lock()
        self.pools: dict[tuple[Route | str | None, str], SmtpPool | Signed] = {}
        atexit.register(self.close)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self.renew_lock)  # another thread may have held it

    def renew_lock(self) -> None:
        self.lock = Lock()

    def pool(self, route: Route) -> SmtpPool | Signed | None:
        """The pool of a route to a server; None where the settings capture mail (COURRIEL_CAPTURE)."""
        key = route, os.environ.get("COURRIEL_CAPTURE", "")
        with self.lock:
            pool = self.pools.pop(key, None)
            if pool is None or pool.closed:
                made = courriel.connect(route if route.pooled else replace(route, pool=SIZE))
                if not isinstance(made, SmtpPool | Signed):
                    return None
                pool = made
            self.pools[key] = pool
            oldest = next(iter(self.pools)) if len(self.pools) > _MOST else None
            gone = self.pools.pop(oldest) if oldest is not None else None
        if gone is not None:
            gone.close()
        return pool

    def forget(self, pool: SmtpPool | Signed) -> None:
        """Close a pool whose password was refused: the next one reads it again."""
        with self.lock:
            for key in [key for key, known in self.pools.items() if known is pool]:
                del self.pools[key]
        pool.close()

    def close(self) -> None:
        for pool in list(self.pools.values()):
            pool.close()
        self.pools.clear()


_pools = _Pools()


def close_pools() -> None:
    """Close every pool of this process; the next mail opens another."""
    _pools.close()


def send(message: Sendable, route: Route | str | None, sender: str, to: list[str]) -> Receipt:
    """Send one message to these recipients. Raises CourrielError."""
    if isinstance(route, Route) and route.by_session and (pool := _pools.pool(route)) is not None:
        try:
            return pool.send(message, sender=sender, to=to)
        except AuthenticationRefused:
            _pools.forget(pool)
            raise
    return courriel.send(message, via=route, sender=sender, to=to)


@contextmanager
def open_session(route: Route | str | None) -> Generator[None]:
    """Open a session, or find one open, to see whether the server answers. Raises CourrielError."""
    if isinstance(route, Route) and route.by_session and (pool := _pools.pool(route)) is not None:
        with pool.session():
            yield
        return
    with courriel.connect(route):
        yield
