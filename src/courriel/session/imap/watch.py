"""New letters of an IMAP folder as they arrive; lost connections are reopened."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import TYPE_CHECKING, Generic, TypeVar

from courriel import errors
from courriel.model.received.folder import FolderPosition
from courriel.network.waking.blocking import ThreadWakeup, WakeableLine
from courriel.session.imap.letters import MailboxLetter

if TYPE_CHECKING:
    from typing import Self

    from courriel.session.imap.session import ImapSession
    from courriel.session.imap.watch_state import WatchState


T = TypeVar("T")


class Watching(Generic[T]):
    """Iterator over what happens in folders, blocking: it waits, and reopens lost connections.

    The state says what is looked for; the subclass makes of it what is returned.
    """

    def __init__(self, session: ImapSession, line: WakeableLine, state: WatchState) -> None:
        self._session, self._line, self._state = session, line, state
        self._woken = threading.Event()
        if not session.usable:
            session.open()
        line.run(state.begin())
        self._bell = ThreadWakeup()

    def stop(self) -> None:
        """End the iteration, without the letters already fetched. Callable from any thread, more than once."""
        self._state.stopped = True
        self._woken.set()
        self._bell.ring()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        state = self._state
        while not state.stopped:
            if state.ready:
                return self._take()
            self._look()
        self.close()
        raise StopIteration

    def close(self) -> None:
        """Stop, and free the resources; the session stays open."""
        self.stop()
        self._bell.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # The steps.

    def _take(self) -> T:
        """The next result of what was fetched."""
        raise NotImplementedError

    def _look(self) -> None:
        """Fetch letters or changes; without any, wait once for a change, or before reconnecting."""
        opened = self._session.usable
        try:
            if not opened:
                self._session.open()
            opened = True
            found = self._line.run(self._state.fetch_new())
            self._state.answered()
            if not found and not self._state.stopped:
                self._wait_for_news()
        except errors.CourrielError as lost:
            if not self._state.stopped:
                self._rest(self._state.bear(lost, opened=opened))
        else:
            self._state.went_well()

    def _wait_for_news(self) -> None:
        if not self._state.idles:
            self._rest(self._state.poll)
            self._line.run(self._state.poll_server())
            return
        self._line.bell = self._bell
        try:
            _ = self._line.run(self._state.idle())
        finally:
            self._line.bell = None
        self._bell.hush()

    def _rest(self, seconds: float) -> None:
        if not self._state.stopped:
            self._woken.wait(seconds)
        self._woken.clear()


class Watch(Watching[MailboxLetter]):
    """Iterator over the new letters of one folder, lowest UID first; it waits for the next one.

    Between two letters the session is free: the letter may be flagged, moved, read. `mark` is the position reached;
    store it after each letter and pass it to `watch(after=…)` after a restart: no letter is lost, and at most one is
    seen twice. `stop` ends the iteration from any thread; so does leaving its `with`.

    Only a lost connection is reopened: a refused login or certificate is raised, as is FolderRenumbered.
    """

    @property
    def folder(self) -> str:
        """Name of the folder."""
        return self._state.folder

    @property
    def mark(self) -> FolderPosition:
        """Position reached in the folder."""
        return self._state.mark

    # The steps.

    def _take(self) -> MailboxLetter:
        return MailboxLetter(self._session, self._state.folder_id, self._state.take())
