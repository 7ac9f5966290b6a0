"""Questions to the name service by dnspython (extra `doctor`), with limits for their time and their number."""

from __future__ import annotations

from ipaddress import ip_address
from time import monotonic
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from courriel import errors
from courriel._dataclass import dataclass

if TYPE_CHECKING:
    from dns.resolver import Resolver

EACH = 4.0
"""Seconds for one question; a name server that is down must not take the time of the others."""
TOTAL = 30.0
"""Seconds for all questions about one domain."""
MOST = 150
"""Questions about one domain: more than any honest domain needs."""

PATIENCE = 2
"""Questions in a row without an answer after which no more are asked."""

Kind: TypeAlias = Literal["A", "AAAA", "MX", "TXT"]
Outcome: TypeAlias = Literal["found", "no records", "no name", "failed", "late"]


@dataclass(frozen=True, slots=True)
class DnsAnswer:
    """Answer to one question: its records as texts, or why there are none."""

    outcome: Outcome
    values: tuple[str, ...] = ()
    why: str = ""

    @property
    def void(self) -> bool:
        """Whether there is no such name or record: a void lookup of RFC 7208 4.6.4."""
        return self.outcome in ("no records", "no name")

    @property
    def certain(self) -> bool:
        """Whether the name service has answered."""
        return self.outcome not in ("failed", "late")


class Lookup(Protocol):
    """A question to the name service; the tests hand in a table."""

    def __call__(self, name: str, kind: Kind, /) -> DnsAnswer: ...


class NameService:
    """The system's name servers, or the one `at` "192.0.2.1" or "192.0.2.1:5353"; equal questions are asked once.

    Raises UsageError for a place that is no address, MissingExtra without dnspython.
    """

    def __init__(self, at: str = "", *, each: float = EACH, total: float = TOTAL, most: int = MOST) -> None:
        self._resolver = _resolver(at)
        self._each, self._until, self._left = each, monotonic() + total, most
        self._late = 0  # questions in a row without an answer
        self._known: dict[tuple[str, Kind], DnsAnswer] = {}

    def __call__(self, name: str, kind: Kind) -> DnsAnswer:
        """Lookup once; MX records are texts as "10 mx.example.org", best first."""
        question = (name.lower().rstrip("."), kind)
        if question not in self._known:
            self._known[question] = self._asked(*question)
        return self._known[question]

    def _asked(self, name: str, kind: Kind) -> DnsAnswer:
        from dns import exception, resolver
        from dns import name as names

        seconds = min(self._until - monotonic(), self._each)
        if seconds <= 0 or self._left <= 0 or self._late >= PATIENCE:
            return DnsAnswer("late", why="the name service was given up")
        self._left -= 1
        self._late += 1
        try:
            absolute = names.from_text(name, names.root)
            found = self._resolver.resolve(absolute, kind, lifetime=seconds, search=False)
        except resolver.NXDOMAIN:
            answer = DnsAnswer("no name")
        except resolver.NoAnswer:
            answer = DnsAnswer("no records")
        except exception.Timeout:
            return DnsAnswer("late", why=f"no answer within {seconds:.0f} s")
        except resolver.NoNameservers as refused:
            answer = DnsAnswer("failed", why=_reason(refused))
        except (exception.DNSException, OSError, ValueError) as broken:
            answer = DnsAnswer("failed", why=str(broken) or type(broken).__name__)
        else:
            answer = DnsAnswer("found", _texts(found, kind))
        self._late = 0
        return answer


# The steps.


def _resolver(at: str) -> Resolver:
    try:
        from dns import resolver
    except ImportError as missing:
        raise errors.MissingExtra(
            'examining a domain needs dnspython: pip install "courriel[doctor]"', hint_id="EXTRA-MISSING"
        ) from missing
    if not at:
        try:
            return resolver.get_default_resolver()
        except resolver.NoResolverConfiguration as nowhere:
            raise errors.UsageError("this machine names no name server; give one: 192.0.2.1") from nowhere
    host, port = _place(at)
    ours = resolver.Resolver(configure=False)
    ours.nameservers, ours.port = [host], port
    return ours


def _place(at: str) -> tuple[str, int]:
    host, colon, port = at.rpartition(":")
    bracketed = at.startswith("[")
    if not colon or (at.count(":") > 1 and not (bracketed and not at.endswith("]"))):
        host, port = at, "53"
    host = host.strip("[]") if bracketed else host
    try:
        address = ip_address(host)
        number = int(port) if port.isascii() and port.isdigit() else 0
    except ValueError:
        address, number = None, 0
    if address is None or not 0 < number < 65536:
        raise errors.UsageError(f"name server {at!r}: an IP address is needed, as 192.0.2.1 or 192.0.2.1:5353")
    return str(address), number


def _texts(found: Any, kind: Kind) -> tuple[str, ...]:
    if kind == "TXT":
        return tuple(b"".join(each.strings).decode("utf-8", "backslashreplace") for each in found)
    if kind == "MX":
        best = sorted(found, key=lambda each: (each.preference, str(each.exchange)))
        return tuple(f"{each.preference} {str(each.exchange).rstrip('.') or '.'}" for each in best)
    return tuple(str(each) for each in found)


def _reason(refused: Any) -> str:
    """The last code that a name server answered, as SERVFAIL or REFUSED."""
    tried = refused.kwargs.get("errors") or ()
    return str(tried[-1][3]) if tried else "no name server answered"
