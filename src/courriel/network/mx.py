"""MX lookup: the mail servers of a domain (RFC 5321 5.1), from the system's name servers."""

from __future__ import annotations

from courriel import errors


def mail_exchangers(domain: str, seconds: float) -> tuple[str, ...]:
    """Host names of the MX records, best first; the domain itself when it has an address and no MX record.

    `seconds` limits the lookup. Raises NameNotFound when the domain does not exist or takes no mail (RFC 7505);
    TimedOut, ConnectionFailed when the name server does not answer; MissingExtra without dnspython.
    """
    try:
        from dns import exception, resolver  # noqa: PLC0415 - an extra
    except ImportError as missing:
        raise errors.MissingExtra(
            'looking up who takes mail for a domain needs dnspython: pip install "courriel[dns]"',
            hint_id="EXTRA-MISSING",
        ) from missing
    try:
        asked = resolver.get_default_resolver()
        try:
            answers = sorted(asked.resolve(domain, "MX", lifetime=seconds), key=lambda each: each.preference)
        except resolver.NoAnswer:
            asked.resolve_name(domain, lifetime=seconds)
            return (domain,)
        hosts = tuple(str(each.exchange).rstrip(".") for each in answers)
    except (resolver.NXDOMAIN, resolver.NoAnswer) as nobody:
        raise errors.NameNotFound(f"nobody takes mail for {domain}: {nobody}", stage="connect") from nobody
    except exception.Timeout as late:
        raise errors.TimedOut(f"the name service did not answer in {seconds:g} s", stage="connect") from late
    except (exception.DNSException, OSError) as broken:
        raise errors.ConnectionFailed(f"the name service could not be asked: {broken}", stage="connect") from broken
    if not any(hosts):
        raise errors.NameNotFound(f"{domain} says that it takes no mail (RFC 7505)", stage="connect")
    return hosts
