"""
MTA-STS of a domain (RFC 8461): whether other servers must use verified TLS to bring mail here, and may find the way.

The record says that there is a policy; the policy lies on a web server, https://mta-sts.DOMAIN/.well-known/mta-sts.txt,
and is fetched with a verified certificate, without following a redirect (3.3).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from courriel import errors
from courriel._dataclass import dataclass
from courriel._lazy_re import expression
from courriel.doctor.domain import tags
from courriel.doctor.domain.name_service import Lookup
from courriel.doctor.step import in_both
from courriel.failures import Text

LONGEST_POLICY = 64 * 1024
LONGEST_AGE = 31_557_600
"""Seconds: a year, the most that max_age may say."""
MODES = ("enforce", "testing", "none")
_ID = expression(r"[A-Za-z0-9]{1,32}")

Fetch = Callable[[str], bytes]
"""Function that fetches the policy from a URL, or raises CourrielError."""


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy as it was read; `max_age` in seconds."""

    mode: str
    max_age: int
    exchangers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MtaStsReport:
    """The MTA-STS of a domain; without `record` and `problem` the domain does not use it."""

    record: str = ""
    policy: Policy | None = None
    problem: str = ""
    detail: Text = Text("", "")
    uncertain: str = ""


class NotAPolicy(ValueError):
    """A policy file that other servers will ignore; the text says which line, or what is missing."""


def examine(domain: str, exchangers: Sequence[str], ask: Lookup, fetch: Fetch) -> MtaStsReport:
    """Read the record, fetch the policy, and compare it with the domain's mail exchangers."""
    answer = ask(f"_mta-sts.{domain}", "TXT")
    if not answer.certain:
        return MtaStsReport(uncertain=f"_mta-sts.{domain}: {answer.why}")
    records = [text for text in answer.values if tags.version_of(text) == "STSv1"]
    if not records:
        return MtaStsReport()
    if len(records) > 1 or not _ID.fullmatch((tags.read(records[0]) or {}).get("id", "")):
        several = len(records) > 1
        return MtaStsReport(
            records[0],
            problem="MTA-STS-INVALID",
            detail=Text(
                f"_mta-sts.{domain} : {f'{len(records)} enregistrements' if several else 'id= manque ou est faux'}",
                f"_mta-sts.{domain}: {f'{len(records)} records' if several else 'id= is missing or wrong'}",
            ),
        )
    url = f"https://mta-sts.{domain}/.well-known/mta-sts.txt"
    try:
        policy = parse(fetch(url))
    except errors.CourrielError as failed:
        return MtaStsReport(records[0], problem="MTA-STS-UNREACHABLE", detail=in_both(failed.detail))
    except NotAPolicy as wrong:
        return MtaStsReport(records[0], problem="MTA-STS-INVALID", detail=Text(f"{url} : {wrong}", f"{url}: {wrong}"))
    missing = [host for host in exchangers if not _matches(host, policy.exchangers)]
    if policy.mode != "none" and missing:
        detail = Text(f"pas dans la politique : {', '.join(missing)}", f"not in the policy: {', '.join(missing)}")
        return MtaStsReport(records[0], policy, "MTA-STS-MX-MISSING", detail)
    return MtaStsReport(records[0], policy)


def parse(file: bytes) -> Policy:
    """Read a policy file. Raises NotAPolicy."""
    if len(file) > LONGEST_POLICY:
        raise NotAPolicy(f"> {LONGEST_POLICY // 1024} KiB")
    values: dict[str, str] = {}
    exchangers: list[str] = []
    for line in file.decode("utf-8", "backslashreplace").splitlines():
        name, colon, value = line.partition(":")
        name, value = name.strip(), value.strip()
        if not line.strip():
            continue
        if not colon:
            raise NotAPolicy(line[:60])
        if name == "mx":
            exchangers.append(value.lower().rstrip("."))
        else:
            values.setdefault(name, value)
    age = values.get("max_age", "")
    if values.get("version") != "STSv1":
        raise NotAPolicy("version: STSv1")
    if values.get("mode") not in MODES:
        raise NotAPolicy(f"mode: {values.get('mode', '')}")
    if not (age.isascii() and age.isdigit() and len(age) <= 10 and int(age) <= LONGEST_AGE):
        raise NotAPolicy(f"max_age: {age[:20]}")
    if values["mode"] != "none" and not exchangers:
        raise NotAPolicy("mx:")
    return Policy(values["mode"], int(age), tuple(exchangers))


# The steps.


def _matches(host: str, patterns: tuple[str, ...]) -> bool:
    host = host.lower().rstrip(".")
    return any(host == each or (each.startswith("*.") and host.partition(".")[2] == each[2:]) for each in patterns)
