"""Template: a filled message has the same bytes as the same message made by hand."""

from __future__ import annotations

from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from courriel import Attachment, Message, Template
from courriel.errors import InvalidAddress, InvalidMessage, UsageError
from courriel.session.encoding import submission_of
from courriel.wire.mime.build import build, content_of
from courriel.wire.mime.parts import boundaries_of
from courriel.wire.smtp.extensions import Extensions
from fast_part import examples

FIELDS: dict[str, Any] = {"sender": "Ada <ada@example.org>", "to": "{email}"}
ROW = {"email": "bob@example.org", "name": "Bob", "number": 42}

# Stretches of a template, and values for its holes: line ends, dots, long lines and braces wherever they can be.
LITERALS = st.one_of(
    st.sampled_from(
        ["", "\n", ".", "\r\n", "\r", "a", "été €\n", "x" * 500, "100 %", "%s%(a)s", "\n.", "=_", " ", "<b>"]
    ),
    st.text("ab.é\n{}%& =", max_size=30),
)
VALUES = st.one_of(
    st.sampled_from(
        ["", ".", "\n", "\r", "\r\n.\r\n", "é" * 400, "x" * 998, "x" * 1200, "%(a)s", "{a}", "Bob", "<b>&'\""]
    ),
    st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=40),
)
HOLES = st.sampled_from(["{a}", "{b}"])
TEXTS = st.lists(
    st.one_of(LITERALS.map(lambda text: text.replace("{", "{{").replace("}", "}}")), HOLES), max_size=8
).map("".join)
HTMLS = st.lists(
    st.one_of(LITERALS.map(lambda text: text.replace("{", "{{").replace("}", "}}").replace("<", "")), HOLES), max_size=6
).map("".join)


def read(raw: bytes) -> EmailMessage:
    return BytesParser(_class=EmailMessage, policy=policy.default).parsebytes(raw)


