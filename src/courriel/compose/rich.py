"""
Message templates in Jinja2 (extra `html`): loops, conditions, filters, includes.

    template = RichTemplate(
        sender="ada@example.org",
        to="{{ email }}",
        subject="Invoice {{ number }}",
        folder="mails",
        html_file="invoice.html",
    )
    for message in template.merge([{"email": "bob@example.org", "number": 42, "lines": [...]}]):
        session.send(message)

The result is an ordinary Message, with the same validation.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, TypeAlias

from courriel.compose.address_template import one_or_several
from courriel.compose.html_page import Embedding, HtmlPage, embedded
from courriel.compose.page_folder import PageFolder
from courriel.compose.with_files import WithFiles
from courriel.errors import CourrielError, InvalidAddress, InvalidMessage, MissingExtra, UsageError
from courriel.model.address import Address
from courriel.model.checks.header import as_text, pairs_of, refusal, texts_of
from courriel.model.messages.attachment import Attachment, attachments_of
from courriel.model.messages.message import Message, Priority

if TYPE_CHECKING:
    import css_inline
    import jinja2

    from courriel.compose.template import Row
    from courriel.model.messages.attachment import Attachments

AddressTexts: TypeAlias = "str | Address | Iterable[str | Address]"
"""Addresses as callers give them, with placeholders in their texts."""

Render: TypeAlias = "Callable[[Row], str]"
"""Function that renders a template for a row. Raises InvalidMessage."""

_NAMED = re.compile(r"\s*(.*?)\s*<([^<>]*)>\s*", re.DOTALL)


class RichTemplate(WithFiles):
    """A message template in Jinja2: `{{ name }}` in addresses, subject, texts, header values, unsubscribe links.

        order = RichTemplate(
            sender="ada@example.org", to="{{ address }}", subject="Your order {{ number }}",
            html="<ul>{% for line in lines %}<li>{{ line }}</li>{% endfor %}</ul>",
        )
        mail = order.fill(address="bob@example.org", number=42, lines=["Bread", "Butter"])
        print(mail.subject)  # Your order 42

    The parameters are those of Message, with templates for texts; `text_file` and `html_file` are files of `folder`,
    from which templates include and extend others too. In HTML a value is escaped; `{{ name|safe }}` is not. Templates
    run in Jinja2's sandbox, and a name without a value is an error. `inline_css` copies the rules of `<style>` into the
    elements, as mail programs need them. With `embed` (`cid` or `data`) images and style sheets of `folder` become part
    of each message, as by `Message(html_file=…)`; their paths are relative to `html_file`. Each address template makes
    one address, whatever its row holds; an empty one is left out. Raises InvalidMessage, naming field and line, for an
    invalid template; MissingExtra without the extra.
    """

    def __init__(
        self,
        *,
        sender: str | Address,
        to: AddressTexts = (),
        cc: AddressTexts = (),
        bcc: AddressTexts = (),
        reply_to: AddressTexts = (),
        subject: str = "",
        text: str = "",
        text_file: str = "",
        html: str = "",
        html_file: str = "",
        folder: str | os.PathLike[str] | None = None,
        inline_css: bool = False,
        embed: Embedding | None = None,
        attachments: Attachments = (),
        priority: Priority | str = Priority.NORMAL,
        read_receipt: bool | str | Address | None = None,
        delivery_receipt: bool = False,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        list_unsubscribe: str | Iterable[str] = (),
        one_click: bool = False,
    ) -> None:
        plain, pages = _TemplateReader(folder, html=False), _TemplateReader(folder, html=True)
        self._sender = _address_templates(plain, "sender", sender)
        if len(self._sender) != 1:
            raise refusal("sender", "a message comes from one address")
        self._to, self._cc = _address_templates(plain, "to", to), _address_templates(plain, "cc", cc)
        self._bcc, self._reply_to = (
            _address_templates(plain, "bcc", bcc),
            _address_templates(plain, "reply_to", reply_to),
        )
        self._subject = plain.read("subject", subject)
        self._text = plain.body("text", text, text_file)
        self._html = pages.body("html", html, html_file)
        self._headers = [(name, plain.read(name, value)) for name, value in pairs_of(headers)]
        links = texts_of("list_unsubscribe", list_unsubscribe)
        self._links = [plain.read("list_unsubscribe", link) for link in links if link]
        self._styled = _StyleInliner() if inline_css else None
        self._page_files = _page_files(folder, html_file, embed) if embed is not None else None
        self._files = attachments_of(attachments)
        self._rest: dict[str, object] = {
            "priority": priority, "read_receipt": read_receipt,
            "delivery_receipt": delivery_receipt, "one_click": one_click,
        }  # fmt: skip

    def merge(self, rows: Iterable[Row]) -> Iterator[Message]:
        """Iterate over one message for each row, each with its own Message-ID and Date.

        `next` raises InvalidMessage or InvalidAddress, naming row (from 1) and field, for an invalid row; the iterator
        continues with the row after.
        """
        if isinstance(rows, str | bytes | Mapping) or not isinstance(rows, Iterable):
            raise UsageError(
                f"merge takes a list of rows, not {type(rows).__name__}; fill(**row) takes the values of one"
            )
        return map(self._fill, count(1), rows)

    def fill(self, /, **values: object) -> Message:
        """The message for these values. Raises as `merge` does."""
        return self._fill(0, values)

    # The steps.

    def _with_attachment(self, attachment: Attachment) -> RichTemplate:
        from copy import copy

        other = copy(self)
        other._files = (*self._files, attachment)
        return other

    def _fill(self, number: int, row: Row) -> Message:
        try:
            if not isinstance(row, Mapping):
                raise refusal("row", f"it is a mapping of names to values, not {type(row).__name__}")
            return self._message(row)
        except (InvalidMessage, InvalidAddress) as broken:
            if not number:
                raise
            raise type(broken)(f"row {number}: {broken}", stage="compose", hint_id=broken.hint_id) from broken

    def _message(self, row: Row) -> Message:
        html, files = self._html(row), self._files
        if self._page_files is not None and html:
            page = self._page_files(html)
            html, files = page.html, (*files, *page.images)
        return Message(
            sender=next(iter(_filled_addresses(self._sender, row)), ""),
            to=_filled_addresses(self._to, row),
            cc=_filled_addresses(self._cc, row),
            bcc=_filled_addresses(self._bcc, row),
            reply_to=_filled_addresses(self._reply_to, row),
            subject=self._subject(row),
            text=self._text(row),
            html=self._styled(html) if self._styled is not None and html else html,
            headers=[(name, value(row)) for name, value in self._headers],
            list_unsubscribe=[link(row) for link in self._links],
            attachments=files,
            **self._rest,  # type: ignore[arg-type]
        )


class _TemplateReader:
    """Jinja2 environment of one kind: with HTML escaping, or without."""

    def __init__(self, folder: str | os.PathLike[str] | None, *, html: bool) -> None:
        try:
            from jinja2 import StrictUndefined
            from jinja2.sandbox import ImmutableSandboxedEnvironment
        except ImportError as missing:
            raise MissingExtra(
                'templates in Jinja2 need it: pip install "courriel[html]"', hint_id="EXTRA-MISSING"
            ) from missing
        self._folder = folder
        self._environment = ImmutableSandboxedEnvironment(
            loader=_loader(folder) if folder is not None else None,
            autoescape=html,
            undefined=StrictUndefined,
            finalize=_refuse_none,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )

    def body(self, field: str, source: str, file: str) -> Render:
        """A template given as text, or as a file of the folder."""
        if not file:
            return self.read(field, source)
        if source or self._folder is None:
            raise refusal(f"{field}_file", f"it is a file of `folder`, and {field} is not given then")
        return self._render_function(field, lambda: self._environment.get_template(file))

    def read(self, field: str, source: str) -> Render:
        """A template given as text."""
        text = as_text(field, source)
        return self._render_function(field, lambda: self._environment.from_string(text))

    # The steps.

    def _render_function(self, field: str, read: Callable[[], jinja2.Template]) -> Render:
        import jinja2

        try:
            template = read()
        except jinja2.TemplateSyntaxError as wrong:
            raise refusal(field, f"line {wrong.lineno}: {wrong.message}") from wrong
        except jinja2.TemplateNotFound as gone:
            raise refusal(field, f"there is no template {gone.name!r:.100} in {str(self._folder)!r:.200}") from gone
        except (jinja2.TemplateError, OSError, UnicodeDecodeError) as wrong:
            raise refusal(field, f"the template cannot be read: {wrong}") from wrong
        return partial(_rendered, field, template)


def _page_files(folder: str | os.PathLike[str] | None, html_file: str, embed: Embedding) -> Callable[[str], HtmlPage]:
    """Function that makes a page of the HTML of a row."""
    if folder is None:
        raise refusal("embed", "it takes the files of `folder`, and none is given")
    page = os.path.realpath(os.path.join(folder, html_file)) if html_file else ""  # noqa: PTH118
    return lambda html: embedded(html, PageFolder(folder), embed=embed, page=page)


def _loader(folder: str | os.PathLike[str]) -> jinja2.BaseLoader:
    """Loader for templates of one folder. Symbolic links are followed within it only."""
    from jinja2 import FileSystemLoader

    class Folder(FileSystemLoader):
        def get_source(self, environment: jinja2.Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
            source = super().get_source(environment, template)
            real, path = os.path.realpath(folder), os.path.realpath(source[1])
            if os.path.commonpath((real, path)) != real:
                raise refusal("folder", f"{template!r:.100} is a link that leads out of {str(folder)!r:.200}")
            return source

    return Folder(folder)


class _RichAddress:
    """Template of one address: `{{ email }}`, `{{ name }} <{{ email }}>`."""

    def __init__(self, maker: _TemplateReader, field: str, text: str) -> None:
        named = _NAMED.fullmatch(text)
        self._name = maker.read(field, _unquoted(named[1])) if named is not None else None
        self._spec = maker.read(field, named[2] if named is not None else text)

    def fill(self, row: Row) -> Address | None:
        """The address for this row; None when it is empty."""
        spec = self._spec(row).strip()
        if not spec:
            return None
        address = Address.parse(spec)
        if self._name is None:
            return address
        if address.name or "<" in spec:
            raise InvalidAddress(f"{spec!r:.80} is not an address: a name has a place of its own", stage="compose")
        name = self._name(row).strip()
        return address.with_name(name) if name else address


class _StyleInliner:
    """CSS inliner: copies `<style>` rules into the elements; media queries stay. Nothing is downloaded."""

    def __init__(self) -> None:
        try:
            import css_inline
        except ImportError as missing:
            raise MissingExtra(
                'CSS is written into the elements by css-inline: pip install "courriel[html]"', hint_id="EXTRA-MISSING"
            ) from missing
        self._inliner: css_inline.CSSInliner = css_inline.CSSInliner(load_remote_stylesheets=False, keep_at_rules=True)
        self._broken = css_inline.InlineError

    def __call__(self, html: str) -> str:
        try:
            return self._inliner.inline(html)
        except self._broken as wrong:
            raise refusal("html", f"its styles cannot be written into it: {wrong}") from wrong


def _address_templates(maker: _TemplateReader, field: str, given: AddressTexts) -> list[Address | _RichAddress]:
    """Fixed addresses, and address templates."""
    places: list[Address | _RichAddress] = []
    for each in one_or_several(field, given):
        if isinstance(each, str) and "{" in each:
            places.append(_RichAddress(maker, field, each))
        elif each:
            places.append(Address.of(each))
    return places


def _filled_addresses(templates: list[Address | _RichAddress], row: Row) -> list[Address]:
    filled = [each if isinstance(each, Address) else each.fill(row) for each in templates]
    return [address for address in filled if address is not None]


def _unquoted(name: str) -> str:
    """The name without quotes; they are added where needed."""
    return name[1:-1] if len(name) > 1 and name.startswith('"') and name.endswith('"') else name


def _rendered(field: str, template: jinja2.Template, row: Row) -> str:
    """The rendered template; any exception of a value or filter in it becomes InvalidMessage."""
    try:
        return template.render(row)
    except CourrielError:
        raise
    except Exception as wrong:
        raise refusal(field, f"{wrong}" or type(wrong).__name__) from wrong


def _refuse_none(value: object) -> object:
    """Filter for output values: None is an error, as its name would appear in the mail."""
    if value is None:
        raise ValueError("a value is None; {{ value or '' }} writes nothing there")
    return value
