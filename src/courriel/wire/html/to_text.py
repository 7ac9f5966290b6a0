"""HTML to plain text: headings, paragraphs, links, lists, quotations, tables."""

from __future__ import annotations

import re

from courriel._lazy_re import expression
from courriel.wire.html.flow import WIDTH, Table, TextFlow
from courriel.wire.html.tokens import Attributes, tokens

DEEPEST = 20  # nested lists, quotations and tables; the tags of deeper ones are ignored

_SHOWN_LINK = expression(r"(?:https?|mailto|tel):[^\s<>]{1,800}", re.IGNORECASE)
_HIDDEN = expression(r"display\s*:\s*none", re.IGNORECASE)
_CONTROL = expression("[\x00-\x08\x0b-\x1f\x7f\x80-\x9f\u2028\u2029\ud800-\udfff]")

_BLOCKS = frozenset((
    "address", "article", "aside", "body", "caption", "center", "dd", "details", "div", "dl", "dt", "fieldset",
    "figcaption", "figure", "footer", "form", "header", "html", "legend", "main", "nav", "section", "summary", "tbody",
    "thead", "tfoot",
))  # fmt: skip
_PARAGRAPHS = frozenset(("p", "h1", "h2", "h3", "h4", "h5", "h6"))
_VOID = frozenset((
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr",
))  # fmt: skip
_DROPPED = frozenset((
    "head", "script", "style", "title", "template", "object", "svg", "math", "noscript", "select", "datalist", "iframe",
))  # fmt: skip


def text_of(html: str) -> str:
    """Render HTML as plain text, lines ended by LF; nothing is fetched, and hidden elements are left out."""
    renderer = _Renderer()
    for token in tokens(html):
        if isinstance(token, str):
            renderer.text(token)
        elif token[1] is None:
            renderer.close(token[0])
        else:
            renderer.open(token[0], token[1])
    return renderer.finish()


