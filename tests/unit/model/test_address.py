"""Mail addresses: accepted forms, refused forms, and how they are written again."""

from __future__ import annotations

import pickle
from collections import UserString
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courriel.errors import InvalidAddress
from courriel.model.address import Address, _plain_address
from courriel.model.address.pieces import pieces_of
from courriel.model.received.address import ReceivedAddress

ATOMS = st.text("abcXYZ019!#$%&'*+/=^_`{|}~-", min_size=1, max_size=8)
LOCALS = st.one_of(
    st.lists(ATOMS, min_size=1, max_size=3).map(".".join),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=20).filter(
        lambda local: "=?" not in local
    ),
    st.sampled_from(["用户", "élodie", "Ольга", "a.é", "é+b"]),
)
DOMAINS = st.sampled_from(
    ["example.org", "localhost", "x--y.example", "société.fr", "例え.jp", "[127.0.0.1]", "[IPv6:2001:db8::1]"]
)
NAMES = st.text(
    st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp"), exclude_characters="\x7f"), max_size=40
) | st.sampled_from(["Ada", "Lovelace, Ada", 'Ada "the" Countess', "a\\b", "x <y@z>", " Ada ", "J. R. R.", "(x)"])


@given(LOCALS, DOMAINS, NAMES)
def test_what_is_written_is_read_back(local: str, domain: str, name: str) -> None:
    address = Address(local, domain, name)

    assert Address.parse(address.spec) == Address(local, domain)
    assert Address.parse(str(address)) == address
    assert Address.parse_list(f"{address}, {address}") == (address, address)
    assert pickle.loads(pickle.dumps(address)) == address


@given(st.text(max_size=60) | st.text('ab@."\\<>(),:; é\r\n\t[]', max_size=30))
def test_any_text_is_an_address_that_reads_back_or_is_refused(text: str) -> None:
    try:
        address = Address.parse(text)
    except InvalidAddress:
        return

    assert Address.parse(address.spec).spec == address.spec
    assert Address.parse(str(address)) == address
    assert not any(character in address.spec for character in "\r\n\0")


@given(LOCALS | st.text("ab.+=?9-", min_size=1, max_size=70), DOMAINS | st.text("ab.-9xn", min_size=1, max_size=70))
def test_the_usual_address_that_is_read_in_one_look_is_the_one_that_is_made_with_care(local: str, domain: str) -> None:
    text = f"{local}@{domain}"

    usual = _plain_address(text) if text.isascii() else None

    if usual is not None:
        made = Address(local, domain)
        assert [getattr(usual, name) for name in Address.__slots__] == [
            getattr(made, name) for name in Address.__slots__
        ]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"{'a' * 64}@{'d.' * 95}org", "longer than 254 octets"),
        # Short in ASCII, and 360 octets in the form for people.
        (f"ada@{'.'.join(('例' * 30).encode('idna').decode() for _ in range(4))}", "longer than 254 octets"),
    ],
)
def test_an_address_of_the_usual_kind_has_a_length_too(text: str, reason: str) -> None:
    assert text.isascii()
    with pytest.raises(InvalidAddress, match=reason):
        Address.parse(text)


def test_an_address_that_is_too_long_is_refused_and_not_kept() -> None:
    text = f"{'a' * 2048} <ada@example.org>"

    for _ in range(2):
        with pytest.raises(InvalidAddress, match="longer than 2048 characters"):
            Address.parse(text)


def test_a_domain_is_shown_in_its_mapped_form_and_written_in_ascii() -> None:
    address = Address.parse("Ada@SOCIÉTÉ.fr")

    assert address.domain == "société.fr"
    assert address.dns_domain == "xn--socit-esab.fr"
    assert address.wire() == "Ada@xn--socit-esab.fr"
    assert not address.needs_smtputf8


def test_two_ways_to_write_a_domain_are_one_address() -> None:
    assert Address.parse("a@xn--socit-esab.FR") == Address.parse("a@société.fr")


def test_a_local_part_that_is_not_ascii_needs_smtputf8() -> None:
    address = Address.parse("用户@例え.jp")

    assert address.needs_smtputf8
    assert address.wire(utf8=True) == "用户@例え.jp"
    with pytest.raises(InvalidAddress) as refused:
        address.wire()
    assert refused.value.hint_id == "ADDRESS-NEEDS-SMTPUTF8"


def test_a_domain_that_narrows_to_a_line_break_is_written_in_ascii_even_with_smtputf8() -> None:
    assert Address.parse("é@č.cz").wire(utf8=True) == "é@xn--bea.cz"


def test_quotes_that_were_not_needed_are_the_same_address() -> None:
    assert Address.parse('"ada"@b.org') == Address.parse("ada@b.org")


