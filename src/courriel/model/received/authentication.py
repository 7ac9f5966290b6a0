"""Checks that a receiving host made of a letter's sender, as it wrote them into the letter (RFC 8601)."""

from __future__ import annotations

from courriel import errors
from courriel._dataclass import dataclass
from courriel.model.checks.shown import safely_shown

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class AuthenticationResult:
    """Result of one check: `method` is "spf", "dkim", "dmarc", "arc" or another word, `result` "pass", "fail", "none".

    `properties` are pairs as ("header.d", "example.org"), names in lower case; `reason` is a text, often "".
    """

    method: str
    result: str
    properties: tuple[tuple[str, str], ...] = ()
    reason: str = ""

    @property
    def passed(self) -> bool:
        """True when the result is "pass"; every other word means no, and some mean that nobody knows."""
        return self.result == "pass"

    def value(self, name: str) -> str:
        """First property of that name, as `header.d`; "" without one."""
        wanted = name.lower()
        return next((value for known, value in self.properties if known == wanted), "")

    @property
    def domain(self) -> str:
        """Domain that was checked, in lower case: of the signature, of MAIL FROM, of From; "" where it is not said."""
        for name in _DOMAINS.get(self.method, ()):
            if found := self.value(name):
                return found.rpartition("@")[2].strip("<>").rstrip(".").lower()
        return ""

    @property
    def selector(self) -> str:
        """Selector of a DKIM signature, "" where it is not said."""
        return self.value("header.s")

    def __str__(self) -> str:
        return f"{self.method}={self.result}"


@dataclass(frozen=True, slots=True)
class AuthenticationField:
    """One field: the name under which a host checks (`authserv_id`), and its results.

    A field that cannot be read, and one that gives no name as Microsoft's, has the name "".
    """

    authserv_id: str
    results: tuple[AuthenticationResult, ...] = ()


@dataclass(frozen=True, slots=True)
class Authentication:
    """Checks of a letter's sender, by the host that received it.

    Whoever writes a letter can write such fields into it. The host that receives for a domain removes those that bear
    its own name (RFC 8601 5), and no other host's: `by` takes the fields of one name, and `passed` asks for it. Without
    a name the topmost field alone counts, which the receiving host wrote last, if it writes any.
    """

    fields: tuple[AuthenticationField, ...] = ()
    """All fields of the letter, of whatever host, the topmost first."""
    names: tuple[str, ...] | None = None
    """Names of the hosts that count; None: the topmost field alone does."""

    @property
    def authserv_id(self) -> str:
        """Name in the topmost field that counts, "" without one."""
        return next((field.authserv_id for field in self._counted()), "")

    @property
    def results(self) -> tuple[AuthenticationResult, ...]:
        """Results of the fields that count, in order."""
        return tuple(result for field in self._counted() for result in field.results)

    def by(self, *authserv_ids: str) -> Authentication:
        """The same fields, of which those of these hosts count, all of them.

        "" stands for a host that gives no name: of it the topmost field alone counts. Raises UsageError without a name.
        """
        if not authserv_ids or not all(isinstance(each, str) for each in authserv_ids):
            raise errors.UsageError(
                f'by: {safely_shown(authserv_ids)}: the name of the host whose checks count, as "mx.example.org"'
            )
        return Authentication(self.fields, tuple(each.lower() for each in authserv_ids))

    @property
    def spf(self) -> AuthenticationResult | None:
        """Result of SPF: whether the sending machine may send for the domain of MAIL FROM (RFC 7208)."""
        return self._first("spf")

    @property
    def dkim(self) -> tuple[AuthenticationResult, ...]:
        """Results of DKIM, one for each signature: whether that domain signed the letter as it stands (RFC 6376)."""
        return tuple(each for each in self.results if each.method == "dkim")

    @property
    def dmarc(self) -> AuthenticationResult | None:
        """Result of DMARC: whether one of the two passed for the domain of From (RFC 9989)."""
        return self._first("dmarc")

    @property
    def arc(self) -> AuthenticationResult | None:
        """Result of ARC: whether the checks of the hosts before this one are intact (RFC 8617)."""
        return self._first("arc")

    def passed(self, domain: str, *, by: str | Iterable[str]) -> bool:
        """Whether the letter comes from this domain, as the named host found out.

        DMARC decides where the domain has it and the host checks it; else a signature, or SPF, of the domain or of one
        below it. Compare the domain with the address that people see, `letter.sender`. Raises UsageError without a name
        in `by`, and for what is no domain.
        """
        found = self.by(*((by,) if isinstance(by, str) else tuple(by)))
        wanted = _ascii(domain)
        if not wanted:
            raise errors.UsageError(f"{safely_shown(domain)} is no domain")
        if judged := [each for each in found.results if each.method == "dmarc" and each.result != "none"]:
            # Two that contradict each other are one too many.
            return all(each.passed and _is_within(each.domain, wanted) for each in judged)
        return any(
            each.passed and each.method in ("dkim", "spf") and _is_within(each.domain, wanted) for each in found.results
        )

    # The steps.

    def _counted(self) -> tuple[AuthenticationField, ...]:
        top = self.fields[:1]
        if self.names is None:
            return top
        named = tuple(each for each in self.fields if each.authserv_id and each.authserv_id.lower() in self.names)
        return (*(each for each in top if not each.authserv_id and "" in self.names), *named)

    def _first(self, method: str) -> AuthenticationResult | None:
        return next((each for each in self.results if each.method == method), None)


# The steps.

_DOMAINS = {
    "dkim": ("header.d", "header.i"),
    "spf": ("smtp.mailfrom", "smtp.mail", "smtp.helo"),
    "dmarc": ("header.from",),
    "arc": ("header.d",),
}


def _is_within(domain: str, wanted: str) -> bool:
    """Whether a domain is this one, or below it."""
    found = _ascii(domain)
    return found == wanted or found.endswith(f".{wanted}")


def _ascii(domain: object) -> str:
    """A domain in lower case and in ASCII; "" for what is none."""
    name = domain.strip().rstrip(".").lower() if isinstance(domain, str) else ""
    if name.isascii():
        return name
    from courriel.model.servers.host import checked_host  # noqa: PLC0415 - domains beyond ASCII are few

    try:
        return checked_host(name).lower()
    except errors.InvalidServer:
        return ""
