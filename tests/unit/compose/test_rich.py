"""RichTemplate (Jinja2): rendering, escaping, includes, CSS, and errors that name row and field."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from courriel import Address, Attachment, Message, RichTemplate, errors
from courriel.wire.mime.build import content_of
from hostile.lists import hostile

INVOICE = """<table>
{% for line in lines %}
<tr><td>{{ line.text }}</td><td>{{ "%.2f"|format(line.price) }}</td></tr>
{% endfor %}
</table>
"""
LINES = [{"text": "Bread & butter", "price": 3.5}, {"text": "<b>Tea</b>", "price": 2}]


def template(**wishes: object) -> RichTemplate:
    wishes = {"sender": "ada@example.org", "to": "{{ email }}", "text": "Hello {{ name }}\n", **wishes}
    return RichTemplate(**wishes)  # type: ignore[arg-type]


def test_rows_become_messages_with_as_many_lines_as_each_has() -> None:
    invoice = template(subject="Invoice {{ number }}", html=INVOICE, headers={"X-Number": "{{ number }}"})
    rows = [
        {"email": "bob@example.org", "name": "Bob", "number": 42, "lines": LINES},
        {"email": "zoe@example.org", "name": "Zoé", "number": 43, "lines": []},
    ]

    bob, zoe = invoice.merge(rows)

    assert (bob.subject, zoe.subject) == ("Invoice 42", "Invoice 43")
    assert bob.html == (
        "<table>\n<tr><td>Bread &amp; butter</td><td>3.50</td></tr>\n"
        "<tr><td>&lt;b&gt;Tea&lt;/b&gt;</td><td>2.00</td></tr>\n</table>\n"
    )
    assert zoe.html == "<table>\n</table>\n"
    assert zoe.text == "Hello Zoé\n"
    assert bob.headers == (("X-Number", "42"),)
    assert [each.spec for each in zoe.to] == ["zoe@example.org"]
    assert bob.message_id != zoe.message_id
    assert b"3.50" in bytes(content_of(bob))


def test_only_html_is_escaped() -> None:
    message = template(subject="{{ name }}").fill(email="bob@example.org", name="Bread & butter")

    assert message.subject == "Bread & butter"
    assert message.text == "Hello Bread & butter\n"


def test_templates_of_a_folder_share_what_they_have_in_common(tmp_path: Path) -> None:
    (tmp_path / "frame.html").write_text("<h1>Ada &amp; Co</h1>{% block content %}{% endblock %}", "utf-8")
    (tmp_path / "hello.html").write_text(
        '{% extends "frame.html" %}{% block content %}<p>{{ name }}</p>{% endblock %}', "utf-8"
    )
    (tmp_path / "hello.txt").write_text("Hello {{ name }}\n", "utf-8")

    message = template(text="", text_file="hello.txt", html_file="hello.html", folder=tmp_path).fill(
        email="bob@example.org", name="<Bob>"
    )

    assert message.html == "<h1>Ada &amp; Co</h1><p>&lt;Bob&gt;</p>"
    assert message.text == "Hello <Bob>\n"


def test_css_is_inlined_and_nothing_is_downloaded() -> None:
    html = (
        '<html><head><link rel="stylesheet" href="http://127.0.0.1:9/a.css">'
        "<style>p { color: red } @media print { p { color: black } }</style></head>"
        "<body><p>{{ name }}</p></body></html>"
    )

    message = template(html=html, inline_css=True).fill(email="bob@example.org", name="Zoé")

    assert '<p style="color: red;">Zoé</p>' in message.html
    assert "@media print" in message.html


def test_names_are_quoted_where_they_need_it_and_empty_addresses_left_out() -> None:
    letter = template(
        to="{{ name }} <{{ email }}>", cc=["{{ copy }}", Address("eve", "example.org")], reply_to="{{ copy }}"
    )

    message = letter.fill(name="Bob, junior", email="bob@example.org", copy="")

    assert message.to == (Address("bob", "example.org", "Bob, junior"),)
    assert message.cc == (Address("eve", "example.org"),)
    assert message.reply_to == ()


def test_addresses_without_a_placeholder_are_parsed_at_once() -> None:
    letter = template(to="{{ email }}", cc=["eve@example.org", "Leo <leo@example.org>"])

    assert [each.spec for each in letter.fill(name="Bob", email="bob@example.org").cc] == [
        "eve@example.org",
        "leo@example.org",
    ]
    with pytest.raises(errors.InvalidAddress):
        template(bcc="not an address")


def test_files_and_everything_else_go_along() -> None:
    message = template(
        attachments=[Attachment.data(b"%PDF", "a.pdf")],
        priority="high",
        list_unsubscribe=["https://example.org/{{ email|urlencode }}"],
        one_click=True,
    ).fill(email="bob@example.org", name="Bob")

    assert [each.name for each in message.attachments] == ["a.pdf"]
    assert message.list_unsubscribe == ("https://example.org/bob%40example.org",)
    assert isinstance(message, Message)


# Errors.


def test_an_invalid_row_raises_with_its_number_and_the_iterator_continues() -> None:
    rows: list[dict[str, object]] = [
        {"email": "bob@example.org", "name": "Bob"},
        {"email": "zoe@example.org"},
        {"email": "not an address", "name": "Eve"},
        {"email": "leo@example.org", "name": "Leo"},
    ]
    merged = template().merge(rows)

    assert next(merged).text == "Hello Bob\n"
    with pytest.raises(errors.InvalidMessage, match="row 2: text: 'name' is undefined"):
        next(merged)
    with pytest.raises(errors.InvalidAddress, match="row 3: "):
        next(merged)
    assert next(merged).text == "Hello Leo\n"


@pytest.mark.parametrize(
    ("wishes", "said"),
    [
        ({"html": "<p>\n{% for %}"}, "html: line 2: "),
        ({"subject": "{{ number"}, "subject: line 1: "),
        ({"text": "", "text_file": "gone.txt", "folder": "."}, "there is no template 'gone.txt'"),
        ({"text_file": "a.txt", "folder": "."}, "text is not given then"),
        ({"html_file": "a.html"}, "it is a file of `folder`"),
        ({"text": 42}, "text: text is expected, not int"),
        ({"sender": ""}, "a message comes from one address"),
        ({"sender": ["ada@example.org", "bob@example.org"]}, "a message comes from one address"),
        ({"headers": {"X": "{{ }}"}}, "X: line 1"),
    ],
)
def test_an_invalid_template_is_refused_at_once(wishes: dict[str, object], said: str) -> None:
    with pytest.raises(errors.InvalidMessage) as refused:
        template(**wishes)

    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("html", "said"),
    [
        ("{{ missing }}", "'missing' is undefined"),
        ("{{ nothing }}", "a value is None"),
        ("{{ 1 // 0 }}", "zero"),
        ("{% for n in range(10000000) %}{% endfor %}", "Range too big"),
        ("{{ name.__class__.__mro__ }}", "unsafe"),
        ("{{ things.append(1) }}", "unsafe"),
        ("{% include 'other.html' %}", "no loader"),
    ],
)
def test_an_error_while_rendering_names_the_field(html: str, said: str) -> None:
    with pytest.raises(errors.InvalidMessage) as refused:
        template(html=html).fill(email="bob@example.org", name="Bob", nothing=None, things=[])

    assert str(refused.value).startswith("html: ")
    assert said in str(refused.value)


def test_a_file_outside_of_the_folder_is_not_found(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret", "utf-8")
    (tmp_path / "mails").mkdir()

    with pytest.raises(errors.InvalidMessage, match="there is no template"):
        template(text="", text_file="../secret.txt", folder=tmp_path / "mails")


def test_a_row_is_a_mapping() -> None:
    with pytest.raises(errors.InvalidMessage, match="row 1: row: it is a mapping of names to values, not str"):
        next(template().merge(["bob@example.org"]))  # type: ignore[list-item]


@pytest.mark.parametrize("line", hostile("header_values"))
def test_no_value_becomes_a_header_of_its_own(line: str) -> None:
    letter = template(subject="{{ evil }}", headers={"X-Evil": "{{ evil }}"}, to="{{ evil }} <bob@example.org>")
    try:
        message = letter.fill(evil=line, name="Bob")
    except (errors.InvalidMessage, errors.InvalidAddress):
        return

    header = bytes(content_of(message)).partition(b"\r\n\r\n")[0].replace(b"\r\n ", b" ").replace(b"\r\n\t", b" ")
    names = [field.partition(b":")[0] for field in header.split(b"\r\n")]
    assert len(names) == len(set(names))
    assert b"Bcc" not in names


@pytest.mark.slow
@given(some.text(max_size=60))
def test_no_value_becomes_two_addresses(value: str) -> None:
    try:
        message = template(to="{{ value }}").fill(value=value, name="Bob")
    except (errors.InvalidMessage, errors.InvalidAddress):
        return

    assert len(message.to) == 1


@pytest.mark.slow
@pytest.mark.parametrize(("package", "wish"), [("jinja2", ""), ("css_inline", ", inline_css=True")])
def test_a_missing_extra_is_named_with_the_command_that_installs_it(package: str, wish: str) -> None:
    script = (
        f"import sys; sys.modules[{package!r}] = None\n"
        "import courriel\n"
        "try:\n"
        f"    courriel.RichTemplate(sender='a@b.org', to='c@d.org'{wish})\n"
        "except courriel.errors.MissingExtra as missing:\n"
        "    print(missing)\n"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert 'pip install "courriel[html]"' in ran.stdout


@pytest.mark.parametrize("link", ["file", "folder"])
def test_a_link_does_not_lead_out_of_the_folder(tmp_path: Path, link: str) -> None:
    mails, outside = tmp_path / "mails", tmp_path / "mails-of-others"
    mails.mkdir()
    outside.mkdir()
    (outside / "secret.txt").write_text("secret", "utf-8")
    (mails / "sub").symlink_to(outside) if link == "folder" else (mails / "x.txt").symlink_to(outside / "secret.txt")
    name = "sub/secret.txt" if link == "folder" else "x.txt"
    (mails / "includes.txt").write_text("{% include '" + name + "' %}", "utf-8")

    with pytest.raises(errors.InvalidMessage, match="is a link that leads out of"):
        template(text="", text_file=name, folder=mails)
    with pytest.raises(errors.InvalidMessage, match="is a link that leads out of"):
        template(text="", text_file="includes.txt", folder=mails).fill(email="bob@example.org", name="Bob")


def test_a_link_within_the_folder_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "mails").symlink_to(tmp_path / "real")
    (tmp_path / "real" / "a.txt").write_text("Hello\n", "utf-8")
    (tmp_path / "real" / "b.txt").symlink_to(tmp_path / "real" / "a.txt")

    assert (
        template(text="", text_file="b.txt", folder=tmp_path / "mails").fill(email="bob@example.org", name="Bob").text
        == "Hello\n"
    )


def test_one_string_of_a_rich_template_is_one_address() -> None:
    with pytest.raises(errors.InvalidAddress, match="give a list"):
        template(to="{{ a }}, {{ b }}").fill(a="a@x.org", b="b@x.org", name="x")
    with pytest.raises(errors.InvalidAddress, match="give a list"):
        template(to="{{ a }}").fill(a="a@x.org, b@x.org", name="x")
    with pytest.raises(errors.InvalidAddress, match="give a list"):
        template(to="a@x.org, b@x.org")


@pytest.mark.parametrize("rows", [{"email": "bob@example.org"}, "bob@example.org", 3, None])
def test_rows_are_a_list_of_them(rows: object) -> None:
    with pytest.raises(errors.UsageError, match="merge takes a list of rows"):
        template().merge(rows)
