"""Parts of mails as answers: shown in the page where they are harmless, and saved as files otherwise."""

from __future__ import annotations

from urllib.parse import quote

from starlette.responses import Response

from courriel.model.received.attachment import safe_name
from courriel.sandbox.letter import CapturedMessage
from courriel.sandbox.structure import MailPart, parts_of
from courriel.sandbox.web.errors import NotThere

SHOWN = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "application/pdf", "text/plain"})
"""Types that a browser may show by themselves. Not SVG and not HTML: they are programs."""

_BEGINNINGS = {
    "image/png": (b"\x89PNG\r\n",), "image/jpeg": (b"\xff\xd8\xff",), "image/gif": (b"GIF8",), "image/webp": (b"RIFF",),
    "application/pdf": (b"%PDF-",),
}  # fmt: skip
PART_POLICY = "default-src 'none'; sandbox; frame-ancestors 'self'"
# A viewer of PDF is a part of the browser that does not run in a sandboxed frame; it fetches nothing for the file.
_PDF_POLICY = "default-src 'none'; style-src 'unsafe-inline'; object-src 'self'; frame-ancestors 'self'"


def part_answer(mail: CapturedMessage, number: int, *, inline: bool) -> Response:
    """Content of a part. Shown only when it is of a harmless type, and begins as that type does; else saved."""
    content = mail.content
    parts = parts_of(content)
    if not 1 <= number <= len(parts):
        raise NotThere("There is no such part")
    part = parts[number - 1]
    data = part.decoded(content)
    shown = inline and is_shown(part, data)
    kind = part.content_type if shown or part.content_type in SHOWN else "application/octet-stream"
    if kind == "text/plain":
        kind = "text/plain; charset=utf-8"
    name = file_name(part)
    plain = "".join(each if each.isascii() and (each.isalnum() or each in "._- ") else "_" for each in name)
    return Response(
        data,
        headers={
            "Content-Type": kind,
            "Content-Disposition": f'{"inline" if shown else "attachment"}; filename="{plain}"; '
            f"filename*=UTF-8''{quote(name)}",
            "Content-Security-Policy": _PDF_POLICY if kind == "application/pdf" and shown else PART_POLICY,
        },
    )


def is_shown(part: MailPart, data: bytes) -> bool:
    """Whether a browser may show this part: by its type and by how it begins."""
    if part.content_type not in SHOWN:
        return False
    beginnings = _BEGINNINGS.get(part.content_type)
    return beginnings is None or data.startswith(beginnings)


def file_name(part: MailPart) -> str:
    """Safe file name of a part; never used as a path here."""
    ending = {"text/plain": ".txt", "text/html": ".html", "message/rfc822": ".eml", "text/calendar": ".ics"}
    return safe_name(part.name, f"part-{part.number}{ending.get(part.content_type, '.bin')}")
