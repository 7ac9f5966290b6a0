"""New letters of an IMAP folder as they arrive; lost connections are reopened."""

from __future__ import annotations

import threading
from collections import deque
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING

from courriel import errors
from courriel.model.received.folder import FolderPosition, Selection
from courriel.network.stepping import ThreadWakeup
from courriel.session.imap.letters import MailboxLetter

if TYPE_CHECKING:
    from typing import Self

    from courriel.session.imap.session import ImapSession

_LONGEST_IDLE = 29 * 60  # seconds; after 30 minutes a server may close an idle connection (RFC 2177)
_LONGEST_PAUSE = 60.0  # seconds between two attempts to open a lost session; the first is made at once
_AT_A_TIME = 200  # letters fetched ahead at most, with their headers


class Watch:
    """Iterator over the new letters of one folder, lowest UID first; it waits for the next one.

    Between two letters the session is free: the letter may be flagged, moved, read. `mark` is the position reached;
    store it after each letter and pass it to `watch(after=…)` after a restart: no letter is lost, and at most one is
    seen twice. `stop` ends the iteration from any thread; so does leaving its `with`.

    Only a lost connection is reopened: a refused login or certificate is raised, as is FolderRenumbered.
    """

    def __init__(
        self,
        session: ImapSession,
        folder: str,
        after: FolderPosition | None,
        *,
        renew: float,
        poll: float,
        patience: float,
        start_again: bool,
    ) -> None:
        for name, seconds, longest in (
            ("renew", renew, _LONGEST_IDLE), ("poll", poll, float("inf")), ("patience", patience, float("inf")),
        ):  # fmt: skip
            if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds <= longest:
                raise errors.UsageError(f"watch: {name}={seconds!r} is not a number of seconds that can be waited")
        self.folder = folder
        self._session = session
        self._renew, self._poll, self._patience = renew, poll, patience
        self._start_again = start_again
        self._ready: deque[MailboxLetter] = deque()
        self._stopped = False
        self._woken = threading.Event()
        self._bell = ThreadWakeup()
        self._lost_since: float | None = None
        self._pause = 0.0
        try:
            self.mark = self._fetched = self._start_position(after)
        except BaseException:
            self._bell.close()
            raise

    def stop(self) -> None:
        """End the iteration, without the letters already fetched. Callable from any thread, more than once."""
        self._stopped = True
        self.wake()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> MailboxLetter:
        while not self._stopped:
            if self._ready:
                return self.take()
            self.look()
        self.close()
        raise StopIteration

    def take(self) -> MailboxLetter:
        """The next fetched letter; moves `mark` to it."""
        letter = self._ready.popleft()
        self.mark = FolderPosition(letter.folder_id[1], letter.uid)
        return letter

    @property
    def ready(self) -> bool:
        """Whether a letter has been fetched, so that `take` need not wait."""
        return bool(self._ready)

    @property
    def stopped(self) -> bool:
        """Whether the watch was stopped by `stop`."""
        return self._stopped

    def look(self) -> None:
        """Fetch new letters; without any, wait once for a change, or before reconnecting."""
        opened = self._session.usable
        try:
            self._return_to_folder()
            opened = True
            if not self._fetch_new() and not self.stopped:
                self._wait_for_news()
        except errors.CourrielError as lost:
            self._pause_or_raise(lost, opened)
        else:
            self._lost_since, self._pause = None, 0.0

    def wake(self) -> None:
        """End the current wait only; callable from any thread."""
        self._woken.set()
        self._bell.ring()

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

    def _start_position(self, after: FolderPosition | None) -> FolderPosition:
        """Starting position: `after` when it is given, otherwise the newest letter of this moment."""
        if not self._session.usable:
            self._session.open()
        selection = self._session.select(self.folder)
        if after is not None:
            return self._still_valid(after, selection)
        latest = selection.uid_next - 1 if selection.uid_next else max(self._session.search().uids, default=0)
        return FolderPosition(selection.uid_validity, latest)

    def _still_valid(self, mark: FolderPosition, selection: Selection) -> FolderPosition:
        """The position, if UIDVALIDITY has not changed. Raises FolderRenumbered."""
        if mark.uid_validity == selection.uid_validity:
            return mark
        if not self._start_again:
            raise errors.FolderRenumbered(
                f"the server has renumbered {self.folder!r}: its validity was {mark.uid_validity} and is "
                f"{selection.uid_validity} now; which letters are new cannot be told any more",
                stage="mailbox",
                server=str(self._session.server),
            )
        self._ready.clear()
        return FolderPosition(selection.uid_validity, 0)

    def _return_to_folder(self) -> None:
        if not self._session.usable:
            self._session.open()
        selection = self._session.selected
        if selection is None or selection.name != self.folder:
            selection = self._session.select(self.folder)
        self._fetched = self._still_valid(self._fetched, selection)

    def _fetch_new(self) -> bool:
        """Fetch new letters by UID, announced by the server or not (hazard H39); return whether there were any."""
        found = self._session.search(above=self._fetched.uid)[:_AT_A_TIME]
        for letter in found:
            self._ready.append(letter)
            self._fetched = FolderPosition(self._fetched.uid_validity, letter.uid)
        if found:
            self._fetched = FolderPosition(self._fetched.uid_validity, found.uids[-1])
        return bool(found)

    def _wait_for_news(self) -> None:
        if "IDLE" in self._session.capabilities:
            self._session.wait_for_news(self._renew, self._bell)
            self._bell.hush()
        else:
            self._sleep(self._poll)
            self._session.noop()

    def _pause_or_raise(self, lost: errors.CourrielError, opened: bool) -> None:
        """Pause before the next attempt to connect, or raise an error that another attempt would not cure."""
        if self.stopped:
            return
        now = monotonic()
        if self._lost_since is None:
            self._lost_since = now
        if not _may_recover(lost, opened) or now - self._lost_since > self._patience:
            raise lost
        self._sleep(self._pause)
        self._pause = min(2 * self._pause or 1.0, _LONGEST_PAUSE)

    def _sleep(self, seconds: float) -> None:
        if not self.stopped:
            self._woken.wait(seconds)
        self._woken.clear()


def _may_recover(lost: errors.CourrielError, opened: bool) -> bool:
    """Whether reopening the session may help; `opened`: it was open when the error occurred."""
    if isinstance(lost, errors.RemoteProtocolError):
        return opened
    # An unknown host or a closed port may be temporary: the watch has connected to it before.
    return lost.retryable or (isinstance(lost, errors.ConnectionFailed) and not isinstance(lost, errors.TlsFailed))
