"""Nothing that stands in a row becomes another header, recipient, part or tag (hazards H53 to H58)."""

from __future__ import annotations

from email import policy
from email.message import EmailMessage
from email.parser import BytesParser

import pytest

from courriel import Template
from courriel.compose.merged import MergedMessage
from courriel.errors import InvalidAddress, InvalidMessage, UsageError
from courriel.model.address import Address
from hostile.lists import hostile, shown

PLAIN_VALUE = "=?utf-8?B?DQpCY2M6IGV2aWxAeC5jb20=?="
EXPECTED_HEADERS = {
    "from", "to", "subject", "date", "message-id", "mime-version", "content-type", "content-transfer-encoding",
    "x-note",
}  # fmt: skip
EVERYTHING = [
    (kind, value)
    for kind in ("addresses", "header_values", "header_names", "mime_param_names", "filenames", "ehlo_names",
                 "esmtp_options", "proxy_targets", "bodies", "end_of_data", "imap_args", "pop_args")
    for value in hostile(kind)
]  # fmt: skip


def read(raw: bytes) -> EmailMessage:
    assert raw.count(b"\r") == raw.count(b"\n") == raw.count(b"\r\n")
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    return BytesParser(_class=EmailMessage, policy=policy.default).parsebytes(raw)


def filled(template: Template, **row: str) -> MergedMessage | str:
    """The message of one row, or why there is none."""
    try:
        return next(template.merge([row]))
    except UsageError as refused:
        return str(refused)


def named(pair: object) -> str:
    return shown(str(pair))


@pytest.mark.parametrize("address", hostile("addresses"), ids=shown)
def test_a_hostile_address_in_a_hole_is_what_the_grammar_says_it_is(address: str) -> None:
    template = Template(sender="ada@example.org", to="{email}", text="x")

    try:
        lawful = Address.parse(address)
    except InvalidAddress:
        with pytest.raises(UsageError, match=r"^row 1: \{email\}( in to)?: "):
            next(template.merge([{"email": address}]))
        return

    (merged,) = template.merge([{"email": address}])
    assert merged.envelope().recipients == (lawful,)


@pytest.mark.parametrize(("kind", "value"), EVERYTHING, ids=named)
def test_a_hostile_value_in_a_part_of_an_address_makes_no_second_one(kind: str, value: str) -> None:
    for place in ("{name} <{email}>", '"{name}" <{email}>', "{name}@example.org"):
        template = Template(sender="ada@example.org", to=[place, "archive@example.org"], text="x {name} {email}")

        merged = filled(template, name=value, email="bob@example.org")

        if isinstance(merged, str):
            assert merged.startswith("row 1: {name}")
            continue
        recipients = merged.envelope().recipients
        assert len(recipients) == 2
        assert recipients[0].domain == "example.org"
        assert recipients[0].name == ("" if "<" not in place else value)
        parsed = read(bytes(merged.content(utf8=True)))
        assert "bcc" not in {name.lower() for name in parsed}


@pytest.mark.parametrize(("kind", "value"), EVERYTHING, ids=named)
def test_a_hostile_value_in_a_header_is_refused_or_read_back(kind: str, value: str) -> None:
    template = Template(
        sender="ada@example.org", to="bob@example.org", subject="{value}", headers={"X-Note": "{value}"}
    )

    merged = filled(template, value=value)

    if isinstance(merged, str):
        assert merged.startswith("row 1: {value}")
        return
    parsed = read(bytes(merged.content()))
    assert (str(parsed["Subject"] or ""), str(parsed["X-Note"])) == (value, value)
    assert {name.lower() for name in parsed} <= EXPECTED_HEADERS


@pytest.mark.parametrize("value", hostile("header_values"), ids=shown)
def test_a_line_break_in_a_subject_names_the_hole(value: str) -> None:
    template = Template(sender="ada@example.org", to="bob@example.org", subject="Invoice {number}")

    if value == PLAIN_VALUE:
        (merged,) = template.merge([{"number": value}])
        assert str(read(bytes(merged.content()))["Subject"]) == f"Invoice {value}"
        return
    with pytest.raises(InvalidMessage, match=r"^row 1: \{number\}"):
        next(template.merge([{"number": value}]))


@pytest.mark.parametrize(("kind", "value"), EVERYTHING, ids=named)
def test_a_hostile_value_in_a_link_is_refused_or_stays_one_link(kind: str, value: str) -> None:
    template = Template(sender="ada@example.org", to="bob@example.org", list_unsubscribe="https://example.org/{value}")

    merged = filled(template, value=value)

    if isinstance(merged, str):
        assert merged.startswith("row 1: {value}")
        return
    assert read(bytes(merged.content()))["List-Unsubscribe"] == f"<https://example.org/{value}>"


@pytest.mark.parametrize(("kind", "value"), EVERYTHING, ids=named)
def test_a_hostile_value_in_a_text_is_text(kind: str, value: str) -> None:
    template = Template(sender="ada@example.org", to="bob@example.org", text="{value}\n-- \n", html="<p>{value}</p>\n")

    merged = filled(template, value=value)

    if isinstance(merged, str):
        assert "\0" in value or "\ud800" in value
        assert merged.startswith("row 1: {value}: ")
        return
    parsed = read(bytes(merged.content()))
    assert [part.get_content_type() for part in parsed.walk()] == ["multipart/alternative", "text/plain", "text/html"]
    said = f"{value}\n-- \n".replace("\r\n", "\n").replace("\r", "\n")
    body = parsed.get_body(("plain",))
    assert body is not None
    assert body.get_payload(decode=True).decode().replace("\r\n", "\n").removesuffix("\n") == said.removesuffix("\n")


@pytest.mark.parametrize(
    "value", ["<script>alert(1)</script>", '" onmouseover="x', "' onmouseover='x", "&lt;", "{name}"]
)
def test_a_value_in_html_makes_no_tag_and_no_attribute(value: str) -> None:
    template = Template(
        sender="ada@example.org", to="b@x.org", text="x", html="<p title=\"{value}\" lang='{value}'>{value}</p>"
    )

    html = template.fill(value=value).html

    assert html.count("<") == 2
    assert html.count('"') == html.count("'") == 2
