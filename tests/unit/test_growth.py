"""
Every parser reads twice as much with twice the work: no piece of text, however often it is repeated, costs the square.

Steps are counted, not seconds; see `steps`. Each parser is handed each unit many times over, behind what leads it to
the place where strangers write.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from contextlib import suppress

import pytest

from courriel import Address, Letter, Proxy, errors
from courriel.compose.placeholders import Pattern
from courriel.delivery.urls import url_parser
from courriel.model.received.limits import ReadLimits
from courriel.network.connecting.proxy.environment import is_excepted
from courriel.reply import EnhancedCode
from courriel.wire.dkim.canonical import BodyDigest
from courriel.wire.dkim.fields import header_fields, names_to_sign
from courriel.wire.dkim.key_record import KeyRecord
from courriel.wire.dkim.signature import SignatureValue
from courriel.wire.dkim.tag_list import BrokenTagList
from courriel.wire.html.css_references import with_css_references
from courriel.wire.html.references import with_references
from courriel.wire.html.to_text import text_of
from courriel.wire.imap import dates, folder_names, syntax
from courriel.wire.imap.login_syntax import NoCommand, counted_at_end, read_command
from courriel.wire.imap.parser import ImapParser
from courriel.wire.imap.sorting.sort_keys import base_subject
from courriel.wire.imap.sorting.thread_results import read_sorted, read_threads
from courriel.wire.imap.values import read_values
from courriel.wire.imap_server.arguments import Arguments
from courriel.wire.imap_server.envelope import envelope
from courriel.wire.imap_server.fetch_items import read_items
from courriel.wire.imap_server.letter_tree import LetterContent
from courriel.wire.imap_server.list_patterns import ListPattern
from courriel.wire.imap_server.number_sets import NumberSet
from courriel.wire.imap_server.search_keys import read_program
from courriel.wire.imap_server.sections import octets_of, read_section
from courriel.wire.imap_server.structure import structure
from courriel.wire.mime.headers import encoded_words, text_field
from courriel.wire.parse.addresses import received_addresses
from courriel.wire.parse.authentication.fields import read_field
from courriel.wire.parse.charsets.decoding import decoded
from courriel.wire.parse.dates import moment_of
from courriel.wire.parse.enriched import from_enriched
from courriel.wire.parse.parameters import parameters_of
from courriel.wire.parse.reports.fields import field_groups
from courriel.wire.parse.transfer import unpacked
from courriel.wire.parse.words import readable, value_of
from courriel.wire.pop3 import client_syntax
from courriel.wire.proxy import http_connect
from courriel.wire.sasl import client_mechanisms, server_mechanisms
from courriel.wire.smtp import client_syntax as smtp
from courriel.wire.smtp import parameters
from courriel.wire.smtp.server_syntax import Objection
from courriel.wire.text_end import TextEnd
from steps import counting, grows_evenly

UNITS = [
    "a", "1", " ", "\t", "\r\n", "\r\n ", ",", ";", ":", "@", "<", ">", "(", ")", "()", "(a", '"', '""', '\\"', "\\",
    '"\\"', "=", "==", "=?", "?=", "=?a?q?", "=?a?q?b?=", "=?a?b?YQ==?= ", "=41", "%41", "'", ".", "..", "-", "--b\r\n",
    "[", "]", "[a]", "<a", "<a@b>", "a@b,", "a@b ", "a, b ", '<"', '"<', "<a@b> c ", "a=b;", ';a="', ";a*1=b", "; (a",
    "é",
    "/", "+", "&", "&#", "&#1", "&amp", "{", "{{", "}}", "{{a}}", "M", "~", "\x1b$B", "\x1b", "\0", "\ud800",
]  # fmt: skip

FEW = ["a", "\r\n ", ",", '"', '\\"', "(a", "=?a?q?b?=", "<a@b> c ", ";a*1=b", "{{"]  # the fast part takes these
MANY = [unit for unit in UNITS if unit not in FEW]

TAGS = [
    "<", "</", "<a ", '<a href="', "<a/", "&", "&#", "x", "<a b=", "<a =", "<p style='display:none'>",
    "<a>", "<a href=http://x>", "<a href=http://x>b", "</a>", "<a href=x>b</a>", "<p>", "<ul>", "<ul><li>", "</ul>",
    "<ol><li>a",
    "<table>", "<table><tr><td>", "<tr><td>a", "<td>", "</table>", "<table></table>", "<blockquote>", "</blockquote>",
    "<pre>", "<pre>\t", "<br>", "<hr>", "<h1>a", "<h1>", "<img alt=a>", "<b", "<b a", "<b a=", "<b a='", "<b a=' '",
    "<!", "<!--",
    "<!-- -->", "<?", "<script>", "<script></script>", "<style></", "<title>", "<textarea>",
    "<div style='display:none'>",
    "<div style='display", "<head>", "<body>", "<svg>", "</svg>", "<param>", "</param>", "<nofill>", "<<", "<meta ",
    "<meta charset", "<i>a</i>", "word ", "&#0000000001;", "&#xffffffffff;",
]  # fmt: skip


def ignored(defect: str) -> None:
    """A defect that nobody wants to hear of."""


def refused(act: Callable[[str], object]) -> Callable[[str], None]:
    """What raises our own errors for what it is handed, and nothing else."""

    def refuse(text: str) -> None:
        with suppress(errors.CourrielError, Objection, NoCommand, BrokenTagList):
            act(text)

    return refuse


def events(data: bytes) -> None:
    """All events of the parser of IMAP."""
    parser = ImapParser(ReadLimits())
    parser.add(data)
    parser.letters([])
    while parser.next() is not None:
        pass


def octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def read(raw: bytes) -> None:
    """Everything that a letter has."""
    letter = Letter.parse(raw)
    _ = letter.defects, letter.to, letter.cc, letter.references
    _ = letter.sender and letter.sender.address
    _ = [each.content for each in letter.attachments]


def reported(before: str, text: str) -> None:
    """The report that a letter is, which begins with these lines."""
    _ = Letter.parse(octets(f"{before}{text}\r\n")).report


def multipart_report(part: str) -> str:
    """The beginning of a report, up to the content of a part."""
    head = "From: MAILER-DAEMON@b.org\r\nContent-Type: multipart/report; boundary=r\r\n\r\n--r\r\nContent-Type: "
    return f"{head}message/{part}\r\n\r\n"


HEADER = [
    "From: ", "From: <", "Subject: ", "Date: ", "Message-ID: ", "References: ", "Content-Type: ", "Content-Type: a/b;",
    "Content-Disposition: attachment; filename=", "Content-Transfer-Encoding: ", "Content-ID: ", "", "a",
]  # fmt: skip
BODY = [
    "", "Content-Type: multipart/mixed; boundary=b\r\n", "Content-Type: multipart/alternative; boundary=b\r\n",
    "Content-Type: text/html\r\n", "Content-Type: text/enriched\r\n",
    "Content-Type: text/plain; charset=iso-2022-jp\r\n",
    "Content-Transfer-Encoding: base64\r\n", "Content-Transfer-Encoding: quoted-printable\r\n",
    "Content-Transfer-Encoding: x-uuencode\r\n", "Content-Type: message/rfc822\r\n",
]  # fmt: skip

PARSERS: dict[str, Callable[[str], object]] = {
    "addresses, lenient": lambda text: received_addresses(text, ignored),
    "addresses in brackets, lenient": lambda text: received_addresses(f"<{text}", ignored),
    "an address in closed brackets, lenient": lambda text: received_addresses(f"<{text}>", ignored),
    "an address": refused(Address.parse),
    "an address with a name": refused(lambda text: Address.parse(f"{text} <a@b.org>")),
    "a domain": refused(lambda text: Address.parse(f"a@{text}")),
    "an address in quotes": refused(lambda text: Address.parse(f'"{text}"@b.org')),
    "addresses": refused(Address.parse_list),
    "encoded words": lambda text: readable(text, ignored),
    "raw encoded words": lambda text: value_of(octets(f"=?a?q?{text}"), ignored),
    "parameters": lambda text: parameters_of(f"a/b;{text}", ignored),
    "a parameter": lambda text: parameters_of(f"a/b; name={text}", ignored),
    "a parameter in quotes": lambda text: parameters_of(f'a/b; name="{text}', ignored),
    "dates": moment_of,
    "results of checks": lambda text: read_field(f"b.org; spf=pass {text}"),
    "the host of checks": read_field,
    "fields of a report": field_groups,
    "a report of delivery": lambda text: reported(multipart_report("delivery-status"), f"Final-Recipient: {text}"),
    "a mail that came back": lambda text: reported(multipart_report("rfc822"), f"Message-ID: {text}"),
    "a complaint": lambda text: reported(multipart_report("feedback-report"), f"Original-Rcpt-To: {text}"),
    "a bounce of qmail": lambda text: reported("From: postmaster@b.org\r\n\r\nHi. This is the\r\n\r\n<a@b>:", text),
    "a bounce of Exim": lambda text: reported("X-Failed-Recipients: a@b.org\r\n\r\n", text),
    "failed recipients": lambda text: reported("X-Failed-Recipients: ", text),
    "an automatic reply": lambda text: reported("Precedence: bulk\r\nReturn-Path: <>\r\nSubject: ", text),
    "ISO-2022-JP": lambda text: decoded(octets(text), "iso-2022-jp", ignored),
    "EUC-JP": lambda text: decoded(octets(text), "euc-jp", ignored),
    "an unknown charset": lambda text: decoded(b"x", text, ignored),
    "text/enriched": from_enriched,
    "base64": lambda text: unpacked(octets(text), "base64", ignored),
    "quoted-printable": lambda text: unpacked(octets(text), "quoted-printable", ignored),
    "uuencode": lambda text: unpacked(octets(f"begin 644 a\r\n{text}"), "x-uuencode", ignored),
    "a letter's tree by IMAP": lambda text: structure(LetterContent(octets(text)), extended=True),
    "a multipart's tree by IMAP": lambda text: structure(
        LetterContent(octets(f"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n{text}")), extended=True
    ),
    "a structure's parameters by IMAP": lambda text: structure(
        LetterContent(octets(f"Content-Type: text/plain; {text}\r\n\r\nx")), extended=True
    ),
    "an envelope by IMAP": lambda text: envelope(LetterContent(octets(f"From: {text}\r\n\r\n")).tree.header),
    "header fields by IMAP": lambda text: octets_of(
        LetterContent(octets(f"Subject: {text}\r\n\r\n")), read_section("HEADER.FIELDS (SUBJECT)")
    ),
    "a section by IMAP": refused(read_section),
    "a pattern of LIST": refused(lambda text: ListPattern("", text).matches("a" * 50)),
    "a set of numbers": refused(lambda text: NumberSet(text).among([1, 2, 3])),
    "a search": refused(lambda text: read_program(Arguments.read((octets(text),)))),
    "what to fetch": refused(lambda text: read_items(Arguments.read((octets(f"({text}"),)).value("it"))),
    "replies of SMTP": refused(lambda text: smtp.take_replies(bytearray(octets(f"250-{text}\r\n250 ok\r\n")))),
    "lines of SMTP": refused(lambda text: smtp.take_replies(bytearray(octets(text)))),
    "capabilities of SMTP": refused(
        lambda text: smtp.read_capabilities(smtp.take_replies(bytearray(octets(f"250-a\r\n250 {text}\r\n")))[0])
    ),
    "MAIL": refused(lambda text: parameters.read_mail(f"FROM:<a@b.org> {text}", ("SIZE", "DSN"))),
    "the path of MAIL": refused(lambda text: parameters.read_mail(f"FROM:<{text}", ("SIZE",))),
    "RCPT": refused(lambda text: parameters.read_rcpt(f"TO:<a@b.org> {text}", ("DSN",), utf8=True, our_name="b.org")),
    "status of POP3": refused(lambda text: client_syntax.read_status(octets(f"+OK {text}"))),
    "a refusal of POP3": refused(lambda text: client_syntax.read_status(octets(f"-ERR [{text}"))),
    "a greeting of POP3": client_syntax.read_timestamp,
    "capabilities of POP3": lambda text: client_syntax.read_capabilities(octets(text)),
    "sizes of POP3": refused(lambda text: client_syntax.read_sizes(octets(text), 10)),
    "ids of POP3": refused(lambda text: client_syntax.read_uids(octets(f"1 {text}\r\n"), 10)),
    "status of IMAP": refused(lambda text: syntax.read_status(octets(f"A1 OK {text}"))),
    "counted octets of IMAP": refused(lambda text: syntax.counted_at_end(octets(text))),
    "numbers of IMAP": refused(lambda text: syntax.read_uid_set(octets(text), 1000)),
    "capabilities of IMAP": syntax.capabilities,
    "an order of IMAP": refused(lambda text: read_sorted((octets(text),))),
    "conversations of IMAP": refused(lambda text: read_threads((octets(f"(1 {text}"),))),
    "a base subject": base_subject,
    "a login of IMAP": refused(lambda text: read_command([octets(f"a LOGIN {text}")])),
    "a literal announced to us": lambda text: counted_at_end(octets(f"a {{{text}")),
    "the end of a text": lambda text: (TextEnd().find(octets(text)), TextEnd().is_doubtful(octets(text))),
    "values of IMAP": refused(lambda text: read_values((octets(text),))),
    "a letter of IMAP": refused(lambda text: events(octets(f"* 1 FETCH (UID 1 {text}\r\n"))),
    "folders of IMAP": refused(lambda text: events(octets(f'* LIST () "/" {text}\r\n'))),
    "names of folders": lambda text: folder_names.shown(octets(text)),
    "dates of arrival": lambda text: dates.read_date(octets(text)),
    "a challenge of SCRAM": refused(
        lambda text: client_mechanisms.ScramSha256("a", "b", nonce="n").answer(octets(f"r=n{text}"))
    ),
    "a name of SASL": refused(client_mechanisms.saslprep),
    "an answer in base64": refused(lambda text: server_mechanisms.decode(octets(text))),
    "an enhanced code": EnhancedCode.parse,
    "URLs": refused(lambda text: url_parser.read(f"smtp://{text}")),
    "a login in a URL": refused(lambda text: url_parser.read(f"smtp://{text}@b.org")),
    "options of a URL": refused(lambda text: url_parser.read(f"smtp://b.org?{text}")),
    "the URL of a proxy": refused(Proxy.parse),
    "the login of a proxy": refused(lambda text: Proxy.parse(f"http://{text}@b.org:1")),
    "exceptions of a proxy": lambda text: is_excepted("b.org", 25, text),
    "logins of a proxy": lambda text: http_connect.logins(octets(f"Proxy-Authenticate: {text}")),
    "the head of a proxy's answer": lambda text: http_connect.is_page(octets(f"HTTP/1.1 200\r\nContent-Type: {text}")),
    "a signature of DKIM": refused(lambda text: SignatureValue.of_field(octets(f"v=1; a=rsa-sha256; h={text}"))),
    "a key of DKIM": refused(lambda text: KeyRecord.parse(f"v=DKIM1; p={text}")),
    "a body of DKIM": lambda text: BodyDigest().feed(octets(text)),
    "fields of DKIM": lambda text: names_to_sign(header_fields(octets(text))),
    "holes of a template": refused(lambda text: Pattern.parse("text", text)),
    "a hole of a template": refused(lambda text: Pattern.parse("html", "{{" + text, html=True)),
    "a field that we write": lambda text: text_field("Subject", text.encode("ascii",
    "ignore").decode().strip("\r\n\0")),
    "words that we write": lambda text: encoded_words(text.encode("utf-8", "ignore").decode()),
}  # fmt: skip
LETTERS: dict[str, Callable[[str], object]] = {
    **{
        f"a letter's {head.strip() or 'header'}": lambda text, head=head: read(octets(f"{head}{text}\r\n\r\nx"))
        for head in HEADER
    },
    **{f"a body after {head.strip()!r}": lambda text, head=head: read(octets(f"{head}\r\n{text}")) for head in BODY},
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("parser", PARSERS)
def test_twice_as_much_is_twice_the_work(parser: str) -> None:
    check(FEW, PARSERS[parser])


@pytest.mark.slow
@pytest.mark.parametrize("parser", PARSERS)
def test_twice_as_much_of_any_unit_is_twice_the_work(parser: str) -> None:
    check(MANY, PARSERS[parser])


@pytest.mark.slow
@pytest.mark.parametrize("place", LETTERS)
def test_a_letter_of_twice_the_length_is_twice_the_work(place: str) -> None:
    check(UNITS, LETTERS[place])


@pytest.mark.slow
def test_html_of_twice_the_length_is_twice_the_work() -> None:
    check(TAGS, text_of)
    check([tag for tag in TAGS if tag.startswith("<a")], text_of, "</a>")


@pytest.mark.slow
@pytest.mark.parametrize("end", ["", ">", "</a>", "</b></p>"])
def test_html_that_is_ended_as_often_is_twice_the_work(end: str) -> None:
    check([*TAGS, *UNITS], text_of, end)


def check(units: Iterable[str], act: Callable[[str], object], end: str = "") -> None:
    """Twice as much is twice the work, for each of these pieces."""
    with counting() as work_of:
        for unit in units:
            grows_evenly(work_of, lambda count, unit=unit: unit * count + end * count, act, count=25)  # type: ignore[misc]


@pytest.mark.slow
def test_work_that_grows_with_the_square_is_found() -> None:
    def quadratic(text: str) -> None:
        for start in range(len(text)):
            for _ in range(start):
                pass

    with pytest.raises(AssertionError):
        check(["a"], quadratic)


class NoFiles:
    """Files of an HTML page, of which there are none."""

    def picture(self, reference: str) -> str | None:
        """Nothing: the reference stays."""

    def sheet(self, reference: str) -> str | None:
        """Nothing: the reference stays."""


@pytest.mark.slow
@pytest.mark.parametrize("end", ["", ">", "*/"])
def test_references_of_a_page_of_twice_the_length_are_twice_the_work(end: str) -> None:
    css = ["/*", "*", "/", "url(", "url('", 'url("', "@import ", "@import url(", ";", "\\", "'", '"', ")", "url(a)"]
    check(
        [*TAGS, "<!--[if", "<img srcset='a,", ",", "a ", "<p style='"],
        lambda text: with_references(text, NoFiles()),
        end,
    )
    check(css, lambda text: with_css_references(text, NoFiles()), end)
    check(css, lambda text: with_references("<style>" + text, NoFiles()), end)


@pytest.mark.slow
def test_expressions_that_go_back_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("courriel.wire.html.to_text._CONTROL", re.compile(r"<[^>]*>"))

    with pytest.raises(AssertionError):
        check(["&lt;"], text_of)
