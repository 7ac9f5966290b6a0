"""
HTML of a received mail made harmless: cleaned by nh3, its pictures taken from the mail itself, nothing from outside.

For a page of one's own it is a fragment: no style sheet and no name that could touch the page around it, no link that
is relative to it, no layer above it. In a frame of its own (`framed`) the style sheets of the mail stay.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable

from courriel._dataclass import dataclass
from courriel._lazy_re import expression
from courriel.errors import MissingExtra
from courriel.model.received.attachment import ReceivedAttachment
from courriel.wire.html.bounds import bounded
from courriel.wire.html.many_references import masked, unmasked

LONGEST = 3_000_000
"""Characters of HTML that are read; more is cut."""
LARGEST_PICTURE = 5_000_000  # octets of one picture within the text
MOST_PICTURES = 24_000_000  # octets of all

_PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp"})
_DATA = expression(r"(?i)data:image/(?:png|jpeg|jpg|gif|webp|bmp);base64,[A-Za-z0-9+/=\s]*\Z")
# Blanks as browsers strip them: behind another one, or without the slashes, an address is relative to the page.
_REMOTE = expression(r"(?i)[ \t\r\n\f]{0,20}https?://")
_LINK = expression(r"(?i)[ \t\r\n\f]{0,20}(?:https?://|mailto:|tel:)")
_BODY = expression(r"(?i)<body\b([^<>]{0,2000}+)>")
_STYLE_OF = expression(r"""(?i)\bstyle\s{0,5}=\s{0,5}(?:"([^"]{0,1500})"|'([^']{0,1500})')""")
_COLOUR_OF = expression(r"""(?i)\bbgcolor\s{0,5}=\s{0,5}["']?(#?[a-zA-Z0-9]{1,30})""")
_URL = expression(r"(?i)@import[^;]{0,2000};?|(?:url|image-set|image|src)\s{0,5}\([^)]{0,200000}\)?")
_CID = expression(r"""(?i)url\s{0,5}\(\s{0,20}["']?cid:([^"'()\s\\]{1,300})["']?\s{0,20}\)""")
_SHEET = expression(r"(?is)(<style\b[^>]{0,500}>)(.*?)(</style>)")

