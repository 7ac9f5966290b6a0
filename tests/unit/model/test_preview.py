"""Octets of a message, and its preview page for a browser."""

from __future__ import annotations

import webbrowser
from pathlib import Path

import pytest

from courriel.compose.template import Template
from courriel.model.messages.message import Message
from courriel.wire.parse.letter import Letter

HTML = '<p>Hello <b>Bob</b></p><img src="cid:logo.png"><img src="cid:gone"><script>alert("x")</script>'
MESSAGE = Message(
    sender="Ada <ada@example.org>", to="bob@example.org", bcc="eve@example.org", subject="<Été>", html=HTML
).with_data(b"\x89PNG", "logo.png", inline=True)


def test_a_message_is_octets_for_any_server_and_always_the_same() -> None:
    octets = MESSAGE.as_bytes()

    assert octets == MESSAGE.as_bytes()
    assert octets.isascii()
    assert octets.count(b"\n") == octets.count(b"\r\n")
    assert b"eve@" not in octets
    letter = Letter.parse(octets)
    assert (letter.subject, letter.message_id) == ("<Été>", MESSAGE.message_id)


def test_only_an_address_that_cannot_be_ascii_makes_the_header_wide() -> None:
    assert not Message(sender="ada@example.org", to="用户@example.org").as_bytes().isascii()


def test_the_browser_is_shown_a_page_that_nobody_else_can_read(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)

    page = MESSAGE.preview()

    try:
        assert opened == [page.as_uri()]
        assert page.stat().st_mode & 0o077 == 0
        shown = page.read_text("utf-8")
    finally:
        page.unlink()
    assert "&lt;Été&gt;" in shown
    assert "data:image/png;base64,iVBORw==" in shown
    assert "cid:gone" in shown  # a reference without an image stays as it is
    assert '<iframe sandbox srcdoc="' in shown
    assert "<script" not in shown


def test_a_page_is_written_where_it_is_wanted_and_a_text_is_shown_as_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webbrowser, "open", pytest.fail)
    template = Template(sender="ada@example.org", to="{email}", text="1 < {number}")

    page = template.fill(email="bob@example.org", number=2).preview(tmp_path / "x.html", browser=False)

    assert page == tmp_path / "x.html"
    assert "<pre>1 &lt; 2</pre>" in page.read_text("utf-8")
    assert template.fill(email="bob@example.org", number=2).as_bytes().endswith(b"1 < 2\r\n")
