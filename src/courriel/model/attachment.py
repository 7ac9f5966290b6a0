"""A file that goes along with a message: opened and checked when it is attached, the same file when it is sent.

A string is a path only where a file is asked for: in `attachments=`, `with_attachment` and `Attachment.file`.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable

from courriel.errors import InvalidMessage
from courriel.expressions import expression
from courriel.model.field import as_text, refusal
from courriel.model.text import text_of
from courriel.values import dataclass, field

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import BinaryIO, TypeAlias

    Attachments: TypeAlias = "str | os.PathLike[str] | Attachment | Iterable[str | os.PathLike[str] | Attachment]"
    """Files as people give them: paths, and attachments that are made already; one, or a list."""

LONGEST_NAME = 255  # octets: what file systems take

_CONTROL = expression("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_URL = expression(r"(?i)[a-z][a-z0-9+.-]+:[/\\]|(?:file|data|phar|php|zip|jar|mailto|javascript|https?|ftp):")
# Names that open a device on Windows whatever follows them; refused everywhere, so that a program behaves the same.
_DEVICE = expression(r"(?i)(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])[ ]*(?:[.:].*)?")

_TOKEN = r"[A-Za-z0-9!#$&+^_`{|}~.-]+"
_CONTENT_TYPE = expression(rf'({_TOKEN})/({_TOKEN})((?:; ?{_TOKEN}=(?:{_TOKEN}|"[ !#-\[\]-~]*"))*)')
_OWN_PARAMETER = expression(r"(?i); ?(?:name|boundary)=")
_CONTENT_ID = expression(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.@-]{1,200}")
_UNKNOWN = "application/octet-stream"
# Without waiting, should a pipe have taken the place of the file meanwhile; in binary, where a system has another way.
_READ_ONLY = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)

# What is attached all day: not worth reading the machine's tables, which take half a megabyte and some milliseconds.
_COMMON = {
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
    """What tells a file from one that takes its place: device, inode, length in octets, times of change (ns).

    `changed` is when its content was written last, which a program can put back; `touched` is when anything of it
    changed (its mode and its names as well), which only the system sets. On Windows `touched` is when it was made.
    """

    device: int
    inode: int
    size: int
    changed: int
    touched: int

    @classmethod
    def of(cls, known: os.stat_result) -> FileIdentity:
        """The identity of a file that `fstat` describes."""
        return cls(known.st_dev, known.st_ino, known.st_size, known.st_mtime_ns, known.st_ctime_ns)


@dataclass(frozen=True, slots=True)
class Attachment:
    """One file in a message: its octets, or where they lie; its name; its type.

    Make it with `Attachment.file` or `Attachment.data`. `inline` means shown within the HTML, which points at it with
    `cid:` and `content_id`; an inline one without an id is found under its own name.
    Raises InvalidMessage for a name that is a path, a device or holds control characters, and for a malformed type.
    """

    name: str
    source: bytes | str
    """The octets themselves, or the absolute path of the file that holds them."""
    size: int
    """Its length in octets, before encoding. A file that has another length when it is read is an error."""
    content_type: str = ""
    inline: bool = False
    content_id: str = ""
    identity: FileIdentity | None = field(default=None, repr=False, compare=False)
    """Which file it was when it was attached; another one under the same path is an error. None for octets."""

    def __post_init__(self) -> None:
        for word in ("name", "content_type", "content_id"):
            if type(getattr(self, word)) is not str:
                object.__setattr__(self, word, as_text(f"attachment {word}", getattr(self, word)))
        if not isinstance(self.source, bytes | str):
            raise refusal("attachment", f"its source is octets, or a path, not {type(self.source).__name__}")
        check_name(self.name)
        object.__setattr__(self, "content_type", _checked_type(self.content_type or _guessed_type(self.name)))
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
        """Attach the file at `path`: opened, checked and closed now, and read when the message leaves.

        Raises InvalidMessage (hint ATTACHMENT-MISSING) when there is none, and for what is no file of this machine:
        URLs, network shares, devices, pipes, folders.
        """
        where = _checked_path(path)
        known = _looked_at(where)
        named = os.path.basename(where) if name is None else name  # noqa: PTH119
        # Not made shorter: where a link stands, "there/.." is another place than here.
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
        """Attach octets, a stream (which is read to its end, now) or text (which becomes UTF-8): never a path."""
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
        """All its octets. Raises InvalidMessage when the file is gone, or is not the one that was attached."""
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
    """What `attachments=` takes: attachments, and paths of files, which are looked at now; one alone is a list too.

    Raises InvalidMessage.
    """
    if isinstance(given, str | os.PathLike | Attachment) or _is_octets(given) or not isinstance(given, Iterable):
        given = (given,)
    return tuple([each if isinstance(each, Attachment) else _attached(each) for each in given])


def check_identity(attachment: Attachment, known: os.stat_result) -> None:
    """Refuse a file that took the place of the one that was attached, or was written to since (`known`: its fstat)."""
    before = attachment.identity
    if before is None or FileIdentity.of(known) == before:
        return
    if known.st_size != attachment.size:
        raise changed(attachment)
    raise replaced(attachment)


def gone(attachment: Attachment, why: OSError) -> InvalidMessage:
    """The file was there when it was attached, and cannot be read any more."""
    text = f"attachment {attachment.source!r}: {why.strerror or why}"
    return InvalidMessage(text, stage="compose", hint_id="ATTACHMENT-MISSING")


def changed(attachment: Attachment) -> InvalidMessage:
    """The file has another length than when it was attached."""
    return refusal("attachment", f"{attachment.source!r} is not {attachment.size} octets long any more")


def replaced(attachment: Attachment) -> InvalidMessage:
    """Another file lies there, or another content."""
    return refusal(
        "attachment", f"{attachment.source!r} was replaced or written to since it was attached: make the message again"
    )


def written_to(attachment: Attachment) -> InvalidMessage:
    """Somebody wrote to the file while it was being sent, so that what left may be half old and half new."""
    return refusal("attachment", f"{attachment.source!r} was written to while it was being sent")


def check_name(name: str) -> None:
    """Refuse what is no plain file name: a path, a device, control characters, more than a file system would take."""
    if not name or name in (".", ".."):
        raise refusal("attachment name", f"a file name is needed, not {name!r}")
    if name.strip() != name:
        raise refusal("attachment name", f"a space at its beginning or end is lost on the way: {name!r:.100}")
    if "/" in name or "\\" in name:
        raise refusal("attachment name", f"a name, not a path: {name!r:.100}")
    if _CONTROL.search(name):
        hint = "HEADER-LINE-BREAK" if "\r" in name or "\n" in name else ""
        raise refusal("attachment name", f"it holds control characters, or is no text: {name!r:.100}", hint)
    if _DEVICE.fullmatch(name):
        raise refusal("attachment name", f"{name!r:.100} is a device on Windows, and could not be saved there")
    if len(name.encode()) > LONGEST_NAME:
        raise refusal("attachment name", f"it is longer than {LONGEST_NAME} octets")


# The steps.


def _attached(given: object) -> Attachment:
    """One item of `attachments=`: a path by definition."""
    if isinstance(given, str | os.PathLike):
        return Attachment.file(given)
    if _is_octets(given) or hasattr(given, "read"):
        raise refusal("attachments", "octets need a name: Attachment.data(octets, 'invoice.pdf')")
    if hasattr(given, "content") and hasattr(given, "name"):
        # A file of a letter that came in: its type is a stranger's word, so it is not taken over in silence.
        raise refusal("attachments", "a received file is attached by Attachment.data(file.content, file.name)")
    raise refusal("attachments", f"the path of a file, or an Attachment, not {type(given).__name__}")


def _is_octets(given: object) -> bool:
    return isinstance(given, bytes | bytearray | memoryview)


def _checked_path(path: str | os.PathLike[str]) -> str:
    where: object = os.fspath(path) if isinstance(path, str | os.PathLike) else path
    if not isinstance(where, str):
        raise refusal("attachment", f"a path is text, not {type(where).__name__}")
    if _URL.match(where):
        raise refusal("attachment", f"{where!r:.100} is a URL; nothing is fetched, attach a file")
    if where.startswith(("\\\\", "//", "\\/", "/\\")):
        raise refusal("attachment", f"{where!r:.100} is on another machine; attach a file of this one")
    last = where.replace("\\", "/").rpartition("/")[2]
    if _DEVICE.fullmatch(last) or where.startswith("/dev/"):
        raise refusal("attachment", f"{where!r:.100} is a device, not a file")
    return where


def open_at_once(path: str, flags: int) -> int:
    """An `opener` that does not wait: a pipe in the place of the file is opened, and then found not to be the file."""
    return os.open(path, flags | _READ_ONLY)


def _looked_at(where: str) -> os.stat_result:
    """Open the file, and say what it is: whether it may be read is better known now than in the middle of a message."""
    try:
        # Not opened before it is known to be a file: a pipe would wait for its writer, and a device might act.
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


def _checked_type(content_type: str) -> str:
    """Check `type/subtype`, with parameters or without; what the builder writes itself may not be among them."""
    match = _CONTENT_TYPE.fullmatch(content_type)
    if not match or len(content_type) > 200:
        raise refusal("content_type", f"{content_type!r:.100} is not a type such as application/pdf")
    if _OWN_PARAMETER.search(match[3]):
        raise refusal("content_type", "its name and boundary are written by the library")
    family = match[1].lower()
    if family == "multipart" or (family == "message" and match[2].lower() not in ("rfc822", "global")):
        raise refusal("content_type", f"{content_type!r:.100} is not the type of one file")
    return content_type


def _guessed_type(name: str) -> str:
    """The type that goes with a name; octets of no known kind when nobody knows."""
    stem, _, ending = name.rpartition(".")
    if stem and (common := _COMMON.get(ending.lower())):
        return common
    import mimetypes

    guessed, compressed = mimetypes.guess_type(f"./{name}", strict=True)
    # A compressed file is not of the type it has once it is opened.
    guessed = _UNKNOWN if compressed or not guessed else guessed
    return guessed if not guessed.startswith(("multipart/", "message/")) else _UNKNOWN


def _with_charset(content_type: str) -> str:
    """Say that a text is in UTF-8, unless its type says something about that already."""
    if content_type.startswith("text/") and "charset=" not in content_type.lower():
        return f"{content_type}; charset=utf-8"
    return content_type
