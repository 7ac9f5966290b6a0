"""Steps about a trial mail: what the receiving host found, and what somebody has to change."""

from __future__ import annotations

import pytest

from courriel import Letter
from courriel.doctor import Step
from courriel.doctor.visit.arrival import Arrival
from courriel.doctor.visit.host_results import host_results
from courriel.doctor.visit.result_steps import is_aligned, result_steps

SIGNED = "dkim=pass header.d=example.org header.s=s1"
LISTED = "spf=pass smtp.mailfrom=ada@example.org"
PASSED = "dmarc=pass header.from=example.org"


def arrival(*results: str, more: str = "") -> Arrival:
    """The arrival of a mail with these results of mx.example.net."""
    field = "; ".join(("mx.example.net", *results))
    letter = Letter.parse(f"{more}Authentication-Results: {field}\r\n\r\nHello.".encode())
    name, found, sent_from = host_results(letter)
    return Arrival("INBOX", 1.0, authserv_id=name, results=found, sent_from=sent_from)


def steps(*results: str, more: str = "") -> dict[str, Step]:
    return {step.name: step for step in result_steps(arrival(*results, more=more), "example.org")}


def told(*results: str) -> list[tuple[str, str]]:
    return [(step.status, step.failure) for step in steps(*results).values()]


def test_all_is_well_where_all_three_pass() -> None:
    found = steps(SIGNED, LISTED, PASSED)

    assert [(step.status, step.finding.en) for step in found.values()] == [
        ("ok", "spf=pass, MAIL FROM example.org"),
        ("ok", "dkim=pass, signed by example.org (s1)"),
        ("ok", "dmarc=pass, From example.org"),
    ]
    assert found["dkim-result"].finding.fr == "dkim=pass, signé par example.org (s1)"
    assert arrival("dkim=fail", SIGNED, LISTED, PASSED).checks == "spf=pass dkim=pass dmarc=pass"
    assert arrival("dkim=fail", "dkim=none", "iprev=pass").checks == "dkim=fail"


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        (("dkim=none", LISTED, PASSED), [("ok", ""), ("warning", "DKIM-NOT-SIGNED"), ("ok", "")]),
        (("dkim=none", "spf=fail smtp.mailfrom=example.org", "dmarc=fail header.from=example.org"),
         [("failed", "SPF-SERVER-NOT-LISTED"), ("failed", "DKIM-NOT-SIGNED"), ("failed", "DMARC-FAILED")]),
        ((SIGNED, "spf=softfail smtp.mailfrom=example.org", PASSED),
         [("warning", "SPF-SERVER-NOT-LISTED"), ("ok", ""), ("ok", "")]),
        ((SIGNED, "spf=none smtp.mailfrom=example.org", PASSED), [("warning", "SPF-MISSING"), ("ok", ""), ("ok", "")]),
        ((SIGNED, "spf=permerror smtp.mailfrom=example.org", PASSED),
         [("warning", "SPF-UNUSABLE"), ("ok", ""), ("ok", "")]),
        ((SIGNED, "spf=pass smtp.mailfrom=bounces.provider.example", PASSED),
         [("warning", "SPF-NOT-ALIGNED"), ("ok", ""), ("ok", "")]),
        (("dkim=pass header.d=provider.example", "spf=pass smtp.mailfrom=b.provider.example",
          "dmarc=fail header.from=example.org"),
         [("warning", "SPF-NOT-ALIGNED"), ("failed", "DKIM-NOT-ALIGNED"), ("failed", "DMARC-FAILED")]),
        (("dkim=fail header.d=example.org header.s=s1", LISTED, PASSED),
         [("ok", ""), ("warning", "DKIM-SIGNATURE-FAILED"), ("ok", "")]),
        (("dkim=pass header.d=provider.example", SIGNED, LISTED, PASSED), [("ok", ""), ("ok", ""), ("ok", "")]),
        (("dkim=fail header.d=provider.example", SIGNED, LISTED, PASSED), [("ok", ""), ("ok", ""), ("ok", "")]),
        ((SIGNED, LISTED, "dmarc=none header.from=example.org"),
         [("ok", ""), ("ok", ""), ("warning", "DMARC-MISSING")]),
        ((SIGNED, LISTED, "dmarc=permerror header.from=example.org"),
         [("ok", ""), ("ok", ""), ("failed", "DMARC-INVALID")]),
        (("dkim=temperror header.d=example.org", "spf=temperror", "dmarc=temperror"),
         [("unknown", ""), ("unknown", ""), ("unknown", "")]),
        ((SIGNED,), [("unknown", ""), ("ok", ""), ("unknown", "")]),
        (("none",), [("unknown", ""), ("unknown", ""), ("unknown", "")]),
        (("spf=pass", "dkim=pass", "dmarc=pass"), [("ok", ""), ("ok", ""), ("ok", "")]),
    ],
)  # fmt: skip
def test_what_is_to_be_changed_is_said(results: tuple[str, ...], expected: list[tuple[str, str]]) -> None:
    assert told(*results) == expected


