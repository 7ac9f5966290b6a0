"""Mails that make whoever reads them work: `SHAPES` makes each in any size."""

from __future__ import annotations

from collections.abc import Callable

HEAD = "From: ada@example.org\r\nTo: bob@example.org\r\nSubject: x\r\nMIME-Version: 1.0\r\n"


def fields(field: str, *, also: str = HEAD) -> Callable[[int], bytes]:
    """So many fields; "%d" in them is their number."""
    return lambda size: f"{also}{repeated(field, size)}\r\nx\r\n".encode()


def body(head: str, piece: str, before: str = "", behind: str = "") -> Callable[[int], bytes]:
    """A body of so many pieces."""
    return lambda size: f"{HEAD}{head}\r\n\r\n{before}{repeated(piece, size)}{behind}\r\n".encode(
        errors="surrogatepass"
    )


def parts(head: str, piece: str) -> Callable[[int], bytes]:
    """So many parts of a multipart whose boundary is b."""
    return body(f"Content-Type: {head}; boundary=b", f"--b\r\n{piece}\r\n", behind="--b--")


def html(piece: str, before: str = "", behind: str = "") -> Callable[[int], bytes]:
    """HTML of so many pieces."""
    return body("Content-Type: text/html; charset=utf-8", piece, before, behind)


def repeated(piece: str, size: int) -> str:
    return "".join(piece.replace("%d", str(number)) for number in range(size))


def nested(size: int) -> bytes:
    """Multiparts within each other."""
    begins = "".join(f"Content-Type: multipart/mixed; boundary=b{level}\r\n\r\n--b{level}\r\n" for level in range(size))
    return f"{HEAD}{begins}\r\nx\r\n".encode()


def within_each_other(size: int) -> bytes:
    """Mails within each other."""
    return (HEAD + f"Content-Type: message/rfc822\r\n\r\n{HEAD}" * size + "\r\nx\r\n").encode()


def pictures(size: int) -> bytes:
    """HTML that shows as many pictures of the mail."""
    shown = repeated('<img src="cid:c%d@x">\r\n', size)
    picture = "--b\r\nContent-Type: image/png\r\nContent-ID: <c%d@x>\r\n\r\n\x89PNG\r\n"
    head = f"{HEAD}Content-Type: multipart/related; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n{shown}"
    return f"{head}{repeated(picture, size)}--b--\r\n".encode()


def attributes(size: int) -> bytes:
    """An element with so many attributes."""
    return html(f"<p {repeated('a%d=b ', size)}>x")(1)


SHAPES: dict[str, Callable[[int], bytes]] = {
    "fields": fields("X-%d: y\r\n"),
    "equal fields": fields("Received: from a by b; Mon, 23 Nov 2026 08:00:00 +0000\r\n"),
    "a folded field": fields(" y\r\n", also=f"{HEAD}X: y\r\n"),
    "a subject": fields("\u202e\u200b y", also="From: a@b.org\r\nSubject: "),
    "encoded words": fields("=?utf-8?q?a?=\r\n ", also="From: a@b.org\r\nSubject: "),
    "recipients": fields("A %d <a%d@b.org>,\r\n ", also="From: a@b.org\r\nTo: "),
    "addresses for replies": fields("A %d <a%d@c.org>,\r\n ", also="From: a@b.org\r\nReply-To: "),
    "references": fields("<%d@b.org>\r\n ", also=f"{HEAD}References: "),
    "addresses to unsubscribe": fields("<https://b.org/%d>, ", also=f"{HEAD}List-Unsubscribe: "),
    "parameters": fields("; name*%d*=%41\r\n ", also=f"{HEAD}Content-Type: application/pdf"),
    "parts": parts("multipart/mixed", "Content-Disposition: attachment; filename=a%d.txt\r\n\r\nx"),
    "texts": parts("multipart/alternative", "Content-Type: text/html\r\n\r\n<p>x"),
    "nested parts": nested,
    "mails within each other": within_each_other,
    "pictures": pictures,
    "calendars": parts("multipart/mixed", "Content-Type: text/calendar\r\n\r\nBEGIN:VEVENT\r\nSUMMARY:x\r\nEND:VEVENT"),
    "attendees": body(
        "Content-Type: text/calendar",
        "ATTENDEE;CN=A:mailto:a%d@b.org\r\n",
        "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n",
        "END:VEVENT\r\nEND:VCALENDAR",
    ),
    "reports": parts("multipart/report", "Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\n"),
    "base64": body("Content-Type: image/png\r\nContent-Transfer-Encoding: base64", "QUJD"),
    "a text": body("Content-Type: text/plain", "http://b.org/%d \x1b\0\u202e\ud800\r\n"),
    "<": html("<"),
    "&": html("&"),
    "elements": html("<div>"),
    "tables": html("<table><tr><td>"),
    "links": html('<a href="http://b.org/%d">l</a> '),
    "pictures from elsewhere": html('<img src="http://b.org/%d.png">'),
    "attributes": attributes,
    "style sheets": html("<style>p{position:absolute}</style>"),
    "CSS": html("p{background:url(http://b.org/%d);gap:1rem}", "<style>", "</style><p>x"),
    "url(": html("url(", "<style>a{b:"),
    "backgrounds": html("background:", "<style>"),
    "colons": html(":1", "<style>"),
    "styles": html("<p style='width:calc(1vw);background:url(x)'>x"),
}  # fmt: skip
"""Name of a shape, and what makes a mail of this shape and size."""
