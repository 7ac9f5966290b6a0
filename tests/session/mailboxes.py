"""IMAP sessions, blocking and asyncio, behind one interface for tests."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from courriel import AsyncImapSession, ImapSession, Server
from courriel.model.servers.credentials import Credentials
from courriel.session.imap.awaited_letters import AsyncLetters, AsyncMailboxLetter
from courriel.session.imap.awaited_watch import AsyncWatching
from courriel.session.imap.letters import Letters


class BlockingMailbox(ImapSession):
    """The blocking session itself."""

    def content(self, letter: Any) -> bytes:
        """Content of a letter."""
        return letter.raw

    def each(self, letters: Letters) -> Iterator[Any]:
        """Letters one by one, as they come."""
        return iter(letters)

    def each_change(self, sync: Any) -> Iterator[Any]:
        """Changes one by one, as they come."""
        return iter(sync)

    def in_another_loop(self, act: Callable[[Any], Any]) -> Any:
        """A call from another thread than that of a call that is running."""
        return act(self)

    def leave(self) -> None:
        """Close the connection at the end of the test."""
        self.hang_up()


class AwaitingMailbox:
    """The asyncio session, with each call awaited in its own loop."""

    def __init__(self, server: Server, credentials: Credentials | None = None, **options: Any) -> None:
        self.runner = asyncio.Runner()
        self.session = AsyncImapSession(server, credentials, **options)

    def __getattr__(self, name: str) -> Any:
        known = getattr(self.session, name)
        return self._awaited(known) if callable(known) else known

    def each(self, letters: Found) -> Iterator[Any]:
        return self.each_change(letters.letters)

    def each_change(self, sync: Any) -> Iterator[Any]:
        coming = aiter(sync)
        try:
            while True:
                try:
                    yield self.runner.run(_following(coming))
                except StopAsyncIteration:
                    return
        finally:
            self.runner.run(coming.aclose())

    def in_another_loop(self, act: Callable[[Any], Any]) -> Any:
        return asyncio.run(act(self.session))

    def content(self, letter: AsyncMailboxLetter) -> bytes:
        return self.runner.run(letter.load()).raw

    def leave(self) -> None:
        self.session.hang_up()
        self.runner.close()

    def __enter__(self) -> AwaitingMailbox:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        self.leave()

    # The steps.

    def _awaited(self, act: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            given = act(*arguments, **options)
            if isinstance(given, AsyncLetters):
                return Found(self.runner, self.runner.run(_looked_for(given)))
            if isinstance(given, AsyncWatching):
                return Watching(self.runner, self.runner.run(given.begin()))
            return self.runner.run(given) if inspect.iscoroutine(given) else given

        return call


class Found:
    """Search results."""

    def __init__(self, runner: asyncio.Runner, letters: AsyncLetters) -> None:
        self._runner, self.letters = runner, letters
        self.uids = letters.uids

    def __len__(self) -> int:
        return len(self.letters)

    def __iter__(self) -> Iterator[AsyncMailboxLetter]:
        return iter(self._runner.run(_listed(self.letters)))


class Watching:
    """Iterator over new letters."""

    def __init__(self, runner: asyncio.Runner, watch: AsyncWatching[Any]) -> None:
        self._runner, self.watch = runner, watch

    def __getattr__(self, name: str) -> Any:
        return getattr(self.watch, name)

    def __iter__(self) -> Watching:
        return self

    def __next__(self) -> Any:
        try:
            return self._runner.run(_next(self.watch))
        except StopAsyncIteration:
            raise StopIteration from None

    def __enter__(self) -> Watching:
        return self

    def __exit__(self, *_: object) -> None:
        self.watch.close()


async def _looked_for(letters: AsyncLetters) -> AsyncLetters:
    return await letters


async def _listed(letters: AsyncLetters) -> list[AsyncMailboxLetter]:
    return [letter async for letter in letters]


async def _following(coming: AsyncIterator[Any]) -> Any:
    return await anext(coming)


async def _next(watch: AsyncWatching[Any]) -> Any:
    return await anext(watch)


Mailbox = BlockingMailbox | AwaitingMailbox
