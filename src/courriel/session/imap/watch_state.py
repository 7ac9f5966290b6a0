"""Watching a folder for new letters: everything that does not wait."""

from __future__ import annotations

from collections import deque
from time import monotonic

from courriel import errors
from courriel.dialogue.flow import Flow
from courriel.dialogue.imap.client import ImapDialogue
from courriel.model.received.folder import FolderPosition, Selection
from courriel.model.received.search import Search
from courriel.wire.imap.fetched import Fetched

LONGEST_IDLE = 29 * 60  # seconds; after 30 minutes a server may close an idle connection (RFC 2177)
_LONGEST_PAUSE = 60.0  # seconds between two attempts to open a lost session; the first is made at once
_AT_A_TIME = 200  # letters fetched ahead at most, with their headers


class WatchState:
    """Position, letters that were fetched, and lost connections of one watch."""

    def __init__(
        self,
        dialogue: ImapDialogue,
        folder: str,
        after: FolderPosition | None,
        *,
        renew: float,
        poll: float,
        patience: float,
        start_again: bool,
    ) -> None:
        for name, seconds, most in (
            ("renew", renew, LONGEST_IDLE), ("poll", poll, float("inf")), ("patience", patience, float("inf")),
        ):  # fmt: skip
            if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds <= most:
                raise errors.UsageError(f"watch: {name}={seconds!r} is not a number of seconds that can be waited")
        self.folder = folder
        self.renew, self.poll = renew, poll
        self.stopped = False
        self._dialogue = dialogue
        self._after = after
        self._patience = patience
        self._start_again = start_again
        self._ready: deque[Fetched] = deque()
        self._fetched = FolderPosition(0, 0)
        self.mark = self._fetched
        self._lost_since: float | None = None
        self._pause = 0.0

    def begin(self) -> Flow[None]:
        """Select the folder. The position is `after` when it is given, otherwise the newest letter of this moment."""
        selection = yield from self._dialogue.select(self.folder)
        if self._after is not None:
            self._fetched = self._checked(self._after, selection)
        else:
            latest = (selection.uid_next or 0) - 1
            if latest < 0:
                latest = max((yield from self._dialogue.search(Search())), default=0)
            self._fetched = FolderPosition(selection.uid_validity, latest)
        self.mark = self._fetched

    def fetch_new(self) -> Flow[bool]:
        """Fetch new letters by UID, announced by the server or not (hazard H39); return whether there were any."""
        selection = self._dialogue.selected
        if selection is None or selection.name != self.folder:
            selection = yield from self._dialogue.select(self.folder)
        self._fetched = self._checked(self._fetched, selection)
        uids = (yield from self._dialogue.search(Search(above=self._fetched.uid)))[:_AT_A_TIME]
        self._ready.extend((yield from self._dialogue.fetch_all(uids)))
        if uids:
            self._fetched = FolderPosition(selection.uid_validity, uids[-1])
        return bool(uids)

    @property
    def ready(self) -> bool:
        """Whether a letter has been fetched, so that `take` need not wait."""
        return bool(self._ready)

    @property
    def folder_id(self) -> tuple[str, int]:
        """Name of the folder, and its UIDVALIDITY."""
        return self.folder, self._fetched.uid_validity

    def take(self) -> Fetched:
        """The next fetched letter; moves `mark` to it."""
        letter = self._ready.popleft()
        self.mark = FolderPosition(self._fetched.uid_validity, letter.uid)
        return letter

    @property
    def idles(self) -> bool:
        """Whether the server has IDLE; otherwise it is polled."""
        return "IDLE" in self._dialogue.capabilities

    def idle(self) -> Flow[bool]:
        """Wait for changes by IDLE, until it has to be renewed; return whether there was one."""
        total = self._dialogue.server.timeouts.total
        return self._dialogue.idle(min(self.renew, total / 2) if total else self.renew)

    def poll_server(self) -> Flow[None]:
        """Ask for changes where there is no IDLE."""
        return self._dialogue.noop()

    def went_well(self) -> None:
        """The session is open, and answers."""
        self._lost_since, self._pause = None, 0.0

    def answered(self) -> None:
        """The session was opened and has answered: a server that hangs up on every wait may do so for years."""
        self._lost_since = None

    def bear(self, lost: errors.CourrielError, *, opened: bool) -> float:
        """Seconds to pause before the next attempt to connect. Raises an error that another attempt would not cure."""
        now = monotonic()
        if self._lost_since is None:
            self._lost_since = now
        if not _may_pass(lost, opened=opened) or now - self._lost_since > self._patience:
            raise lost
        pause, self._pause = self._pause, min(2 * self._pause or 1.0, _LONGEST_PAUSE)
        return pause

    # The steps.

    def _checked(self, mark: FolderPosition, selection: Selection) -> FolderPosition:
        """The position, if UIDVALIDITY has not changed. Raises FolderRenumbered."""
        if mark.uid_validity == selection.uid_validity:
            return mark
        if not self._start_again:
            raise errors.FolderRenumbered(
                f"the server has renumbered {self.folder!r}: its validity was {mark.uid_validity} and is "
                f"{selection.uid_validity} now; which letters are new cannot be told any more",
                stage="mailbox",
            )
        self._ready.clear()
        return FolderPosition(selection.uid_validity, 0)


def _may_pass(lost: errors.CourrielError, *, opened: bool) -> bool:
    """Whether reopening the session may help; `opened`: it was open when the error occurred."""
    if isinstance(lost, errors.RemoteProtocolError):
        return opened
    # An unknown host or a closed port may be temporary: the watch has connected to it before.
    return lost.retryable or (isinstance(lost, errors.ConnectionFailed) and not isinstance(lost, errors.TlsFailed))
