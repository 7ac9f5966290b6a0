"""Attachment of a message to send: a file is checked when it is attached, and must be unchanged when it is sent.

A string is a path only where a file is expected: in `attachments=`, `with_attachment` and `Attachment.file`.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable

from courriel._dataclass import dataclass, field
from courriel._lazy_re import expression
from courriel.errors import InvalidMessage
from courriel.model.checks.file_name import DEVICE
from courriel.model.checks.header import as_text, refusal
from courriel.model.checks.text import text_of

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import BinaryIO, TypeAlias

Attachments: TypeAlias = "str | os.PathLike[str] | Attachment | Iterable[str | os.PathLike[str] | Attachment]"
"""Attachments as callers give them: paths, and values of Attachment; one, or a list."""

LONGEST_NAME = 255  # octets: what file systems take

_CONTROL = expression("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_URL = expression(r"(?i)[a-z][a-z0-9+.-]+:[/\\]|(?:file|data|phar|php|zip|jar|mailto|javascript|https?|ftp):")

_TOKEN = r"[A-Za-z0-9!#$&+^_`{|}~.-]+"
_CONTENT_TYPE = expression(rf'({_TOKEN})/({_TOKEN})((?:; ?{_TOKEN}=(?:{_TOKEN}|"[ !#-\[\]-~]*"))*)')
_OWN_PARAMETER = expression(r"(?i); ?(?:name|boundary)=")
_CONTENT_ID = expression(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.@-]{1,200}")
_UNKNOWN = "application/octet-stream"
# Without blocking, in case a pipe has replaced the file meanwhile; in binary mode on Windows.
_READ_ONLY = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)

# The most frequent types: they save loading the system's tables, half a megabyte and some milliseconds.
COMMON_TYPES = {
    "pdf": "application/pdf",
    "eml": "message/rfc822",
    "txt": "text/plain",
    "csv": "text/csv",
    "html": "text/html",
    "json": "application/json",
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "zip": "application/zip",
    "bin": _UNKNOWN,
}


@dataclass(frozen=True, slots=True)
class FileIdentity:
    """Identity of a file: device, inode, length in octets, times of change in nanoseconds. A file in its place differs.

    `changed` is when its content was last written (mtime), which a program can set back; `touched` is when anything of
    it changed, mode and links included (ctime), which only the system sets. On Windows `touched` is the time of its
    creation.
    """

    device: int
    inode: int
    size: int
    changed: int
    touched: int

    @classmethod
    def of(cls, known: os.stat_result) -> FileIdentity:
        """Identity from the result of `fstat`."""
        return cls(known.st_dev, known.st_ino, known.st_size, known.st_mtime_ns, known.st_ctime_ns)


@dataclass(frozen=True, slots=True)
class Attachment:
    """File in a message: its octets or its path, its name, its type.

        orders = Attachment.data("order;total", "orders.csv")
        report = Message(sender="ada@example.org", to="bob@example.org", subject="Orders", attachments=[orders])

    Make it with `Attachment.file` or `Attachment.data`. `inline` means shown within the HTML, which refers to it with
    `cid:` and `content_id`; without a `content_id` an inline file gets one from its name. Raises InvalidMessage for a
    name that is a path, a device or holds control characters, and for a malformed type.
    """

    name: str
    source: bytes | str
    """Octets, or the absolute path of the file."""
    size: int
    """Length in octets, before encoding. A file that has another length when it is read is an error."""
    content_type: str = ""
    inline: bool = False
    content_id: str = ""
    identity: FileIdentity | None = field(default=None, repr=False, compare=False)
    """Identity of the file when it was attached; another file under the same path is an error. None for octets."""

    def __post_init__(self) -> None:
        for word in ("name", "content_type", "content_id"):
            if type(getattr(self, word)) is not str:
                object.__setattr__(self, word, as_text(f"attachment {word}", getattr(self, word)))
        if not isinstance(self.source, bytes | str):
            raise refusal("attachment", f"its source is octets, or a path, not {type(self.source).__name__}")
        check_name(self.name)
        object.__setattr__(self, "content_type", checked_type(self.content_type or _guessed_type(self.name)))
        if self.inline and not self.content_id:
            made = self.name if _CONTENT_ID.fullmatch(self.name) else f"{self.name.encode().hex()[:100]}@courriel"
            object.__setattr__(self, "content_id", made)
        if self.content_id and not _CONTENT_ID.fullmatch(self.content_id):
            raise refusal(
                "content_id", f"letters, digits and dots, without angle brackets, not {self.content_id!r:.100}"
            )

    @classmethod
    def file(
        cls,
        path: str | os.PathLike[str],
        *,
        name: str | None = None,
        content_type: str | None = None,
        inline: bool = False,
        content_id: str | None = None,
    ) -> Attachment:
        """Attach the file at `path`: opened, checked and closed now, and read when the message is sent.

        Raises InvalidMessage (hint ATTACHMENT-MISSING) when there is none, and for anything but a regular file of this
        machine: URLs, network shares, devices, pipes, folders.
        """
        where = check_path("attachment", path)
        known = _open_and_stat(where)
        named = os.path.basename(where) if name is None else name  # noqa: PTH119
        # Not normalised: with a symbolic link, "link/.." is another folder than the current one.
        absolute = os.path.join(os.getcwd(), where)  # noqa: PTH109, PTH118
        identity = FileIdentity.of(known)
        return cls(named, absolute, known.st_size, content_type or "", inline, content_id or "", identity)

    @classmethod
    def data(
        cls,
        content: bytes | bytearray | memoryview | str | BinaryIO,
        name: str,
        *,
        content_type: str | None = None,
        inline: bool = False,
        content_id: str | None = None,
    ) -> Attachment:
        """Attach octets, a stream (read to its end, now) or text (encoded as UTF-8): never a path."""
        if isinstance(content, bytes | bytearray | memoryview):
            octets = bytes(content)
        elif (text := text_of(content)) is not None:
            try:
                octets = text.encode()
            except UnicodeEncodeError as broken:
                raise refusal("attachment", "the text holds half of a character", "NON-ASCII-TEXT") from broken
            content_type = _with_charset(content_type or _guessed_type(as_text("attachment name", name)))
        elif not isinstance(content, str) and hasattr(content, "read"):
            octets = content.read()
            if not isinstance(octets, bytes):
                raise refusal("attachment", "the stream gives text: open it in binary mode")
        elif isinstance(content, os.PathLike):
            raise refusal("attachment", "a path is for with_attachment() or attachments=; here stands the content")
        else:
            raise refusal("attachment", f"octets, text or a binary stream, not {type(content).__name__}")
        return cls(name, octets, len(octets), content_type or "", inline, content_id or "")

    def read(self) -> bytes:
        """All octets of the file. Raises InvalidMessage when the file is gone, or is not the one that was attached."""
        if isinstance(self.source, bytes):
            return self.source
        try:
            with open(self.source, "rb", opener=open_at_once) as file:
                check_identity(self, os.fstat(file.fileno()))
                octets = file.read(self.size + 1)
        except OSError as missing:
            raise gone(self, missing) from missing
        if len(octets) != self.size:
            raise changed(self)
        return octets


def attachments_of(given: object) -> tuple[Attachment, ...]:
    """Convert the argument `attachments=`: attachments, and paths of files, which are checked now; one, or several.

    Raises InvalidMessage.
    """
    if isinstance(given, str | os.PathLike | Attachment) or _is_octets(given) or not isinstance(given, Iterable):
        given = (given,)
    return tuple([each if isinstance(each, Attachment) else _as_attachment(each) for each in given])


def check_identity(attachment: Attachment, known: os.stat_result) -> None:
    """Check that the file (`known`: its fstat) is the one that was attached, and was not written to since."""
    before = attachment.identity
    if before is None or FileIdentity.of(known) == before:
        return
    if known.st_size != attachment.size:
        raise changed(attachment)
    raise replaced(attachment)


def gone(attachment: Attachment, error: OSError) -> InvalidMessage:
    """Error: the file existed when it was attached, and cannot be read any more."""
    text = f"attachment {attachment.source!r}: {error.strerror or error}"
    return InvalidMessage(text, stage="compose", hint_id="ATTACHMENT-MISSING")


def changed(attachment: Attachment) -> InvalidMessage:
    """Error: the file has another length than when it was attached."""
    return refusal("attachment", f"{attachment.source!r} is not {attachment.size} octets long any more")


def replaced(attachment: Attachment) -> InvalidMessage:
    """Error: another file under this path, or other content."""
    return refusal(
        "attachment", f"{attachment.source!r} was replaced or written to since it was attached: make the message again"
    )


def written_to(attachment: Attachment) -> InvalidMessage:
    """Error: the file was written to while it was being sent, so that the sent copy may be half old and half new."""
    return refusal("attachment", f"{attachment.source!r} was written to while it was being sent")


def check_name(name: str) -> None:
    """Check a file name: no path, no device, no control characters, at most 255 octets."""
    if not name or name in (".", ".."):
        raise refusal("attachment name", f"a file name is needed, not {name!r}")
    if name.strip() != name:
        raise refusal("attachment name", f"a space at its beginning or end is lost on the way: {name!r:.100}")
    if "/" in name or "\\" in name:
        raise refusal("attachment name", f"a name, not a path: {name!r:.100}")
    if _CONTROL.search(name):
        hint = "HEADER-LINE-BREAK" if "\r" in name or "\n" in name else ""
        raise refusal("attachment name", f"it holds control characters, or is no text: {name!r:.100}", hint)
    if DEVICE.fullmatch(name):
        raise refusal("attachment name", f"{name!r:.100} is a device on Windows, and could not be saved there")
    if len(name.encode()) > LONGEST_NAME:
        raise refusal("attachment name", f"it is longer than {LONGEST_NAME} octets")


def check_path(field: str, path: str | os.PathLike[str]) -> str:
    """Check that a path is one of this machine, and no URL or device; return it as text."""
    where: object = os.fspath(path) if isinstance(path, str | os.PathLike) else path
    if not isinstance(where, str):
        raise refusal(field, f"a path is text, not {type(where).__name__}")
    if _URL.match(where):
        raise refusal(field, f"{where!r:.100} is a URL; nothing is fetched, give a file")
    if where.startswith(("\\\\", "//", "\\/", "/\\")):
        raise refusal(field, f"{where!r:.100} is on another machine; give a file of this one")
    last = where.replace("\\", "/").rpartition("/")[2]
    # Files in shared memory are files, though they stand below /dev; what is none is found out before it is opened.
    if DEVICE.fullmatch(last) or (where.startswith("/dev/") and not where.startswith("/dev/shm/")):  # noqa: S108
        raise refusal(field, f"{where!r:.100} is a device, not a file")
    return where


# The steps.


def _as_attachment(given: object) -> Attachment:
    """Make an attachment of one item of `attachments=`; a string is a path."""
    if isinstance(given, str | os.PathLike):
        return Attachment.file(given)
    if _is_octets(given) or hasattr(given, "read"):
        raise refusal("attachments", "octets need a name: Attachment.data(octets, 'invoice.pdf')")
    if hasattr(given, "content") and hasattr(given, "name"):
        # An attachment of a received letter: its type is the sender's claim, so it is not adopted silently.
        raise refusal("attachments", "a received file is attached by Attachment.data(file.content, file.name)")
    raise refusal("attachments", f"the path of a file, or an Attachment, not {type(given).__name__}")


def _is_octets(given: object) -> bool:
    return isinstance(given, bytes | bytearray | memoryview)


def checked_type(content_type: str) -> str:
    """Check `type/subtype`, with parameters or without; `name` and `boundary` are written by the library."""
    match = _CONTENT_TYPE.fullmatch(content_type)
    if not match or len(content_type) > 200:
        raise refusal("content_type", f"{content_type!r:.100} is not a type such as application/pdf")
    if _OWN_PARAMETER.search(match[3]):
        raise refusal("content_type", "its name and boundary are written by the library")
    family = match[1].lower()
    if family == "multipart" or (family == "message" and match[2].lower() not in ("rfc822", "global")):
        raise refusal("content_type", f"{content_type!r:.100} is not the type of one file")
    return content_type


def open_at_once(path: str, flags: int) -> int:
    """`opener` that does not block: a pipe in place of the file is opened, and then found not to be the file."""
    return os.open(path, flags | _READ_ONLY)


def _open_and_stat(where: str) -> os.stat_result:
    """Open the file and return its fstat: an unreadable file is reported now and not while the message is sent."""
    try:
        # Not opened before it is known to be a file: a pipe would block until it has a writer, and a device might act.
        if stat.S_ISREG(os.stat(where).st_mode):  # noqa: PTH116 - pathlib would be imported for this alone
            descriptor = os.open(where, _READ_ONLY)
            try:
                known = os.fstat(descriptor)
            finally:
                os.close(descriptor)
            if stat.S_ISREG(known.st_mode):
                return known
    except (OSError, ValueError) as missing:
        reason = getattr(missing, "strerror", None) or "there is no such file"
        text = f"attachment {where!r}: {reason}"
        raise InvalidMessage(text, stage="compose", hint_id="ATTACHMENT-MISSING") from missing
    raise refusal("attachment", f"{where!r} is not a file, but a folder, a pipe or a device")


def _guessed_type(name: str) -> str:
    """Media type for a file name; application/octet-stream when unknown."""
    stem, _, ending = name.rpartition(".")
    if stem and (common := COMMON_TYPES.get(ending.lower())):
        return common
    import mimetypes

    guessed, compressed = mimetypes.guess_type(f"./{name}", strict=True)
    # The guessed type is that of the uncompressed file.
    guessed = _UNKNOWN if compressed or not guessed else guessed
    return guessed if not guessed.startswith(("multipart/", "message/")) else _UNKNOWN


def _with_charset(content_type: str) -> str:
    """Add `charset=utf-8` to a text type without a charset."""
    if content_type.startswith("text/") and "charset=" not in content_type.lower():
        return f"{content_type}; charset=utf-8"
    return content_type
