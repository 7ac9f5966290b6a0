"""
SPF of a domain (RFC 7208): its record with all that it includes, counted as receivers count.

A receiver gives up (permerror) after ten terms that ask the name service (4.6.4), after two lookups without a result,
at a loop, at a second record, and at any mistake in the grammar. Which addresses may send is not judged: from where a
server's mail leaves is not known from outside.
"""

from __future__ import annotations

from courriel._dataclass import dataclass
from courriel._lazy_re import expression
from courriel.doctor.domain.name_service import Lookup
from courriel.failures import Text

MOST_LOOKUPS = 10
MOST_VOID = 2
MOST_EXCHANGERS = 10
LONGEST = 450
"""Octets of a record that fits into one UDP packet with everything around it (RFC 7208 3.4)."""
_GIVE_UP = 40
"""Lookups after which counting ends."""
_DEEPEST = 20

_MECHANISM = expression(
    r"(?i)([+?~-]?)(?:(all)|(include|exists):(\S+)|(a|mx)(?::([^\s/]\S*?))?((?:/\d{1,2})?(?://\d{1,3})?)"
    r"|(ptr)(?::(\S+))?|(ip4):([0-9.]+)(?:/(\d{1,2}))?|(ip6):([0-9a-f:.]+)(?:/(\d{1,3}))?)"
)
_MODIFIER = expression(r"(?i)([a-z][a-z0-9_.-]*)=(\S*)")


@dataclass(frozen=True, slots=True)
class Term:
    """One mechanism or modifier: its name, its qualifier, its domain ("" for the current one).

    `everybody` says that it holds for every address: `all`, or a network of all of them.
    """

    name: str
    qualifier: str = "+"
    domain: str = ""
    everybody: bool = False


@dataclass(frozen=True, slots=True)
class SpfReport:
    """The SPF of a domain, with everything that it includes.

    `problem` is an id of the failure table; "" for a record that receivers can use. `ending` is the qualifier of
    `all`, "" when there is none. `uncertain` says why the name service left it open.
    """

    record: str = ""
    problem: str = ""
    detail: Text = Text("", "")
    lookups: int = 0
    void: int = 0
    includes: tuple[str, ...] = ()
    ending: str = ""
    uncertain: str = ""
    uses_ptr: bool = False


class NotSpf(ValueError):
    """A term that the grammar of RFC 7208 does not have."""


def examine(domain: str, ask: Lookup) -> SpfReport:
    """Read the SPF record of a domain, follow its includes and its redirect, and judge them."""
    walk = _Walk(ask)
    walk.visit(domain.lower().rstrip("."), ())
    return walk.report()


def parse(record: str) -> list[Term]:
    """The terms of a record, which begins with v=spf1. Raises NotSpf, with the term, for a mistake."""
    terms: list[Term] = []
    modifiers: set[str] = set()
    for word in record.split(" ")[1:]:
        if not word:
            continue
        if modifier := _MODIFIER.fullmatch(word):
            name = modifier[1].lower()
            if name in ("redirect", "exp"):
                if name in modifiers or not modifier[2]:
                    raise NotSpf(word)
                modifiers.add(name)
            terms.append(Term(name, "", modifier[2]))
            continue
        terms.append(_mechanism(word))
    return terms


# The steps.


def _mechanism(word: str) -> Term:
    found = _MECHANISM.fullmatch(word)
    if found is None:
        raise NotSpf(word)
    name = next(group for group in (found[2], found[3], found[5], found[8], found[10], found[13]) if group).lower()
    domain = found[4] or found[6] or found[9] or ""
    everybody = name == "all"
    if name in ("ip4", "ip6"):
        prefix = found[12] or found[15]
        _check_network(word, found[11] or found[14], prefix, 4 if name == "ip4" else 6)
        everybody = bool(prefix) and int(prefix) == 0
    elif found[7]:
        first, _, second = found[7].partition("//")
        first = first.removeprefix("/")
        if (first.isdigit() and int(first) > 32) or (second.isdigit() and int(second) > 128):
            raise NotSpf(word)
    return Term(name, found[1] or "+", domain, everybody)


def _check_network(word: str, address: str, prefix: str | None, version: int) -> None:
    from ipaddress import ip_address

    try:
        ours = ip_address(address)
    except ValueError:
        raise NotSpf(word) from None
    if ours.version != version or (prefix and int(prefix) > ours.max_prefixlen):
        raise NotSpf(word)


