"""The answer to a request: a page in the reader's language, without script, and the headers that it needs."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from html import escape

from courriel._dataclass import dataclass, field
from courriel.failures import Language
from courriel.integrations.unsubscribe.links import Subscription
from courriel.integrations.unsubscribe.words import AnswerKind, words_for

FIELD, VALUE = "List-Unsubscribe", "One-Click"
"""The one field of a one-click form (RFC 8058 3.2), which the page's own button sends as well."""
PAGE_FIELD, UNDO_FIELD = "page", "undo"
"""Fields that only the page sends: that people look at the answer, and the token that takes it back."""

_STYLE = """
:root { color-scheme: light dark; --text: #1b1b1f; --ground: #fff; --soft: #55555f; --button: #0b57d0; --on: #fff; }
@media (prefers-color-scheme: dark) {
  :root { --text: #ececf1; --ground: #17171b; --soft: #b9b9c4; --button: #a8c7fa; --on: #062e6f; }
}
* { box-sizing: border-box; }
body { margin: 0; color: var(--text); background: var(--ground); font: 1.0625rem/1.5 system-ui, sans-serif; }
main { max-width: 34rem; margin: 0 auto; padding: clamp(1.5rem, 10vh, 6rem) 1.25rem 2rem; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 1rem; }
p { color: var(--soft); margin: 0 0 1.5rem; }
button { font: inherit; font-weight: 600; min-height: 2.75rem; padding: .5rem 1.25rem; border: 2px solid var(--button);
  border-radius: .5rem; background: var(--button); color: var(--on); cursor: pointer; }
button.quiet { background: transparent; color: var(--button); }
button:focus-visible { outline: 3px solid var(--text); outline-offset: 3px; }
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",  # the address of the page is the link
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow, noarchive",
    "Vary": "Accept-Language",
}


@dataclass(frozen=True, slots=True)
class PageAnswer:
    """Status, headers and body of an answer; to HEAD the same goes without its body."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes = field(repr=False)


def answer(
    kind: AnswerKind,
    chosen: Language,
    subscription: Subscription | None = None,
    *,
    title: str = "",
    undo: str = "",
    more: Mapping[str, str] | None = None,
) -> PageAnswer:
    """The answer of this kind; `title` names the list for people, `undo` is the token of the button."""
    words = words_for(kind, chosen)
    quoted = f"«\N{NO-BREAK SPACE}{title}\N{NO-BREAK SPACE}»" if chosen == "fr" else f"“{title}”"
    masked = _masked(subscription.address) if subscription else ""
    heading, text = (
        escape(each.format(list=quoted, address=f"\N{FIRST STRONG ISOLATE}{masked}\N{POP DIRECTIONAL ISOLATE}"))
        for each in (words.heading, words.text)
    )
    form = _form(kind, words.button, undo) if words.button else ""
    body = (
        f'<!doctype html>\n<html lang="{chosen}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{heading}</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n<h1>{heading}</h1>\n<p>{text}</p>\n{form}</main>\n</body>\n</html>\n"
    ).encode()
    headers = {**_HEADERS, "Content-Language": chosen, "Content-Length": str(len(body)), **(more or {})}
    return PageAnswer(kind.status, tuple(headers.items()), body)


# The steps.


def _form(kind: AnswerKind, button: str, undo: str) -> str:
    """The button; without an `action` a form goes to the address of its page, which this text need not repeat."""
    if kind in (AnswerKind.DONE, AnswerKind.NOT_UNDONE):
        if not undo:
            return ""
        hidden, name, value, style = UNDO_FIELD, PAGE_FIELD, "1", ' class="quiet"'
        field_value = undo
    else:
        hidden, name, value, style = PAGE_FIELD, FIELD, VALUE, ""
        field_value = "1"
    return (
        f'<form method="post">\n<input type="hidden" name="{hidden}" value="{escape(field_value)}">\n'
        f'<button{style} name="{name}" value="{value}">{escape(button)}</button>\n</form>\n'
    )


def _masked(address: str) -> str:
    """An address that its owner recognises and nobody else learns: the first character and the domain."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}…@{domain}"
