"""
HTML page with its files: images by relative path become parts of the message, style sheets part of the page.

    page = HtmlPage.file("templates/order.html")
    page.html           # refers to cid:…, holds its CSS
    page.images         # the images, as inline attachments

`Message(html_file=…)` and `Message(html=…, base=…)` do this by themselves. Nothing is ever fetched: what is on the web
stays as it is written.
"""

from __future__ import annotations

import os
from typing import Literal

from courriel._dataclass import dataclass
from courriel._lazy_re import expression
from courriel.compose.page_folder import LARGEST_PAGE, PageFolder, read_regular
from courriel.errors import InvalidMessage
from courriel.model.checks.header import as_text, refusal
from courriel.model.messages.attachment import Attachment, check_path
from courriel.wire.html.css_references import as_sheet, with_css_references
from courriel.wire.html.references import opening_tags, with_references

LARGEST_HTML = 10_000_000  # octets of the page itself
LARGEST_SHEET = 1_000_000  # octets of one style sheet; mail programs cut a page of more than some hundred kB
MOST_SHEETS = 100  # style sheets of a page, each counted as often as it is imported

Embedding = Literal["cid", "data"]
"""How images come into a message: as parts that the HTML refers to (`cid`), or written into the HTML (`data`)."""

_CHARSET = expression(rb"(?i)<meta[^>]{0,200}charset=[\"']?([\w-]{1,40})")
_SVG = expression(rb"(?s)\s*(?:<\?xml[^>]{0,200}>\s*)?(?:<!--.{0,500}?-->\s*|<!DOCTYPE svg[^>]{0,300}>\s*)*<svg[\s>]")
_KINDS = (
    (0, b"\x89PNG", "image/png"), (0, b"\xff\xd8\xff", "image/jpeg"), (0, b"GIF8", "image/gif"),
    (8, b"WEBP", "image/webp"), (0, b"BM", "image/bmp"), (0, b"\0\0\1\0", "image/x-icon"),
    (4, b"ftypavif", "image/avif"),
    (0, b"wOFF", "font/woff"), (0, b"wOF2", "font/woff2"), (0, b"\0\1\0\0", "font/ttf"), (0, b"OTTO", "font/otf"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class HtmlPage:
    """HTML whose local files are part of it, and the inline images that it refers to by `cid:`, each file once."""

    html: str
    images: tuple[Attachment, ...] = ()

    @classmethod
    def file(
        cls,
        path: str | os.PathLike[str],
        *,
        base: str | os.PathLike[str] | None = None,
        embed: Embedding = "cid",
    ) -> HtmlPage:
        """Read a page with its files. Paths in it are relative to its folder, and end within `base` (that folder).

        The page is in the charset that it names, else UTF-8. Raises InvalidMessage: for a page or file that is missing,
        outside, too large or no image, with the reference as it is written.
        """
        where = os.path.realpath(check_path("html_file", path))
        octets = read_regular("html_file", where, os.fspath(path), LARGEST_HTML)
        folder = PageFolder(os.path.dirname(where) if base is None else base)  # noqa: PTH120
        if not folder.holds(where):
            raise refusal("html_file", f"{os.fspath(path)!r:.200} lies outside of {folder.path!r:.200}")
        return embedded(_decoded(octets, os.fspath(path)), folder, embed=embed, page=where)

    @classmethod
    def of(
        cls,
        html: str,
        base: str | os.PathLike[str],
        *,
        embed: Embedding = "cid",
        leave_outside: bool = False,
    ) -> HtmlPage:
        """Make a page of HTML whose paths are relative to the folder `base`, and end within it.

        With `leave_outside` a reference out of the folder stays as it is written, instead of being an error. Raises
        InvalidMessage as `file` does.
        """
        return embedded(as_text("html", html), PageFolder(base), embed=embed, leave_outside=leave_outside)


def embedded(
    html: str, folder: PageFolder, *, embed: Embedding = "cid", page: str = "", leave_outside: bool = False
) -> HtmlPage:
    """The page of this HTML; `folder` keeps what it has read, for the next page. `page` is the path of the HTML."""
    if embed not in ("cid", "data"):
        raise refusal("embed", f"cid or data, not {embed!r:.50}")
    _check_no_base(html)
    images: dict[str, Attachment] = {}
    place = os.path.dirname(page) if page else folder.path  # noqa: PTH120
    files = _Files(folder, place, (page,) if page else (), images, _Made(), embed, leave_outside)
    made = with_references(html, files)
    return HtmlPage(made, tuple(images.values()))


# The steps.


class _Made:
    """How much is written into a page, by all of its style sheets: a file may be named as often as one likes."""

    def __init__(self) -> None:
        self.sheets = self.octets = 0

    def count_sheet(self) -> None:
        """Count a style sheet. Raises InvalidMessage above the limit."""
        self.sheets += 1
        if self.sheets > MOST_SHEETS:
            raise refusal("html", f"it has more than {MOST_SHEETS} style sheets")

    def count(self, octets: int) -> None:
        """Count what one file writes into the page. Raises InvalidMessage above the limit."""
        self.octets += octets
        if self.octets > LARGEST_PAGE:
            raise refusal("html", f"its files write more than {LARGEST_PAGE} octets into it")


@dataclass(frozen=True, slots=True)
class _Files:
    """Replacement of the files that one page or style sheet refers to (`wire.html.css_references.CssFiles`)."""

    folder: PageFolder
    beside: str
    opened: tuple[str, ...]
    """Paths of the page and the style sheets that are being read: one that names itself has no end."""
    images: dict[str, Attachment]
    made: _Made
    embed: Embedding
    leave_outside: bool

    def picture(self, reference: str) -> str | None:
        """URL of an image that is part of the message now."""
        path = self._path(reference)
        if path is None:
            return None
        octets = self.folder.read(path, reference)
        kind = _kind_of(octets)
        if not kind:
            what = "is the page itself" if path in self.opened else "is not an image (PNG, JPEG, GIF, WebP, BMP, SVG)"
            raise refusal("html", f"{reference!r:.100} {what}")
        if self.embed == "data":
            from base64 import b64encode

            self.made.count(len(octets) * 4 // 3)
            return f"data:{kind};base64,{b64encode(octets).decode('ascii')}"
        image = _image(path, octets, kind)
        # Two files of the same content are one part: their id is the same.
        return f"cid:{self.images.setdefault(image.content_id, image).content_id}"

    def sheet(self, reference: str) -> str | None:
        """CSS of a style sheet, with what it refers to."""
        path = self._path(reference)
        if path is None:
            return None
        if path in self.opened:
            raise refusal("html", f"{reference!r:.100} leads back to itself")
        self.made.count_sheet()
        css = _decoded(self.folder.read(path, reference, LARGEST_SHEET), reference)
        self.made.count(len(css))
        inner = _Files(
            self.folder, os.path.dirname(path), (*self.opened, path), self.images, self.made,  # noqa: PTH120
            self.embed, self.leave_outside,
        )  # fmt: skip
        return as_sheet(with_css_references(css, inner))

    def _path(self, reference: str) -> str | None:
        try:
            return self.folder.file_of(reference, self.beside)
        except InvalidMessage:
            if self.leave_outside:
                return None
            raise


def _image(path: str, octets: bytes, kind: str) -> Attachment:
    """Inline part of an image; its Content-ID is made of its content, so that the same message is the same octets."""
    from hashlib import sha256

    name = os.path.basename(path)  # noqa: PTH119
    return Attachment.data(
        octets, name, content_type=kind, inline=True, content_id=f"{sha256(octets).hexdigest()[:32]}@courriel"
    )


def _kind_of(octets: bytes) -> str:
    """Media type by the first octets, "" for what is no image and no font: names of files lie."""
    for at, magic, kind in _KINDS:
        if octets.startswith(magic, at):
            return kind
    return "image/svg+xml" if _SVG.match(octets, 0, 2000) else ""


def _check_no_base(html: str) -> None:
    """Refuse `<base href>`: with it, a browser and a mail program would look for the files elsewhere."""
    if "<base" in html.lower() and any(tag.name == "base" and tag.value("href") for tag in opening_tags(html)):
        raise refusal("html", "its <base href> sends relative paths elsewhere; leave it out")


def _decoded(octets: bytes, reference: str) -> str:
    """Text of a page or a style sheet: UTF-8, or the charset that a page names."""
    declared = _CHARSET.search(octets, 0, 2048)
    try:
        if octets.startswith(b"\xef\xbb\xbf") or declared is None:
            return octets.decode("utf-8-sig")
        return octets.decode(declared[1].decode("ascii"))
    except (LookupError, ValueError) as broken:
        named = declared[1].decode("ascii", "replace") if declared is not None else "UTF-8"
        text = f"html: {reference!r:.200} is not in {named}"
        raise InvalidMessage(text, stage="compose", hint_id="NON-ASCII-TEXT") from broken
