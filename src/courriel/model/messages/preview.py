"""Preview of a message: an HTML page for the browser, without network access and without scripts."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from courriel._lazy_re import expression

if TYPE_CHECKING:
    import re
    from pathlib import Path

    from courriel.model.messages.attachment import Attachment
    from courriel.model.messages.message import Message

_CID = expression(r"(?i)\bcid:([A-Za-z0-9!#$%&'*+/=?^_`{|}~.@-]{1,200})")
LARGEST_IMAGE = 10_000_000  # octets of one image that is put into the page


def preview(message: Message, path: str | os.PathLike[str] | None, *, browser: bool) -> Path:
    """Write the page and open it; see `Message.preview`."""
    from pathlib import Path

    if path is None:
        from tempfile import mkstemp

        descriptor, made = mkstemp(prefix="courriel-", suffix=".html")  # mode 0600
        target = Path(made)
        with os.fdopen(descriptor, "wb") as file:
            file.write(page_of(message).encode())
    else:
        target = Path(path)
        target.write_bytes(page_of(message).encode())
    if browser:
        import webbrowser

        webbrowser.open(target.absolute().as_uri())
    return target


def page_of(message: Message) -> str:
    """The page: sender, recipients, subject, and the HTML in a frame of its own, or else the text."""
    from html import escape

    rows = [
        ("From", str(message.sender)),
        ("To", ", ".join(map(str, message.to))),
        ("Cc", ", ".join(map(str, message.cc))),
    ]
    rows += [("Subject", message.subject), ("Attachments", ", ".join(each.name for each in message.attachments))]
    head = "".join(f"<tr><th>{name}</th><td>{escape(value)}</td></tr>\n" for name, value in rows if value)
    if message.html:
        shown = _with_images(message.html, message.attachments)
        # The HTML may hold text of other people: in the sandbox it runs no script and does not reach the outer page.
        body = f'<iframe sandbox srcdoc="{escape(shown)}"></iframe>'
    else:
        body = f"<pre>{escape(message.text)}</pre>"
    return _PAGE.format(title=escape(message.subject), head=head, body=body)


# The steps.

_PAGE = """<!doctype html>
<html><head><meta charset="utf-8"><title>{title}</title>
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:">
<style>
body {{ font-family: sans-serif; margin: 1em }}
th {{ text-align: left; padding-right: 1em; vertical-align: top }}
iframe {{ width: 100%; height: 80vh; border: 1px solid #999; background: #fff }}
pre {{ white-space: pre-wrap; border-top: 1px solid #999; padding-top: 1em }}
</style></head>
<body><table>
{head}</table>
{body}
</body></html>
"""


def _with_images(html: str, attachments: tuple[Attachment, ...]) -> str:
    """Replace the `cid:` references of the HTML by the images themselves, as `data:` URLs."""
    from base64 import b64encode

    known = {each.content_id: each for each in attachments if each.content_id and each.size <= LARGEST_IMAGE}

    def as_data(found: re.Match[str]) -> str:
        image = known.get(found[1])
        if image is None:
            return found[0]
        return f"data:{image.content_type.partition(';')[0]};base64,{b64encode(image.read()).decode('ascii')}"

    return _CID.sub(as_data, html)
