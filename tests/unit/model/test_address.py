"""One address: what is taken, what is refused, and how it is written again."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courriel.errors import InvalidAddress
from courriel.model.address import Address, _plain_address

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
        (f"{'a' * 65}@example.org", "before the @ is longer than 64 octets"),
        (f"{'a' * 64}@{'d.' * 95}org", "longer than 254 octets"),
        # Short in ASCII, and 360 octets where it is shown.
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


def test_a_list_has_an_end() -> None:
    with pytest.raises(InvalidAddress, match="more than 5000"):
        Address.parse_list("a@b.org," * 6000)


def test_nothing_is_an_empty_list() -> None:
    assert Address.parse_list(" ") == ()


def test_addresses_are_taken_as_people_give_them() -> None:
    ada = Address.parse("Ada <a@b.org>")

    assert Address.all_of("a@b.org") == (Address("a", "b.org"),)
    assert Address.all_of(ada) == (ada,)
    assert Address.all_of([ada, "c@d.org, e@f.org"]) == (ada, Address("c", "d.org"), Address("e", "f.org"))
    with pytest.raises(InvalidAddress):
        Address.all_of([ada, ""])
