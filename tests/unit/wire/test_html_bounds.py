"""Bounds of HTML: what would take a parser minutes is cut where it begins, however it is hidden; nothing else is."""

from __future__ import annotations

import pytest

from courriel import Letter
from courriel.sandbox.web.checks.elements import elements_of
from courriel.wire.html import many_references, tag_marks
from courriel.wire.html.bounds import bounded
from courriel.wire.html.safe import safe_html
from courriel.wire.html.tag_marks import MOST_ATTRIBUTES, marks
from steps import counting, grows_evenly

SEPARATORS = {
    "spaces": "a{} ",
    "slashes": "a{}/",
    "lines": "a{}\n",
    "values": "a{}=b ",
    "values with a slash": "a{}=b/ ",
    "quotes": 'a{}=">"',
    "single quotes": "a{} = '>'",
    "quotes that are names": 'a{}" ',
    "names in quotes": "'{}' ",
}


def crowd(separator: str, count: int) -> str:
    return "".join(separator.format(number) for number in range(count))


@pytest.mark.parametrize("separator", SEPARATORS.values(), ids=SEPARATORS)
@pytest.mark.parametrize("tag", ["<p ", "</p ", "<unknown\t", "<p\n/"])
def test_an_element_with_too_many_attributes_is_left_out_with_what_follows(tag: str, separator: str) -> None:
    most = f"<i>x</i>{tag}{crowd(separator, MOST_ATTRIBUTES)}>y"

    assert bounded(most) == most
    assert bounded(f"<i>x</i>{tag}{crowd(separator, MOST_ATTRIBUTES + 1)}>y") == "<i>x</i>"


@pytest.mark.parametrize(
    "before",
    ["<!-->", "<!--->", "<!--a--!>", "<!x>", "<?x>", "</>", "</ x>", "<a b=>", "<a b='>'>", '<a ">', "<style></style>",
     "<svg><style>", "<svg><![CDATA[>", "<svg><title>", "<select><style>", "<math><textarea>", "<a b=c/>",
     "<script><!--<script></script>", "a < b", "<1 a='"],
)  # fmt: skip
@pytest.mark.parametrize("end", [">", ""])
def test_no_way_of_reading_hides_attributes(before: str, end: str) -> None:
    assert bounded(f"{before}<p {crowd('a{} ', 2 * MOST_ATTRIBUTES)}{end}") == before


@pytest.mark.slow
def test_safe_html_text_and_checks_take_an_element_with_very_many_attributes() -> None:
    html = f"<b>before</b> <p {crowd('a{} ', 300_000)}>after"
    letter = Letter.parse(f"Content-Type: text/html\r\n\r\n{html}".encode())

    made = safe_html(html, (), framed=True)

    assert (made.html.strip(), made.cut) == ("<b>before</b>", True)
    assert letter.safe_html().strip() == "<b>before</b>"
    assert letter.text == "before\n"
    assert [(each.tag, len(each.attributes)) for each in elements_of(html[:60_000] + ">").found] == [
        ("b", 0),
        ("p", 60),
    ]


def test_tags_are_those_that_a_browser_sees() -> None:
    html = (
        "<p a='<i>'><!-- <b> --><style><u></style ><!x <s>></S>text</ u><title><a></title><br/>"
        "<!--><em><!---><tt>&lt;<textarea><q></textarea a='<b>'>"
    )

    assert [f"{'/' * mark.closing}{mark.name}" for mark in marks(html)] == [
        "p", "style", "/style", "/s", "title", "/title", "br", "em", "tt", "textarea", "/textarea",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "broken", ["<![", "<![<", "<!DOCTYPE [", "<!-", "<?", "</", "<a b", "<![if x]>", "&#99999999999;"]
)
def test_checks_read_what_is_broken(broken: str) -> None:
    found = elements_of(
        f"<p>\n<!-- <i> --><b a=1 A=2>\n<style>c{{}}</style><!--[if mso]><u><![endif]-->{broken}<"
    ).found

    assert [(each.tag, each.attributes, each.line) for each in found] == [
        ("p", {}, 1), ("b", {"a": "1"}, 2), ("style", {}, 3),
    ]  # fmt: skip


DEEP = {
    "unknown closing tags": ("<span>" * 8000, "</x>" * 20_000),
    "closing paragraphs": ("<span>" * 8000, "</p>" * 20_000),
    "rules": ("<div>" * 8000, "<hr>" * 20_000),
    "closing items": ("<div>" * 8000, "</li>" * 20_000),
    "cells of a drawing": ("<svg>" + "<td>" * 8000, "</x>" * 20_000),
    "what only seems closed": ("<div><!--</div>-->" * 8000, "<hr>" * 20_000),
    "what only seems closed in a quote": ("<div title='</div>'>" * 8000, "<hr>" * 20_000),
    "what only seems closed in a script": ("<div><script></div></script>" * 4000, "<hr>" * 20_000),
    "between cells": ("<table>", "a<br>" * 30_000),
    "between rows": ("<table><tr>", "<td></td><br>" * 30_000),
    "cells that are closed by a row": ("<table><tr>", "<td></tr><br>" * 30_000),
    "cells that are closed by a new row": ("<table>", "<td><tr><br>" * 30_000),
    "what only seems a cell": ("<table>", "<br title='<td>'>" * 30_000),
    "texts of tables": ("", "<table>x</table>" * 30_000),
    "attributes of the page": ("", "".join(f"<html a{number}>" for number in range(2000))),
    "attributes of the body": ("", "".join(f"<body a{number}>" for number in range(2000))),
    "closing tags": ("", "</x>" * 300_000),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("before", "after"), DEEP.values(), ids=DEEP)
