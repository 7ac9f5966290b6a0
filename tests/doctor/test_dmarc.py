"""DMARC by RFC 9989: the tree walk, the policy that holds, what is wrong with a record."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courriel.doctor.domain import dmarc
from doctor.conftest import Asked, Table


def zone(**records: str | list[str]) -> Asked:
    """DMARC records by domain, written with "_" for "."."""
    table: Table = {}
    for name, texts in records.items():
        table[f"_dmarc.{name.replace('_', '.')}", "TXT"] = [texts] if isinstance(texts, str) else texts
    return Asked(table)


@pytest.mark.parametrize(
    ("domain", "names"),
    [
        ("a.test", ["a.test", "test"]),
        ("b.c.a.test", ["b.c.a.test", "c.a.test", "a.test", "test"]),
        # RFC 9989 4.10: after the first question, seven labels remain.
        ("1.2.3.4.5.6.7.8.9.test", ["1.2.3.4.5.6.7.8.9.test", "4.5.6.7.8.9.test", "5.6.7.8.9.test", "6.7.8.9.test",
                                    "7.8.9.test", "8.9.test", "9.test", "test"]),
        ("1.2.3.4.5.6.7.test", ["1.2.3.4.5.6.7.test", "2.3.4.5.6.7.test", "3.4.5.6.7.test", "4.5.6.7.test",
                                "5.6.7.test", "6.7.test", "7.test", "test"]),
    ],
)  # fmt: skip
def test_the_walk_asks_eight_names_at_most(domain: str, names: list[str]) -> None:
    assert dmarc.walk_names(domain) == names

    asked = zone()
    dmarc.examine(domain, asked)
    assert [name.removeprefix("_dmarc.") for name, _ in dict.fromkeys(asked.questions)] == names


def test_the_record_of_the_domain_comes_first() -> None:
    report = dmarc.examine("b.a.test", zone(b_a_test="v=DMARC1; p=none; sp=reject", a_test="v=DMARC1; p=reject"))

    assert (report.at, report.policy, report.organizational) == ("b.a.test", "none", "a.test")


@pytest.mark.parametrize(
    ("record", "policy"),
    [
        ("v=DMARC1; p=reject", "reject"),
        ("v=DMARC1; p=reject; sp=none", "none"),
        ("v=DMARC1; p=none; sp=quarantine", "quarantine"),
        ("v=DMARC1", "none"),
        ("v = DMARC1 ; P = Reject ;", "reject"),
    ],
)
def test_a_subdomain_has_the_policy_of_the_organizational_domain(record: str, policy: str) -> None:
    report = dmarc.examine("b.a.test", zone(a_test=record))

    assert (report.at, report.policy, report.organizational) == ("a.test", policy, "a.test")


def test_psd_n_makes_a_domain_the_organizational_one() -> None:
    asked = zone(b_a_test="v=DMARC1; p=none; psd=n", a_test="v=DMARC1; p=reject")

    report = dmarc.examine("c.b.a.test", asked)

    assert (report.organizational, report.policy) == ("b.a.test", "none")
    assert ("_dmarc.a.test", "TXT") not in asked.questions


def test_below_a_public_suffix_each_domain_is_its_own() -> None:
    report = dmarc.examine("c.b.suffix.test", zone(suffix_test="v=DMARC1; p=reject; psd=y"))

    assert (report.organizational, report.at, report.policy) == ("b.suffix.test", "suffix.test", "reject")


def test_a_public_suffix_itself_is_judged_by_its_own_record() -> None:
    report = dmarc.examine("suffix.test", zone(suffix_test="v=DMARC1; p=reject; psd=y"))

    assert (report.organizational, report.at) == ("suffix.test", "suffix.test")


def test_of_several_records_none_counts() -> None:
    report = dmarc.examine("a.test", zone(a_test=["v=DMARC1; p=none", "v=DMARC1; p=reject"]))

    assert (report.problem, report.policy) == ("DMARC-SEVERAL", "")


def test_texts_that_are_no_records_do_not_count() -> None:
    texts = ["p=reject; v=DMARC1", "v=DMARC2; p=reject", "v=dmarc1; p=reject", "hello", "v=DMARC1; p=quarantine"]

    report = dmarc.examine("a.test", zone(a_test=texts))

    assert (report.problem, report.policy) == ("", "quarantine")


def test_without_a_record_anywhere_it_is_missing() -> None:
    assert dmarc.examine("a.test", zone()).problem == "DMARC-MISSING"


@pytest.mark.parametrize("wrong", ["p=nothing", "p=reject; sp=maybe", "p=reject; np=x", "p=", "p=none; p=reject", "p"])
def test_a_wrong_policy_is_quoted(wrong: str) -> None:
    report = dmarc.examine("a.test", zone(a_test=f"v=DMARC1; {wrong}"))

    assert report.problem == "DMARC-INVALID"
    assert report.policy == ""


def test_a_wrong_policy_with_reports_is_none() -> None:
    report = dmarc.examine("a.test", zone(a_test="v=DMARC1; p=nothing; rua=mailto:x@a.test"))

    assert (report.problem, report.policy, report.detail.en) == ("DMARC-INVALID", "none", "p=nothing")


def test_tags_that_are_gone_are_named() -> None:
    report = dmarc.examine("a.test", zone(a_test="v=DMARC1; p=reject; pct=50; rf=afrf; ri=3600; t=y; fo=1"))

    assert (report.removed_tags, report.testing, report.problem) == (("pct", "rf", "ri"), True, "")


def test_reports_to_another_domain_need_its_consent() -> None:
    asked = zone(a_test="v=DMARC1; p=none; rua=mailto:x@a.test,mailto:y@sub.a.test,mailto:z@b.test!10m,mailto:c@c.test")
    asked.table["a.test._report._dmarc.c.test", "TXT"] = ["v=DMARC1;"]

    assert dmarc.examine("a.test", asked).unconfirmed == ("b.test",)


def test_an_answer_that_does_not_come_is_no_verdict() -> None:
    asked = zone(a_test="v=DMARC1; p=reject")
    asked.table["_dmarc.test", "SERVFAIL"] = []

    report = dmarc.examine("a.test", asked)

    assert (report.problem, report.policy, report.uncertain) == ("", "", "_dmarc.test: SERVFAIL")


@pytest.mark.slow
@given(st.text(max_size=200))
def test_no_text_is_too_strange(text: str) -> None:
    report = dmarc.examine("a.test", zone(a_test=f"v=DMARC1;{text}"))

    assert report.policy in ("", *dmarc.POLICIES)