@pytest.mark.slow
@settings(max_examples=examples(250), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(TEXTS, HTMLS, VALUES, VALUES, st.booleans())
def test_what_a_template_makes_is_what_is_written_by_hand(
    text: str, html: str, a: str, b: str, eight_bit: bool
) -> None:
    template = Template(**FIELDS, subject="Hello", text=text, html=html)
    row = {"email": "bob@example.org", "a": a, "b": b}

    (merged,) = template.merge([row], unused="ignore")

    # A template's own line ends are made alike before it is filled.
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    assert merged.text == _filled(text, a, b)
    by_hand = Message(
        sender="Ada <ada@example.org>",
        to="bob@example.org",
        subject="Hello",
        text=_filled(text, a, b),
        html=merged.html,
        message_id=merged.message_id,
        date=merged.date,
    )
    content = content_of(merged, eight_bit=eight_bit)
    assert bytes(content) == bytes(build(by_hand, eight_bit=eight_bit))
    assert content == build(by_hand, eight_bit=eight_bit)
    assert merged.message() == by_hand


def test_every_field_may_have_placeholders() -> None:
    template = Template(
        sender="{team} <{team}@example.org>",
        to=["{name} <{email}>", "archive@example.org"],
        cc="{email2}",
        bcc="{name}@hidden.example.org",
        reply_to="{number}@example.org",
        subject="Invoice {number}",
        text="Hello {name}",
        html='<a href="{link}">{name}</a>',
        headers={"X-Number": "{number}"},
        list_unsubscribe="https://example.org/u/{number}",
        one_click=True,
        priority="high",
    )
    row = {**ROW, "team": "Billing", "email2": "Eve <eve@example.org>", "link": "https://example.org/?a=1&b=2"}

    (merged,) = template.merge([row])

    parsed = read(bytes(merged.content()))
    assert parsed["From"] == "Billing <Billing@example.org>"
    assert parsed["To"] == "Bob <bob@example.org>, archive@example.org"
    assert parsed["Cc"] == "Eve <eve@example.org>"
    assert parsed["Reply-To"] == "42@example.org"
    assert parsed["Subject"] == "Invoice 42"
    assert parsed["X-Number"] == "42"
    assert parsed["List-Unsubscribe"] == "<https://example.org/u/42>"
    assert parsed["X-Priority"] == "1"
    assert b'<a href="https://example.org/?a=1&amp;b=2">Bob</a>' in bytes(merged.content())
    assert [each.spec for each in merged.envelope().recipients] == [
        "bob@example.org", "archive@example.org", "eve@example.org", "Bob@hidden.example.org",
    ]  # fmt: skip
    assert b"hidden" not in bytes(merged.content())
    assert bytes(merged.content()) == bytes(build(merged.message()))


def test_each_message_has_its_own_message_id_and_date() -> None:
    template = Template(**FIELDS, text="Hello {name}")

    one, other = template.merge([{"email": "a@x.org", "name": "A"}, {"email": "b@x.org", "name": "B"}])

    assert one.message_id != other.message_id
    assert [each.envelope().recipients[0].spec for each in (one, other)] == ["a@x.org", "b@x.org"]
    assert bytes(one.content()) == bytes(one.content())


def test_a_value_in_html_is_escaped_unless_the_template_trusts_it() -> None:
    template = Template(**FIELDS, text="{name}", html="<p>{name} {name!raw}</p>")

    merged = template.fill(email="bob@example.org", name="<b>B & B's</b>")

    assert merged.html == "<p>&lt;b&gt;B &amp; B&#x27;s&lt;/b&gt; <b>B & B's</b></p>"
    assert merged.text == "<b>B & B's</b>"


def test_a_text_is_made_of_html_when_there_is_none() -> None:
    template = Template(**FIELDS, html="<h1>{name}</h1><p>Hello")

    merged = template.fill(email="bob@example.org", name="<Bob>")

    assert bytes(merged.content()) == bytes(build(merged.message()))
    assert "<Bob>" in str(read(bytes(merged.content())).get_body(("plain",)))


def test_files_go_to_everybody(tmp_path: Path) -> None:
    (tmp_path / "terms.pdf").write_bytes(b"x" * 100_000)
    template = Template(**FIELDS, text="Hello {name}", html="<p>{name}<img src='cid:a.png'>")
    template = template.with_attachment(tmp_path / "terms.pdf").with_data(b"\x89PNG", "a.png", inline=True)

    messages = list(template.merge([{"email": "a@x.org", "name": "A"}, {"email": "b@x.org", "name": "B"}]))

    for merged in messages:
        assert bytes(merged.content()) == bytes(build(merged.message()))
        assert len(bytes(merged.content())) == merged.content().size


def test_a_text_that_comes_from_the_row_alone_may_be_empty() -> None:
    template = Template(**FIELDS, text="{name}", attachments=[Attachment.data(b"x", "x.bin")])

    merged = template.fill(email="bob@example.org", name="")

    assert bytes(merged.content()) == bytes(build(merged.message()))


def test_a_session_takes_it_like_any_other() -> None:
    template = Template(**FIELDS, text="été {name}", delivery_receipt=True)
    merged = template.fill(email="bob@example.org", name="Bob")

    outgoing = submission_of(merged, Extensions({"8BITMIME": "", "DSN": ""}))

    assert outgoing.envelope.wants_reports
    assert outgoing.content.eight_bit
    assert outgoing.message_id == merged.message_id


def test_an_address_that_needs_smtputf8_says_so_when_it_is_written() -> None:
    merged = Template(**FIELDS).fill(email="用户@example.org")

    assert content_of(merged, utf8=True).utf8
    with pytest.raises(InvalidAddress, match="SMTPUTF8"):
        content_of(merged)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"email": "b@x.org", "name": "B"}, "row 2: there is no value for {number}"),
        ({**ROW, "name": None}, "row 2: {name} takes text or a whole number, not NoneType"),
        ({**ROW, "name": True}, "row 2: {name} takes text or a whole number, not bool"),
        ({**ROW, "number": 10**5000}, "row 2: {number} takes"),
        ({**ROW, "number": "1\n2"}, r"row 2: {number} in subject: it holds a line break (U+000A)"),
        ({**ROW, "name": "a\0"}, "row 2: {name}: it holds a NUL"),
        ({**ROW, "name": "\ud800"}, "row 2: {name}: it holds half of a character"),
        ({**ROW, "email": "a@b.org, c@d.org"}, "row 2: {email} in to: "),
        ([("email", "a@b.org")], "row 2: a row is a mapping"),
    ],
)
def test_an_error_in_a_row_names_its_number_and_placeholder(row: Any, said: str) -> None:
    template = Template(**FIELDS, subject="Invoice {number}", text="Hello {name}")
    messages = template.merge([ROW, row, ROW])
    next(messages)

    with pytest.raises((InvalidMessage, InvalidAddress)) as refused:
        next(messages)

    assert str(refused.value).startswith(said)
    assert next(messages).to[0].spec == "bob@example.org"  # the rows after it are none the worse