class _Walk:
    """The state of one walk through a record and what it includes."""

    def __init__(self, ask: Lookup) -> None:
        self._ask = ask
        self._record = self._ending = self._problem = self._uncertain = ""
        self._detail = Text("", "")
        self._lookups = self._void = 0
        self._includes: list[str] = []
        self._uses_ptr = False
        self._open = ""  # the first term that lets everybody through

    def report(self) -> SpfReport:
        self._judge_counts()
        return SpfReport(
            self._record,
            self._problem,
            self._detail,
            self._lookups,
            self._void,
            tuple(self._includes),
            self._ending,
            "" if self._problem else self._uncertain,
            self._uses_ptr,
        )

    def visit(self, domain: str, above: tuple[str, ...], *, decides: bool = True, passes: bool = True) -> None:
        """Read the record of a domain; `decides` says whether its `all` is that of the whole.

        `passes` says whether an address that passes there passes the whole: not below -include or ?include.
        """
        answer = self._ask(domain, "TXT")
        if not answer.certain:
            self._uncertain = self._uncertain or f"{domain}: {answer.why}"
            return
        records = [text for text in answer.values if text.lower() == "v=spf1" or text.lower().startswith("v=spf1 ")]
        if above and answer.void:
            self._void += 1
        if len(records) > 1:
            self._find(
                "SPF-SEVERAL",
                Text(
                    f"{domain} : {len(records)} enregistrements v=spf1", f"{domain}: {len(records)} records with v=spf1"
                ),
            )
        elif not records and above:
            self._find(
                "SPF-INCLUDE-EMPTY",
                Text(
                    f"{above[-1]} renvoie à {domain}, qui n'a pas d'enregistrement SPF",
                    f"{above[-1]} points to {domain}, which has no SPF record",
                ),
            )
        elif records:
            self._record = self._record or records[0]
            self._follow(domain, records[0], (*above, domain), decides, passes)

    def _follow(self, domain: str, record: str, path: tuple[str, ...], decides: bool, passes: bool) -> None:
        try:
            terms = parse(record)
        except NotSpf as wrong:
            self._find("SPF-INVALID", Text(f"{domain} : « {wrong} »", f'{domain}: "{wrong}"'))
            return
        redirect = next((term.domain for term in terms if term.name == "redirect"), "")
        for term in terms:
            if term.everybody and term.qualifier == "+" and passes and not self._open:
                self._open = f"+{term.name}" if decides else f"{domain}: +{term.name}"
            if term.name == "all":
                if decides:
                    self._ending = term.qualifier
                return  # RFC 7208 5.1: what follows is never reached, and a redirect does not count
            self._take(domain, term, path, passes)
        if redirect:
            self._count(Term("redirect", "+", redirect), path, decides=decides, passes=passes)

    def _take(self, domain: str, term: Term, path: tuple[str, ...], passes: bool) -> None:
        match term.name:
            case "include":
                self._count(term, path, decides=False, passes=passes)
            case "a" | "mx" | "exists":
                self._lookups += 1
                if self._goes_on(term):
                    self._resolve(term, term.domain or domain)
            case "ptr":
                self._lookups += 1
                self._uses_ptr = True
            case _:
                pass

    def _count(self, term: Term, path: tuple[str, ...], *, decides: bool, passes: bool) -> None:
        """Count an include or a redirect, and visit its domain."""
        self._lookups += 1
        target = term.domain.lower().rstrip(".")
        if "%" in target:
            return  # a macro: known only when a mail arrives
        self._includes.append(target)
        if target in path:
            self._find("SPF-LOOP", Text(f"{' → '.join((*path, target))}", f"{' → '.join((*path, target))}"))
        elif self._goes_on(term) and len(path) < _DEEPEST:
            self.visit(target, path, decides=decides, passes=passes and term.qualifier == "+")

    def _resolve(self, term: Term, target: str) -> None:
        answers = [self._ask(target, "MX")] if term.name == "mx" else [self._ask(target, "A")]
        if term.name == "a" and answers[0].void:
            answers.append(self._ask(target, "AAAA"))
        unknown = next((each for each in answers if not each.certain), None)
        if unknown is not None:
            self._uncertain = self._uncertain or f"{target}: {unknown.why}"
        elif all(each.void for each in answers):
            self._void += 1
        elif term.name == "mx" and len(answers[0].values) > MOST_EXCHANGERS:
            self._find(
                "SPF-TOO-MANY-LOOKUPS",
                Text(
                    f"mx:{target} : plus de {MOST_EXCHANGERS} serveurs",
                    f"mx:{target}: more than {MOST_EXCHANGERS} servers",
                ),
            )

    def _goes_on(self, term: Term) -> bool:
        return "%" not in term.domain and self._lookups <= _GIVE_UP

    def _find(self, problem: str, detail: Text) -> None:
        """Keep the first problem: a receiver stops there."""
        if not self._problem:
            self._problem, self._detail = problem, detail

    def _judge_counts(self) -> None:
        if self._lookups > MOST_LOOKUPS:
            more = "plus de " if self._lookups > _GIVE_UP else ""
            self._find(
                "SPF-TOO-MANY-LOOKUPS",
                Text(
                    f"{more}{min(self._lookups, _GIVE_UP)} interrogations du DNS, {MOST_LOOKUPS} permises",
                    f"{more and 'more than '}{min(self._lookups, _GIVE_UP)} lookups, {MOST_LOOKUPS} allowed",
                ),
            )
        if self._void > MOST_VOID:
            self._find(
                "SPF-VOID-LOOKUPS",
                Text(
                    f"{self._void} noms sans réponse, {MOST_VOID} permis",
                    f"{self._void} names without an answer, {MOST_VOID} allowed",
                ),
            )
        if self._open:
            self._find("SPF-PASS-ALL", Text(self._open.replace(":", " :"), self._open))
