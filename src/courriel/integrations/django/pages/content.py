"""
The content of a mail for the admin, harmless: text is escaped by the template, HTML is shown in a sandboxed frame.

The frame runs no script, opens no window, sends no form and loads nothing from anywhere: a mail that was made of a
stranger's input cannot act in the admin, and nobody learns that it was looked at.
"""

from __future__ import annotations

from base64 import b64encode
from html import escape

from django.http import HttpResponse

from courriel import Letter

POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'"
"""Content-Security-Policy of the frame."""

_PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp")  # not SVG, which is a document
_LARGEST = 2_000_000  # octets of pictures in one page


def framed(letter: Letter) -> HttpResponse:
    """The HTML of a letter, as the answer for the frame."""
    page = letter.html or f"<pre>{escape(letter.text)}</pre>"
    left = _LARGEST
    for file in letter.attachments:
        if file.content_id and file.content_type in _PICTURES and len(file.content) <= left:
            left -= len(file.content)
            data = f"data:{file.content_type};base64,{b64encode(file.content).decode()}"
            page = page.replace(f"cid:{file.content_id}", data)
    return harmless(HttpResponse(page, content_type="text/html; charset=utf-8"))


def as_file(content: bytes, name: str) -> HttpResponse:
    """The octets of a mail as a file to save."""
    answer = HttpResponse(content, content_type="application/octet-stream")
    answer["Content-Disposition"] = f'attachment; filename="{name}.eml"'
    return harmless(answer)


def harmless(answer: HttpResponse) -> HttpResponse:
    """The answer with the headers that keep it from acting."""
    answer["Content-Security-Policy"] = POLICY
    answer["X-Content-Type-Options"] = "nosniff"
    answer["X-Frame-Options"] = "SAMEORIGIN"
    answer["Referrer-Policy"] = "no-referrer"
    answer["Cache-Control"] = "no-store"
    return answer
