"""Every hostile address has one decided outcome, the same on every Python (hazards H44 to H52)."""

from __future__ import annotations

import re
import time
from contextlib import suppress

import pytest

from courriel.errors import InvalidAddress
from courriel.model.address import Address
from hostile.lists import hostile, shown

REFUSED = ""

# What each becomes in MAIL and RCPT where the server knows SMTPUTF8, or REFUSED, and a word of the reason.
DECIDED: dict[str, tuple[str, str]] = {
    '"a\r\nRCPT TO:<evil@x.com>"@b.com': (REFUSED, "control character"),
    "a@b.com>\r\nRCPT TO:<evil@x.com": (REFUSED, "control character"),
    "foo\r\nbar@email.com": (REFUSED, "control character"),
    "foo\nbar@email.com": (REFUSED, "control character"),
    "foo\rbar@email.com": (REFUSED, "control character"),
    "a\x00b@c.d": (REFUSED, "control character"),
    "a\x7fb@c.d": (REFUSED, "control character"),
    "\u760d\u760aRCPT TO:<x@y>@b.com": (REFUSED, "name before the bracket"),
    "\u560d\u560aRCPT TO:<x>@b.com": (REFUSED, "name before the bracket"),
    "\u010d\u010aDATA@b.com": (REFUSED, "low byte"),
    '"toni.tester@example.com> ORCPT=admin@admin.com"@example.com': (
        '"toni.tester@example.com> ORCPT=admin@admin.com"@example.com',
        "",
    ),
    "a@b.com SIZE=9": (REFUSED, "domain"),
    "a@b.com> NOTIFY=NEVER": (REFUSED, "closing bracket"),
    '"xclow3n@gmail.com x"@internal.domain': ('"xclow3n@gmail.com x"@internal.domain', ""),
    '"user@attacker.com"@legitimate.com': ('"user@attacker.com"@legitimate.com', ""),
    "user@good-corp.com(x)evil.com": (REFUSED, "comments"),
    "user@x.com(a(b)c)": (REFUSED, "comments"),
    "user@(x)good-corp.com": (REFUSED, "comments"),
    "alice@example.com)bob@example.com": (REFUSED, "two @"),
    "alice@example.org(<bob@example.org>": (REFUSED, "name before the bracket"),
    "a@malicious.org@important.com": (REFUSED, "two @"),
    "alice@example.com <bob@x.com>": (REFUSED, "name before the bracket"),
    "a,b@x.com": (REFUSED, "several addresses"),
    "a;b@x.com": (REFUSED, "several addresses"),
    "<a@b.c>,<d@e.f>": (REFUSED, "give a list"),
    "-oQ/tmp/x@x.com": ("-oQ/tmp/x@x.com", ""),
    "--help@x.com": ("--help@x.com", ""),
    "postmaster": (REFUSED, "no @"),
    "": (REFUSED, "nothing in it"),
    "<>": (REFUSED, "empty"),
    "user@[127.0.0.1]": ("user@[127.0.0.1]", ""),
    "user@[IPv6:::1]": ("user@[IPv6:::1]", ""),
    "user@exam\u00adple.com": ("user@example.com", ""),
    "user@\uff45\uff58ample.com": ("user@example.com", ""),
    "user@ex\u3002ample.com": ("user@ex.ample.com", ""),
    "user@xn--fsqu00a.xn--0zwm56d": ("user@xn--fsqu00a.xn--0zwm56d", ""),
    "\u7528\u6237@\u4f8b\u3048.jp": ("\u7528\u6237@\u4f8b\u3048.jp", ""),
    "=?utf-8?B?YQ0KWC1JbmplY3RlZDI6IGJhcg==?=@x.com": (REFUSED, "encoded word"),
    "a" * 65 + "@x.com": ("a" * 65 + "@x.com", ""),
    "a@" + "b" * 64 + ".com": (REFUSED, "63 octets"),
    "a@" + "b." * 200 + "com": (REFUSED, "255 octets"),
    "G:" * 2000 + "a@b.com;": (REFUSED, "2048 characters"),
    "a@b.com," * 50000: (REFUSED, "2048 characters"),
    "user@exa mple.com": (REFUSED, "domain"),
    '"\\"@b.com': (REFUSED, "never closed"),
    '"a\\\r\nb"@c.com': (REFUSED, "control character"),
    "user@-bad-.com": (REFUSED, "hyphens"),
    "user@.com": (REFUSED, "dot in a domain"),
    ".user@x.com": (REFUSED, "dot before the @"),
    "us..er@x.com": (REFUSED, "dot before the @"),
    "user@x.com.": (REFUSED, "dot in a domain"),
    "user\u202e@x.com": (REFUSED, "U+202E"),
}


def test_every_hostile_address_is_decided() -> None:
    assert set(DECIDED) == set(hostile("addresses"))


@pytest.mark.parametrize("text", DECIDED, ids=shown)
def test_a_hostile_address_has_its_decided_outcome(text: str) -> None:
    expected, reason = DECIDED[text]

    if expected:
        assert Address.parse(text).wire(utf8=True) == expected
        return
    with pytest.raises(InvalidAddress, match=re.escape(reason)) as refused:
        Address.parse(text)
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize("text", [text for text, (expected, _) in DECIDED.items() if expected], ids=shown)
def test_what_was_accepted_is_read_back_as_the_same_address(text: str) -> None:
    address = Address.parse(text)

    assert Address.parse(address.spec) == address
    assert Address.parse(str(address)) == address


@pytest.mark.parametrize("text", hostile("addresses"), ids=shown)
def test_a_list_never_takes_what_one_address_would_not(text: str) -> None:
    try:
        addresses = Address.parse_list(text)
    except InvalidAddress:
        return

    for address in addresses:
        assert Address.parse(address.spec) == address
    assert text in ("", "<a@b.c>,<d@e.f>") or addresses == (Address.parse(text),)


@pytest.mark.parametrize("text", hostile("addresses"), ids=shown)
def test_a_hostile_display_name_never_changes_the_address(text: str) -> None:
    try:
        address = Address("user", "example.org", name=text)
    except InvalidAddress:
        assert len(text) > 500 or any(character < " " or character == "\x7f" for character in text)
        return

    assert Address.parse(str(address)) == address


def _seconds(text: str) -> float:
    start = time.perf_counter()
    for read in (Address.parse, Address.parse_list):
        with suppress(InvalidAddress):
            read(text)
    return time.perf_counter() - start


@pytest.mark.parametrize(
    "unit",
    ["a@b.c,", "G:", '"', '\\"', "<", "(", "a.", "@", "[", ",", " ", '"a" ', "<a@b.c>,", "=?", "\u00e9", "x\u3002"],
)
def test_a_list_is_read_in_linear_time(unit: str) -> None:
    assert _seconds(unit * (190_000 // len(unit))) < 2
    assert _seconds("a@" + unit * (2_000 // len(unit))) < 0.5
