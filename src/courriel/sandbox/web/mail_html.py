"""HTML of a mail as a document for a frame: made harmless (`wire.html.safe`), with pictures of the mail itself alone.

It is the first of three layers; the others are the sandbox of the frame and the Content-Security-Policy of the answer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from courriel.sandbox.letter import CapturedMessage
from courriel.wire.html.safe import LONGEST, safe_html

POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox"
)
"""Policy of a mail's HTML: no script, no form, no fetch; a link opens a page of its own."""
POLICY_WITHOUT_IMAGES = POLICY.replace("img-src data:", "img-src 'none'")

_SCHEME = re.compile(r"color-scheme\s{0,5}[:\"'=>]|prefers-color-scheme", re.IGNORECASE)
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

    letter = mail.letter
    written = letter.html
    if not written:
        body = f'<pre style="white-space:pre-wrap">{html.escape(letter.text[:LONGEST])}</pre>'
        document = _document(body, letter.subject, new_pages=new_pages)
        return MailHtml(document, 0, cut=len(letter.text) > LONGEST)
    made = safe_html(written, letter.attachments if images else (), framed=True)
    scheme = ":root{color-scheme:light dark}" if _SCHEME.search(written) else ""
    document = _document(made.html, letter.subject, new_pages=new_pages, scheme=scheme)
    return MailHtml(document, made.held_back, made.cut)


# The steps.


def _document(body: str, title: str, *, new_pages: bool, scheme: str = "") -> str:
    import html

    base = '<base target="_blank">' if new_pages else ""
    return _DOCUMENT.format(base=base, scheme=scheme, title=html.escape(title or "mail"), body=body)
