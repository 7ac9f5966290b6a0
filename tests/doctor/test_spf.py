"""SPF: the grammar, the limits of RFC 7208, loops; records as tables here, from real name servers in test_zones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courriel.doctor.domain import spf
from doctor.conftest import Asked, Table


def judged(*records: str, **more: list[str]) -> spf.SpfReport:
    """The report on a.test, with these records, and TXT records of other domains, `b_test=[…]`."""
    table: Table = {("a.test", "TXT"): list(records)} if records else {}
    table |= {(name.replace("_", "."), "TXT"): texts for name, texts in more.items()}
    return spf.examine("a.test", Asked(table))


@pytest.mark.parametrize(
    "record",
    [
        "v=spf1",
        "v=spf1 -all",
        "V=SPF1 IP4:192.0.2.1 IP6:2001:DB8::1/64 ~ALL",
        "v=spf1 ip4:192.0.2.0/24 -all",
        "v=spf1  a  mx/24 a:b.test/24//64 mx//128 -all",
        "v=spf1 exists:%{i}._spf.%{d} include:%{d2}.x.test -all",
        "v=spf1 redirect=b.test exp=why.%{d} unknown=whatever",
    ],
)
def test_what_the_grammar_has_is_read(record: str) -> None:
    assert spf.parse(record) is not None


@pytest.mark.parametrize(
    "term",
    ["inclde:b.test", "include:", "include", "ip4:192.0.2.256", "ip4:192.0.2.1/33", "ip6:192.0.2.1", "ip4:2001:db8::1",
     "ip6:2001:db8::/129", "a/33", "mx//129", "all:b.test", "+-all", "exists", "ptr/24", "redirect=", "10.0.0.1",
     "v=spf1 :"],
)  # fmt: skip
def test_a_mistake_is_quoted(term: str) -> None:
    report = judged(f"v=spf1 {term} -all")

    assert report.problem == "SPF-INVALID"
    assert term.rpartition(" ")[2] in report.detail.en


def test_only_what_begins_as_spf_counts() -> None:
    report = judged("v=spf10 -all", "spf2.0/pra -all", "an unrelated text", "v=spf1 -all")

    assert (report.record, report.problem, report.ending) == ("v=spf1 -all", "", "-")


def test_no_record_is_no_problem_of_its_own() -> None:
    assert judged("an unrelated text") == spf.SpfReport()


def test_two_records_are_none() -> None:
    assert judged("v=spf1 -all", "v=spf1 mx -all").problem == "SPF-SEVERAL"
    assert judged("v=spf1 include:b.test -all", b_test=["v=spf1 -all", "v=spf1 -all"]).problem == "SPF-SEVERAL"


@pytest.mark.parametrize(("terms", "problem"), [(10, ""), (11, "SPF-TOO-MANY-LOOKUPS")])
def test_ten_lookups_are_allowed(terms: int, problem: str) -> None:
    table: Table = {("a.test", "TXT"): [f"v=spf1 {'a:b.test ' * terms}-all"], ("b.test", "A"): ["192.0.2.1"]}

    report = spf.examine("a.test", Asked(table))

    assert (report.problem, report.lookups) == (problem, terms)


def test_lookups_of_includes_and_of_a_redirect_count() -> None:
    inner = f"v=spf1 {'exists:%{i}.x.test ' * 5}-all"

    report = judged("v=spf1 include:b.test redirect=c.test", b_test=[inner], c_test=[inner])

    assert (report.problem, report.lookups) == ("SPF-TOO-MANY-LOOKUPS", 12)


def test_addresses_and_all_cost_nothing() -> None:
    report = judged(f"v=spf1 {'ip4:192.0.2.1 ' * 30}ip6:::1 ~all")

    assert (report.problem, report.lookups, report.ending) == ("", 0, "~")


def test_what_stands_behind_all_is_never_reached() -> None:
    report = judged("v=spf1 -all include:b.test redirect=c.test")

    assert (report.problem, report.lookups, report.includes) == ("", 0, ())


@pytest.mark.parametrize(("names", "problem"), [(2, ""), (3, "SPF-VOID-LOOKUPS")])
def test_two_void_lookups_are_allowed(names: int, problem: str) -> None:
    terms = " ".join(f"a:v{number}.test" for number in range(names))

    report = judged(f"v=spf1 {terms} -all")

    assert (report.problem, report.void) == (problem, names)


def test_an_address_of_the_other_family_is_no_void_lookup() -> None:
    table: Table = {("a.test", "TXT"): ["v=spf1 a:b.test -all"], ("b.test", "AAAA"): ["2001:db8::1"]}

    assert spf.examine("a.test", Asked(table)).void == 0


@pytest.mark.parametrize(
    ("record", "others", "path"),
    [
        ("v=spf1 include:a.test -all", {}, "a.test → a.test"),
        ("v=spf1 redirect=a.test", {}, "a.test → a.test"),
        ("v=spf1 include:B.test. -all", {"b_test": ["v=spf1 include:A.TEST -all"]}, "a.test → b.test → a.test"),
    ],
)
def test_a_loop_is_shown_and_left(record: str, others: dict[str, list[str]], path: str) -> None:
    report = judged(record, **others)

    assert (report.problem, report.detail.en) == ("SPF-LOOP", path)


def test_the_same_include_twice_is_no_loop() -> None:
    report = judged("v=spf1 include:b.test include:c.test -all",
                    b_test=["v=spf1 include:d.test -all"], c_test=["v=spf1 include:d.test -all"],
                    d_test=["v=spf1 ip4:192.0.2.1 -all"])  # fmt: skip

    assert (report.problem, report.lookups) == ("", 4)


def test_an_include_without_a_record_is_named() -> None:
    report = judged("v=spf1 include:b.test -all")

    assert report.problem == "SPF-INCLUDE-EMPTY"
    assert "a.test points to b.test" in report.detail.en


def test_an_answer_that_does_not_come_is_no_verdict() -> None:
    table: Table = {("a.test", "TXT"): ["v=spf1 include:b.test -all"], ("b.test", "SERVFAIL"): []}

    report = spf.examine("a.test", Asked(table))

    assert (report.problem, report.uncertain) == ("", "b.test: SERVFAIL")


def test_everybody_is_a_problem_and_the_end_of_an_include_is_not_the_end() -> None:
    assert judged("v=spf1 mx:a.test +all").problem == "SPF-PASS-ALL"
    assert judged("v=spf1 all").problem == "SPF-PASS-ALL"

    report = judged("v=spf1 include:b.test ~all", b_test=["v=spf1 ?all"])
    assert (report.problem, report.ending) == ("", "~")

    report = judged("v=spf1 redirect=b.test", b_test=["v=spf1 ?all"])
    assert (report.problem, report.ending) == ("", "?")


@pytest.mark.parametrize(
    ("record", "detail"),
    [
        ("v=spf1 ip4:0.0.0.0/0 -all", "+ip4"),
        ("v=spf1 ip6:::/0 -all", "+ip6"),
        ("v=spf1 include:b.test -all", "b.test: +all"),
        ("v=spf1 redirect=b.test", "+all"),
        ("v=spf1 -include:b.test -all", ""),
        ("v=spf1 ?ip4:0.0.0.0/0 -all", ""),
        ("v=spf1 ip4:10.0.0.0/8 -all", ""),
    ],
)
def test_everybody_may_send_by_any_term_that_lets_all_addresses_through(record: str, detail: str) -> None:
    report = judged(record, b_test=["v=spf1 +all"])

    assert (report.problem, report.detail.en) == ("SPF-PASS-ALL" if detail else "", detail)


def test_more_than_ten_exchangers_are_too_many() -> None:
    table: Table = {
        ("a.test", "TXT"): ["v=spf1 mx -all"],
        ("a.test", "MX"): [f"10 mx{number}.test" for number in range(11)],
    }

    assert spf.examine("a.test", Asked(table)).problem == "SPF-TOO-MANY-LOOKUPS"


def test_a_tree_of_includes_without_end_is_left_after_some() -> None:
    class Endless(Asked):
        def __call__(self, name: str, kind: object) -> object:  # type: ignore[override]
            self.questions.append((name, str(kind)))
            return spf_answer(f"v=spf1 include:x.{name} include:y.{name} -all")

    asked = Endless({})
    report = spf.examine("a.test", asked)

    assert report.problem == "SPF-TOO-MANY-LOOKUPS"
    assert len(asked.questions) < 60


def spf_answer(record: str) -> object:
    from courriel.doctor.domain.name_service import DnsAnswer

    return DnsAnswer("found", (record,))


@pytest.mark.slow
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters=" "), max_size=30), max_size=8))
def test_no_text_is_too_strange(words: list[str]) -> None:
    report = judged(" ".join(["v=spf1", *words]))

    assert report.problem in ("", "SPF-INVALID", "SPF-INCLUDE-EMPTY", "SPF-LOOP", "SPF-PASS-ALL", "SPF-VOID-LOOKUPS")
