"""HTML pages with their files: what becomes part of a message, and what is refused before a byte is written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from courriel import InvalidMessage, Message, RichTemplate
from courriel.compose import page_folder
from courriel.types import HtmlPage

PNG, GIF = b"\x89PNG\r\n\x1a\n1", b"GIF89a2"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with pictures and style sheets, and a picture outside of it."""
    site = tmp_path / "site"
    (site / "img").mkdir(parents=True)
    (site / "css").mkdir()
    (site / "img" / "logo.png").write_bytes(PNG)
    (site / "img" / "été 1.gif").write_bytes(GIF)
    (tmp_path / "secret.png").write_bytes(PNG)
    (site / "out.png").symlink_to(tmp_path / "secret.png")
    (site / "way").symlink_to(tmp_path)
    (site / "in.png").symlink_to(site / "img" / "logo.png")
    (site / "text.png").write_text("no picture")
    os.mkfifo(site / "pipe.png")
    return site


def of(html: str, site: Path, **options: object) -> Message:
    return Message(sender="ada@example.org", to="bob@example.org", html=html, base=site, **options)  # type: ignore[arg-type]


def cid(message: Message, name: str) -> str:
    (image,) = (each for each in message.attachments if each.name == name)
    assert image.inline
    return f"cid:{image.content_id}"


@pytest.mark.parametrize(
    ("html", "shown"),
    [
        ("<img src=img/logo.png>", '<img src="{0}">'),
        ("<IMG alt='a>b' SRC = 'img/logo.png?v=2#x' >", "<IMG alt='a>b' SRC = \"{0}\" >"),
        ("<img src='im%67/logo%2Epng'>", '<img src="{0}">'),
        ("<img src=' ./css/../img/logo.png\n'>", '<img src="{0}">'),
        ("<img src=in.png>", '<img src="{0}">'),
        ("<img src='img&#47;logo.png'>", '<img src="{0}">'),
        ("<img srcset='img/logo.png, img/logo.png 2x,https://e.org/a,b.png 3x'>",
         '<img srcset="{0}, {0} 2x, https://e.org/a,b.png 3x">'),
        ("<td background=img/logo.png>", '<td background="{0}">'),
        ("<video poster=img/logo.png>", '<video poster="{0}">'),
        ("<p style='background: URL( \"img/logo.png\" ) red'>", '<p style="background: url(&quot;{0}&quot;) red">'),
        ("<style>p{b:url(img/logo.png)}</style>", '<style>p{b:url("{0}")}</style>'),
        ("<!--[if mso]><v:fill src=img/logo.png /><![endif]-->", '<!--[if mso]><v:fill src="{0}" /><![endif]-->'),
        ("<!--[if !a]><!--><img src=img/logo.png><!--<![endif]-->", '<!--[if !a]><!--><img src="{0}"><!--<![endif]-->'),
        ("<title><img src=no></title><img src=img/logo.png>", '<title><img src=no></title><img src="{0}">'),
    ],
)  # fmt: skip
def test_a_picture_by_relative_path_is_part_of_the_message(html: str, shown: str, site: Path) -> None:
    message = of(html, site)

    assert message.html == shown.replace("{0}", f"cid:{message.attachments[0].content_id}")
    assert [(each.read(), each.content_type) for each in message.attachments] == [(PNG, "image/png")]


@pytest.mark.parametrize(
    "html",
    [
        "<img src=https://example.org/x.png><img src=//example.org/x.png><img src=HTTP://example.org>",
        "<img src=cid:other><img src='data:image/png;base64,AAAA'><img src=''><img src='#x'><a href=img/logo.png>x</a>",
        "<!-- <img src=gone.png> --><script>'<img src=gone.png>'</script><textarea><img src=gone.png></textarea>",
        "<style>/* url(gone.png) */ p{content:'url(gone.png)'} @import url(https://example.org/x.css);</style>",
        "<link rel=icon href=gone.ico><link rel='alternate stylesheet' href=gone.css>",
        "<img src='img/logo.png",
    ],
)
def test_what_is_no_file_stays_as_it_is_written(html: str, site: Path) -> None:
    message = of(html, site)

    assert message.html == html
    assert message.attachments == ()


