"""Steps about the sender's domain, in order: MX, SPF, DKIM, DMARC, MTA-STS, TLS reports."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from time import monotonic

from courriel._dataclass import replace
from courriel.doctor.domain import dkim, dmarc, mta_sts, spf, tls_rpt
from courriel.doctor.domain.name_service import Lookup
from courriel.doctor.step import Step, StepName, in_both, with_record
from courriel.failures import Text

LONGEST_RECORD = 300
"""Characters of a record that are shown."""
_MARKS = {"-": "-all", "~": "~all", "?": "?all", "+": "+all", "": ""}


def steps_of(domain: str, selectors: Sequence[str], ask: Lookup, fetch: mta_sts.Fetch) -> Iterator[Step]:
    """Examine the records of a domain, and yield a step for each."""
    exchangers: list[str] = []
    yield _timed(lambda: mx_step(domain, ask, exchangers))
    yield _timed(lambda: spf_step(domain, spf.examine(domain, ask)))
    for selector in selectors:
        yield _timed(lambda selector=selector: dkim_step(domain, dkim.examine(domain, selector, ask)))  # type: ignore[misc]
    if not selectors:
        yield Step(
            "dkim",
            "unknown",
            Text(
                "le sélecteur ne se voit que dans un message parti ; essayez --selector NOM",
                "the selector shows in nothing but a mail that has left; try --selector NAME",
            ),
        )
    yield _timed(lambda: dmarc_step(domain, dmarc.examine(domain, ask)))
    yield _timed(lambda: mta_sts_step(domain, mta_sts.examine(domain, exchangers, ask, fetch)))
    yield _timed(lambda: tls_rpt_step(domain, tls_rpt.examine(domain, ask)))


def mx_step(domain: str, ask: Lookup, exchangers: list[str]) -> Step:
    """The mail exchangers of the domain; their names are added to `exchangers`."""
    answer = ask(domain, "MX")
    if not answer.certain:
        return _uncertain("mx", f"{domain}: {answer.why}", f"dig +short MX {domain}")
    hosts = [value.partition(" ")[2] for value in answer.values]
    if hosts == ["."]:
        return _wrong(
            "mx",
            Text(
                "le domaine dit qu'il ne reçoit pas de courrier (RFC 7505)",
                "the domain says that it takes no mail (RFC 7505)",
            ),
            "DOMAIN-TAKES-NO-MAIL",
        )
    if answer.outcome == "no name":
        return _wrong(
            "mx",
            Text(f"le domaine {domain} n'existe pas", f"the domain {domain} does not exist"),
            "DOMAIN-TAKES-NO-MAIL",
            command=f"dig MX {domain}",
        )
    if not hosts:
        return _of_address(domain, ask)
    exchangers += hosts
    shown = ", ".join(hosts[:4]) + (", …" if len(hosts) > 4 else "")
    return Step("mx", "ok", Text(shown, shown), records=answer.values[:20])


def spf_step(domain: str, found: spf.SpfReport) -> Step:
    """Judge SPF."""
    command = f"dig +short TXT {domain}"
    if found.problem:
        step = _wrong("spf", found.detail, found.problem, command=command)
        return replace(step, records=_shown(found.record))
    if found.uncertain:
        return replace(_uncertain("spf", found.uncertain, command), records=_shown(found.record))
    if not found.record:
        return _wrong("spf", Text("aucun enregistrement", "no record"), "SPF-MISSING", "warning", command)
    includes = ", ".join(found.includes[:3]) + (", …" if len(found.includes) > 3 else "")
    counted = Text(
        f"{found.lookups} interrogation(s) du DNS sur 10" if found.lookups != 1 else "1 interrogation du DNS sur 10",
        f"{found.lookups} of 10 lookups",
    )
    ends = _MARKS[found.ending]
    finding = Text(
        " · ".join(part for part in (includes and f"inclut {includes}", ends, counted.fr) if part),
        " · ".join(part for part in (includes and f"includes {includes}", ends, counted.en) if part),
    )
    details: list[Text] = []
    if found.uses_ptr:
        details.append(
            Text("ptr est lent et déconseillé (RFC 7208, 5.5)", "ptr is slow and not to be used (RFC 7208, 5.5)")
        )
    if len(found.record) > spf.LONGEST:
        details.append(
            Text(
                f"{len(found.record)} caractères : trop long pour une réponse du DNS par UDP",
                f"{len(found.record)} characters: too long for an answer of the DNS by UDP",
            )
        )
    if found.ending in ("", "?"):
        step = _wrong("spf", finding, "SPF-OPEN-END", "warning", command)
    else:
        step = Step("spf", "warning" if details else "ok", finding)
    return replace(step, details=tuple(details), records=_shown(found.record))


def dkim_step(domain: str, found: dkim.DkimReport) -> Step:
    """Judge the DKIM key of one selector."""
    command = f"dig +short TXT {found.selector}._domainkey.{domain}"
    if found.problem:
        return replace(_wrong("dkim", found.detail, found.problem, command=command), records=_shown(found.record))
    if found.uncertain:
        return _uncertain("dkim", found.uncertain, command)
    size = f" {found.bits} bits" if found.bits else ""
    details: list[Text] = []
    if found.testing:
        details.append(
            Text("t=y : le domaine dit qu'il essaie encore", "t=y: the domain says that it is still testing")
        )
    if found.bits and found.bits < dkim.STRONG:
        details.append(Text("2 048 bits sont recommandés (RFC 8301)", "2,048 bits are recommended (RFC 8301)"))
    finding = Text(f"{found.selector} : clé {found.kind}{size}", f"{found.selector}: {found.kind} key{size}")
    return Step("dkim", "warning" if details else "ok", finding, details=tuple(details), records=_shown(found.record))


def dmarc_step(domain: str, found: dmarc.DmarcReport) -> Step:
    """Judge DMARC."""
    command = f"dig +short TXT _dmarc.{found.at or domain}"
    if found.problem:
        status = "warning" if found.problem == "DMARC-MISSING" else "failed"
        detail = found.detail
        if found.problem == "DMARC-MISSING":
            detail = Text("aucun enregistrement", "no record")
        return replace(_wrong("dmarc", detail, found.problem, status, command), records=_shown(found.record))
    if found.uncertain:
        return _uncertain("dmarc", found.uncertain, command)
    details: list[Text] = []
    if found.at != domain:
        details.append(Text(f"par l'enregistrement de {found.at}", f"by the record of {found.at}"))
    if found.policy == "none":
        details.append(
            Text(
                "p=none demande des rapports, et ne fait rien refuser",
                "p=none asks for reports, and has nothing refused",
            )
        )
    if found.testing:
        details.append(
            Text("t=y : la politique est appliquée un degré plus bas", "t=y: the policy is applied one degree lower")
        )
    if not found.reports_to:
        details.append(Text("sans rua, personne ne reçoit de rapports", "without rua nobody gets reports"))
    if found.removed_tags:
        tags = ", ".join(found.removed_tags)
        details.append(Text(f"RFC 9989 n'a plus : {tags}", f"RFC 9989 no longer has: {tags}"))
    finding = Text(
        f"p={found.policy} · domaine d'organisation {found.organizational}",
        f"p={found.policy} · organizational domain {found.organizational}",
    )
    step = Step("dmarc", "ok", finding)
    if found.unconfirmed:
        hosts = ", ".join(found.unconfirmed)
        details.append(Text(f"pas d'accord de {hosts}", f"no consent of {hosts}"))
        first = f"dig +short TXT {found.at}._report._dmarc.{found.unconfirmed[0]}"
        step = _wrong("dmarc", finding, "DMARC-REPORTS-UNCONFIRMED", "warning", first)
    return replace(step, details=tuple(details), records=_shown(found.record))


def mta_sts_step(domain: str, found: mta_sts.MtaStsReport) -> Step:
    """Judge MTA-STS."""
    command = f"curl -s https://mta-sts.{domain}/.well-known/mta-sts.txt"
    if found.problem:
        return replace(_wrong("mta-sts", found.detail, found.problem, command=command), records=_shown(found.record))
    if found.uncertain:
        return _uncertain("mta-sts", found.uncertain, f"dig +short TXT _mta-sts.{domain}")
    if found.policy is None:
        return Step("mta-sts", "skipped", Text("non utilisé (facultatif)", "not used (optional)"))
    days = found.policy.max_age // 86400
    finding = Text(f"mode {found.policy.mode}, retenu {days} j", f"mode {found.policy.mode}, kept for {days} days")
    return Step("mta-sts", "ok", finding, records=_shown(found.record))


def tls_rpt_step(domain: str, found: tls_rpt.TlsRptReport) -> Step:
    """Judge the address for TLS reports."""
    command = f"dig +short TXT _smtp._tls.{domain}"
    if found.problem:
        step = _wrong("tls-rpt", Text("adresse inutilisable", "no usable address"), found.problem, "warning", command)
        return replace(step, records=_shown(found.record))
    if found.uncertain:
        return _uncertain("tls-rpt", found.uncertain, command)
    if not found.record:
        return Step("tls-rpt", "skipped", Text("non demandés (facultatif)", "not asked for (optional)"))
    where = ", ".join(found.reports_to[:3])
    return Step("tls-rpt", "ok", Text(where, where), records=_shown(found.record))


# The steps.


def _timed(look: Callable[[], Step]) -> Step:
    began = monotonic()
    step = look()
    return replace(step, seconds=monotonic() - began)


def _of_address(domain: str, ask: Lookup) -> Step:
    """A domain without MX takes mail at its own address (RFC 5321 5.1)."""
    addresses = [answer for answer in (ask(domain, "A"), ask(domain, "AAAA")) if answer.outcome == "found"]
    if addresses:
        return Step(
            "mx",
            "warning",
            Text(f"pas de MX : le courrier irait à {domain} même", f"no MX: mail would go to {domain} itself"),
        )
    return _wrong(
        "mx", Text("ni MX, ni adresse", "neither MX nor an address"), "DOMAIN-TAKES-NO-MAIL", command=f"dig MX {domain}"
    )


def _wrong(name: StepName, finding: Text, failure: str, status: str = "failed", command: str = "") -> Step:
    assert status in ("warning", "failed")
    step = Step(name, "failed" if status == "failed" else "warning", finding, command=command)
    return with_record(step, failure)


def _uncertain(name: StepName, why: str, command: str) -> Step:
    said = in_both(why)
    finding = Text(f"pas de réponse du service de noms ({said.fr})", f"no answer of the name service ({said.en})")
    return Step(name, "unknown", finding, command=command)


def _shown(record: str) -> tuple[str, ...]:
    if not record:
        return ()
    cut = f"… ({len(record):,})" if len(record) > LONGEST_RECORD else ""
    return (record[:LONGEST_RECORD] + cut,)