_TAGS = {
    "a", "abbr", "address", "article", "aside", "b", "bdi", "bdo", "big", "blockquote", "br", "caption",
    "center", "cite", "code", "col", "colgroup", "dd", "del", "details", "div", "dl", "dt", "em", "figcaption",
    "figure", "font", "footer", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "i", "img", "ins", "kbd",
    "li", "main", "mark", "nav", "ol", "p", "pre", "q", "s", "samp", "section", "small", "span", "strike",
    "strong", "sub", "summary", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "time", "tr", "tt", "u",
    "ul", "wbr",
}  # fmt: skip
_DROPPED = {"script", "title", "noscript", "iframe", "object", "template", "textarea", "select"}
_ATTRIBUTES = {
    "*": {"align", "bgcolor", "dir", "height", "lang", "style", "title", "valign", "width"},
    "a": {"href"},
    "img": {"alt", "border", "hspace", "src", "vspace"},
    "font": {"color", "face", "size"},
    "table": {"border", "cellpadding", "cellspacing", "summary"},
    "td": {"colspan", "rowspan", "nowrap"},
    "th": {"colspan", "rowspan", "nowrap", "scope"},
    "col": {"span"},
    "ol": {"start", "type", "reversed"},
    "time": {"datetime"},
}
# Names could be those of the page around it, and be found by its style sheets and scripts.
_FRAMED_ATTRIBUTES = _ATTRIBUTES | {
    "*": _ATTRIBUTES["*"] | {"class", "id", "role"},
    "a": {"href", "name"},
    "table": _ATTRIBUTES["table"] | {"background"},
    "td": _ATTRIBUTES["td"] | {"background", "headers"},
    "th": _ATTRIBUTES["th"] | {"background", "headers"},
    "style": {"type", "media"},
}
# Neither positions, which would lay a mail over the page around it, nor what loads anything but a background.
_PROPERTIES = {
    "background", "background-color", "border", "border-bottom", "border-collapse", "border-color", "border-left",
    "border-radius", "border-right", "border-spacing", "border-style", "border-top", "border-width", "clear", "color",
    "direction", "display", "float", "font", "font-family", "font-size", "font-style", "font-variant", "font-weight",
    "height", "letter-spacing", "line-height", "list-style-type", "margin", "margin-bottom", "margin-left",
    "margin-right", "margin-top", "max-height", "max-width", "min-height", "min-width", "overflow-wrap", "padding",
    "padding-bottom", "padding-left", "padding-right", "padding-top", "table-layout", "text-align", "text-decoration",
    "text-indent", "text-transform", "vertical-align", "white-space", "width", "word-break", "word-spacing",
    "word-wrap",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class SafeHtml:
    """HTML that is harmless, and what was held back."""

    html: str
    held_back: int
    """Number of pictures, style sheets and fonts from outside, which are not fetched."""
    cut: bool
    """Whether the HTML was cut: too long, or made to take a parser minutes."""


def safe_html(
    html: str, attachments: Iterable[ReceivedAttachment], *, remote_images: bool = False, framed: bool = False
) -> SafeHtml:
    """Clean HTML; pictures among the attachments come as `data:` URLs. Never raises for what a mail holds.

    Raises MissingExtra without nh3.
    """
    try:
        import nh3
    except ImportError as missing:
        raise MissingExtra(
            'HTML is made harmless by nh3: pip install "courriel[html]"', hint_id="EXTRA-MISSING"
        ) from missing
    filtered = _Filter(attachments, remote_images=remote_images, framed=framed)
    within = bounded(html[:LONGEST])
    tags, attributes = (_TAGS | {"style"}, _FRAMED_ATTRIBUTES) if framed else (_TAGS, _ATTRIBUTES)
    properties = None if framed else _PROPERTIES
    without_references = masked(within)
    cleaned = nh3.clean(
        within if without_references is None else without_references,
        tags=tags,
        clean_content_tags=_DROPPED if framed else _DROPPED | {"style"},
        attributes=attributes,
        attribute_filter=filtered.attribute,
        url_schemes={"http", "https", "mailto", "tel", "cid", "data"},
        link_rel="noopener noreferrer",
        strip_comments=True,
        filter_style_properties=properties,
    )
    if without_references is not None:
        cleaned = unmasked(cleaned)
    if framed:
        cleaned = _SHEET.sub(filtered.sheet, cleaned)
    opening = _BODY.search(within)
    if opening is not None:
        # A fragment has no body: its colours go to an element around it.
        style = nh3.clean(
            f"<div{_body_style(opening[1])}>", tags={"div"}, attributes={"div": {"style"}},
            attribute_filter=filtered.attribute, filter_style_properties=properties,
        ).removesuffix("</div>")  # fmt: skip
        cleaned = f"{style}{cleaned}</div>"
    return SafeHtml(cleaned, filtered.held_back, len(within) < len(html))


# The steps.


class _Filter:
    """Filter of addresses in HTML and CSS: pictures of the mail become `data:`, everything else from outside goes."""

    def __init__(self, attachments: Iterable[ReceivedAttachment], *, remote_images: bool, framed: bool) -> None:
        self.held_back = 0
        self._left = MOST_PICTURES
        self._pictures: dict[str, list[ReceivedAttachment]] = {}
        for file in attachments:
            if file.content_id and file.content_type in _PICTURES:
                self._pictures.setdefault(file.content_id, []).append(file)
        self._remote = remote_images
        self._framed = framed

    def attribute(self, tag: str, name: str, value: str) -> str | None:
        """The value of an attribute as it may be shown, or None to leave it out."""
        if name == "style":
            # An escape could spell `url`; hardly a mail has one there.
            return self.inline_style(value) if self._framed or "\\" not in value else None
        if tag == "a" and name == "href":
            return value if self._may_link(value) else None
        if name not in ("src", "background"):
            return value
        if _DATA.match(value):
            return value
        if value.lower().startswith("cid:"):
            return self._by_id(value[4:])
        if self._remote and _REMOTE.match(value):
            return value
        self.held_back += 1
        return None

    def inline_style(self, css: str) -> str:
        """CSS without addresses; in a frame of its own with the pictures of the mail."""
        return _URL.sub(self._background, css)

    def _background(self, found: re.Match[str]) -> str:
        named = _CID.fullmatch(found[0]) if self._framed else None
        picture = self._by_id(named[1]) if named else None
        if picture is None:
            self.held_back += 1
            return "none"
        return f"url({picture})"

    def sheet(self, found: re.Match[str]) -> str:
        """A style element without addresses."""
        return f"{found[1]}{self.inline_style(found[2])}{found[3]}"

    def _may_link(self, value: str) -> bool:
        """Whether a link may stay: in a page of other people, none that is relative to that page."""
        if self._framed:
            return not value.strip().lower().startswith(("data:", "cid:"))
        return _LINK.match(value) is not None

    def _by_id(self, content_id: str) -> str | None:
        """A picture of the mail; its id is compared as text, never as an expression."""
        from urllib.parse import unquote

        wanted = unquote(content_id).strip("<> ")
        for file in self._pictures.get(wanted, ()):
            if file.size <= LARGEST_PICTURE:
                if file.size > self._left:
                    return None
                self._left -= file.size
                return f"data:{file.content_type};base64,{b64encode(file.content).decode()}"
        return None


def _body_style(attributes: str) -> str:
    """Style attribute that stands for those of a body, which no fragment has."""
    import html

    style = _STYLE_OF.search(attributes)
    colour = _COLOUR_OF.search(attributes)
    css = (f"background-color:{colour[1]};" if colour else "") + ((style[1] or style[2] or "") if style else "")
    return f' style="{html.escape(html.unescape(css))}"' if css else ""
