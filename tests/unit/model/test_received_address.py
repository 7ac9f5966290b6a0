"""Addresses of received letters: shown as received, converted to an Address only when valid."""

from __future__ import annotations

import pytest

from courriel import Address, ReceivedAddress


def test_a_real_address_can_be_written_to() -> None:
    assert ReceivedAddress("Ada", "ada@example.org").address == Address("ada", "example.org", "Ada")


def test_a_name_that_we_would_not_write_is_left_out() -> None:
    address = ReceivedAddress("x" * 1000, "ada@example.org").address

    assert address is not None
    assert address.name == ""


@pytest.mark.parametrize("spec", ["", "nobody", "us..er@docomo.ne.jp", "a@b.com SIZE=9", "a@b.com\u2028"])
def test_what_is_no_address_is_shown_and_not_written_to(spec: str) -> None:
    correspondent = ReceivedAddress("Ada", spec)

    assert correspondent.address is None
    assert spec in str(correspondent)


def test_the_display_form_is_name_and_address_or_one_of_them() -> None:
    assert str(ReceivedAddress("Ada", "a@b.com")) == "Ada <a@b.com>"
    assert str(ReceivedAddress("", "a@b.com")) == "a@b.com"
    assert str(ReceivedAddress("Ada", "")) == "Ada"