def test_each_step_that_is_not_well_has_a_remedy_in_both_languages() -> None:
    for step in steps("dkim=none", "spf=fail", "dmarc=fail").values():
        assert step.cause.fr
        assert step.cause.en
        assert step.fix.fr
        assert step.fix.en
        assert step.sysexit == 78


def test_a_signature_that_failed_names_its_record() -> None:
    step = steps("dkim=fail header.d=example.org header.s=s1")["dkim-result"]

    assert step.command == "dig +short TXT s1._domainkey.example.org"


@pytest.mark.parametrize(
    ("more", "result", "term"),
    [
        ("Received-SPF: fail (mx) client-ip=192.0.2.1; envelope-from=a@b.org\r\n", "spf=fail", "ip4:192.0.2.1"),
        ("", "spf=softfail (mx: b.org does not designate 2001:db8::1 as permitted sender)", "ip6:2001:db8::1"),
        ("", "spf=fail (sender IP is 192.0.2.7) smtp.mailfrom=b.org", "ip4:192.0.2.7"),
        ("Received-SPF: fail client-ip=999.1.1.1\r\n", "spf=fail", ""),
        ("", "spf=fail", ""),
    ],
)
def test_the_term_to_add_is_given_where_the_host_says_from_where_the_mail_came(
    more: str, result: str, term: str
) -> None:
    step = steps(result, more=more)["spf-result"]

    assert [detail.en.rpartition(" ")[2] for detail in step.details] == [term] * bool(term)
    assert step.failure == "SPF-SERVER-NOT-LISTED"


def test_a_host_with_a_name_for_each_check_is_one_host() -> None:
    fields = "".join(
        f"Authentication-Results: {field}\r\n"
        for field in ("spf.icloud.example; spf=pass", "dkim.icloud.example; dkim=pass", "mx.other.example; dmarc=fail")
    )

    name, results, _ = host_results(Letter.parse(f"{fields}\r\nHello.".encode()))

    assert (name, [str(each) for each in results]) == ("spf.icloud.example", ["spf=pass", "dkim=pass"])


def test_a_host_that_says_nothing_is_named_where_it_has_a_name() -> None:
    assert [step.finding.en for step in steps("none").values()] == ["mx.example.net says nothing of it"] * 3
    silent = list(result_steps(Arrival("INBOX", 1.0), "example.org"))
    assert [step.finding.en for step in silent] == ["the receiving host says nothing of it"] * 3
    assert [step.finding.fr for step in silent] == ["l'hébergeur n'en dit rien"] * 3


@pytest.mark.parametrize(
    ("domain", "aligned"),
    [
        ("example.org", True), ("mail.example.org", True), ("org", True), ("Example.ORG.", True),
        ("badexample.org", False), ("example.com", False), ("", False),
    ],
)  # fmt: skip
def test_domains_are_aligned_when_one_lies_below_the_other(domain: str, aligned: bool) -> None:
    assert is_aligned(domain, "example.org") is aligned