class _Renderer:
    """Renderer of tags and text in document order, into the innermost flow."""

    def __init__(self) -> None:
        self._flows: list[TextFlow] = [TextFlow(WIDTH)]
        self._tables: list[Table] = []
        self._lists: list[int | None] = []
        self._link: tuple[str, int] | None = None
        self._dropped = ""
        self._drops = 0
        self._pre: list[str] | None = None
        self._skipped_lists = 0
        self._skipped_tables = 0

    @property
    def _flow(self) -> TextFlow:
        return self._flows[-1]

    def text(self, text: str) -> None:
        if self._dropped:
            return
        text = _CONTROL.sub("", text)
        if self._pre is not None:
            self._pre.append(text)
        elif text and not (self._tables and not self._tables[-1].open):
            # Text between the rows of a table is not content.
            self._flow.say(text)

    def open(self, tag: str, attributes: Attributes) -> None:  # noqa: PLR0912  one branch an element
        if self._drop(tag, attributes) or (self._pre is not None and tag not in ("pre", "br")):
            return
        flow = self._flow
        match tag:
            case "br":
                if self._pre is not None:
                    self._pre.append("\n")
                else:
                    flow.new_line()
            case "a":
                # Links cannot be nested: a new one ends the one before, as in a browser.
                self._close_link()
                self._link = attributes.get("href", ""), flow.pieces
            case "img":
                if alt := attributes.get("alt", "").strip():
                    flow.say(_CONTROL.sub("", f" [{alt}] "))
            case "hr":
                flow.blank()
                flow.add(["-" * 40])
                flow.blank()
            case "pre":
                flow.blank()
                self._pre = []
            case "ul" | "ol":
                self._open_list(None if tag == "ul" else 1)
            case "li":
                flow.mark(self._marker())
            case "blockquote":
                self._open_quote()
            case "table":
                self._open_table()
            case "tr" | "td" | "th":
                self._open_cell(tag)
            case _ if tag in _PARAGRAPHS:
                flow.blank()
            case _ if tag in _BLOCKS:
                flow.end_line()
            case _:
                pass

    def close(self, tag: str) -> None:
        if self._dropped:
            self._end_drop(tag)
            return
        if self._pre is not None:
            if tag == "pre":
                self._close_pre()
            return
        flow = self._flow
        match tag:
            case "a":
                self._close_link()
            case "ul" | "ol":
                self._close_list()
            case "blockquote":
                flow.blank()
                if flow.prefixes and flow.prefixes[-1] == "> ":
                    _ = flow.prefixes.pop()
            case "td" | "th" | "tr":
                self._close_cell()
            case "table":
                self._close_table()
            case "h1" | "h2":
                self._underline("=" if tag == "h1" else "-")
            case "li":
                flow.end_line()
            case _ if tag in _PARAGRAPHS:
                flow.blank()
            case _ if tag in _BLOCKS:
                flow.end_line()
            case _:
                pass

    def finish(self) -> str:
        if self._pre is not None:
            self._close_pre()
        while self._tables:
            self._close_table()
        self._flow.end_line()
        lines = self._flow.lines
        return "\n".join(lines).replace("\xa0", " ").strip("\n") + "\n" if lines else ""

    # Elements that are left out.

    def _drop(self, tag: str, attributes: Attributes) -> bool:
        """Begin to skip an element with its content, or continue, until the same element is closed."""
        if self._dropped:
            if tag == self._dropped:
                self._drops += 1
            elif self._dropped == "head" and tag == "body":
                # An unclosed head ends where the body begins.
                self._dropped = ""
            return bool(self._dropped)
        if tag in _DROPPED or ("style" in attributes and tag not in _VOID and _HIDDEN.search(attributes["style"])):
            self._dropped, self._drops = tag, 1
            return True
        return False

    def _end_drop(self, tag: str) -> None:
        if tag == self._dropped:
            self._drops -= 1
            if not self._drops:
                self._dropped = ""

    # Elements that need more than a line.

    def _close_link(self) -> None:
        if self._link is None:
            return
        target, since = self._link
        self._link = None
        shown = self._flow.text_since(since)
        target = target.strip()
        if not _SHOWN_LINK.fullmatch(target):
            return
        bare = target.partition(":")[2] if target[:4].lower() in ("mail", "tel:") else target
        if not shown:
            self._flow.say(f" {bare} ")
        elif bare.rstrip("/") not in (shown, f"http://{shown}", f"https://{shown}"):
            self._flow.say(f" ({bare})")

    def _close_pre(self) -> None:
        lines = "".join(self._pre or ()).replace("\r\n", "\n").replace("\r", "\n").expandtabs(8).strip("\n").split("\n")
        self._pre = None
        self._flow.add(lines)
        self._flow.blank()

    def _open_list(self, number: int | None) -> None:
        if len(self._lists) >= DEEPEST:
            self._skipped_lists += 1
            return
        if self._lists:
            self._flow.end_line()
        else:
            self._flow.blank()
        self._lists.append(number)
        self._flow.prefixes.append("  " if number is None else "   ")

    def _close_list(self) -> None:
        self._flow.end_line()
        if self._skipped_lists:
            self._skipped_lists -= 1
        elif self._lists:
            _ = self._lists.pop()
            if self._flow.prefixes:
                _ = self._flow.prefixes.pop()
            if not self._lists:
                self._flow.blank()

    def _marker(self) -> str:
        if not self._lists or not self._flow.prefixes:
            return "- "
        number = self._lists[-1]
        if number is None:
            return "- "
        self._lists[-1] = number + 1
        return f"{number}. "

    def _open_quote(self) -> None:
        self._flow.blank()
        if len(self._flow.prefixes) < DEEPEST:
            self._flow.prefixes.append("> ")

    def _open_table(self) -> None:
        if len(self._tables) >= DEEPEST:
            self._skipped_tables += 1
            return
        self._flow.end_line()
        self._tables.append(Table())

    def _open_cell(self, tag: str) -> None:
        if not self._tables or self._skipped_tables:
            self._flow.end_line()
            return
        self._close_cell()
        table = self._tables[-1]
        if tag == "tr" or not table.rows:
            table.rows.append([])
        if tag != "tr":
            table.rows[-1].append(TextFlow(10_000))
            self._flows.append(table.rows[-1][-1])
            table.open = True

    def _close_cell(self) -> None:
        if self._tables and self._tables[-1].open and not self._skipped_tables:
            cell = self._flows.pop()
            cell.end_line()
            self._tables[-1].open = False

    def _close_table(self) -> None:
        if self._skipped_tables:
            self._skipped_tables -= 1
            return
        if not self._tables:
            return
        self._close_cell()
        lines = self._tables.pop().lines()
        if lines:
            self._flow.blank()
            self._flow.add(lines)
            self._flow.blank()

    def _underline(self, line: str) -> None:
        before = len(self._flow.lines)
        self._flow.end_line()
        if len(self._flow.lines) > before:
            self._flow.add([line * min(len(self._flow.lines[-1]), WIDTH)])
        self._flow.blank()
