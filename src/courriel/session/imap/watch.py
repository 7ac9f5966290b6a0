"""New letters of an IMAP folder as they arrive; lost connections are reopened."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import TYPE_CHECKING

from courriel import errors
from courriel.model.received.folder import FolderPosition
from courriel.network.wakeable import ThreadWakeup, WakeableLine
from courriel.session.imap.letters import MailboxLetter

if TYPE_CHECKING:
    from typing import Self

    from courriel.session.imap.session import ImapSession
    from courriel.session.imap.watch_state import WatchState


class Watch:
    """Iterator over the new letters of one folder, lowest UID first; it waits for the next one.

    Between two letters the session is free: the letter may be flagged, moved, read. `mark` is the position reached;
    store it after each letter and pass it to `watch(after=…)` after a restart: no letter is lost, and at most one is
    seen twice. `stop` ends the iteration from any thread; so does leaving its `with`.

    Only a lost connection is reopened: a refused login or certificate is raised, as is FolderRenumbered.
    """

    def __init__(self, session: ImapSession, line: WakeableLine, state: WatchState) -> None:
        self._session, self._line, self._state = session, line, state
        self._woken = threading.Event()
        if not session.usable:
            session.open()
        line.run(state.begin())
        self._bell = ThreadWakeup()

    @property
    def folder(self) -> str:
        """Name of the folder."""
        return self._state.folder

    @property
    def mark(self) -> FolderPosition:
        """Position reached in the folder."""
        return self._state.mark

    def stop(self) -> None:
        """End the iteration, without the letters already fetched. Callable from any thread, more than once."""
        self._state.stopped = True
        self._woken.set()
        self._bell.ring()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> MailboxLetter:
        state = self._state
        while not state.stopped:
            if state.ready:
                return MailboxLetter(self._session, state.folder_id, state.take())
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

    def _look(self) -> None:
        """Fetch new letters; without any, wait once for a change, or before reconnecting."""
        opened = self._session.usable
        try:
            if not opened:
                self._session.open()
            opened = True
            if not self._line.run(self._state.fetch_new()) and not self._state.stopped:
                self._wait_for_news()
        except errors.CourrielError as lost:
            if not self._state.stopped:
                self._rest(self._state.bear(lost, opened=opened))
        else:
            self._state.went_well()

    def _wait_for_news(self) -> None:
        if self._state.idles:
            _ = self._session.wait_for_news(self._state.renew, self._bell)
            self._bell.hush()
        else:
            self._rest(self._state.poll)
            self._session.noop()

    def _rest(self, seconds: float) -> None:
        if not self._state.stopped:
            self._woken.wait(seconds)
        self._woken.clear()
