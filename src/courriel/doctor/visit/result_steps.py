"""Steps about what a receiving host checked of the trial mail: SPF, DKIM and DMARC, and what to change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from courriel._dataclass import replace
from courriel.doctor.step import Step, StepName, StepStatus, with_record
from courriel.doctor.visit.arrival import Arrival
from courriel.failures import Text
from courriel.model.received.authentication import AuthenticationResult

_LATER = ("temperror",)
_HOST = Text("l'hébergeur", "the receiving host")
_UNTOLD = Text("n'en dit rien", "says nothing of it")


def result_steps(arrival: Arrival, domain: str) -> Iterator[Step]:
    """The three steps, for a mail whose sender is of this domain."""
    spf, dkim, dmarc = ([each for each in arrival.results if each.method == name] for name in ("spf", "dkim", "dmarc"))
    # Where DMARC passes one of the two is enough for the host: what the other lacks is worth a word, and no failure.
    wrong: StepStatus = "warning" if any(each.passed for each in dmarc) else "failed"
    yield _spf(arrival, spf, domain, wrong)
    yield _dkim(arrival, dkim, domain, wrong)
    yield _dmarc(arrival, dmarc)


def is_aligned(domain: str, sender_domain: str) -> bool:
    """Whether DMARC counts this domain for the sender's: equal, or one of them below the other (relaxed alignment)."""
    one, other = domain.lower().rstrip("."), sender_domain.lower().rstrip(".")
    return bool(one and other) and (one == other or one.endswith(f".{other}") or other.endswith(f".{one}"))


# The steps.


def _spf(arrival: Arrival, found: Sequence[AuthenticationResult], domain: str, wrong: StepStatus) -> Step:
    if not found:
        return _untold("spf-result", arrival)
    result = found[0]
    finding = _told(result, Text(f"MAIL FROM {result.domain}", f"MAIL FROM {result.domain}") if result.domain else None)
    if result.passed:
        if not result.domain or is_aligned(result.domain, domain):
            return Step("spf-result", "ok", finding)
        # The provider's own way to send: no mistake where the signature is the domain's.
        return with_record(Step("spf-result", "warning", finding), "SPF-NOT-ALIGNED")
    if result.result in _LATER:
        return Step("spf-result", "unknown", finding)
    if result.result == "none":
        return with_record(Step("spf-result", wrong, finding), "SPF-MISSING")
    if result.result == "permerror":
        return with_record(Step("spf-result", wrong, finding), "SPF-UNUSABLE")
    step = with_record(Step("spf-result", wrong, finding), "SPF-SERVER-NOT-LISTED")
    if arrival.sent_from:
        term = f"{'ip6' if ':' in arrival.sent_from else 'ip4'}:{arrival.sent_from}"
        detail = Text(
            f"le message est parti de {arrival.sent_from} ; terme à ajouter : {term}",
            f"the mail left from {arrival.sent_from}; term to add: {term}",
        )
        return replace(step, details=(detail,))
    return step


def _dkim(arrival: Arrival, found: Sequence[AuthenticationResult], domain: str, wrong: StepStatus) -> Step:
    if not found:
        return _untold("dkim-result", arrival)
    passed = [each for each in found if each.passed]
    aligned = [each for each in passed if is_aligned(each.domain, domain)]
    result = (aligned or passed or found)[0]
    selector = f" ({result.selector})" if result.selector else ""
    signer = f"{result.domain}{selector}"
    finding = _told(result, Text(f"signé par {signer}", f"signed by {signer}") if result.domain else None)
    if aligned or (passed and not result.domain):
        return Step("dkim-result", "ok", finding)
    if passed:
        return with_record(Step("dkim-result", wrong, finding), "DKIM-NOT-ALIGNED")
    if result.result in _LATER:
        return Step("dkim-result", "unknown", finding)
    failure = "DKIM-NOT-SIGNED" if result.result == "none" else "DKIM-SIGNATURE-FAILED"
    step = with_record(Step("dkim-result", wrong, finding), failure)
    if result.domain and result.selector:
        return replace(step, command=f"dig +short TXT {result.selector}._domainkey.{result.domain}")
    return step


def _dmarc(arrival: Arrival, found: Sequence[AuthenticationResult]) -> Step:
    if not found:
        return _untold("dmarc-result", arrival)
    result = found[0]
    finding = _told(result, Text(f"From {result.domain}", f"From {result.domain}") if result.domain else None)
    if result.passed:
        return Step("dmarc-result", "ok", finding)
    if result.result in _LATER:
        return Step("dmarc-result", "unknown", finding)
    if result.result == "none":
        return with_record(Step("dmarc-result", "warning", finding), "DMARC-MISSING")
    if result.result == "permerror":
        return with_record(Step("dmarc-result", "failed", finding), "DMARC-INVALID")
    return with_record(Step("dmarc-result", "failed", finding), "DMARC-FAILED")


def _told(result: AuthenticationResult, about: Text | None) -> Text:
    if about is None:
        return Text(str(result), str(result))
    return Text(f"{result}, {about.fr}", f"{result}, {about.en}")


def _untold(name: StepName, arrival: Arrival) -> Step:
    host = Text(arrival.authserv_id, arrival.authserv_id) if arrival.authserv_id else _HOST
    return Step(name, "unknown", Text(f"{host.fr} {_UNTOLD.fr}", f"{host.en} {_UNTOLD.en}"))
