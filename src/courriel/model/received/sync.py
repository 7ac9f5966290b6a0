"""How far a folder was synchronised: the mark that a program stores between two runs."""

from __future__ import annotations

import json

from courriel import errors
from courriel._dataclass import dataclass, field


@dataclass(frozen=True, slots=True)
class SyncMark:
    """State of a folder at one moment, as far as a later comparison needs it.

    `uids` are the letters that were there. They are valid as long as the folder's `uid_validity` stays the same.
    `modseq` is the number of its last change, 0 on a server that does not count them (RFC 7162); then `flags` has the
    flags of each letter. Stored as text (`str(mark)`, `SyncMark.read`), it lets a program continue after a restart.
    """

    uid_validity: int
    uids: tuple[int, ...] = ()
    modseq: int = 0
    flags: tuple[tuple[int, frozenset[str]], ...] = field(default=(), repr=False)

    @classmethod
    def read(cls, text: str) -> SyncMark:
        """Parse the text of a mark written by `str`. Raises UsageError."""
        try:
            stored = json.loads(text)
            flags = {uid: frozenset(words.split()) for words, uids in stored["flags"] for uid in _expanded(uids)}
            return cls(
                int(stored["uid_validity"]),
                tuple(_expanded(stored["uids"])),
                int(stored["modseq"]),
                tuple(sorted(flags.items())),
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError):
            raise errors.UsageError(f"{str(text)[:80]!r} is not a mark of sync: what str(mark) wrote") from None

    def __str__(self) -> str:
        groups: dict[str, list[int]] = {}
        for uid, words in self.flags:
            groups.setdefault(" ".join(sorted(words)), []).append(uid)
        flags = [[words, _shortened(uids)] for words, uids in groups.items()]
        return json.dumps(
            {"uid_validity": self.uid_validity, "modseq": self.modseq, "uids": _shortened(self.uids), "flags": flags}
        )


# The steps.

_MOST = 10_000_000  # letters of one folder


def _shortened(uids: tuple[int, ...] | list[int]) -> list[list[int]]:
    """Runs of UIDs, each by its first and its length."""
    runs: list[list[int]] = []
    for uid in uids:
        if runs and uid == runs[-1][0] + runs[-1][1]:
            runs[-1][1] += 1
        else:
            runs.append([uid, 1])
    return runs


def _expanded(runs: list[list[int]]) -> list[int]:
    uids: list[int] = []
    for first, length in runs:
        if not (0 < first < 2**32 and 0 < length <= _MOST - len(uids)):
            raise ValueError("no letters")
        uids.extend(range(first, first + length))
    return uids