@pytest.mark.parametrize(
    ("text", "name", "spec"),
    [
        ("Ada <a@b.org>", "Ada", "a@b.org"),
        ("<a@b.org>", "", "a@b.org"),
        (" a@b.org ", "", "a@b.org"),
        ('"Lovelace, Ada" <a@b.org>', "Lovelace, Ada", "a@b.org"),
        ('"A \\"B\\" C" <a@b.org>', 'A "B" C', "a@b.org"),
        ('"Ada L." King <a@b.org>', "Ada L. King", "a@b.org"),
        ("Élodie d'Été <a@b.org>", "Élodie d'Été", "a@b.org"),
        ('Ada <"x y"@b.org>', "Ada", '"x y"@b.org'),
        ("J. R. R. Tolkien<a@b.org>", "J. R. R. Tolkien", "a@b.org"),
        ('"x>"@b.org', "", '"x>"@b.org'),
        ('"x" <a@b.org>', "x", "a@b.org"),
    ],
)
def test_a_header_form_is_read(text: str, name: str, spec: str) -> None:
    address = Address.parse(text)

    assert (address.name, address.spec) == (name, spec)


@pytest.mark.parametrize(
    "text",
    [
        "a@127.0.0.1",
        "a@[127.0.0.256]",
        "a@[127.0.0.01]",
        "a@[127.0.0]",
        "a@[IPv6:::g]",
        "a@[IPv6:fe80::1%eth0]",
        "a@[x400:y]",
        "a@[]",
        '""@b.org',
        "a @b.org",
        "a@ b.org",
        "< a@b.org>",
        "Ada <a@b.org",
        "Ada a@b.org>",
        "Ada <a@b.org> x",
        "Ada <a@b.org> <c@d.org>",
        'x"y" <a@b.org>',
        '"x"y <a@b.org>',
        "Ada: a@b.org;",
        "<@relay:a@b.org>",
        "a@b_c.org",
        "a@é_.org",
        "a@❤.ws",
        "a@b..org",
        "e\u0301@b.org",
        "a\u00a0b@b.org",
        "a\u200bb@b.org",
        "a\ue000@b.org",
        "a\ud800@b.org",
        "a@b\ud800.org",
        "a" * 60 + "@" + "b" * 60 + "." + "c" * 60 + "." + "d" * 60 + "." + "e" * 60,
        "a@xn--a.com",
        "a@\u00ad.com",
        '"a"b@c.org',
        '"a',
        "Ada",
        "Ada <>",
        "Ada >",
        "Ada '<'",
        'Ada "<"',
        "a(b@c.org",
        "a:b@c.org",
        "a@b.org,c",
        "é@b.org,c@d.org",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidAddress):
        Address.parse(text)


@pytest.mark.parametrize(
    ("local", "domain", "name"),
    [
        ("", "b.org", ""),
        ("a\r\nb", "b.org", ""),
        ("a\x00", "b.org", ""),
        ("=?x?=", "b.org", ""),
        ("a", "", ""),
        ("a", "b.org\r\nX: y", ""),
        ("a", "b.org> SIZE=9", ""),
        ("a", "b@c.org", ""),
        ("a", "[1.2.3.4]\r\n", ""),
        ("a", "b.org", "x\r\nBcc: y"),
        ("a", "b.org", "x\u2028y"),
        ("a", "b.org", "x" * 501),
    ],
)
def test_each_part_is_checked_when_an_address_is_built(local: str, domain: str, name: str) -> None:
    with pytest.raises(InvalidAddress):
        Address(local, domain, name)


def test_a_line_break_says_so_in_its_hint() -> None:
    with pytest.raises(InvalidAddress) as refused:
        Address.parse("Ada\r\nBcc: x <a@b.org>")

    assert refused.value.hint_id == "HEADER-LINE-BREAK"
    assert "\r" not in str(refused.value)


def test_a_list_is_cut_at_its_commas_only() -> None:
    addresses = Address.parse_list('"Lovelace, Ada" <a@b.org>, "x,y"@c.org ,d@[127.0.0.1], <e@f.org>')

    assert [address.spec for address in addresses] == ["a@b.org", '"x,y"@c.org', "d@[127.0.0.1]", "e@f.org"]


@pytest.mark.parametrize(
    "text", ["a@b.org,", ",a@b.org", "a@b.org,,c@d.org", "a@b.org; c@d.org", "G: a@b.org;", '"a, b@c']
)
def test_a_list_with_something_else_in_it_is_refused_whole(text: str) -> None:
    with pytest.raises(InvalidAddress):
        Address.parse_list(text)


def test_a_list_has_a_limit() -> None:
    with pytest.raises(InvalidAddress, match="more than 5000"):
        Address.parse_list("a@b.org," * 6000)


def test_an_empty_text_is_an_empty_list() -> None:
    assert Address.parse_list(" ") == ()


def test_addresses_are_taken_as_people_give_them() -> None:
    ada = Address.parse("Ada <a@b.org>")

    assert Address.all_of("a@b.org") == (Address("a", "b.org"),)
    assert Address.all_of(ada) == (ada,)
    assert Address.all_of([ada, "c@d.org"]) == (ada, Address("c", "d.org"))
    assert Address.all_of("") == ()
    with pytest.raises(InvalidAddress):
        Address.all_of([ada, ""])


@pytest.mark.parametrize(
    "text",
    [
        "x@y.fr, victim@z.fr",
        "x@y.fr,victim@z.fr",
        "x@y.fr;victim@z.fr",
        "<x@y.fr>,<victim@z.fr>",
        "X <x@y.fr>, Victim <victim@z.fr>",
        '"X, Y" <x@y.fr>, victim@z.fr',
        "G: x@y.fr, victim@z.fr;",
        "x@y.fr, é@z.fr",
    ],
)
def test_one_string_is_one_address_wherever_it_stands(text: str) -> None:
    for several in (Address.parse, Address.of, Address.all_of, lambda given: Address.all_of(["a@b.org", given])):
        with pytest.raises(InvalidAddress, match="give a list"):
            several(text)
    if "G:" not in text and ";" not in text:
        assert len(Address.parse_list(text)) == 2


def test_commas_in_quotes_do_not_make_two() -> None:
    for text in ('"Lovelace, Ada" <a@b.org>', '"x@y.fr, victim"@b.org', '"a@x.org; b@x.org" <c@d.org>'):
        assert len(Address.all_of([text])) == 1


@pytest.mark.slow
@given(
    st.lists(st.sampled_from(['"', "\\", ",", ";", "<", ">", "@", "[", "]", "a", "b.org", " ", "x@y.org"]), max_size=25)
)
def test_no_text_whatever_becomes_two_addresses(pieces: list[str]) -> None:
    try:
        addresses = Address.all_of(["".join(pieces)])
    except InvalidAddress:
        return

    assert len(addresses) == 1


@pytest.mark.slow
@given(st.lists(st.builds(Address, LOCALS, DOMAINS, NAMES), min_size=1, max_size=4))
def test_a_list_in_one_string_is_cut_between_its_addresses(addresses: list[Address]) -> None:
    assert len(pieces_of("; ".join(map(str, addresses)))) == len(addresses)
    assert Address.parse_list(", ".join(map(str, addresses))) == tuple(addresses)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (3, "not int"),
        (None, "not None"),
        (b"a@b.org", "decode"),
        (("Ada", "a@b.org"), "not a pair"),
        ({"a@b.org": "Ada"}, "not a mapping"),
        (["a@b.org"], "one address is expected here, not a list"),
        (ReceivedAddress("Ada", "a@b.org"), r"\.address is it"),
    ],
)
def test_what_is_no_text_is_no_address_and_the_remedy_is_said(given: Any, said: str) -> None:
    for take in (Address.of, Address.parse, lambda value: Address.all_of([value])):
        with pytest.raises(InvalidAddress, match=said):
            take(given)