@pytest.mark.parametrize(
    "text",
    [
        "{a.__class__}",
        "{a[0]}",
        "{0}",
        "{}",
        "{a!r}",
        "{a:>10}",
        "{",
        "}",
        "{a}}",
        "{ a }",
        "{a b}",
        "{a!raw}",
        "{a{b}}",
    ],
)
def test_a_placeholder_is_a_name_and_nothing_else(text: str) -> None:
    with pytest.raises(InvalidMessage, match=r"^text: "):
        Template(**FIELDS, text=text)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"to": ()}, "to, cc, bcc: no recipient was given"),
        ({"sender": ""}, "sender: "),
        ({"subject": "a\nb"}, "subject: it holds a line break"),
        ({"text": "a\0"}, "text: it holds a NUL"),
        ({"headers": {"X A": "b"}}, "headers: 'X A' is not the name of a header"),
        ({"headers": {"Subject": "{b}"}}, "headers: Subject has its own field"),
        ({"list_unsubscribe": "javascript:{a}"}, "list_unsubscribe: a link begins with https"),
        ({"to": "<{name}> <{email}>"}, "to: "),
        ({"one_click": True}, "one_click: "),
    ],
)
def test_an_error_of_every_message_is_raised_by_the_template(fields: dict[str, Any], said: str) -> None:
    with pytest.raises((InvalidMessage, InvalidAddress)) as refused:
        Template(**{**FIELDS, **fields})

    assert str(refused.value).startswith(said)


def test_unused_columns_may_be_ignored() -> None:
    template = Template(**FIELDS, text="Hello {name}")

    (merged,) = template.merge([ROW], unused="ignore")

    assert merged.text == "Hello Bob"
    assert template.names == ("email", "name")
    with pytest.raises(UsageError):
        template.merge([], unused="whatever")  # type: ignore[arg-type]


def _filled(text: str, a: str, b: str) -> str:
    """Filled by the standard library, which reads `{{` as we do."""
    return text.format(a=a, b=b)


def test_a_value_that_looks_like_the_boundary_is_not_put_between_the_parts() -> None:
    template = Template(**FIELDS, text="A: {name}", html="<p>{name}</p>")
    boundary = next(boundaries_of("<1@example.org>")).decode()
    assert template.frame is not None

    filled = template.frame.fill({"name": f"--{boundary}", "name!escaped": "x"}, "<1@example.org>", eight_bit=True)

    assert filled is None


def test_a_boundary_that_comes_of_text_around_an_empty_value_is_not_put_between_the_parts() -> None:
    boundary = next(boundaries_of("<1@example.org>")).decode()
    template = Template(**FIELDS, text=f"A: {boundary[:1]}{{name}}{boundary[1:]}", html="<p>{name}</p>")
    assert template.frame is not None

    assert template.frame.fill({"name": "", "name!escaped": ""}, "<1@example.org>", eight_bit=True) is None
    assert template.frame.fill({"name": "x", "name!escaped": "x"}, "<1@example.org>", eight_bit=True) is not None


@pytest.mark.parametrize("value", ["a\nb", "a\rb", "a\r\n.b", "\n"])
@pytest.mark.parametrize("bodies", [{"text": "A: {name}."}, {"text": "A: {name}.", "html": "<p>{name!raw}</p>"}])
def test_a_value_of_several_lines_is_written_as_in_a_message_by_hand(value: str, bodies: dict[str, str]) -> None:
    (merged,) = Template(**FIELDS, **bodies).merge([{**ROW, "name": value}], unused="ignore")

    assert merged.content() == build(merged.message())
    assert bytes(merged.content()).count(b"\n") == bytes(merged.content()).count(b"\r\n")


@pytest.mark.parametrize(
    "text", ["{a}, {b}", "{a};{b}", "{a}, bob@x.org", "bob@x.org, eve@x.org", "{n} <{a}>, {b}", "{last}, {first} <{a}>"]
)
def test_one_string_of_a_template_is_one_address(text: str) -> None:
    with pytest.raises((InvalidMessage, InvalidAddress), match="give a list"):
        Template(sender="ada@example.org", to=text)
    with pytest.raises((InvalidMessage, InvalidAddress), match="give a list"):
        Template(sender="ada@example.org", to=["cleo@example.org", text])


def test_a_comma_in_quotes_of_a_template_is_part_of_the_name() -> None:
    template = Template(sender="ada@example.org", to=['"{last}, {first}" <{a}>', "{b}"])

    assert [str(each) for each in template.fill(last="Dupont", first="Jean", a="j@x.org", b="k@x.org").to] == [
        '"Dupont, Jean" <j@x.org>',
        "k@x.org",
    ]


def test_unused_columns_are_refused_on_request() -> None:
    template = Template(sender="ada@example.org", to="{email}", text="Hello")
    row = {"email": "bob@example.org", "phone": "123", None: ["more than the header has"]}

    assert next(template.merge([row])).to[0].spec == "bob@example.org"  # type: ignore[list-item]
    with pytest.raises(InvalidMessage, match="'phone' has no place in the template"):
        next(template.merge([row], unused="refuse"))  # type: ignore[list-item]


@pytest.mark.parametrize("rows", [{"email": "bob@example.org"}, "bob@example.org", 3, None])
def test_rows_are_a_list_of_them(rows: Any) -> None:
    with pytest.raises(UsageError, match="merge takes a list of rows"):
        Template(sender="ada@example.org", to="{email}").merge(rows)
