"""
Text, HTML and files of a mail, for providers that take them apart and write the MIME themselves.

Only mails are taken apart that can be put together again: one text, one HTML, images that the HTML shows, and files.
Whatever else there is (a signature, an encrypted part, a third alternative) is refused before an octet leaves.
"""

from __future__ import annotations

from courriel._dataclass import dataclass, field
from courriel.delivery.http_providers.addressed import Addressed, MailHeader, addressed, cannot
from courriel.wire.parse.charsets.decoding import decoded
from courriel.wire.parse.parts import leaves
from courriel.wire.parse.transfer import unpacked_slice

TYPE_CHECKING = False

if TYPE_CHECKING:
    from courriel.errors import NotSupported
    from courriel.model.submission import Submission
    from courriel.wire.parse.parts import Leaf

_MULTIPARTS = ("", "multipart/mixed", "multipart/alternative", "multipart/related")
_OWN_PROPERTIES = frozenset((
    "from", "sender", "to", "cc", "bcc", "reply-to", "subject", "mime-version", "content-type",
    "content-transfer-encoding", "content-disposition", "content-id", "content-language",
))  # fmt: skip
_OF_THE_PROVIDER = frozenset(("date", "message-id"))  # written anew by every provider, and told by its answer
_NAMES = {"message/rfc822": "message.eml", "text/plain": "text.txt", "text/html": "page.html"}


@dataclass(frozen=True, slots=True)
class MailFile:
    """A file of a mail, decoded; with a `content_id` the HTML shows it."""

    name: str
    content_type: str
    content: bytes = field(repr=False)
    content_id: str = ""


@dataclass(frozen=True, slots=True)
class MailParts:
    """A mail taken apart. `fields` are the header fields that have no place elsewhere, as they stand in the mail."""

    people: Addressed
    subject: str
    text: str | None
    html: str | None
    files: tuple[MailFile, ...]
    images: tuple[MailFile, ...]
    fields: tuple[tuple[str, str], ...]


def taken_apart(submission: Submission, title: str) -> MailParts:
    """Take a mail apart for a provider, whose name is `title`. Raises NotSupported for one that cannot be."""
    octets = bytes(submission.content)
    header = MailHeader(octets, title)
    people = addressed(submission, header, title)
    reader = _Reader(octets, title)
    for leaf in leaves(octets, header.header, header.body, reader.defects.append):
        reader.take(leaf)
    if reader.defects:
        raise cannot(title, f"a part of it cannot be read for certain: {reader.defects[0]}", "content")
    if reader.images and reader.html is None:
        raise cannot(title, "an image belongs to an HTML that is not there", "content")
    fields = tuple(_other_fields(header, title))
    subject = header.text("subject")
    header.refuse_defects()
    return MailParts(people, subject, reader.text, reader.html, tuple(reader.files), tuple(reader.images), fields)


# The steps.


class _Reader:
    """The parts that were read so far."""

    def __init__(self, octets: bytes, title: str) -> None:
        self.defects: list[str] = []
        self.text: str | None = None
        self.html: str | None = None
        self.files: list[MailFile] = []
        self.images: list[MailFile] = []
        self._octets, self._title = octets, title

    def take(self, leaf: Leaf) -> None:
        """Read one part."""
        label, within = leaf.label, leaf.within
        if within not in _MULTIPARTS:
            raise self._cannot(f"its parts are a {within}, which cannot be taken apart")
        is_body = label.content_type in ("text/plain", "text/html") and not label.attached
        if is_body and not (label.name and within != "multipart/alternative"):
            self._take_body(leaf)
        elif within == "multipart/alternative":
            raise self._cannot(f"{label.content_type} is an alternative beside text and HTML")
        else:
            name = label.name or _NAMES.get(label.content_type, "attachment.bin")
            shown = label.content_id if within == "multipart/related" and leaf.order else ""
            file = MailFile(name, label.content_type, self._decoded(leaf), shown)
            (self.images if shown else self.files).append(file)

    def _take_body(self, leaf: Leaf) -> None:
        text = decoded(self._decoded(leaf), leaf.label.charset or "utf-8", self.defects.append).replace("\r\n", "\n")
        if leaf.label.content_type == "text/html":
            if self.html is not None:
                raise self._cannot("it has two HTML parts")
            self.html = text
        else:
            if self.text is not None:
                raise self._cannot("it has two text parts")
            self.text = text

    def _decoded(self, leaf: Leaf) -> bytes:
        return unpacked_slice(self._octets, leaf.start, leaf.end, leaf.label.encoding, self.defects.append)

    def _cannot(self, what: str) -> NotSupported:
        return cannot(self._title, what, "content")


def _other_fields(header: MailHeader, title: str) -> list[tuple[str, str]]:
    """Fields that a provider is to copy. They stay encoded words: a provider copies them as they are."""
    found: list[tuple[str, str]] = []
    for name, value in header.header.fields:
        if name.lower() in _OWN_PROPERTIES | _OF_THE_PROVIDER:
            continue
        if not value.isascii():
            raise cannot(title, f"{name} is not written in ASCII", "header")
        if any(name.lower() == known.lower() for known, _ in found):
            raise cannot(title, f"{name} stands in it twice", "header")
        found.append((name, value.decode("ascii")))
    return found
