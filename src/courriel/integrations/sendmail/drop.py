"""
The drop folder: where every user of a machine may leave a mail, and only its owner takes one out.

The folder has mode 3733: anybody may create a file, nobody may list it, and nobody may remove or rename another's file.
A file is written under a name that begins with a dot, forced to the disk, and renamed; its first line is the envelope
(JSON), and the message follows. It is the caller's, mode 0640, with the folder's group, by which the service reads it.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable
from pathlib import Path

from courriel import errors
from courriel._dataclass import dataclass

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

LONGEST_ENVELOPE = 1024 * 1024  # octets of the first line
_BLOCK = 64 * 1024


@dataclass(frozen=True, slots=True)
class DroppedEnvelope:
    """Envelope of a mail in the drop folder. `chosen` says whether the caller named the sender (-f).

    `sender` is "" for the null sender.
    """

    sender: str
    to: list[str]
    chosen: bool = False
    notify: tuple[str, ...] = ()
    ret: str = ""
    envid: str = ""

    def line(self) -> bytes:
        """The envelope as the first line of a file."""
        return json.dumps({name: getattr(self, name) for name in self.__slots__}).encode() + b"\n"

    @classmethod
    def parse(cls, line: bytes) -> DroppedEnvelope:
        """Parse the first line, which any user may have written. Raises InvalidMessage."""
        try:
            read: Any = json.loads(line)
            texts = [read["sender"], read["ret"], read["envid"], *read["to"], *read["notify"]]
            if not all(isinstance(text, str) for text in texts) or not isinstance(read["to"], list):
                raise TypeError
            return cls(
                read["sender"], read["to"], read["chosen"] is True, tuple(read["notify"]), read["ret"], read["envid"]
            )
        except (ValueError, TypeError, KeyError, RecursionError):
            raise errors.InvalidMessage("the first line of the file is no envelope", stage="compose") from None


def drop(folder: Path, envelope: DroppedEnvelope, content: Iterable[bytes]) -> Path:
    """Put a mail into the folder; it is on stable storage when this returns. Raises OSError, InvalidMessage."""
    name = f"{time.time_ns():020d}-{os.urandom(8).hex()}"
    part, place = folder / f".{name}", folder / name
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640)
    try:
        with os.fdopen(descriptor, "wb", _BLOCK) as file:
            os.fchmod(file.fileno(), 0o640)  # whatever the umask: the service reads it by its group
            file.write(envelope.line())
            file.writelines(content)
            file.flush()
            os.fsync(file.fileno())
            part.rename(place)
            os.fsync(file.fileno())  # with its new name; the folder itself is not ours to open
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return place
