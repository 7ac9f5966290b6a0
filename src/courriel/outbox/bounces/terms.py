"""Terms of a watch for bounces, and what its blocking and its awaited form have in common."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from courriel import errors
from courriel._dataclass import dataclass, replace
from courriel.network.careful_log import CarefulLogger
from courriel.outbox import checks

if TYPE_CHECKING:
    from courriel.model.received.sync import SyncMark
    from courriel.outbox.bounces.taken import TakenReport
    from courriel.wire.parse.letter import Letter

logger = CarefulLogger("courriel.outbox")

L = TypeVar("L")

Take: TypeAlias = "Callable[[Sequence[Letter]], Sequence[TakenReport | None]]"
"""Takes what letters report; see `Outbox.take_reports`."""

Setting: TypeAlias = "Callable[..., str]"
"""Reads a named text of the outbox, or stores it; see `Store.setting`."""

PASSED_OVER = (errors.LetterTooLarge, errors.LetterRefused, errors.LetterGone)
"""Errors of one letter that end no watch: too large, refused by the server, taken away by somebody else meanwhile."""

TOGETHER = 100
"""Letters whose reports are written down by one commit."""

PATIENCE = 3600.0
"""Seconds for which a mailbox that cannot be reached is tried again."""

IDLE = 540.0
"""Seconds of one wait at most: routers drop an idle connection after ten minutes."""

SOONEST, LATEST = 1.0, 300.0
"""Seconds until a mailbox that cannot be reached is tried again: at first, and at most."""


@dataclass(frozen=True, slots=True)
class WatchTerms:
    """Options of a watch; see `Outbox.watch_bounces`. Raises UsageError."""

    folder: str = "INBOX"
    once: bool = False
    move_to: str = ""
    flag: str = ""
    poll: float = 60.0

    def __post_init__(self) -> None:
        checks.flag("once", self.once)
        for name in ("folder", "move_to", "flag"):
            checks.text(name, getattr(self, name))
        checks.seconds("poll", self.poll, from_zero=False)

    @property
    def changes_letters(self) -> bool:
        """Whether letters are flagged or moved."""
        return bool(self.flag or self.move_to)

    def check_pop3(self) -> None:
        """Raise UsageError for options that a mailbox of POP3 has not."""
        if self.changes_letters or self.folder != "INBOX":
            raise errors.UsageError("watch_bounces: POP3 has one folder, and neither flags nor moves letters: use IMAP")


def not_a_mailbox(given: object) -> errors.UsageError:
    """The error for what is no session of IMAP or POP3."""
    return errors.UsageError(f"watch_bounces: a mailbox (courriel.mailbox(url)), not {type(given).__name__}")


def mark_name(user: str, server: object, folder: str = "") -> str:
    """Name under which the outbox remembers how far a mailbox was read."""
    return f"bounces {user}@{server} {folder}".strip()


def mark_in(stored: str) -> SyncMark | None:
    """The mark of a folder as it was stored; None for the first time, and for one that cannot be read."""
    from courriel.model.received.sync import SyncMark

    try:
        return SyncMark.read(stored) if stored else None
    except errors.UsageError:
        return None


def seen_in(stored: str) -> frozenset[str]:
    """Ids of the letters that were taken from a POP3 mailbox before."""
    try:
        return frozenset(str(each) for each in json.loads(stored)) if stored else frozenset()
    except (ValueError, TypeError):
        return frozenset()


def seen_written(uids: Iterable[str]) -> str:
    """Ids of letters as they are stored; those that are gone need not be remembered."""
    return json.dumps(sorted(uids))


def is_readable(letter: Letter) -> bool:
    """True for a letter that can be read; False, after a log line, for one that is too large, refused or gone."""
    try:
        _ = letter.report
    except PASSED_OVER as failed:
        tell_unreadable(failed)
        return False
    return True


def tell_unreadable(failed: Exception) -> None:
    """Log that a letter was passed over."""
    logger.warning("A letter was passed over: %s", failed, extra={"action": "bounce_unreadable"})


def tell_lost(failed: Exception) -> None:
    """Log that a mailbox could not be reached."""
    logger.warning("The mailbox of bounces is tried again: %s", failed, extra={"action": "bounces_lost"})


def tell_renumbered() -> None:
    """Log that a folder is read from its beginning."""
    logger.warning("The folder was renumbered: all its letters are looked at again", extra={"action": "bounces_again"})


def taken_of(take: Take, letters: Sequence[tuple[str, Letter]]) -> list[TakenReport]:
    """The reports among these letters, taken by the outbox, each with the uid of its letter."""
    readable = [(uid, letter) for uid, letter in letters if is_readable(letter)]
    taken = take([letter for _, letter in readable])
    return [replace(one, uid=uid) for one, (uid, _) in zip(taken, readable, strict=True) if one is not None]


def together(letters: Iterable[L]) -> Iterator[list[L]]:
    """Letters in groups, each of which is written down by one commit."""
    some: list[L] = []
    for letter in letters:
        some.append(letter)
        if len(some) == TOGETHER:
            yield some
            some = []
    if some:
        yield some
