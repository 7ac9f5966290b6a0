"""Nothing that stands in a field becomes another header, another part or another parameter (hazards H53 to H58)."""

from __future__ import annotations

from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path

import pytest

from courriel.errors import InvalidMessage, UsageError
from courriel.model.messages.message import Message
from courriel.wire.mime.build import build
from hostile.lists import hostile, shown

FIELDS = {"sender": "ada@example.org", "to": "bob@example.org"}
PLAIN_VALUE = "=?utf-8?B?DQpCY2M6IGV2aWxAeC5jb20=?="
PLAIN_NAMES = ['a.exe"; x=".txt', "\u6536\u6b3e\u660e\u7ec69\u6708.xlsx"]

EXPECTED_HEADERS = {
    "from", "to", "subject", "date", "message-id", "mime-version", "content-type", "content-transfer-encoding",
    "x-note",
}  # fmt: skip


def read(message: Message) -> EmailMessage:
    raw = bytes(build(message))
    assert raw.count(b"\r") == raw.count(b"\n") == raw.count(b"\r\n")
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    return BytesParser(_class=EmailMessage, policy=policy.default).parsebytes(raw)


@pytest.mark.parametrize("value", hostile("header_values"), ids=shown)
def test_a_hostile_value_is_refused_with_its_field_named_or_read_back_as_it_is(value: str) -> None:
    if value == PLAIN_VALUE:
        parsed = read(Message(**FIELDS, subject=value, headers={"X-Note": value}))

        assert (str(parsed["Subject"]), str(parsed["X-Note"])) == (value, value)
        assert {name.lower() for name in parsed} == EXPECTED_HEADERS
        return
    with pytest.raises(InvalidMessage, match=r"^subject: "):
        Message(**FIELDS, subject=value)
    with pytest.raises(InvalidMessage, match=r"^X-Note: "):
        Message(**FIELDS, headers={"X-Note": value})
    for field in ("message_id", "in_reply_to", "references", "list_unsubscribe"):
        with pytest.raises(InvalidMessage, match=f"^{field}: "):
            Message(**FIELDS, **{field: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("message_id", f"<{PLAIN_VALUE}@x.org>"),
        ("in_reply_to", f"<{PLAIN_VALUE}@x.org>"),
        ("references", f"<1@x.org> <{PLAIN_VALUE}>"),
        ("list_unsubscribe", f"https://x.org/{PLAIN_VALUE}"),
    ],
)
def test_an_encoded_line_break_hides_in_no_id_and_no_link(field: str, value: str) -> None:
    with pytest.raises(InvalidMessage, match=f"^{field}: "):
        Message(**FIELDS, **{field: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("value", hostile("header_values"), ids=shown)
def test_a_hostile_value_as_a_name_is_refused_or_read_back(value: str) -> None:
    from courriel.model.address import Address

    try:
        message = Message(sender=Address("ada", "example.org", value), to="bob@example.org")
    except UsageError:
        assert value != PLAIN_VALUE
        return

    parsed = read(message)
    assert [each.display_name for each in parsed["From"].addresses] == [value]
    assert "Bcc" not in parsed


@pytest.mark.parametrize("name", hostile("header_names"), ids=shown)
def test_a_hostile_header_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidMessage, match="is not the name of a header"):
        Message(**FIELDS, headers={name: "x"})


@pytest.mark.parametrize("name", hostile("mime_param_names"), ids=shown)
def test_a_hostile_parameter_of_a_type_is_refused(name: str) -> None:
    with pytest.raises(InvalidMessage, match="content_type"):
        Message(**FIELDS).with_data(b"", "a", content_type=f"text/plain; {name}=x")


@pytest.mark.parametrize("name", hostile("filenames"), ids=shown)
def test_a_hostile_file_name_is_refused_or_arrives_as_it_is(name: str) -> None:
    if name in PLAIN_NAMES:
        (file,) = read(Message(**FIELDS).with_data(b"x", name)).iter_attachments()

        assert file.get_filename() == name
        assert list(file["Content-Disposition"].params) == ["filename"]
        assert list(file["Content-Type"].params) == ["name"]
        return
    with pytest.raises(InvalidMessage, match=r"^attachment name: "):
        Message(**FIELDS).with_data(b"x", name)


@pytest.mark.parametrize("name", hostile("filenames"), ids=shown)
def test_a_hostile_path_opens_nothing(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(InvalidMessage):
        Message(**FIELDS).with_attachment(name if ".." not in name else "../" + tmp_path.name + "/missing")


@pytest.mark.parametrize("text", hostile("bodies"), ids=shown)
@pytest.mark.parametrize("field", ["text", "html"])
def test_a_hostile_body_is_data(text: str, field: str) -> None:
    if "\0" in text:
        with pytest.raises(InvalidMessage, match=f"^{field}: "):
            Message(**FIELDS, **{field: text})  # type: ignore[arg-type]
        return

    part = read(Message(**FIELDS, **{field: text})).get_body(("plain" if field == "text" else "html",))  # type: ignore[arg-type]

    assert part is not None
    said = text.replace("\r\n", "\n").replace("\r", "\n")
    assert part.get_content().replace("\r\n", "\n").removesuffix("\n") == said.removesuffix("\n")
