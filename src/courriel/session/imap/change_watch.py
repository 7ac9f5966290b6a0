"""Every change of some IMAP folders as it happens, blocking and for asyncio; lost connections are reopened."""

from __future__ import annotations

from collections.abc import Mapping

from courriel import errors
from courriel._dataclass import replace
from courriel.model.received.sync import SyncMark
from courriel.session.imap.awaited_letters import AsyncMailboxLetter
from courriel.session.imap.awaited_watch import AsyncWatching
from courriel.session.imap.change_state import ChangeState
from courriel.session.imap.letters import MailboxLetter
from courriel.session.imap.mailbox import folder_name
from courriel.session.imap.sync import Change
from courriel.session.imap.watch import Watching
from courriel.session.imap.watch_state import WatchState


class ChangeWatch(Watching[Change]):
    """Iterator over the changes of folders; it waits for the next one. See `ImapSession.watch_changes`.

    `marks` has the mark that was reached in each folder, which moves when all changes up to it were taken: store them
    (`str(mark)`), and pass them to `watch_changes(since=…)` after a restart. Then no change is lost, and those of one
    synchronisation may come twice. `stop` ends the iteration from any thread; so does leaving its `with`.
    """

    @property
    def marks(self) -> dict[str, SyncMark]:
        """Mark reached in each folder."""
        return dict(_state_of(self._state).marks)

    # The steps.

    def _take(self) -> Change:
        found = _state_of(self._state).take_change()
        if found.data is None:
            return found.change
        letter = MailboxLetter(self._session, found.folder_id, found.data)
        return replace(found.change, letter=letter, flags=letter.flags)


class AsyncChangeWatch(AsyncWatching[Change]):
    """Iterator over the changes of folders, for `async for`; see ChangeWatch."""

    @property
    def marks(self) -> dict[str, SyncMark]:
        """Mark reached in each folder."""
        return dict(_state_of(self._state).marks)

    # The steps.

    def _take(self) -> Change:
        found = _state_of(self._state).take_change()
        if found.data is None:
            return found.change
        letter = AsyncMailboxLetter(self._session, found.folder_id, found.data)
        return replace(found.change, letter=letter, flags=letter.flags)


def watched(folders: tuple[str, ...]) -> tuple[str, ...]:
    """Names of the folders to be watched; INBOX without any. Raises UsageError."""
    names = tuple(map(folder_name, folders or ("INBOX",)))
    if len(set(names)) != len(names):
        raise errors.UsageError("watch: the same folder twice")
    return names


def marks_of(since: object, folders: tuple[str, ...]) -> dict[str, SyncMark]:
    """Marks by folder, from `since=`: a mark for the first one, or one for each. Raises UsageError."""
    if since is None:
        return {}
    given = {folders[0]: since} if isinstance(since, SyncMark) else since
    if not isinstance(given, Mapping) or not all(isinstance(mark, SyncMark) for mark in given.values()):
        raise errors.UsageError('watch: since is a SyncMark, or one for each folder: {"INBOX": SyncMark.read(text)}')
    return {name: mark for name, mark in given.items() if name in folders}


# The steps.


def _state_of(state: WatchState) -> ChangeState:
    assert isinstance(state, ChangeState)
    return state
