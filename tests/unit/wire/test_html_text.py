"""HTML to text: readable aloud, in one pass, whatever the HTML holds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courriel.wire.html.to_text import text_of
from courriel.wire.html.tokens import tokens

TAGS = st.sampled_from((
    "<p>", "</p>", "<table>", "</table>", "<tr>", "<td>", "</td>", "<ul>", "<ol>", "<li>", "</ul>", "</ol>", "<pre>",
    "<blockquote>", "</blockquote>", "</pre>", "<a>", "</a>", "<h1>", "</h1>", "<br>", "<hr>", "<head>", "</head>",
    "<body>", "<script>", "</script>", "<!--", "-->", "<img>", "<div>", "</div>", "&amp;",
))  # fmt: skip


@given(st.lists(TAGS | st.text("ab \n<>&;\"'=/é\x00\u2028", max_size=8), max_size=60).map("".join))
def test_anything_at_all_becomes_lines_of_text(html: str) -> None:
    text = text_of(html)

    assert text == "" or text.endswith("\n")
    assert all(len(line.encode()) <= 998 * 4 and len(line) <= 998 for line in text.split("\n"))
    assert "\0" not in text
    assert "\r" not in text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<h1>A</h1><p>b<p>c", "A\n=\n\nb\n\nc\n"),
        ("<h2>Abc</h2>d<h3>e</h3>f", "Abc\n---\n\nd\n\ne\n\nf\n"),
        ("a<br>b<br><br>c", "a\nb\n\nc\n"),
        ("<div>a</div><div>b</div>", "a\nb\n"),
        ("un<b>mis</b>takable", "unmistakable\n"),
        ("  a \n b\t c ", "a b c\n"),
        ("a&nbsp;b &lt;p&gt; &eacute; &#8364; &bogus;", "a b <p> é € &bogus;\n"),
        ("1 < 2 > 0", "1 < 2 > 0\n"),
        ('<a href="https://x.org/a?b=1&amp;c=2">here</a>!', "here (https://x.org/a?b=1&c=2)!\n"),
        ('<a href="https://x.org/">x.org</a>', "x.org\n"),
        ('<a href="mailto:a@b.org">a@b.org</a>', "a@b.org\n"),
        ('<a href="mailto:a@b.org">write</a>', "write (a@b.org)\n"),
        ('<a href="#top">up</a> <a href="javascript:x()">no</a>', "up no\n"),
        ('<a href="https://x.org"><img alt="Shop"></a>', "[Shop] (https://x.org)\n"),
        ('<a href="https://x.org"></a>', "https://x.org\n"),
        ("<ul><li>a<li>b<ol><li>c</ol></ul>d", "- a\n- b\n  1. c\n\nd\n"),
        ("<p>x</p><blockquote>a<p>b</p></blockquote>c", "x\n\n> a\n>\n> b\n\nc\n"),
        ("<pre>\n a\n\tb</pre>", " a\n        b\n"),
        ("<pre>a<br>b<b>c</b>", "a\nbc\n"),
        ("a<img>b", "ab\n"),
        ("<ul><li>a</li></ul><li>b</li></ul>", "- a\n\n- b\n"),
        ("<ul>" * 25 + "<li>a</li>" + "</ul>" * 25 + "b", " " * 38 + "- a\n\nb\n"),
        ("<ul><table><td>a</ul>b", "  a\n\n  b\n"),
        ("<a href=https://x.org/" + "x" * 900 + ">a</a>", "a\n"),
        ("</a></blockquote>a</ul></table></td>b", "a\nb\n"),
        ("a<hr>b", "a\n\n" + "-" * 40 + "\n\nb\n"),
        ("<head><title>t</title><style>p{}</style></head><body>a<script>'<p>b'</script>", "a\n"),
        ("<head><meta><body>a", "a\n"),
        ("<style>unclosed <p>a", ""),
        ('<div style="display: none"><div>x</div>y</div>z', "z\n"),
        ("a<!-- <p>b -->c", "ac\n"),
        ("<!DOCTYPE html><?xml version='1'?>a", "a\n"),
        ("a<p", "a\n"),
        ('a<p title="b>', "a\n"),
        ("", ""),
        ("<p> </p>", ""),
    ],
)
def test_html_elements_are_rendered_as_text(html: str, text: str) -> None:
    assert text_of(html) == text


def test_an_invoice_keeps_its_columns() -> None:
    text = text_of(
        "<table><thead><tr><th>Article</th><th>Qty</th><th>Price</th></tr></thead><tbody>"
        "<tr><td>Apples</td><td>2</td><td>3,50 €</td></tr>"
        "<tr><td>Ripe pears</td><td>12</td><td>1 200,00 €</td></tr></tbody></table>after"
    )

    assert text == (
        "Article     Qty       Price\n"
        "Apples        2      3,50 €\n"
        "Ripe pears   12  1 200,00 €\n"
        "\n"
        "after\n"
    )  # fmt: skip


def test_a_table_for_layout_is_read_cell_by_cell() -> None:
    text = text_of(
        "<table><tr><td><p>One</p><p>two</p></td><td><table><tr><td>k</td><td>v</td></tr></table></td></tr></table>"
    )

    assert text == "One\n\ntwo\n\nk  v\n"


def test_cells_with_much_to_say_follow_one_another() -> None:
    text = text_of(f"<table><tr><td>{'word ' * 20}<td>and</table>")

    assert text == " ".join(["word"] * 15) + "\n" + " ".join(["word"] * 5) + " and\n"


def test_running_text_is_broken_between_words_and_a_long_word_stays_whole() -> None:
    lines = text_of("<p>" + "word " * 100 + "x" * 300).split("\n")

    assert max(map(len, lines)) == 300
    assert all(len(line) <= 76 for line in lines if "x" not in line)


def test_no_line_is_longer_than_a_mail_allows() -> None:
    text = text_of("<p>" + "é" * 3000 + "<pre>" + "x" * 3000 + "</pre><table><tr>" + "<td>" + "y" * 2000 + "</td>" * 2)

    assert max(map(len, text.split("\n"))) <= 998


def test_attributes_are_read_in_every_form() -> None:
    assert list(tokens("<A Href='x' b=\"y&amp;z\" c=d e = f g/>t</A>")) == [
        ("a", {"href": "x", "b": "y&z", "c": "d", "e": "f", "g": ""}),
        "t",
        ("a", None),
    ]
