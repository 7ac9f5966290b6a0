"""DKIM keys, MTA-STS and TLS reports: records and policy files, good and broken."""

from __future__ import annotations

from base64 import b64encode

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from courriel import errors
from courriel.doctor.domain import dkim, mta_sts, tls_rpt
from doctor.conftest import Asked, Table

POLICY = b"version: STSv1\r\nmode: enforce\r\nmx: mx1.a.test\r\nmx: *.mail.test\r\nmax_age: 604800\r\n"
RECORD = "v=STSv1; id=20261130;"


def key(bits: int) -> str:
    public = rsa.RSAPublicNumbers(65537, (1 << bits - 1) | 1).public_key()
    return b64encode(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


@pytest.mark.parametrize("bits", [1024, 2048, 4096])
def test_a_key_is_measured(bits: int) -> None:
    encoded = key(bits)

    for record in (f"v=DKIM1; k=rsa; p={encoded}", f"p={encoded[:40]} {encoded[40:]}", f"h=sha1:sha256; p={encoded}"):
        report = dkim.judge("s1", record)
        assert (report.problem, report.kind, report.bits) == ("", "rsa", bits)


def test_a_key_without_its_frame_is_measured() -> None:
    public = rsa.generate_private_key(65537, 1024).public_key()
    encoded = b64encode(public.public_bytes(Encoding.DER, PublicFormat.PKCS1)).decode()

    assert dkim.judge("s1", f"p={encoded}").bits == 1024


def test_a_short_key_is_weak() -> None:
    modulus = ((1 << 767) | 1).to_bytes(96)
    encoded = _der(0x30, _der(0x02, b"\0" + modulus) + _der(0x02, b"\1\0\1"))
    info = _der(0x30, bytes.fromhex("300d06092a864886f70d0101010500") + _der(0x03, b"\0" + encoded))

    report = dkim.judge("s1", f"p={b64encode(info).decode()}")

    assert (report.problem, report.bits) == ("DKIM-KEY-WEAK", 768)


def test_a_key_of_ed25519_has_32_octets() -> None:
    report = dkim.judge("s1", f"v=DKIM1; k=ed25519; p={b64encode(bytes(32)).decode()}; t=s:y")

    assert (report.problem, report.kind, report.testing) == ("", "ed25519", True)


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        ("v=DKIM1; p=", "DKIM-KEY-REVOKED"),
        ("v=DKIM1; k=rsa", "DKIM-KEY-INVALID"),
        ("v=DKIM2; p=AAAA", "DKIM-KEY-INVALID"),
        ("v=DKIM1; p=not base64!", "DKIM-KEY-INVALID"),
        ("v=DKIM1; p=é", "DKIM-KEY-INVALID"),
        ("v=DKIM1; p=AAAA", "DKIM-KEY-INVALID"),
        ("v=DKIM1; p=MIIB", "DKIM-KEY-INVALID"),
        ("v=DKIM1; k=ed25519; p=AAAA", "DKIM-KEY-INVALID"),
        ("v=DKIM1; k=dsa; p=AAAA", "DKIM-KEY-INVALID"),
        ("v=DKIM1; h=sha1; p=AAAA", "DKIM-KEY-INVALID"),
        ("v=DKIM1; p=AAAA; p=", "DKIM-KEY-INVALID"),
        ("hello", "DKIM-KEY-INVALID"),
    ],
)
def test_a_key_that_verifies_nothing_is_named(record: str, problem: str) -> None:
    assert dkim.judge("s1", record).problem == problem


@pytest.mark.slow
@given(st.binary(max_size=80), st.sampled_from([b"", b"\x30\x82\x01\x22", b"\x30\x0d\x30\x03\x02\x84"]))
def test_no_octets_are_too_strange(octets: bytes, before: bytes) -> None:
    report = dkim.judge("s1", f"p={b64encode(before + octets).decode()}")

    assert report.problem in ("", "DKIM-KEY-INVALID", "DKIM-KEY-WEAK", "DKIM-KEY-REVOKED")


