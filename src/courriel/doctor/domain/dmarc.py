"""
DMARC of a domain by RFC 9989: the policy that receivers apply, found by the tree walk, without a list of suffixes.

The walk asks at the domain, then at its parents down to the top-level domain, eight names at most (4.10). A record with
psd=n or psd=y ends it. The organizational domain decides which other domains align, and which policy a domain without a
record of its own has.
"""

from __future__ import annotations

from courriel._dataclass import dataclass
from courriel.doctor.domain import tags
from courriel.doctor.domain.name_service import Lookup
from courriel.failures import Text

POLICIES = ("none", "quarantine", "reject")
REMOVED = ("pct", "rf", "ri")
"""Tags of RFC 7489 that RFC 9989 has no more."""
_LABELS_KEPT = 7
_MOST_REPORT_HOSTS = 5


@dataclass(frozen=True, slots=True)
class DmarcReport:
    """The DMARC of a domain; `policy` is the one that holds for it, "" when there is none.

    `at` is the domain of the record, `organizational` the organizational domain; `unconfirmed` are the domains that
    get reports without having agreed to it (RFC 9990 4).
    """

    record: str = ""
    at: str = ""
    organizational: str = ""
    policy: str = ""
    problem: str = ""
    detail: Text = Text("", "")
    testing: bool = False
    reports_to: tuple[str, ...] = ()
    unconfirmed: tuple[str, ...] = ()
    removed_tags: tuple[str, ...] = ()
    uncertain: str = ""


class _Unknown(Exception):
    """The name service did not answer."""


def examine(domain: str, ask: Lookup) -> DmarcReport:
    """Find the policy of a domain by the tree walk, and judge its record."""
    domain = domain.lower().rstrip(".")
    try:
        own, several = _record_at(domain, ask)
        found = _walk(domain, ask)
    except _Unknown as unknown:
        return DmarcReport(uncertain=str(unknown))
    organizational = _organizational(domain, found)
    if several:
        detail = Text(
            f"_dmarc.{domain} : plusieurs enregistrements v=DMARC1", f"_dmarc.{domain}: several records with v=DMARC1"
        )
        return DmarcReport(at=domain, organizational=organizational, problem="DMARC-SEVERAL", detail=detail)
    by_name = dict(found)
    at = next((name for name in (domain, organizational, *_psd(found)) if name in by_name), "")
    if not at:
        return DmarcReport(
            organizational=organizational, problem="DMARC-MISSING", detail=Text(f"_dmarc.{domain}", f"_dmarc.{domain}")
        )
    record = own if at == domain else by_name[at]
    return _judged(domain, at, organizational, record, ask)


def walk_names(domain: str) -> list[str]:
    """The names that a tree walk asks, the first one first: eight at most."""
    labels = domain.split(".")
    names = [domain]
    rest = labels[1:] if len(labels) <= _LABELS_KEPT else labels[-_LABELS_KEPT:]
    names += [".".join(rest[start:]) for start in range(len(rest))]
    return names


# The steps.


def _record_at(name: str, ask: Lookup) -> tuple[str, bool]:
    """The DMARC record of one name, and whether there are several, which then count as none."""
    answer = ask(f"_dmarc.{name}", "TXT")
    if not answer.certain:
        raise _Unknown(f"_dmarc.{name}: {answer.why}")
    records = [text for text in answer.values if tags.version_of(text) == "DMARC1"]
    return (records[0], False) if len(records) == 1 else ("", len(records) > 1)


def _walk(domain: str, ask: Lookup) -> list[tuple[str, str]]:
    """The names with a record, from the domain upwards, until one says psd=n or psd=y."""
    found: list[tuple[str, str]] = []
    for name in walk_names(domain):
        record, _ = _record_at(name, ask)
        if record:
            found.append((name, record))
            if _psd_of(record) in ("y", "n"):
                break
    return found


def _organizational(domain: str, found: list[tuple[str, str]]) -> str:
    """The organizational domain (RFC 9989 4.10.2); the domain itself when the walk found nothing.

    The walk has ended at a record with psd=n, which makes its domain the organizational one, as the last one is anyway.
    """
    if not found:
        return domain
    name, record = found[-1]
    if _psd_of(record) == "y" and name != domain:
        return ".".join(domain.split(".")[-(name.count(".") + 2) :])
    return name


def _psd(found: list[tuple[str, str]]) -> list[str]:
    return [name for name, record in found if _psd_of(record) == "y"]


def _psd_of(record: str) -> str:
    return (tags.read(record) or {}).get("psd", "u").lower()


def _judged(domain: str, at: str, organizational: str, record: str, ask: Lookup) -> DmarcReport:
    read = tags.read(record)
    if read is None:
        wrong = Text(f"_dmarc.{at} n'est pas une liste « nom=valeur »", f"_dmarc.{at} is no list of name=value")
        return DmarcReport(record, at, organizational, problem="DMARC-INVALID", detail=wrong)
    reports = tuple(uri for part in read.get("rua", "").split(",") if (uri := part.strip()))
    unknown = [f"{tag}={read[tag]}" for tag in ("p", "sp", "np") if tag in read and read[tag].lower() not in POLICIES]
    if unknown and not any(_host_of(uri) for uri in reports):
        wrong = Text(f"_dmarc.{at} : {', '.join(unknown)}", f"_dmarc.{at}: {', '.join(unknown)}")
        return DmarcReport(record, at, organizational, problem="DMARC-INVALID", detail=wrong)
    policy = "none" if unknown else read.get("p", "none").lower()
    if at != domain and not unknown:
        policy = read.get("sp", policy).lower()
    return DmarcReport(
        record,
        at,
        organizational,
        policy,
        problem="DMARC-INVALID" if unknown else "",
        detail=Text(", ".join(unknown), ", ".join(unknown)),
        testing=read.get("t", "n").lower() == "y",
        reports_to=reports,
        unconfirmed=_unconfirmed(at, organizational, reports, ask),
        removed_tags=tuple(tag for tag in REMOVED if tag in read),
    )


def _host_of(uri: str) -> str:
    """The domain of a mailto: URI for reports; "" for any other. `!10m` behind it is of RFC 7489."""
    scheme, _, address = uri.partition(":")
    host = address.partition("!")[0].rpartition("@")[2].lower().strip()
    return host if scheme.lower() == "mailto" and "@" in address else ""


def _unconfirmed(at: str, organizational: str, reports: tuple[str, ...], ask: Lookup) -> tuple[str, ...]:
    """Domains outside that would get reports, and have no record by which they agree."""
    hosts = dict.fromkeys(host for uri in reports if (host := _host_of(uri)))
    outside = [host for host in hosts if host != organizational and not host.endswith(f".{organizational}")]
    return tuple(host for host in outside[:_MOST_REPORT_HOSTS] if _refuses_reports(at, host, ask))


def _refuses_reports(at: str, host: str, ask: Lookup) -> bool:
    answer = ask(f"{at}._report._dmarc.{host}", "TXT")
    return answer.certain and not any(tags.version_of(text) == "DMARC1" for text in answer.values)
