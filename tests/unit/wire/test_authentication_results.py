"""Authentication-Results (RFC 8601): read strictly, and believed of the host that a program names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courriel import Letter, errors
from courriel.types import Authentication, AuthenticationField, AuthenticationResult
from courriel.wire.parse.authentication.fields import read_field

GMAIL = (
    "mx.google.example;\r\n       dkim=pass header.i=@supplier.example header.s=s1 header.b=AbC/d+e=;\r\n"
    "       spf=pass (google.example: domain of ada@mail.supplier.example designates 192.0.2.1 as permitted sender)\r\n"
    "        smtp.mailfrom=ada@mail.supplier.example;\r\n"
    "       dmarc=pass (p=REJECT sp=REJECT dis=NONE) header.from=supplier.example;\r\n       arc=pass (i=1)"
)
MICROSOFT = (
    "spf=pass (sender IP is 192.0.2.1)\r\n smtp.mailfrom=supplier.example; dkim=pass (signature was verified)\r\n"
    " header.d=supplier.example;dmarc=pass action=none\r\n header.from=supplier.example;compauth=pass reason=100"
)
STRANGE = (
    "foo.example (foobar) 1 (baz);\r\n dkim (Because I like it) / 1 (One yay) = (wait for it) fail\r\n policy (A dot "
    "can go here) . (like that) expired\r\n (this surprised me) = (as I wasn't expecting it) 1362471462"
)
"""The strangest of the examples in the RFC (appendix B.6)."""


def letter(*fields: str, more: str = "") -> Letter:
    heads = "".join(f"Authentication-Results: {field}\r\n" for field in fields)
    return Letter.parse(f"{heads}{more}From: Ada <ada@supplier.example>\r\n\r\nHello.".encode())


def words(field: AuthenticationField) -> list[str]:
    return [str(result) for result in field.results]


# The grammar.


def test_a_field_of_gmail_is_read() -> None:
    found = letter(GMAIL).authentication

    assert found.authserv_id == "mx.google.example"
    assert [str(each) for each in found.results] == ["dkim=pass", "spf=pass", "dmarc=pass", "arc=pass"]
    assert [(each.domain, each.selector) for each in found.dkim] == [("supplier.example", "s1")]
    assert found.dkim[0].value("Header.B") == "AbC/d+e="
    assert found.spf is not None
    assert (found.spf.domain, found.spf.passed) == ("mail.supplier.example", True)
    assert found.dmarc is not None
    assert found.dmarc.domain == "supplier.example"
    assert found.arc is not None
    assert found.arc.domain == ""


def test_a_field_of_microsoft_has_no_name_and_is_read() -> None:
    found = letter(MICROSOFT).authentication

    assert found.authserv_id == ""
    assert [str(each) for each in found.results] == ["spf=pass", "dkim=pass", "dmarc=pass", "compauth=pass"]
    assert found.results[2].value("action") == "none"
    assert found.results[3].reason == "100"
    assert found.passed("supplier.example", by="")


@pytest.mark.parametrize(
    ("field", "name", "results"),
    [
        ("example.org; none", "example.org", []),
        ("example.org 1; none", "example.org", []),
        ("example.org 1 (comment (within (another))); (a) none (b)", "example.org", []),
        ("example.org;", "example.org", []),
        ("example.org; spf=pass;", "example.org", ["spf=pass"]),
        ("example.org; spf / 1 = pass smtp . mailfrom = a@b.org", "example.org", ["spf=pass"]),
        ('"example org"; spf=pass', "example org", ["spf=pass"]),
        ("example.org; SPF=Pass", "example.org", ["spf=pass"]),
        (STRANGE, "foo.example", ["dkim=fail"]),
        ("example.org; dmarc=pass(p=REJECT) header.from=b.org", "example.org", ["dmarc=pass"]),
        ('example.org; auth=pass (cram-md5) smtp.auth="a \\"b\\"@c.org"', "example.org", ["auth=pass"]),
        ('example.org; spf=pass smtp.mailfrom="john smith"@b.org', "example.org", ["spf=pass"]),
        ('example.org; dkim=fail reason="bad; signature" header.d=b.org', "example.org", ["dkim=fail"]),
    ],
)  # fmt: skip
def test_what_the_grammar_allows_is_read(field: str, name: str, results: list[str]) -> None:
    (found,) = letter(field).authentication.fields

    assert (found.authserv_id, words(found)) == (name, results)


@pytest.mark.parametrize(
    "field",
    [
        "", ";", "example.org", "example.org spf=pass", "example.org 1 2; spf=pass", "example.org; spf",
        "example.org; =pass", "example.org; spf=", "example.org; spf=pass smtp.mailfrom",
        "example.org; spf=pass smtp.mailfrom=", "a; spf=" + "p" * 70 + "=x",
        "example.org; spf=pass (open", "example.org; spf=pass (a\\", 'example.org; spf=pass reason="open',
        'example.org; spf=pass reason="a"b"', "example.org; spf=pass smtp..mailfrom=a",
        "example.org; spf=pass; ; dkim=pass",
        "example.org; spf=pass smtp.mailfrom=a(b)c", "example.org; none; spf=pass", "example.org; spf=pass, dkim=pass",
        "example.org; spf/x=pass", "example.org; spf=pass " + "a.b=c " * 101, "a; " + "spf=pass; " * 101,
        "a; spf=pass x.y=" + "z" * 17_000, "example.org) ; spf=pass",
    ],
)  # fmt: skip
def test_a_field_that_is_not_of_the_grammar_says_nothing(field: str) -> None:
    assert letter(field).authentication.fields == (AuthenticationField(""),)
    assert letter(field).authentication.results == ()


def test_values_of_properties_are_of_one_visible_line() -> None:
    field = read_field('example.org; spf=pass smtp.mailfrom="a\\\x1b[31m"')

    assert field.results[0].value("smtp.mailfrom") == "a\ufffd[31m"


@pytest.mark.slow
@given(st.text(max_size=200))
def test_no_text_raises(text: str) -> None:
    _ = read_field(text)
    _ = read_field(f"example.org; spf=pass {text}")


# Who is believed.


def test_the_topmost_field_counts_where_no_host_is_named() -> None:
    found = letter(
        "mx.example.org; spf=fail", GMAIL, "mx.example.org; dkim=pass header.d=supplier.example"
    ).authentication

    assert [str(each) for each in found.results] == ["spf=fail"]
    assert len(found.fields) == 3


def test_a_topmost_field_that_cannot_be_read_is_not_passed_over() -> None:
    assert letter("mx.example.org; spf=", GMAIL).authentication.results == ()


def test_all_fields_of_a_named_host_count() -> None:
    found = letter(
        "mx.example.org; spf=fail", GMAIL, "MX.example.org; dkim=pass header.d=supplier.example"
    ).authentication

    assert [str(each) for each in found.by("mx.example.org").results] == ["spf=fail", "dkim=pass"]
    assert [str(each) for each in found.by("mx.google.example", "mx.example.org").results][:2] == [
        "spf=fail",
        "dkim=pass",
    ]
    assert found.by("elsewhere.example").results == ()


def test_of_a_host_without_a_name_only_the_topmost_field_counts() -> None:
    found = letter("spf=fail smtp.mailfrom=a.org", MICROSOFT).authentication

    assert [str(each) for each in found.by("").results] == ["spf=fail"]
    assert letter(GMAIL, MICROSOFT).authentication.by("").results == ()


@pytest.mark.parametrize(
    ("fields", "domain", "passed"),
    [
        ((GMAIL,), "supplier.example", True),
        ((GMAIL,), "Supplier.Example.", True),
        ((GMAIL,), "example", True),
        ((GMAIL,), "lier.example", False),
        ((GMAIL,), "mail.supplier.example", False),
        ((GMAIL.replace("dmarc=pass", "dmarc=fail"),), "supplier.example", False),
        ((GMAIL.replace("dmarc=pass", "dmarc=none"),), "supplier.example", True),
        ((GMAIL.replace("dmarc=pass", "dmarc=bestguesspass"),), "supplier.example", False),
        ((GMAIL, "mx.google.example; dmarc=fail header.from=supplier.example"), "supplier.example", False),
        (("mx.google.example; dkim=pass header.d=mail.supplier.example",), "supplier.example", True),
        (("mx.google.example; dkim=pass header.d=evil.example; spf=fail smtp.mailfrom=supplier.example",),
         "supplier.example", False),
        (("mx.google.example; arc=pass header.d=supplier.example",), "supplier.example", False),
        (("mx.google.example; iprev=pass policy.iprev=192.0.2.1",), "supplier.example", False),
        (("mx.google.example; spf=pass smtp.mailfrom=a@xn--bcher-kva.example",), "bücher.example", True),
        (("mx.google.example; dkim=pass header.d=bücher.example",), "xn--bcher-kva.example", True),
        ((), "supplier.example", False),
        (("mx.evil.example; dmarc=pass header.from=supplier.example",), "supplier.example", False),
    ],
)  # fmt: skip
def test_whether_it_is_that_domain(fields: tuple[str, ...], domain: str, passed: bool) -> None:
    assert letter(*fields).authentication.passed(domain, by="mx.google.example") is passed


def test_nobody_is_believed_without_a_name() -> None:
    found = letter(GMAIL).authentication

    with pytest.raises(errors.UsageError, match="the name of the host"):
        found.by()
    with pytest.raises(errors.UsageError, match="the name of the host"):
        found.passed("supplier.example", by=())
    with pytest.raises(errors.UsageError, match="is no domain"):
        found.passed(" ", by="mx.google.example")
    with pytest.raises(errors.UsageError, match="is no domain"):
        found.passed("bü cher", by="mx.google.example")


def test_a_letter_without_such_fields_has_no_results() -> None:
    found = letter().authentication

    assert (found, found.authserv_id, found.spf, found.dkim, found.dmarc) == (Authentication(), "", None, (), None)


def test_at_most_fifty_fields_are_read() -> None:
    assert len(letter(*(["a; none"] * 60)).authentication.fields) == 50


def test_a_result_without_its_domain_has_none() -> None:
    assert AuthenticationResult("dkim", "none").domain == ""
    assert AuthenticationResult("iprev", "pass", (("policy.iprev", "192.0.2.1"),)).domain == ""