def test_a_lazy_string_is_an_address() -> None:
    assert Address.of(UserString("Ada <a@b.org>")).name == "Ada"  # type: ignore[arg-type]
    assert Address.all_of(UserString("a@b.org")) == (Address("a", "b.org"),)  # type: ignore[arg-type]


def test_a_long_local_part_is_taken_and_told_apart() -> None:
    long, usual, quoted = Address.parse(f"{'a' * 65}@b.org"), Address("a" * 64, "b.org"), Address("a " * 32, "b.org")

    assert long.wire() == f"{'a' * 65}@b.org"
    assert [each.has_long_local_part for each in (long, usual, quoted)] == [True, False, True]
    assert not Address.parse(f"a@{'b.' * 60}org").has_long_local_part
    with pytest.raises(InvalidAddress, match="254 octets"):
        Address.parse(f"{'a' * 250}@b.org")


@pytest.mark.parametrize("domain", ["xn--i-7iq.ws", "xn--qei.ws", "xn--ls8h.la", "mail.xn--qei.xn--socit-esab.fr"])
def test_an_emoji_domain_is_taken_in_its_ascii_form_and_shown_in_it(domain: str) -> None:
    address = Address.parse(f"a@{domain}")

    assert address.dns_domain == domain
    assert "xn--" in address.spec
    assert Address.parse(address.spec) == address
    assert Address.parse(f"a@{domain.upper()}") == address


@pytest.mark.parametrize(
    "domain", ["xn--.ws", "xn--a.com", "xn--a-b.c", "xn--99999999999.ws", "❤.ws", "xn--qei-.ws", "xn---.ws"]
)
def test_an_a_label_that_is_none_is_refused(domain: str) -> None:
    with pytest.raises(InvalidAddress):
        Address.parse(f"a@{domain}")
