"""Harmless HTML of received letters: what stays, what goes, and pictures from the letter itself."""

from __future__ import annotations

import sys
from base64 import b64encode
from pathlib import Path

import pytest

from courriel import Letter, Message, MissingExtra
from courriel.wire.html.safe import safe_html

PNG = b"\x89PNG\r\n\x1a\n1"


def letter(html: str) -> Letter:
    return Letter.parse(b"Subject: x\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + html.encode())


ATTACKS = {
    "script": "<script>hurt()</script><p>x</p>",
    "handler": '<img src=x onerror="hurt()"><body onload="hurt()"><a onclick="hurt()">x</a>',
    "javascript": '<a href="javascript:hurt()">x</a><a href=" jAvAsCrIpT:hurt()">y</a><a href="data:x,hurt()">z</a>',
    "svg": "<svg onload=hurt()><script>hurt()</script><animate onbegin=hurt()></svg>",
    "mutation": '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=hurt()&gt;">',
    "frame": '<iframe srcdoc="<script>hurt()</script>"></iframe><object data="hurt()"></object><embed src="hurt()">',
    "form": '<form action="https://hurt()/"><input name=hurt()><button formaction=hurt()>x</button></form>',
    "refresh": '<meta http-equiv=refresh content="0;url=https://hurt()/"><base href="https://hurt()/">',
    "sheet": "<style>@import 'https://hurt()/';body{display:none}</style><link rel=stylesheet href=https://hurt()/>",
    "fetch": "<p style=\"background:url(https://hurt()/)\">x</p><td background='https://hurt()/'><img srcset='https://hurt()/'>",
    "escape": r"<p style='background:u\72l(https://hurt()/)'>x</p><p style='background:\75 rl(https://hurt()/)'>x</p>",
    "layer": "<div style='position:fixed;top:0;z-index:9;--x:hurt()'>x</div><body style='position:fixed'>",
    "names": "<form id=hurt()><a name=hurt()><p id=hurt() class=hurt()>x</p>",
    "relative": "<a href='/hurt()'>x</a><a href='//hurt()/'>x</a><img src='/hurt()'><a href='\\\\hurt()'>x</a>",
    "relative with a scheme": "<a href='https:hurt()'>x</a><a href='HTTP:/hurt()'>x</a><a href='&nbsp;https://hurt()/'>x</a>"
    "<a href='&#x2003;mailto:hurt()'>x</a><img src='&nbsp;https://hurt()/'><img src='http:hurt()'>",
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_of_an_attack_is_left(attack: str) -> None:
    for remote in (False, True):
        made = letter(f"<div>{ATTACKS[attack]}").safe_html(remote_images=remote)

        assert "hurt" not in made.replace("&lt;img src=1 onerror=hurt()&gt;", "")
        assert not any(word in made for word in ("position", "<style", "<script", "<form", "url(", "z-index"))


def test_the_look_of_a_letter_stays() -> None:
    html = '<body bgcolor="#eee"><table width="600"><tr><td style="color:red;padding:1px"><a href="https://example.org/x">x</a>'

    made = letter(html).safe_html()

    assert made.startswith('<div style="background-color:#eee"><table width="600">')
    assert '<td style="color:red;padding:1px"><a href="https://example.org/x" rel="noopener noreferrer">x</a>' in made


def test_the_colours_of_a_body_are_looked_for_up_to_the_next_tag_and_no_further() -> None:
    """Each of a million unclosed `<body` was followed for 2,000 characters, which took half a minute."""
    made = letter("<body style='color:blue' <body style='color:red'>x").safe_html()

    assert made.startswith('<div style="color:red">')


def test_each_picture_is_found_at_once_among_many() -> None:
    from courriel.wire.html.safe import safe_html

    class Counted:
        """An attachment that counts how often somebody asks for its id."""

        content_type, size, content, asked = "image/png", len(PNG), PNG, 0

        @property
        def content_id(self) -> str:
            Counted.asked += 1
            return f"a{id(self)}"

    files = [Counted() for _ in range(50)]
    made = safe_html("".join(f"<img src='cid:a{id(file)}'>" for file in files), files)  # type: ignore[arg-type]

    assert made.html.count("data:image/png") == 50
    assert Counted.asked <= 3 * len(files)


def test_pictures_on_the_web_are_shown_by_choice() -> None:
    given = letter("<img src='https://example.org/pixel.png' alt=x>")

    assert given.safe_html() == '<img alt="x">'
    assert given.safe_html(remote_images=True) == '<img src="https://example.org/pixel.png" alt="x">'


def test_pictures_of_the_letter_are_part_of_its_html_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    message = (
        Message(
            sender="a@example.org", to="b@example.org", text="x", html="<img src=cid:a><img src='CID:b'><img src=cid:c>"
        )
        .with_data(PNG, "a.png", inline=True, content_id="a")
        .with_data(PNG + b"23", "b.png", inline=True, content_id="b")
        .with_data(b"<svg onload='hurt()'/>", "c.svg", inline=True, content_id="c")
    )
    monkeypatch.setattr("courriel.wire.html.safe.LARGEST_PICTURE", len(PNG))

    assert Letter.parse(message.as_bytes()).safe_html() == '<img src="data:image/png;base64,iVBORw0KGgox"><img><img>'


def test_a_letter_without_html_has_none() -> None:
    assert Letter.parse(b"Subject: x\r\n\r\n<b>").safe_html() == ""


def test_without_nh3_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nh3", None)

    with pytest.raises(MissingExtra, match=r"courriel\[html\]"):
        letter("<p>").safe_html()


def test_backgrounds_of_the_mail_are_shown_in_a_frame_of_its_own_and_no_others(tmp_path: Path) -> None:
    picture = bytes.fromhex("89504e470d0a1a0a") + b"dot"
    (tmp_path / "dot.png").write_bytes(picture)
    page = (
        "<style>h1 { background: url(dot.png) } h2 { background: url(https://web.example/x.png) }</style>"
        '<body style="background: url(dot.png)"><h1>Hello</h1><table><tr><td background="dot.png">x</td></tr></table>'
        "<p style=\"background: url('cid:nobody')\">y</p>"
    )
    message = Message(sender="ada@example.org", to="bob@example.org", html=page, base=tmp_path)
    arrived = Letter.parse(message.as_bytes())

    shown = safe_html(arrived.html, arrived.attachments, framed=True)

    data = f"data:image/png;base64,{b64encode(picture).decode()}"
    assert shown.html.count(f"background: url({data})") == 2
    assert f'background="{data}"' in shown.html
    assert ("cid:" in shown.html, "web.example" in shown.html, shown.held_back) == (False, False, 2)
    assert "url(" not in arrived.safe_html()
