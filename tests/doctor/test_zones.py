"""Zones of a real name server (NSD), asked through a real resolver (Unbound): good, broken, looping, slow, lying."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from dns import message, rrset

from courriel import doctor, errors
from courriel.doctor.domain import policy_file
from courriel.doctor.domain.name_service import NameService
from courriel.doctor.step import Step
from courriel.network.https import exchange as https
from servers.names import HUGE, Names


@pytest.fixture(autouse=True)
def no_web(monkeypatch: pytest.MonkeyPatch) -> None:
    """No web server has a policy: nothing leaves this machine."""

    def nobody(server: object, until: float) -> socket.socket:
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(https, "_connect", nobody)


def domain_steps(domain: str, at: str, *selectors: str) -> dict[str, Step]:
    """Steps of a domain by name; the server is left out (an unreachable one would say the same each time)."""
    from courriel.doctor.domain.records import steps_of

    return {step.name: step for step in steps_of(domain, selectors, NameService(at), policy_file.fetch_policy)}


@pytest.mark.slow
def test_a_good_zone(names: Names) -> None:
    found = domain_steps("good.test", names.at, "s2048")

    assert {name: step.status for name, step in found.items()} == {
        "mx": "ok", "spf": "ok", "dkim": "ok", "dmarc": "ok", "mta-sts": "failed", "tls-rpt": "ok",
    }  # fmt: skip
    assert found["mx"].finding.en == "mx1.good.test, mx2.good.test"
    assert found["spf"].finding.en == "includes _spf.good.test · -all · 2 of 10 lookups"
    assert found["dkim"].finding.en == "s2048: rsa key 2048 bits"
    assert found["dmarc"].finding.en == "p=quarantine · organizational domain good.test"
    assert found["mta-sts"].failure == "MTA-STS-UNREACHABLE"


@pytest.mark.parametrize(
    ("domain", "step", "status", "failure"),
    [
        ("several.test", "spf", "failed", "SPF-SEVERAL"),
        ("several.test", "dmarc", "failed", "DMARC-SEVERAL"),
        ("loop.test", "spf", "failed", "SPF-LOOP"),
        ("self.test", "spf", "failed", "SPF-LOOP"),
        ("many.test", "spf", "failed", "SPF-TOO-MANY-LOOKUPS"),
        ("void.test", "spf", "failed", "SPF-VOID-LOOKUPS"),
        ("empty.test", "spf", "failed", "SPF-INCLUDE-EMPTY"),
        ("typo.test", "spf", "failed", "SPF-INVALID"),
        ("passall.test", "spf", "failed", "SPF-PASS-ALL"),
        ("open.test", "spf", "warning", "SPF-OPEN-END"),
        ("bare.test", "spf", "warning", "SPF-MISSING"),
        ("bare.test", "mx", "warning", ""),
        ("nullmx.test", "mx", "failed", "DOMAIN-TAKES-NO-MAIL"),
        ("nowhere.test", "mx", "failed", "DOMAIN-TAKES-NO-MAIL"),
        ("bare.test", "dmarc", "warning", "DMARC-MISSING"),
        ("observer.test", "dmarc", "failed", "DMARC-INVALID"),
        ("silenced.test", "dmarc", "warning", "DMARC-REPORTS-UNCONFIRMED"),
        ("sub.good.test", "dmarc", "ok", ""),
        ("x.psd.test", "dmarc", "ok", ""),
    ],
)
def test_a_zone_with_a_mistake(names: Names, domain: str, step: str, status: str, failure: str) -> None:
    found = domain_steps(domain, names.at)[step]

    assert (found.status, found.failure) == (status, failure)
    assert bool(found.cause) == bool(found.fix) == bool(failure)


@pytest.mark.parametrize(
    ("selector", "status", "failure"),
    [
        ("alias", "ok", ""),
        ("s1024", "warning", ""),
        ("ed", "ok", ""),
        ("revoked", "failed", "DKIM-KEY-REVOKED"),
        ("broken", "failed", "DKIM-KEY-INVALID"),
        ("nowhere", "failed", "DKIM-KEY-MISSING"),
    ],
)
def test_a_selector(names: Names, selector: str, status: str, failure: str) -> None:
    found = domain_steps("good.test", names.at, selector)["dkim"]

    assert (found.status, found.failure) == (status, failure)


@pytest.mark.parametrize("with_resolver", [True, False])
def test_an_answer_that_fits_into_no_datagram_comes_by_tcp(names: Names, with_resolver: bool) -> None:
    at = names.at if with_resolver else names.authority

    (record,) = NameService(at)("big.test", "TXT").values

    assert len(record) == HUGE
    step = domain_steps("big.test", at)["spf"]
    assert step.status == "warning"
    assert len(step.records[0]) < 400, "a report is no place for ten thousand characters"


@pytest.mark.parametrize("with_resolver", [True, False])
def test_a_chain_of_cnames_without_end_is_no_answer(names: Names, with_resolver: bool) -> None:
    found = domain_steps("cname.test", names.at if with_resolver else names.authority)

    assert (found["mx"].status, found["spf"].status) == ("unknown", "unknown")
    assert found["mx"].failure == ""


@pytest.mark.slow
def test_a_slow_zone_is_given_up_after_two_questions(names: Names) -> None:
    ask = NameService(names.at, each=0.3)

    answers = [ask(f"x{number}.slow.test", "TXT") for number in range(6)]

    assert [answer.outcome for answer in answers] == ["late"] * 6
    assert [answer.why for answer in answers[2:]] == ["the name service was given up"] * 4


@pytest.mark.slow
def test_a_slow_include_leaves_the_rest(names: Names) -> None:
    ask = NameService(names.at, each=0.3)

    assert ask("x.slow.test", "TXT").outcome == "late"
    assert ask("good.test", "TXT").outcome == "found"
    assert ask("y.slow.test", "TXT").outcome == "late"
    assert ask("good.test", "MX").outcome == "found"


def test_a_resolver_that_refuses_says_so(names: Names) -> None:
    assert NameService(names.at)("example.org", "TXT").why == "REFUSED"


def test_a_question_is_asked_once_and_all_of_them_end(names: Names) -> None:
    few = NameService(names.at, most=2)

    assert [few("good.test", "MX").outcome for _ in range(5)] == ["found"] * 5
    assert few("GOOD.test.", "MX").outcome == "found"
    assert few("good.test", "TXT").outcome == "found"
    assert few("bare.test", "TXT").outcome == "late"
    assert NameService(names.at, total=0)("good.test", "MX").outcome == "late"


@pytest.mark.slow
@pytest.mark.parametrize("lie", ["garbage", "another question", "another id", "a reply to nobody", "a loop of its own"])
def test_a_name_server_that_lies_gives_no_records(lie: str) -> None:
    with liar(lie) as at:
        answer = NameService(at, each=0.4)("good.test", "TXT")

    assert answer.outcome in ("late", "failed", "no records")
    assert answer.values == ()


@pytest.mark.parametrize(
    "name", ["", ".", "a..b", "x" * 64 + ".test", "a." * 200 + "test", "ü.test", "a b.test", "\0.test"]
)
def test_a_name_that_is_none_is_no_crash(names: Names, name: str) -> None:
    assert not NameService(names.at)(name, "A").values


@pytest.mark.parametrize(
    "at", ["nowhere", "127.0.0.1:x", "127.0.0.1:0", "127.0.0.1:65536", "[::1", "192.0.2.300", ":53", "a:b:c"]
)
def test_a_place_that_is_none_is_refused(at: str) -> None:
    with pytest.raises(errors.UsageError, match="an IP address is needed"):
        NameService(at)


@pytest.mark.parametrize("at", ["127.0.0.1", "::1", "[::1]", "[::1]:53", "192.0.2.1:5353"])
def test_a_place_is_an_address_with_or_without_a_port(at: str) -> None:
    assert NameService(at) is not None


@pytest.mark.parametrize("language", ["fr", "en"])
def test_an_address_whose_domain_is_broken_is_the_verdict(names: Names, language: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]

    found = doctor.examine(
        f"smtp+starttls://127.0.0.1:{port}", sender="ada@several.test", name_server=names.at, neighbours_too=False
    )

    assert [step.status for step in found.session_steps] == ["ok", "failed"]
    assert {step.name for step in found.domain_steps} == {"mx", "spf", "dkim", "dmarc", "mta-sts", "tls-rpt"}
    assert found.domain == "several.test"
    assert found.as_object(language)["steps"]  # type: ignore[arg-type]


# The steps.


@contextmanager
def liar(lie: str) -> Iterator[str]:
    """A name server that answers each question with the same kind of lie."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.bind(("127.0.0.1", 0))

        def serve() -> None:
            while True:
                data, client = line.recvfrom(4096)
                if not data:
                    return
                line.sendto(_lie(lie, data), client)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"127.0.0.1:{line.getsockname()[1]}"
        line.sendto(b"", line.getsockname())
        thread.join()


def _lie(lie: str, data: bytes) -> bytes:
    query = message.from_wire(data)
    (question,) = query.question
    reply = message.make_response(query)
    match lie:
        case "garbage":
            return b"\xff" * 40
        case "another question":
            reply = message.make_response(message.make_query("evil.test", "TXT", id=query.id))
            reply.answer.append(rrset.from_text("evil.test.", 60, "IN", "TXT", '"v=spf1 +all"'))
        case "another id":
            reply.id ^= 1
            reply.answer.append(rrset.from_text(question.name, 60, "IN", "TXT", '"v=spf1 +all"'))
        case "a reply to nobody":
            reply.answer.append(rrset.from_text("evil.test.", 60, "IN", "TXT", '"v=spf1 +all"'))
        case _:
            reply.answer.append(rrset.from_text(question.name, 60, "IN", "CNAME", str(question.name)))
    return reply.to_wire()