def _der(tag: int, content: bytes) -> bytes:
    length = len(content)
    octets = length.to_bytes((length.bit_length() + 7) // 8)
    size = bytes([length]) if length < 128 else bytes([0x80 | len(octets)]) + octets
    return bytes([tag]) + size + content


def test_a_selector_without_a_record_or_with_several_is_named() -> None:
    name = "s1._domainkey.a.test"

    assert dkim.examine("a.test", "s1", Asked({})).problem == "DKIM-KEY-MISSING"
    assert dkim.examine("a.test", "s1", Asked({(name, "TXT"): ["p=x", "p=y"]})).problem == "DKIM-KEY-INVALID"
    assert dkim.examine("a.test", "s1", Asked({(name, "SERVFAIL"): []})).uncertain == f"{name}: SERVFAIL"


# MTA-STS.


def sts(*records: str, policy: bytes | errors.CourrielError = POLICY, mx: tuple[str, ...] = ()) -> mta_sts.MtaStsReport:
    table: Table = {("_mta-sts.a.test", "TXT"): list(records)} if records else {}

    def fetch(url: str) -> bytes:
        assert url == "https://mta-sts.a.test/.well-known/mta-sts.txt"
        if isinstance(policy, errors.CourrielError):
            raise policy
        return policy

    return mta_sts.examine("a.test", mx, Asked(table), fetch)


def test_a_domain_without_a_record_does_not_use_it() -> None:
    assert sts("v=spf1 -all") == mta_sts.MtaStsReport()


def test_a_policy_is_compared_with_the_exchangers() -> None:
    report = sts(RECORD, mx=("MX1.a.test.", "x.mail.test"))

    assert report.problem == ""
    assert report.policy == mta_sts.Policy("enforce", 604800, ("mx1.a.test", "*.mail.test"))


@pytest.mark.parametrize("missing", ["mx2.a.test", "x.y.mail.test", "mail.test"])
def test_an_exchanger_outside_of_the_policy_is_named(missing: str) -> None:
    report = sts(RECORD, mx=("mx1.a.test", missing))

    assert (report.problem, missing in report.detail.en) == ("MTA-STS-MX-MISSING", True)


def test_with_mode_none_no_exchanger_is_missing() -> None:
    assert sts(RECORD, policy=b"version: STSv1\nmode: none\nmax_age: 60\n", mx=("mx.a.test",)).problem == ""


@pytest.mark.parametrize(
    "records", [[RECORD, RECORD], ["v=STSv1"], ["v=STSv1; id=not-a-word"], ["v=STSv1; id=" + "x" * 33]]
)
def test_a_broken_record_is_named(records: list[str]) -> None:
    assert sts(*records).problem == "MTA-STS-INVALID"


@pytest.mark.parametrize(
    "policy",
    [b"", b"<html>", b"version: STSv2\nmode: none\nmax_age: 1", b"version: STSv1\nmode: maybe\nmax_age: 1\nmx: a",
     b"version: STSv1\nmode: enforce\nmax_age: 1", b"version: STSv1\nmode: enforce\nmx: a\nmax_age: 999999999",
     b"version: STSv1\nmode: enforce\nmx: a\nmax_age: -1", b"\xff" * 100, b"mx: a\n" * 20_000],
)  # fmt: skip
def test_a_broken_policy_is_named(policy: bytes) -> None:
    assert sts(RECORD, policy=policy).problem == "MTA-STS-INVALID"


def test_a_policy_that_cannot_be_fetched_is_named_with_its_reason() -> None:
    report = sts(RECORD, policy=errors.TlsFailed("the certificate of mta-sts.a.test is not accepted", stage="secure"))

    assert report.problem == "MTA-STS-UNREACHABLE"
    assert report.detail.en == "the certificate of mta-sts.a.test is not accepted"
    assert report.detail.fr != report.detail.en


# TLS reports.


@pytest.mark.parametrize(
    ("records", "problem", "to"),
    [
        ([], "", ()),
        (["v=spf1 -all"], "", ()),
        (["v=TLSRPTv1; rua=mailto:a@a.test, https://a.test/r"], "", ("mailto:a@a.test", "https://a.test/r")),
        (["v=TLSRPTv1"], "TLS-RPT-INVALID", ()),
        (["v=TLSRPTv1; rua=a@a.test"], "TLS-RPT-INVALID", ("a@a.test",)),
        (["v=TLSRPTv1; rua=mailto:a@a.test"] * 2, "TLS-RPT-INVALID", ("mailto:a@a.test",)),
    ],
)
def test_tls_reports_need_an_address(records: list[str], problem: str, to: tuple[str, ...]) -> None:
    report = tls_rpt.examine("a.test", Asked({("_smtp._tls.a.test", "TXT"): records}))

    assert (report.problem, report.reports_to) == (problem, to)
