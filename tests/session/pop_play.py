"""POP3 sessions, blocking and asyncio, behind one interface for tests; plays and servers are those of `play`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from os import PathLike

import inside
from courriel import AsyncPopSession, CourrielError, PopSession, Server, Transcript
from courriel.model.servers.credentials import Credentials
from courriel.session.pop3.letter import AsyncPopLetter, PopLetter
from session.play import PATIENCE

Content = bytes | CourrielError


def content(letter: PopLetter | AsyncPopLetter) -> Content:
    """Content of a fetched letter, or its error."""
    try:
        return letter.raw
    except CourrielError as error:
        return error


class BlockingBox:
    """A blocking POP3 session."""

    def __init__(self, server: Server, credentials: Credentials | None, transcript: Transcript | None, **more: int):
        self.session = PopSession(server, credentials, transcript=transcript, **more)

    def open(self) -> None:
        self.session.open()

    def raw(self, number: int) -> bytes:
        return self.session.fetch(number).raw

    def head(self, number: int) -> bytes:
        return self.session.fetch_head(number).head

    def many(self, numbers: Iterable[int] | None = None, window: int = 100) -> list[tuple[int, Content]]:
        return [(letter.number, content(letter)) for letter in self.session.fetch_many(numbers, window=window)]

    def letters(self, window: int) -> Callable[[], int]:
        """Iterator over letter numbers, while others are in flight."""
        letters = self.session.fetch_many(window=window)
        return lambda: next(letters).number

    def heads(self) -> list[bytes]:
        return [letter.head for letter in self.session]

    def uids(self) -> dict[int, str]:
        return self.session.uids()

    def sizes(self) -> dict[int, int]:
        return self.session.sizes()

    def save(self, number: int, place: PathLike[str], **more: int) -> None:
        self.session.save(number, place, **more)

    def delete(self, *numbers: int) -> None:
        self.session.delete(*numbers)

    def undo(self) -> None:
        self.session.undo()

    def noop(self) -> None:
        self.session.noop()

    def close(self) -> None:
        self.session.close()

    def wait_for_words(self) -> None:
        """Wait until unread data has arrived, or the server has closed."""
        import select

        line = inside.socket_of(self.session)
        assert select.select([line], [], [], PATIENCE)[0], "nothing came"

    def break_off(self, error: BaseException) -> None:
        """Leave the `with` block by this exception."""
        with self.session:
            raise error

    def leave(self) -> None:
        self.session.hang_up()


class AwaitingBox:
    """An asyncio POP3 session with the same interface."""

    def __init__(self, server: Server, credentials: Credentials | None, transcript: Transcript | None, **more: int):
        self._runner = asyncio.Runner()
        self.session = AsyncPopSession(server, credentials, transcript=transcript, **more)

    def open(self) -> None:
        self._runner.run(self.session.open())

    def raw(self, number: int) -> bytes:
        return self._runner.run(self.session.fetch(number)).raw

    def head(self, number: int) -> bytes:
        return self._runner.run(self.session.fetch_head(number)).head

    def many(self, numbers: Iterable[int] | None = None, window: int = 100) -> list[tuple[int, Content]]:
        async def all_of_them() -> list[tuple[int, Content]]:
            return [
                (letter.number, content(letter)) async for letter in self.session.fetch_many(numbers, window=window)
            ]

        return self._runner.run(all_of_them())

    def letters(self, window: int) -> Callable[[], int]:
        letters = self.session.fetch_many(window=window)

        async def following() -> int:
            return (await anext(letters)).number

        return lambda: self._runner.run(following())

    def heads(self) -> list[bytes]:
        async def all_of_them() -> list[bytes]:
            return [(await letter.load_head()).head async for letter in self.session]

        return self._runner.run(all_of_them())

    def uids(self) -> dict[int, str]:
        return self._runner.run(self.session.uids())

    def sizes(self) -> dict[int, int]:
        return self._runner.run(self.session.sizes())

    def save(self, number: int, place: PathLike[str], **more: int) -> None:
        self._runner.run(self.session.save(number, place, **more))

    def delete(self, *numbers: int) -> None:
        self._runner.run(self.session.delete(*numbers))

    def undo(self) -> None:
        self._runner.run(self.session.undo())

    def noop(self) -> None:
        self._runner.run(self.session.noop())

    def close(self) -> None:
        self._runner.run(self.session.close())

    def wait_for_words(self) -> None:
        arrivals = inside.arrivals_of(self.session)
        self._runner.run(arrivals.arrival(PATIENCE))

    def break_off(self, error: BaseException) -> None:
        async def broken() -> None:
            async with self.session:
                raise error

        self._runner.run(broken())

    def leave(self) -> None:
        self.session.hang_up()
        self._runner.run(asyncio.sleep(0))
        self._runner.close()


Box = BlockingBox | AwaitingBox
MeetBox = Callable[..., Box]
