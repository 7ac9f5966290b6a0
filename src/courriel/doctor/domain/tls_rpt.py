"""Address for reports of TLS failures (RFC 8460), by which other servers say that they could not bring mail by TLS."""

from __future__ import annotations

from courriel._dataclass import dataclass
from courriel.doctor.domain import tags
from courriel.doctor.domain.name_service import Lookup


@dataclass(frozen=True, slots=True)
class TlsRptReport:
    """The TLS reports that a domain asks for; without `record` and `problem` it asks for none."""

    record: str = ""
    reports_to: tuple[str, ...] = ()
    problem: str = ""
    uncertain: str = ""


def examine(domain: str, ask: Lookup) -> TlsRptReport:
    """Read and judge the record."""
    answer = ask(f"_smtp._tls.{domain}", "TXT")
    if not answer.certain:
        return TlsRptReport(uncertain=f"_smtp._tls.{domain}: {answer.why}")
    records = [text for text in answer.values if tags.version_of(text) == "TLSRPTv1"]
    if not records:
        return TlsRptReport()
    addresses = (tags.read(records[0]) or {}).get("rua", "")
    reports_to = tuple(uri for part in addresses.split(",") if (uri := part.strip()))
    usable = reports_to and all(uri.lower().startswith(("mailto:", "https://")) for uri in reports_to)
    return TlsRptReport(records[0], reports_to, "" if usable and len(records) == 1 else "TLS-RPT-INVALID")
