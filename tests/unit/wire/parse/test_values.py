"""Values of received headers: encoded words, charsets, parameters, addresses, dates, valid and invalid."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from encodings.aliases import aliases

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courriel.model.address import Address
from courriel.wire.mime.headers import address_field, encoded_words, parameter
from courriel.wire.parse.addresses import MOST_ADDRESSES, received_addresses
from courriel.wire.parse.charsets.decoding import decoded
from courriel.wire.parse.dates import moment_of
from courriel.wire.parse.parameters import MOST_PARAMETERS, parameters_of
from courriel.wire.parse.words import readable

VISIBLE = st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\u2028\u2029")


class Heard(list[str]):
    """Defects, in order."""

    def __call__(self, defect: str) -> None:
        self.append(defect)


# Encoded words.


@given(st.text(VISIBLE, min_size=1, max_size=300).map(lambda text: text.strip(" ")).filter(bool))
def test_what_is_encoded_is_read_back(text: str) -> None:
    heard = Heard()

    assert readable(encoded_words(text).replace("\r\n", ""), heard) == text
    assert heard == []


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", "plain"),
        ("a =?utf-8?q?b?= c", "a b c"),
        ("=?utf-8?q?a?= =?utf-8?q?b?=", "ab"),
        ("=?utf-8?q?a?==?utf-8?q?b?=", "ab"),
        ("=?utf-8?q?a?= x =?utf-8?q?b?=", "a x b"),
        ("=?utf-8?q?=C3?= =?utf-8?q?=A9?=", "é"),  # a character cut in two
        ("=?utf-8?q?=C3=A9?= =?iso-8859-1?q?=E9?=", "éé"),
        ("=?ISO-8859-1*fr?Q?=E9?=", "é"),
        ("=?utf-8?Q?spaces within?=", "spaces within"),
        ("=?utf-8?b?w6k?=", "é"),  # without its padding
        ("=?utf-8?z?x?=", "=?utf-8?z?x?="),
        ("=?utf-8?q?x", "=?utf-8?q?x"),
        ("tab\there", "tab here"),
    ],
)
def test_encoded_words_in_every_state(value: str, text: str) -> None:
    assert readable(value, Heard()) == text


# Charsets.


@pytest.mark.parametrize(
    ("octets", "charset", "text", "wrong"),
    [
        (b"\xc3\xa9", "utf-8", "é", 0),
        (b"\xef\xbb\xbfx", "UTF8", "x", 0),
        (b"\xff", "utf-8", "\ufffd", 1),
        (b"\xe9\x80", "iso-8859-1", "é€", 0),  # Windows-1252 declared as Latin-1
        (b"\xc3\xa9", "us-ascii", "é", 0),
        (b"\xe9", "", "é", 0),
        (b"\xe9", "unknown-8bit", "é", 0),
        ("日本".encode("iso2022_jp"), "ISO-2022-JP", "日本", 0),
        ("①".encode("cp932"), "Shift_JIS", "①", 0),
        ("中文".encode("gb18030"), "gb2312", "中文", 0),
        (b"+2AA-", "utf-7", "\ufffd", 1),  # half of a character
        (b"a\0b", "utf-8", "a\ufffdb", 1),
        (b"abc", "idna", "abc", 1),
        (b"\\u0041", "unicode_escape", "\\u0041", 1),
        (b"616263", "hex", "616263", 1),
        (b"abc", "utf-8\r\nX: y", "abc", 1),
    ],
)
def test_a_charset_is_believed_as_far_as_it_makes_sense(octets: bytes, charset: str, text: str, wrong: int) -> None:
    heard = Heard()

    assert decoded(octets, charset, heard) == text
    assert len(heard) == wrong


@given(st.binary(max_size=100), st.sampled_from(sorted({*aliases, *aliases.values()})))
def test_no_octets_are_too_strange_for_any_charset(octets: bytes, charset: str) -> None:
    decoded(octets, charset, Heard()).encode()


def test_an_unknown_charset_is_not_looked_for_on_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []
    monkeypatch.setattr("codecs.lookup", looked.append)

    assert decoded(b"x", "never-heard-of", Heard()) == "x"
    assert looked == []


# Parameters.


@given(st.text(VISIBLE, min_size=1, max_size=120).map(lambda text: text.strip(" ")).filter(bool))
def test_a_parameter_that_we_write_is_read_back(text: str) -> None:
    heard = Heard()
    value = "attachment" + parameter("filename", text).replace("\r\n", "")

    assert parameters_of(value, heard) == ("attachment", {"filename": text})
    assert heard == []


@pytest.mark.parametrize(
    ("value", "parameters", "wrong"),
    [
        ("a/b", {}, 0),
        ("a/b; CHARSET = utf-8 ; x=y", {"charset": "utf-8", "x": "y"}, 0),
        ('a/b; name="a;b\\"c"', {"name": 'a;b"c'}, 0),
        ('a/b; name="never closed', {"name": "never closed"}, 0),
        ("a/b; name==?utf-8?q?=C3=A9?=", {"name": "é"}, 0),
        ("a/b; name=first; name=second", {"name": "first"}, 0),
        ("a/b; name*=iso-8859-1'fr'%E9; name=plain", {"name": "é"}, 0),
        ("a/b; name*=no-quotes", {"name": "no-quotes"}, 0),
        ("a/b; name*1=b; name*0=a", {"name": "ab"}, 0),
        ("a/b; name*0*=utf-8''%C3; name*1*=%A9; name*2=%41", {"name": "é%41"}, 0),
        ("a/b; name*0=a; name*2=c", {"name": "a"}, 1),
        ("a/b; name*x=a; name*99999=b", {}, 2),
        ("a/b; name*0==?utf-8?q?=C3; name*1==A9?=", {"name": "é"}, 0),
        ("a/b; name*=utf-8''a%0D%0Ab", {"name": "a b"}, 1),
        ("a/b" + "; x=y" * (MOST_PARAMETERS + 1), {"x": "y"}, 1),
        (";;;=;", {}, 0),
    ],
)
def test_parameters_in_every_state(value: str, parameters: dict[str, str], wrong: int) -> None:
    heard = Heard()

    assert parameters_of(value, heard)[1] == parameters
    assert len(heard) == wrong


# Addresses.


@pytest.mark.slow
@given(
    st.lists(
        st.builds(
            Address,
            st.sampled_from(["ada", "x y", "a@b", 'q"q', "a,b", "(c)"]),
            st.sampled_from(["example.org", "[127.0.0.1]"]),
            st.text(VISIBLE, max_size=40).map(lambda text: " ".join(text.split())),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_addresses_that_we_write_are_read_back(addresses: list[Address]) -> None:
    heard = Heard()
    value = address_field("To", tuple(addresses)).removeprefix("To:").replace("\r\n", "")

    found = [each.address for each in received_addresses(value, heard)]

    assert found == addresses
    assert heard == []


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("a@b.com", [("", "a@b.com")]),
        ("a@b.com, c@d.com; e@f.com", [("", "a@b.com"), ("", "c@d.com"), ("", "e@f.com")]),
        ("a@b.com (Ada (the first))", [("Ada the first", "a@b.com")]),
        ("Ada <a@b.com> (ignored)", [("Ada", "a@b.com")]),
        ("Ada a@b.com", [("Ada", "a@b.com")]),
        ("a @ b.com", [("", "a@b.com")]),
        ('"Lévy, Ada" <a@b.com>', [("Lévy, Ada", "a@b.com")]),
        ('"Ada \\"L\\"" <a@b.com>', [('Ada "L"', "a@b.com")]),
        ('"a b"@c.com', [("", '"a b"@c.com')]),
        ("Ada <a@b.com", [("Ada", "a@b.com")]),
        ("<@route.com,@other.com:a@b.com>", [("", "a@b.com")]),
        ("Friends: a@b.com, Bob <c@d.com>;", [("", "a@b.com"), ("Bob", "c@d.com")]),
        ("undisclosed-recipients:;", []),
        ("just a name", [("just a name", "")]),
        ("=?utf-8?q?A=2C_b=40c=2Ecom?= <d@e.com>", [("A, b@c.com", "d@e.com")]),
        ("a)b@c.com", [("", "ab@c.com")]),
        (", , ,", []),
        ("<>", []),
        ("Nobody <>", [("Nobody", "")]),
        ('"never closed <a@b.com>', [('"never closed', "a@b.com")]),
    ],
)
def test_addresses_in_every_state(value: str, found: list[tuple[str, str]]) -> None:
    assert [(each.name, each.spec) for each in received_addresses(value, Heard())] == found


def test_addresses_without_end_are_read_up_to_a_number() -> None:
    heard = Heard()

    assert len(received_addresses("a@b.c," * (MOST_ADDRESSES + 1), heard)) == MOST_ADDRESSES
    assert len(heard) == 1


# Dates.


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("Wed, 25 Nov 2026 10:00:00 +0100", datetime(2026, 11, 25, 10, tzinfo=timezone(timedelta(hours=1)))),
        ("25 nov 2026 10:00 -0330", datetime(2026, 11, 25, 10, tzinfo=timezone(-timedelta(hours=3, minutes=30)))),
        ("Wed, 25 Nov 26 10:00:00 GMT (comment)", datetime(2026, 11, 25, 10, tzinfo=UTC)),
        ("Sun, 25-Nov-99 10:00:00 EST", datetime(1999, 11, 25, 10, tzinfo=timezone(-timedelta(hours=5)))),
        ("25 Nov 126 10:00:00 XYZ", datetime(2026, 11, 25, 10, tzinfo=UTC)),
        ("Wed, 25 Nov 2026 23:59:60 +0000", datetime(2026, 11, 25, 23, 59, 59, tzinfo=UTC)),
        ("Wed Nov 25 10:00:00 2026", datetime(2026, 11, 25, 10, tzinfo=UTC)),
        ("Wed Nov 25 10:00:00 CEST 2026", datetime(2026, 11, 25, 10, tzinfo=timezone(timedelta(hours=2)))),
        ("2026-11-25T10:00:00", datetime(2026, 11, 25, 10, tzinfo=UTC)),
        ("2026-11-25 10:00:00+01:00", datetime(2026, 11, 25, 10, tzinfo=timezone(timedelta(hours=1)))),
        ("Wed, 25 Foo 2026 10:00:00 +0100", None),
        ("Wed, 31 Feb 2026 10:00:00 +0100", None),
        ("Wed, 25 Nov 2026 10:00:00 +9999", None),
        ("tomorrow", None),
        ("", None),
    ],
)
def test_dates_in_every_state(value: str, moment: datetime | None) -> None:
    found = moment_of(value)

    assert found == moment
    assert found is None or found.utcoffset() == (moment.utcoffset() if moment else None)


@pytest.mark.slow
@given(st.text("0123456789: +-,.WednoviNGMT\u0663", max_size=60))
def test_no_text_is_too_strange_for_a_date(text: str) -> None:
    found = moment_of(text)

    assert found is None or found.utcoffset() is not None
