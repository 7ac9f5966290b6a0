"""A file that goes along with a message. Attaching is an act: nothing is a path unless given as one (scar 39)."""

from __future__ import annotations

import os
import stat

from courriel.errors import InvalidMessage
from courriel.expressions import expression
from courriel.model.field import refusal
from courriel.values import dataclass

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import BinaryIO

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

    def __post_init__(self) -> None:
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
        """Attach the file at `path`; it is looked at now, and read when the message leaves.

        Raises InvalidMessage (hint ATTACHMENT-MISSING) when there is none, and for what is no file of this machine:
        URLs, network shares, devices, directories.
        """
        where = os.fspath(path)
        _check_path(where)
        try:
            known = os.stat(where)  # noqa: PTH116 - pathlib would be imported for this alone, a megabyte of it
            if stat.S_ISREG(known.st_mode):
                # Whether it may be read is better known now than in the middle of a message.
                open(where, "rb").close()  # noqa: PTH123
        except (OSError, ValueError) as missing:
            reason = getattr(missing, "strerror", None) or "there is no such file"
            text = f"attachment {where!r}: {reason}"
            raise InvalidMessage(text, stage="compose", hint_id="ATTACHMENT-MISSING") from missing
        if not stat.S_ISREG(known.st_mode):
            raise refusal("attachment", f"{where!r} is not a file, but a directory or a device")
        named = os.path.basename(where) if name is None else name  # noqa: PTH119
        # Not made shorter: where a link stands, "there/.." is another place than here.
        absolute = os.path.join(os.getcwd(), where)  # noqa: PTH109, PTH118
        return cls(named, absolute, known.st_size, content_type or "", inline, content_id or "")

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
        if isinstance(content, str):
            try:
                octets = content.encode()
            except UnicodeEncodeError as broken:
                raise refusal("attachment", "the text holds half of a character", "NON-ASCII-TEXT") from broken
            content_type = _with_charset(content_type or _guessed_type(name))
        elif isinstance(content, bytes | bytearray | memoryview):
            octets = bytes(content)
        else:
            octets = content.read()
            if not isinstance(octets, bytes):
                raise refusal("attachment", "the stream gives text: open it in binary mode")
        return cls(name, octets, len(octets), content_type or "", inline, content_id or "")

    def read(self) -> bytes:
        """All its octets. Raises InvalidMessage when the file is gone, or is not as long as it was."""
        if isinstance(self.source, bytes):
            return self.source
        try:
            with open(self.source, "rb") as file:  # noqa: PTH123
                octets = file.read(self.size + 1)
        except OSError as missing:
            raise gone(self, missing) from missing
        if len(octets) != self.size:
            raise changed(self)
        return octets


def gone(attachment: Attachment, why: OSError) -> InvalidMessage:
    """The file was there when it was attached, and cannot be read any more."""
    text = f"attachment {attachment.source!r}: {why.strerror or why}"
    return InvalidMessage(text, stage="compose", hint_id="ATTACHMENT-MISSING")


def changed(attachment: Attachment) -> InvalidMessage:
    """The file has another length than when it was attached."""
    return refusal("attachment", f"{attachment.source!r} is not {attachment.size} octets long any more")


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


def _check_path(path: str) -> None:
    if not isinstance(path, str):
        raise refusal("attachment", "a path is text")
    if _URL.match(path):
        raise refusal("attachment", f"{path!r:.100} is a URL; nothing is fetched, attach a file")
    if path.startswith(("\\\\", "//")):
        raise refusal("attachment", f"{path!r:.100} is on another machine; attach a file of this one")
    last = path.replace("\\", "/").rpartition("/")[2]
    if _DEVICE.fullmatch(last) or path.startswith("/dev/"):
        raise refusal("attachment", f"{path!r:.100} is a device, not a file")


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