def test_style_sheets_become_part_of_the_page_with_what_they_name(site: Path) -> None:
    (site / "css" / "a.css").write_text(
        '@charset "utf-8"; @import "b.css" print; p{background:url(../img/logo.png)}</style>'
    )
    (site / "css" / "b.css").write_text("/* é */ q{background:url('../img/%C3%A9t%C3%A9 1.gif')}")

    message = of("<link rel=STYLESHEET media=screen href=css/a.css>", site)

    gif, png = cid(message, "été 1.gif"), cid(message, "logo.png")
    assert message.html == (
        f'<style media="screen">\n @media print {{\n/* é */ q{{background:url("{gif}")}}\n}} '
        f'p{{background:url("{png}")}}<\\/style>\n</style>'
    )


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("gone.png", "No such file"),
        ("img/LOGO.png", "'logo.png': case counts"),
        ("../secret.png", "outside"),
        ("img/../../secret.png", "outside"),
        ("%2e%2e/secret.png", "outside"),
        ("..%2Fsecret.png", "outside"),
        ("out.png", "outside"),
        ("way/secret.png", "outside"),
        ("/etc/passwd", "root"),
        ("..\\secret.png", "one machine"),
        ("img%5clogo.png", "name of a file"),
        ("\\\\host\\share\\x.png", "one machine"),
        ("file:///etc/passwd", "one machine"),
        ("FILE:x.png", "one machine"),
        ("C:/x.png", "one machine"),
        ("img/logo.png%00", "name of a file"),
        ("pipe.png", "a pipe"),
        ("img/", "folder"),
        (".", "outside"),
        ("text.png", "not an image"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("form", ["<img src='{}'>", "<td background='{}'>", "<p style=\"b:url('{}')\">"])
def test_a_path_that_leads_to_no_picture_of_the_folder_is_refused(
    reference: str, said: str, form: str, site: Path
) -> None:
    # In CSS a backslash begins an escape, which might spell the dots of a way out: refused alike.
    with pytest.raises(InvalidMessage, match=said):
        of(form.format(reference), site)


def test_a_picture_above_the_limit_is_refused_unread(site: Path) -> None:
    with (site / "huge.png").open("wb") as file:
        file.write(PNG)
        file.truncate(100_000_000)

    with pytest.raises(InvalidMessage, match="larger than 10000000 octets"):
        of("<img src=huge.png>", site)


def test_all_files_together_have_a_limit(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_folder, "LARGEST_PAGE", len(PNG) + 1)

    with pytest.raises(InvalidMessage, match="together"):
        of("<img src=img/logo.png><img src='img/été 1.gif'>", site)


@pytest.mark.parametrize(
    ("first", "second"), [("@import 'a.css';", ""), ("@import url(b.css);", '@import url( "a.css" );')]
)
def test_a_style_sheet_that_imports_itself_is_refused(first: str, second: str, site: Path) -> None:
    (site / "a.css").write_text(first)
    (site / "b.css").write_text(second)

    with pytest.raises(InvalidMessage, match="back to itself"):
        of("<style>@import 'a.css';</style>", site)


@pytest.mark.parametrize("html", ['<img src="img/logo.png">', "<style>@import 'print.css';</style>"])
def test_what_is_written_into_the_page_has_a_limit_however_often_it_is_named(
    html: str, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (site / "print.css").write_text("p { color: red }" * 3)
    monkeypatch.setattr("courriel.compose.html_page.LARGEST_PAGE", 200)

    assert HtmlPage.of(html * 2, site, embed="data").html
    with pytest.raises(InvalidMessage, match="into it"):
        HtmlPage.of(html * 90, site, embed="data")


def test_half_a_character_in_a_path_is_our_own_error(site: Path) -> None:
    with pytest.raises(InvalidMessage, match="not the name of a file"):
        HtmlPage.of('<img src="\ud800.png">', site)


def test_style_sheets_that_import_each_other_over_and_over_end_at_a_limit(site: Path) -> None:
    (site / "20.css").touch()
    for number in range(20):
        (site / f"{number}.css").write_text(f"@import '{number + 1}.css';" * 2)

    with pytest.raises(InvalidMessage, match="100 style sheets"):
        of("<link rel=stylesheet href=0.css>", site)


def test_a_page_of_a_file_finds_its_files_beside_itself_and_within_the_base(site: Path) -> None:
    (site / "css" / "page.html").write_text("<img src=../img/logo.png>")

    with pytest.raises(InvalidMessage, match="outside"):
        Message(sender="a@example.org", to="b@example.org", html_file=site / "css" / "page.html")
    message = Message(sender="a@example.org", to="b@example.org", html_file=site / "css" / "page.html", base=site)

    assert message.html == f'<img src="{cid(message, "logo.png")}">'


@pytest.mark.parametrize(
    ("html", "said"),
    [
        ("<img src=page.html>", "the page itself"),
        ("<link rel=stylesheet href=page.html>", "back to itself"),
        ("<base href='https://example.org/'><img src=img/logo.png>", "<base href>"),
        ("\xff", "not in UTF-8"),
    ],
)
def test_a_page_that_is_no_page_of_its_folder_is_refused(html: str, said: str, site: Path) -> None:
    (site / "page.html").write_bytes(html.encode("latin-1"))

    with pytest.raises(InvalidMessage, match=said):
        Message(sender="a@example.org", to="b@example.org", html_file=site / "page.html")


def test_a_page_in_the_charset_that_it_names_is_read(site: Path) -> None:
    (site / "page.html").write_bytes("<meta charset='iso-8859-1'>é".encode("latin-1"))

    assert HtmlPage.file(site / "page.html").html.endswith("é")


@pytest.mark.parametrize(
    "options",
    [
        {"html_file": "gone.html"},
        {"html_file": "https://example.org/x.html"},
        {"html_file": "//host/x.html"},
        {"html_file": "pipe.png"},
        {"html_file": "."},
        {"html_file": "text.png", "html": "x"},
        {"html_file": "text.png", "base": "css"},
        {"html": "x", "base": "gone"},
        {"html": "x", "base": "text.png"},
        {"html": "x", "embed": "data"},
        {"html": "x", "base": ".", "embed": "inline"},
    ],
)
def test_arguments_that_name_no_page_are_refused(
    options: dict[str, str], site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(site)

    with pytest.raises(InvalidMessage):
        Message(sender="a@example.org", to="b@example.org", **options)  # type: ignore[arg-type]


def test_by_choice_the_pictures_stand_within_the_html(site: Path) -> None:
    message = of("<img src=img/logo.png>", site, embed="data")

    assert message.html == '<img src="data:image/png;base64,iVBORw0KGgox">'
    assert message.attachments == ()


def test_one_picture_is_one_part_and_the_same_page_the_same_octets(site: Path) -> None:
    (site / "copy.png").write_bytes(PNG)
    html = "<img src=img/logo.png><img src=copy.png><img src='img/été 1.gif'>"

    first, second = HtmlPage.of(html, site), HtmlPage.of(html, site)

    assert [each.name for each in first.images] == ["logo.png", "été 1.gif"]
    assert first == second


def test_each_message_of_a_template_has_its_own_pictures(site: Path) -> None:
    (site / "order.html").write_text("<link rel=stylesheet href=css/a.css><img src='img/{{ picture }}'>")
    (site / "css" / "a.css").write_text("img{border:0}")
    template = RichTemplate(
        sender="a@example.org", to="b@example.org", folder=site, html_file="order.html", embed="cid", inline_css=True
    )

    first, second = template.merge([{"picture": "logo.png"}, {"picture": "été 1.gif"}])

    assert cid(first, "logo.png") in first.html
    assert cid(second, "été 1.gif") in second.html
    assert "border:" in first.html.partition("<img")[2].replace(" ", "")
    with pytest.raises(InvalidMessage, match=r"row 1: .*outside"):
        next(template.merge([{"picture": "../../secret.png"}]))
