"""
Transports that a program provides, named in a setting: `python:package.module:name`.

    courriel send --via python:shop.mail:transport mail.eml
    url = "python:shop.mail:transport"                  # in your own courriel.toml, or approved

`name` is a Transport, or a function without arguments that makes one; for asyncio an AsyncTransport too, and an `async
def`. The module is imported on first use, from where Python looks for modules (PYTHONPATH), which the current folder is
not. Importing runs code, so only a person's own settings may say it, the same as `password=cmd:`: no project's file
without consent, and no row of an outbox.

A Transport is made once for each process, shared by all that name it, and closed when the process ends.
"""

from __future__ import annotations

from _thread import RLock
from collections.abc import Callable
from typing import TYPE_CHECKING

from courriel import errors
from courriel.delivery.adapters import ThreadTransport
from courriel.delivery.transport import check_async_transport, check_transport, is_awaited, is_transport
from courriel.model.recipient_rule import refuse_unruled
from courriel.network import forks

if TYPE_CHECKING:
    from courriel.delivery.transport import AsyncTransport, Transport
    from courriel.delivery.urls.route import Route


def provided(route: Route) -> Transport:
    """The Transport that a route names, made on first use. Raises UsageError."""
    transport = shared.transport(route.target)
    refuse_unruled(transport)
    return transport


async def provided_for_asyncio(route: Route) -> tuple[AsyncTransport, bool]:
    """The AsyncTransport that a route names, and whether the caller has to close it.

    A Transport works in threads, and is shared as by `provided`. Raises UsageError.
    """
    transport, own, made = await _found_for_asyncio(route)
    try:
        refuse_unruled(made)
    except errors.UsageError:
        if own:
            await transport.close()
        raise
    return transport, own


# The steps.


async def _found_for_asyncio(route: Route) -> tuple[AsyncTransport, bool, object]:
    """The transport as asyncio takes it, whether the caller closes it, and what the program made."""
    from asyncio import to_thread
    from inspect import iscoroutinefunction

    found = await to_thread(_imported, route.target)
    if iscoroutinefunction(found):
        made = check_async_transport(await found(), f"python:{route.target}")
        return made, True, made
    if is_awaited(found):
        return check_async_transport(found, f"python:{route.target}"), False, found
    if is_transport(found) or not callable(found) or shared.has(route.target):
        blocking = await to_thread(shared.transport, route.target)
        return ThreadTransport(blocking), False, blocking
    made = await to_thread(found)
    if is_awaited(made):
        return check_async_transport(made, f"python:{route.target}"), True, made
    return ThreadTransport(shared.keep(route.target, made)), False, made


class SharedTransports:
    """Transports made in this process, by the names of their makers."""

    def __init__(self) -> None:
        import atexit

        self._made: dict[str, Transport] = {}
        self._being_made: set[str] = set()
        self._lock = RLock()
        forks.renew_in_child(self, type(self)._after_fork)
        atexit.register(self.close)

    def _after_fork(self) -> None:
        """Make others in a child process: connections belong to the parent."""
        forks.keep_for_ever(self._made)
        self._made, self._being_made = {}, set()
        self._lock = RLock()

    def transport(self, target: str) -> Transport:
        """The transport of this name. Raises UsageError."""
        found = _imported(target)
        if is_transport(found) or not callable(found):
            return check_transport(found, f"python:{target}")
        with self._lock:
            if target not in self._made:
                self._made[target] = self._make(target, found)
            return self._made[target]

    def has(self, target: str) -> bool:
        """Whether the transport of this name is made already."""
        return target in self._made

    def keep(self, target: str, made: object) -> Transport:
        """Share a transport that was made elsewhere, unless another thread was quicker. Raises UsageError."""
        transport = check_transport(made, f"python:{target}")
        with self._lock:
            kept = self._made.setdefault(target, transport)
        if kept is not transport:
            transport.close()
        return kept

    def _make(self, target: str, maker: Callable[[], object]) -> Transport:
        from inspect import iscoroutinefunction

        if target in self._being_made:
            raise _unusable(target, "it is made of a setting that names it again")
        if iscoroutinefunction(maker):
            raise _unusable(target, "this is for asyncio: asend() and aconnect() take it")
        self._being_made.add(target)
        try:
            return check_transport(maker(), f"python:{target}")
        finally:
            self._being_made.discard(target)

    def close(self) -> None:
        for transport in self._made.values():
            transport.close()
        self._made.clear()


shared = SharedTransports()


def _imported(target: str) -> object:
    """The object of this name; its module is imported. Raises UsageError."""
    from importlib import import_module

    module_name, _, names = target.partition(":")
    try:
        found: object = import_module(module_name)
    except ImportError as missing:
        raise _unusable(
            target, f"{missing} (a module is looked for on PYTHONPATH, and not in the current folder)"
        ) from missing
    except Exception as broken:
        raise _unusable(target, f"importing {module_name} failed ({type(broken).__name__})") from broken
    for name in names.split("."):
        try:
            found = getattr(found, name)
        except AttributeError:
            raise _unusable(target, f"{module_name} has no {names}") from None
    return found


def _unusable(target: str, reason: str) -> errors.UsageError:
    return errors.UsageError(f"python:{target}: {reason}", stage="compose")
