"""Signatures of DKIM: what is signed, how it is folded, and what a verifier says of each change."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest

from courriel.wire.dkim.fields import end_of_header
from courriel.wire.dkim.key_record import record_text
from courriel.wire.dkim.keys import BadKey, SigningKey
from courriel.wire.dkim.signing import NoHeader, SelectedKey, signatures
from courriel.wire.dkim.verifying import MOST_SIGNATURES, DkimVerdict, NoAnswer, Verification
from dkim_keys import ED25519_PEM, OTHER_RSA_PEM, RSA_PEM, WEAK_RSA_PEM, key_of, keys, records

RSA, ED25519 = key_of(RSA_PEM), key_of(ED25519_PEM)
KEYS = keys()
RECORDS = {name: (text,) for name, text in records().items()}
NOW = 1_796_046_077
MAIL = (
    b"From: Ada <ada@example.org>\r\nTo: bob@example.org\r\nSubject: Hello\r\n there\r\n"
    b"Date: Mon, 30 Nov 2026 14:00:00 +0100\r\nMessage-ID: <1@example.org>\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: text/plain\r\nList-Unsubscribe: <https://example.org/u>\r\nX-Own: mine\r\n\r\n"
    b"Hello,  Bob.\r\n\r\nAda\r\n\r\n\r\n"
)


def signed(mail: bytes = MAIL) -> bytes:
    return signatures([mail], "example.org", KEYS, NOW) + mail


def verdicts(
    mail: bytes, lookup: Callable[[str], tuple[str, ...]] | None = None, now: float = NOW
) -> list[DkimVerdict]:
    end = end_of_header(mail)
    verification = Verification(mail[:end])
    verification.feed(mail[end + 2 :])
    return verification.verdicts(lookup or (lambda name: RECORDS.get(name, ())), now)


def results(mail: bytes, **options: object) -> list[str]:
    return [verdict.result for verdict in verdicts(mail, **options)]  # type: ignore[arg-type]


def test_both_signatures_of_two_keys_pass() -> None:
    found = verdicts(signed())

    assert [(each.result, each.algorithm, each.domain, each.selector, each.bits) for each in found] == [
        ("pass", "rsa-sha256", "example.org", "s1", 2048),
        ("pass", "ed25519-sha256", "example.org", "e1", 0),
    ]
    assert not any(each.warnings for each in found)


def test_fields_are_signed_once_more_than_they_are_there() -> None:
    names = [name.lower() for name in verdicts(signed())[0].signed_fields]

    for always in ("from", "to", "subject", "date", "message-id"):
        assert names.count(always) == 2
    assert names.count("cc") == names.count("reply-to") == 1
    assert names.count("mime-version") == names.count("content-type") == names.count("list-unsubscribe") == 2
    assert not {"x-own", "in-reply-to", "list-id"} & set(names)


def test_no_line_is_long_and_no_length_is_signed() -> None:
    many = MAIL.replace(b"X-Own: mine\r\n", b"".join(b"List-Number-%d: x\r\n" % number for number in range(50)))
    lines = signatures([many], "example.org", KEYS, NOW).split(b"\r\n")

    assert max(map(len, lines)) <= 78
    assert all(line.startswith((b"DKIM-Signature:", b" ")) for line in lines[:-1])
    assert not any(b" l=" in line for line in lines)
    assert results(signed(many)) == ["pass", "pass"]


def test_octets_are_signed_the_same_in_any_pieces() -> None:
    whole = signatures([MAIL], "example.org", KEYS, NOW)

    assert signatures([MAIL[place : place + 1] for place in range(len(MAIL))], "example.org", KEYS, NOW) == whole


@pytest.mark.parametrize(
    "change",
    [
        (b"Subject: Hello\r\n there", b"subject:   Hello  there"),
        (b"Hello,  Bob.", b"Hello, \tBob.  "),
        (b"X-Own: mine", b"X-Own: other"),
        (b"\r\n\r\n\r\n", b"\r\n"),
    ],
)
def test_changes_of_white_space_keep_a_signature_valid(change: tuple[bytes, bytes]) -> None:
    before, after = change
    head, tail = signed().rsplit(before, 1)

    assert results(head + after + tail) == ["pass", "pass"]


@pytest.mark.parametrize(
    "change",
    [
        (b"Subject: Hello", b"Subject: Hallo"),
        (b"\r\nFrom: Ada", b"\r\nFrom: Eve <eve@example.org>\r\nFrom: Ada"),
        (b"\r\nX-Own", b"\r\nContent-Type: text/html\r\nX-Own"),
        (b"\r\nX-Own", b"\r\nReply-To: eve@example.org\r\nX-Own"),
        (b"Ada\r\n\r\n", b"Ada\r\nP.S.\r\n"),
        (b"t=1796046077", b"t=1796046078"),
    ],
)
def test_whatever_else_is_changed_or_added_is_found(change: tuple[bytes, bytes]) -> None:
    assert results(signed().replace(*change)) == ["fail", "fail"]


def test_the_example_of_rfc_8463_passes() -> None:
    mail = (
        b"DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n"
        b" d=football.example.com; i=@football.example.com;\r\n"
        b" q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n"
        b" subject : date : message-id : from : subject : date;\r\n"
        b" bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
        b" b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus\r\n"
        b" Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==\r\n"
        b"From: Joe SixPack <joe@football.example.com>\r\nTo: Suzie Q <suzie@shopping.example.net>\r\n"
        b"Subject: Is dinner ready?\r\nDate: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n"
        b"Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n\r\n"
        b"Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n"
    )
    record = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="

    assert results(mail, lookup=lambda name: (record,)) == ["pass"]


RSA_P = base64.b64encode(RSA.public).decode()


@pytest.mark.parametrize(
    ("records", "result", "reason"),
    [
        ((), "invalid", "no key is published there"),
        (("v=spf1 -all",), "invalid", "no key is published there"),
        (("v=DKIM1; p=",), "invalid", "revoked"),
        ((f"v=DKIM1; p={RSA_P}", "v=DKIM1; p=AAAA"), "invalid", "2 keys"),
        (("v=DKIM1; p=AAA!",), "invalid", "base64"),
        (("v=DKIM1; p=AAAA",), "invalid", "cannot be read"),
        ((f"p={RSA_P}; v=DKIM1",), "invalid", "first"),
        ((f"v=DKIM1; h=sha1; p={RSA_P}",), "invalid", "h="),
        ((f"v=DKIM1; s=tlsrpt; p={RSA_P}",), "invalid", "s="),
        ((f"v=DKIM1; k=ed25519; p={base64.b64encode(ED25519.public).decode()}",), "invalid", "kind"),
        ((record_text("rsa", key_of(OTHER_RSA_PEM).public),), "fail", "published key"),
        ((f"p={RSA_P[:99]} {RSA_P[99:]}",), "pass", ""),
        (("v=spf1 -all", f"v=DKIM1; t=s; p={RSA_P}"), "pass", ""),
        (("v=DMARC1; p=none", f"v=DKIM1; p={RSA_P}"), "pass", ""),  # a wildcard of the zone
        ((f"v=DKIM1; p\t=\t{RSA_P}",), "pass", ""),
        ((f"v=dkim1; p={RSA_P}",), "invalid", "first"),
    ],
)
def test_a_record_that_is_wrong_is_named(records: tuple[str, ...], result: str, reason: str) -> None:
    verdict = verdicts(signed(), lambda name: records)[0]

    assert verdict.result == result
    assert reason in verdict.reason.en
    assert bool(verdict.reason.fr) is bool(reason)


def test_a_name_service_without_an_answer_leaves_it_open() -> None:
    def silent(name: str) -> tuple[str, ...]:
        raise NoAnswer("no answer within 4 s")

    assert [(each.result, "no answer" in each.reason.en) for each in verdicts(signed(), silent)] == [
        ("unknown", True)
    ] * 2


def test_a_domain_that_tries_dkim_is_a_warning() -> None:
    verdict = verdicts(signed(), lambda name: (f"v=DKIM1; t=y; p={RSA_P}",))[0]

    assert verdict.result == "pass"
    assert "t=y" in verdict.warnings[0].en


def rewritten(old: bytes, new: bytes) -> bytes:
    """A signed mail whose first signature says something else."""
    return signed().replace(old, new, 1)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"v=1;", b"v=2;", "v= is not 1"),
        (b"v=1;", b"", "v= is missing"),
        (b"a=rsa-sha256", b"a=dsa-md5", "a="),
        (b"c=relaxed/relaxed", b"c=nofws", "c="),
        (b"h=From:From:To", b"h=To", "From"),
        (b"d=example.org", b"d=..", "d="),
        (b"d=example.org", b"d=example.org; i=@other.example", "i="),
        (b"s=s1", b"s=s1; s=s2", "twice"),
        (b"t=1796046077", b"t=soon", "t="),
        (b"t=1796046077", b"t=1796046077; x=1796046077", "x="),
        (b"t=1796046077", b"t=1796046077; l=99999", "l="),
        (b"t=1796046077", b"q=dns/other", "q="),
        (b"bh=", b"bh=!", "base64"),
    ],
)
def test_a_signature_that_cannot_be_used_is_named(old: bytes, new: bytes, reason: str) -> None:
    first, second = verdicts(rewritten(old, new))

    assert first.result == "invalid"
    assert reason in first.reason.en
    assert second.result == "pass"


@pytest.mark.parametrize("form", ["simple/simple", "simple/relaxed", "relaxed/simple", "simple"])
def test_the_simple_form_is_verified_too(form: str) -> None:
    mail = own_signature(f"c={form}; ")

    assert results(mail) == ["pass"]
    assert results(mail.replace(b"Subject: Hello", b"Subject:  Hello")) == (
        ["fail"] if form.startswith("simple") else ["pass"]
    )
    assert results(mail.replace(b"Hello,  Bob", b"Hello, Bob")) == (["pass"] if form == "simple/relaxed" else ["fail"])


def test_a_length_is_a_warning_and_says_how_much_is_not_signed() -> None:
    mail = own_signature("c=relaxed/relaxed; l=5; ")

    for changed, rest in ((mail, 15), (mail + b"more\r\n", 25)):
        (verdict,) = verdicts(changed)
        assert verdict.result == "pass"
        assert f"{rest} octets are not signed" in verdict.warnings[0].en


def test_a_field_that_stands_beside_the_signed_one_is_a_warning() -> None:
    mail = own_signature("c=relaxed/relaxed; ")

    (verdict,) = verdicts(b"From: the.chief@bank.example\r\nSubject: Pay\r\n" + mail)
    (plain,) = verdicts(mail)

    assert verdict.result == "pass"
    assert [each.en.partition(",")[0] for each in verdict.warnings] == ["From stands 2 times", "Subject stands 2 times"]
    assert all(each.fr for each in verdict.warnings)
    assert plain.warnings == ()


def test_an_identity_in_letters_is_that_of_a_domain_in_ascii() -> None:
    tags = b"DKIM-Signature: v=1; a=rsa-sha256; d=xn--mller-kva.example; s=s1; h=from; bh=AAAA; b=AAAA; i="

    inside, outside = (
        verdicts(tags + f"ada@{host}\r\n".encode() + MAIL, lambda name: ())[0].reason.en
        for host in ("post.müller.example", "mueller.example")
    )

    assert "no key is published there" in inside
    assert "i=" in outside


def test_a_domain_in_letters_takes_no_longer_than_its_length() -> None:
    field = "DKIM-Signature: v=1; a=rsa-sha256; d=" + "é" * 30_000

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("encodings.idna.ToASCII", lambda label: pytest.fail("it was looked at"))
        (verdict,) = verdicts(f"{field}; s=s1; h=from; bh=AAAA; b=AAAA\r\n".encode() + MAIL)

    assert "is no name" in verdict.reason.en


def test_an_expired_signature_is_not_valid_any_more() -> None:
    mail = own_signature(f"c=relaxed/relaxed; t={NOW - 10}; x={NOW}; ")

    assert results(mail, now=NOW) == ["pass"]
    (verdict,) = verdicts(mail, now=NOW + 1)
    assert (verdict.result, verdict.reason.en) == ("invalid", "the signature has expired (x=)")


def own_signature(tags: str) -> bytes:
    """The mail with a signature of other tags than ours, by the RSA key."""
    from courriel.wire.dkim.canonical import BodyDigest
    from courriel.wire.dkim.fields import canonical_fields, header_fields, in_order

    given = dict(part.strip().partition("=")[::2] for part in tags.split(";"))
    header, _, body = given["c"].partition("/")
    end = end_of_header(MAIL)
    digest = BodyDigest(relaxed=body == "relaxed", most=int(given["l"]) if "l" in given else None)
    digest.feed(MAIL[end + 2 :])
    hashed = base64.b64encode(digest.finish()).decode()
    field = (
        f"DKIM-Signature: v=1; a=rsa-sha256; {tags}d=example.org; s=s1;\r\n\th=from:subject; bh={hashed}; b=".encode()
    )
    relaxed = header == "relaxed"
    fields = header_fields(MAIL[:end])
    signed_octets = canonical_fields(in_order(fields, ["from", "subject"]), relaxed=relaxed)
    signed_octets += canonical_fields(header_fields(field), relaxed=relaxed).removesuffix(b"\r\n")
    return field + base64.b64encode(RSA.sign(signed_octets)) + b"\r\n" + MAIL


def test_few_signatures_of_very_many_are_looked_at() -> None:
    mail = signatures([MAIL], "example.org", KEYS[1:], NOW) * 1000 + MAIL
    verification = Verification(mail[: end_of_header(mail)])

    assert len(verification.verdicts(lambda name: (), NOW)) == MOST_SIGNATURES
    assert verification.left_out == 1000 - MOST_SIGNATURES


@pytest.mark.parametrize("tags", [b"a=b;" * 1_000_000, b"b=" + b"A" * 10_000_000, b";" * 1_000_000, b"=" * 100_000])
def test_a_hostile_signature_is_refused_unread(tags: bytes) -> None:
    (verdict,) = verdicts(b"DKIM-Signature: " + tags + b"\r\n" + MAIL)

    assert verdict.result == "invalid"


def test_octets_without_a_header_are_not_signed() -> None:
    with pytest.raises(NoHeader):
        signatures([b"From: ada@example.org\r\n", b"x" * 2_000_000], "example.org", KEYS, NOW)


def test_a_name_that_has_no_place_in_the_list_is_not_signed() -> None:
    odd = MAIL.replace(b"X-Own: mine", b"List-a;b: x\r\nContent-\xff: y")

    assert results(signed(odd)) == ["pass", "pass"]


PEM_OF = "-----BEGIN {0}-----\nAAAA\n-----END {0}-----\n"


@pytest.mark.parametrize(
    ("pem", "reason"),
    [
        (b"", "no private key in PEM"),
        (b"\xff\xfe\x00", "no private key in PEM"),
        (PEM_OF.format("PUBLIC KEY").encode(), "public key"),
        (PEM_OF.format("PRIVATE KEY").encode(), "damaged"),
        (PEM_OF.format("RSA PRIVATE KEY").encode(), "damaged"),
    ],
)
def test_what_is_no_key_is_refused_and_not_quoted(pem: bytes, reason: str) -> None:
    with pytest.raises(BadKey) as refused:
        SigningKey.of_pem(pem)

    assert reason in str(refused.value)
    assert "AAAA" not in str(refused.value)


def test_keys_that_are_too_short_or_of_another_kind_are_refused() -> None:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import (
        BestAvailableEncryption,
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    curve = ec.generate_private_key(ec.SECP256R1())
    other = curve.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    locked = curve.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    for pem, reason in ((other, "another kind"), (locked, "password")):
        with pytest.raises(BadKey, match=reason):
            SigningKey.of_pem(pem)
    assert SigningKey.new("rsa", 1024)[0].bits == 1024


def test_a_signature_by_sha1_proves_nothing_and_a_short_key_is_a_warning() -> None:
    first, second = verdicts(rewritten(b"a=rsa-sha256", b"a=rsa-sha1"))
    assert (first.result, "RFC 8301" in first.reason.en, second.result) == ("invalid", True, "pass")

    weak = key_of(WEAK_RSA_PEM)
    mail = signatures([MAIL], "example.org", [SelectedKey("w", weak)], NOW) + MAIL
    (verdict,) = verdicts(mail, lambda name: (record_text("rsa", weak.public),))
    assert (verdict.result, verdict.bits, verdict.warnings[0].en) == ("pass", 1024, "the key has 1024 bits only")
