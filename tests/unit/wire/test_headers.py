"""Header lines: folding, encoding, quoting of parameters."""

from __future__ import annotations

from email.header import decode_header, make_header

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courriel.model.address import Address
from courriel.wire.mime.headers import address_field, encoded_words, parameter, text_field

TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\u2028\u2029"), max_size=300)


@pytest.mark.slow
@given(TEXT.filter(bool), st.integers(0, 70))
def test_encoded_words_are_short_and_whole(text: str, indent: int) -> None:
    words = encoded_words(text, indent).split("\r\n ")

    assert all(len(word) <= 75 for word in words)
    assert indent > 50 or indent + len(words[0]) <= 76
    # Each encoded word holds whole characters (RFC 2047 5).
    assert "".join(str(make_header(decode_header(word))) for word in words) == text


@given(st.text("ab  ,.;:é", max_size=400))
def test_a_fold_never_makes_an_empty_line(text: str) -> None:
    lines = text_field("Subject", text).split("\r\n")

    assert all(line.strip() for line in lines)
    assert all(line.startswith(" ") for line in lines[1:])


def test_text_in_ascii_is_folded_at_its_spaces_and_not_encoded() -> None:
    field = text_field("Subject", "one two three four five six seven eight nine ten eleven twelve thirteen fourteen")

    assert field == ("Subject: one two three four five six seven eight nine ten eleven twelve\r\n thirteen fourteen")


def test_the_last_word_is_folded_too() -> None:
    assert text_field("Subject", "a" * 60 + " " + "b" * 20) == "Subject: " + "a" * 60 + "\r\n " + "b" * 20


def test_a_long_word_stays_whole() -> None:
    assert text_field("X-Token", "x" * 989) == "X-Token: " + "x" * 989
    assert text_field("X-Token", "a " + "x" * 989) == "X-Token: a\r\n " + "x" * 989


@pytest.mark.slow
@given(st.sampled_from(["Subject", "X-" + "n" * 74, "Disposition-Notification-To"]), TEXT.filter(bool))
def test_a_line_that_holds_an_encoded_word_has_76_characters_at_most(name: str, text: str) -> None:
    lines = text_field(name, text).split("\r\n")

    assert all(len(line) <= 76 for line in lines if "=?" in line)


@pytest.mark.slow
@given(
    st.sampled_from(["To", "Reply-To", "Disposition-Notification-To"]),
    st.lists(st.builds(Address, st.sampled_from(["a", "b" * 40]), st.just("b.org"), TEXT.map(str.strip)), min_size=1),
)
def test_addresses_with_encoded_names_keep_to_76_characters_a_line(name: str, addresses: list[Address]) -> None:
    lines = address_field(name, tuple(addresses)).split("\r\n")

    assert all(len(line) <= 76 for line in lines if "=?" in line)
    assert all(line.strip() for line in lines)


def test_an_identifier_is_never_encoded() -> None:
    written = text_field("List-Id", "The\tlist  of " + "members " * 10 + "<list.example.org>")

    assert "=?" not in written
    assert written.startswith("List-Id: The\tlist  of members")
    assert all(len(line) <= 78 for line in written.split("\r\n"))


def test_text_that_looks_encoded_is_encoded_so_that_it_is_read_as_it_is() -> None:
    field = text_field("Subject", "=?utf-8?B?DQpCY2M6IGV2aWxAeC5jb20=?=")

    assert str(make_header(decode_header(field.removeprefix("Subject: ")))) == "=?utf-8?B?DQpCY2M6IGV2aWxAeC5jb20=?="
    assert "DQpCY2M6" not in field.replace("=?utf-8?b?", "")


@pytest.mark.parametrize("text", [" a", "a ", "a\tb"])
def test_white_space_that_would_be_lost_is_encoded(text: str) -> None:
    field = text_field("Subject", text)

    assert field.startswith("Subject: =?utf-8?")
    assert str(make_header(decode_header(field.removeprefix("Subject: ")))) == text


def test_many_addresses_are_folded_between_two_of_them() -> None:
    addresses = tuple(Address(f"person{number}", "example.org", f"Person {number}") for number in range(30))

    lines = address_field("To", addresses).split("\r\n")

    assert len(lines) > 10
    assert all(len(line) <= 78 for line in lines)
    assert all(line.endswith(",") for line in lines[:-1])


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("a b.pdf", ';\r\n name="a b.pdf"'),
        ("a;b.pdf", ';\r\n name="a;b.pdf"'),
        ('a"b', ";\r\n name*=utf-8''a%22b"),
        ("a\\b", ";\r\n name*=utf-8''a%5Cb"),
        ("é", ";\r\n name*=utf-8''%C3%A9"),
        ("=?x", ";\r\n name*=utf-8''%3D%3Fx"),
    ],
)
def test_a_parameter_is_quoted_or_encoded(value: str, written: str) -> None:
    assert parameter("name", value) == written


def test_a_long_parameter_is_cut_between_characters() -> None:
    lines = parameter("filename", "é" * 60).split(";\r\n ")[1:]

    assert lines[0].startswith("filename*0*=utf-8''%C3%A9")
    assert lines[1].startswith("filename*1*=%C3%A9")
    assert all(len(line) <= 77 and line.endswith("%C3%A9") for line in lines)


@pytest.mark.parametrize("mark", '?=_("),.:;<>@[]')
def test_nothing_but_letters_figures_and_spaces_stands_for_itself_beside_an_accent(mark: str) -> None:
    assert encoded_words(f"Votre commande est prête {mark}") == (
        f"=?utf-8?q?Votre_commande_est_pr=C3=AAte_={ord(mark):02X}?="
    )