def test_what_a_parser_would_walk_through_is_bounded(before: str, after: str) -> None:
    assert len(before) <= len(bounded(before + after)) < len(before) + len(after) * 0.9


LAWFUL = {
    "rows": "<table>" + ("<tr>" + "<td><p><span>1</span></p></td>" * 10 + "</tr>\n") * 1500 + "</table>",
    "rows that are never closed": "<table>" + ("<tr>" + "<td>1" * 10) * 5000 + "</table>",
    "tables within tables": ("<table><tbody><tr><td><div><table><tr><td><a href='x'><img src='y'></a><br></td></tr>"
                             "</table></div></td></tr></tbody></table>\n") * 2500,
    "blocks": ("<div><div><p>x</p><ul><li>a<li>b</ul></div></div>\n") * 8000,
    "conditional comments": "<table><!--[if mso]><tr><td><![endif]--><tr><td>x</td></tr></table>" * 2000,
    "quoted answers": "<html><body>" + "<blockquote>" * 500 + "x<br>" * 5000 + "</blockquote>" * 500,
    "a picture in the text": f"<img src=\"data:image/png;base64,{'ab/+' * 200_000}\"><p>x",
    "a long style": f"<p style=\"{'a: b c d; ' * 5000}\">x",
    "a script": "<script>" + "for (i = 0; i<n; i++) { a = '<b c d'; }\n" * 2000 + "</script>x",
    "much text": "word &amp; word&nbsp;" * 5000,
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("html", LAWFUL.values(), ids=LAWFUL)
def test_html_of_people_is_not_cut(html: str) -> None:
    assert bounded(html) == html


REFERENCES = "&&amp;&#38;&nbsp;\xa0&#160;&lt;&copy;&copy=1&x;&;&#x26;\ufdd0<b title='&\xa0&quot;'>é</b>"


def test_what_has_very_many_ampersands_is_cleaned_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = safe_html(REFERENCES, ()).html

    monkeypatch.setattr(many_references, "MOST_LOOKED_AT", 0)

    assert safe_html(REFERENCES, ()).html == usual.replace("\ufdd0", "\ufffd").replace("©=1", "&amp;copy=1")


@pytest.mark.slow
def test_a_megabyte_of_ampersands_is_taken_from_the_cleaner() -> None:
    without = many_references.masked("&" * 500_000 + "\xa0" * 500_000)

    assert without is not None
    assert len(without) == 1_000_000
    assert not set(without) & {"&", "\xa0"}
    assert many_references.masked("&amp; word " * 5000) is None


@pytest.mark.slow
def test_pictures_are_found_by_their_name_however_many_there_are() -> None:
    part = "--b\r\nContent-Type: image/png\r\nContent-ID: <{}@x>\r\n\r\n{}\r\n"
    pictures = "".join(part.format(number, number) for number in range(40))
    letter = Letter.parse(
        f"Content-Type: multipart/related; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n"
        f"<img src='cid:39@x'>\r\n{pictures}--b--\r\n".encode()
    )
    html = "<img src='cid:39@x'>"

    with counting() as work_of:
        few, many = (work_of(lambda count=count: safe_html(html * 200, letter.attachments[-count:]))  # type: ignore[misc]
                     for count in (1, 40))  # fmt: skip

    assert "data:image/png;base64,Mzk=" in safe_html(html, letter.attachments).html
    assert many < few + 3000


UNITS = ["<a", "<a ", '<a b="', "<a b='", "<a b=", "<a b = ", "<!--", "-->", "<!", "</", "<style>", "</style>", "<svg>",
         "<script><!--", "<title", "<p>", "<div>", "</div>", "<table>", "<td>", "<td><br>", "=", "/", '"', "&", "&#1",
         "&a;", "\xa0"]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("end", ["", ">", "</style>"])
def test_html_of_twice_the_length_is_twice_the_work(end: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(many_references, "MOST_LOOKED_AT", 0)
    monkeypatch.setattr(tag_marks, "MOST_READ", 3)

    with counting() as work_of:
        for unit in UNITS:
            for act in (bounded, many_references.masked, elements_of):
                grows_evenly(work_of, lambda count, unit=unit: unit * count + end * count, act, count=25)  # type: ignore[misc]
