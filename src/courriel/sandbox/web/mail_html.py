"""HTML of a mail made harmless: cleaned by nh3, its pictures taken from the mail itself, nothing from outside.

It is the first of three layers; the others are the sandbox of the frame and the Content-Security-Policy of the answer.
"""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass

from courriel.sandbox.letter import CapturedMessage
from courriel.sandbox.web.html_bounds import bounded

LONGEST = 3_000_000
"""Characters of HTML that are shown; more is cut, and the page says so."""
_LARGEST_PICTURE = 5_000_000  # octets of one picture within the text
_MOST_PICTURES = 24_000_000  # octets of all

POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox"
)
"""Policy of a mail's HTML: no script, no form, no fetch; a link opens a page of its own."""
POLICY_WITHOUT_IMAGES = POLICY.replace("img-src data:", "img-src 'none'")

_PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp"})
_DATA = re.compile(r"data:image/(?:png|jpeg|jpg|gif|webp|bmp);base64,[A-Za-z0-9+/=\s]*\Z", re.IGNORECASE)
_BODY = re.compile(r"<body\b([^>]{0,2000})>", re.IGNORECASE)
_STYLE_OF = re.compile(r"""\bstyle\s{0,5}=\s{0,5}(?:"([^"]{0,1500})"|'([^']{0,1500})')""", re.IGNORECASE)
_COLOUR_OF = re.compile(r"""\bbgcolor\s{0,5}=\s{0,5}["']?(#?[a-zA-Z0-9]{1,30})""", re.IGNORECASE)
_SCHEME = re.compile(r"color-scheme\s{0,5}[:\"'=>]|prefers-color-scheme", re.IGNORECASE)
_URL = re.compile(r"@import[^;]{0,2000};?|(?:url|image-set|image|src)\s{0,5}\([^)]{0,200000}\)?", re.IGNORECASE)
_SHEET = re.compile(r"(<style\b[^>]{0,500}>)(.*?)(</style>)", re.IGNORECASE | re.DOTALL)

_TAGS = {
    "a", "abbr", "address", "article", "aside", "b", "bdi", "bdo", "big", "blockquote", "br", "caption",
    "center", "cite", "code", "col", "colgroup", "dd", "del", "details", "div", "dl", "dt", "em", "figcaption",
    "figure", "font", "footer", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "i", "img", "ins", "kbd",
    "li", "main", "mark", "nav", "ol", "p", "pre", "q", "s", "samp", "section", "small", "span", "strike",
    "strong", "style", "sub", "summary", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "time", "tr",
    "tt", "u", "ul", "wbr",
}  # fmt: skip
_ATTRIBUTES = {
    "*": {"align", "bgcolor", "class", "dir", "height", "id", "lang", "style", "title", "valign", "width", "role"},
    "a": {"href", "name"},
    "img": {"alt", "border", "hspace", "src", "vspace"},
    "font": {"color", "face", "size"},
    "table": {"border", "cellpadding", "cellspacing", "summary"},
    "td": {"colspan", "rowspan", "nowrap", "headers"},
    "th": {"colspan", "rowspan", "nowrap", "scope", "headers"},
    "col": {"span"},
    "ol": {"start", "type", "reversed"},
    "style": {"type", "media"},
    "time": {"datetime"},
}
_DOCUMENT = (
    '<!doctype html><html><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">{base}'
    "<style>{scheme}body{{margin:12px;font-family:sans-serif;overflow-wrap:break-word}}img{{max-width:100%}}</style>"
    "<title>{title}</title></head><body>{body}</body></html>"
)


@dataclass(frozen=True)
class MailHtml:
    """Document to be shown in a sandboxed frame, and what was held back."""

    document: str
    held_back: int
    """Number of pictures, style sheets and fonts from outside, which were not fetched."""
    cut: bool


def mail_html(mail: CapturedMessage, *, images: bool = True, new_pages: bool = True) -> MailHtml:
    """Clean the HTML of a mail; without any, its text is shown as it is. Never raises for what a mail holds."""
    import html

    import nh3

    letter = mail.letter
    written = letter.html
    if not written:
        body = f'<pre style="white-space:pre-wrap">{html.escape(letter.text)}</pre>'
        return MailHtml(_document(body, letter.subject, new_pages=new_pages), 0, cut=False)
    pictures = _Pictures(mail if images else None)
    opening = _BODY.search(written)
    within = bounded(written[:LONGEST])
    cleaned = nh3.clean(
        within,
        tags=_TAGS,
        clean_content_tags={"script", "title", "noscript", "iframe", "object", "template", "textarea", "select"},
        attributes=_ATTRIBUTES,
        attribute_filter=pictures.attribute,
        url_schemes={"http", "https", "mailto", "tel", "cid", "data"},
        link_rel="noopener noreferrer",
        strip_comments=True,
    )
    cleaned = _SHEET.sub(pictures.sheet, cleaned)
    if opening is not None:
        style = nh3.clean(f"<div{_body_style(opening[1])}>", tags={"div"}, attributes={"div": {"style"}}).removesuffix(
            "</div>"
        )
        cleaned = f"{pictures.inline_style(style)}{cleaned}</div>"
    scheme = ":root{color-scheme:light dark}" if _SCHEME.search(written) else ""
    document = _document(cleaned, letter.subject, new_pages=new_pages, scheme=scheme)
    return MailHtml(document, pictures.held_back, len(within) < len(written))


# The steps.


class _Pictures:
    """Filter of addresses in HTML and CSS: pictures of the mail become `data:`, everything else from outside goes."""

    def __init__(self, mail: CapturedMessage | None) -> None:
        """Without a mail there are no pictures."""
        self.held_back = 0
        self._left = _MOST_PICTURES
        self._mail = mail

    def attribute(self, tag: str, name: str, value: str) -> str | None:
        """The value of an attribute as it may be shown, or None to leave it out."""
        if name == "style":
            return self.inline_style(value)
        if tag == "a" and name == "href":
            return None if value.strip().lower().startswith(("data:", "cid:")) else value
        if name != "src":
            return value
        if _DATA.match(value):
            return value
        if value.lower().startswith("cid:"):
            return self._by_id(value[4:])
        self.held_back += 1
        return None

    def inline_style(self, css: str) -> str:
        """CSS without addresses."""
        kept, count = _URL.subn("none", css)
        self.held_back += count
        return kept

    def sheet(self, found: re.Match[str]) -> str:
        """A style element without addresses."""
        return f"{found[1]}{self.inline_style(found[2])}{found[3]}"

    def _by_id(self, content_id: str) -> str | None:
        """A picture of the mail; its id is compared as text, never as an expression."""
        if self._mail is None:
            return None
        from urllib.parse import unquote

        wanted = unquote(content_id).strip("<> ")
        for file in self._mail.attachments:
            if file.content_id == wanted and file.content_type in _PICTURES and file.size <= _LARGEST_PICTURE:
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


def _document(body: str, title: str, *, new_pages: bool, scheme: str = "") -> str:
    import html

    base = '<base target="_blank">' if new_pages else ""
    return _DOCUMENT.format(base=base, scheme=scheme, title=html.escape(title or "mail"), body=body)
