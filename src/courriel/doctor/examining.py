"""Examination of one way for mail, from the name of the server to the records of the sender's domain."""

from __future__ import annotations

from courriel import errors
from courriel._dataclass import dataclass, replace
from courriel._lazy_re import expression
from courriel.delivery.urls.route import Route
from courriel.doctor.domain.name_service import NameService
from courriel.doctor.examination import Examination
from courriel.doctor.step import Step, in_both
from courriel.doctor.target import Target, reading_route
from courriel.doctor.target import read as target_of
from courriel.doctor.visit.trial import WAIT, Trial
from courriel.doctor.visiting import Visit
from courriel.failures import Text
from courriel.model.address import Address
from courriel.model.checks.shown import safely_shown
from courriel.model.servers.server import Server

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Sequence

_SELECTOR = expression(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")

TIMEOUT = 15.0
"""Seconds of silence after which a server is taken not to answer."""
LONGEST_WAIT = 3600
"""Seconds for which a trial mail is awaited at most."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """Options of an examination; see `examine`."""

    sender: str = ""
    recipient: str = ""
    domain: str = ""
    selectors: Sequence[str] = ()
    login: bool = True
    neighbours_too: bool = True
    send_to: str = ""
    name_server: str = ""
    timeout: float = TIMEOUT
    read: str | Route | Server | None = None
    wait: float = WAIT
    remove: bool = False


def examine(
    target: str | Route | Server | None = None,
    *,
    sender: str = "",
    recipient: str = "",
    domain: str = "",
    selectors: Sequence[str] = (),
    login: bool = True,
    neighbours_too: bool = True,
    send_to: str = "",
    name_server: str = "",
    timeout: float = TIMEOUT,
    read: str | Route | Server | None = None,
    wait: float = WAIT,
    remove: bool = False,
) -> Examination:
    """Examine a server, and the domain of the sender; nothing is sent without `send_to`.

    `target` is a URL, the name of a profile, a mail address, a host, a Route or a Server; None is the default setting.
    Of several ways (failover, roundrobin, a table by domain) each is examined. Without `login`, or without a password,
    the login is left out. `sender` (default: that of the route) and `recipient` are tried by MAIL and RCPT, and taken
    back. `domain` is the one whose records are read (default: the sender's), `selectors` the DKIM selectors to look at.
    With `neighbours_too` other ports and modes are tried when this one does not work. `name_server` is the address of
    the one to ask for the records. `timeout` is in seconds, for each wait.

    `send_to` gets a short mail. With `read`, its mailbox by IMAP, the mail is looked for there, in INBOX and in the
    folder for junk, for `wait` seconds at most, and what the receiving host checked (SPF, DKIM, DMARC) is read; with
    `remove` it is taken away again. The mailbox is opened before the mail leaves: nothing is sent when it cannot be.

    Failures of the way are steps of the result. Raises UsageError (InvalidUrl, InvalidAddress, InvalidServer,
    MissingExtra) for a call that cannot be carried out, before the server is connected to; for an address whose servers
    have to be found also ConnectionFailed, when nobody tells them.
    """
    wishes = Wishes(sender, recipient, domain, selectors, login, neighbours_too, send_to, name_server, timeout, read,
                    wait, remove)  # fmt: skip
    return examine_target(target_of(target), wishes)


def examine_target(meant: Target, wishes: Wishes) -> Examination:
    """Examine a target with these options; see `examine`."""
    ask = NameService(wishes.name_server) if wishes.domain or wishes.name_server else None
    route = meant.route
    from_address = _sender_of(route, meant, wishes.sender)
    to = Address.parse(wishes.recipient) if wishes.recipient else None
    trial = _trial_of(wishes)
    if trial is not None and (route is None or route.reads):
        raise errors.UsageError("send_to: a server for sending is needed, and this is none")
    if trial is not None and from_address is None:
        raise errors.UsageError("send_to: a sender is needed: sender= (--from)", hint_id="NO-SENDER")
    if to is not None and from_address is None:
        raise errors.UsageError(
            "recipient: it is tried after a sender, and there is none: sender= (--from)", hint_id="NO-SENDER"
        )
    about = _checked_domain(wishes.domain or (from_address.domain if from_address else ""))
    _check_selectors(wishes.selectors)
    examination = Examination(meant.shown, "", "", about, ())
    if route is not None and route.ways:
        from courriel.doctor.several_ways import all_examined

        if trial is not None:
            raise errors.UsageError(
                f"send_to: {route.name} is several ways; give the URL of the one that is to send the trial mail"
            )

        def one(start: Examination, way: Route) -> Examination:
            known = None if way.by_http else to
            return _visited(start, Target(start.target, way), way, from_address, known, None, wishes)

        examination = all_examined(examination, route, one)
    elif route is not None:
        examination = _visited(examination, meant, route, from_address, to, trial, wishes)
    elif meant.address is not None:
        examination = replace(examination, steps=(_without_server(meant.address),))
    if about:
        selectors = wishes.selectors or _selectors_seen(examination, about) or _selectors_set(route, about)
        return replace(examination, steps=(*examination.steps, *_domain_steps(about, selectors, ask)))
    return examination


# The steps.


def _visited(
    start: Examination,
    meant: Target,
    route: Route,
    sender: Address | None,
    recipient: Address | None,
    trial: Trial | None,
    wishes: Wishes,
) -> Examination:
    """The examination of one server. Raises UsageError."""
    if route.by_http:
        from courriel.doctor.http_visit import examined

        if trial is not None or recipient is not None:
            raise errors.UsageError(
                f"{route.name} is asked by requests: a recipient cannot be tried, and courriel send --via sends a mail"
            )
        return examined(start, route, timeout=wishes.timeout, login=wishes.login)
    visit = Visit(
        meant,
        route,
        sender,
        recipient,
        timeout=wishes.timeout,
        login=wishes.login,
        neighbours_too=wishes.neighbours_too,
    )
    return visit.examined(start, trial)


def _without_server(address: Address) -> Step:
    domain = address.domain
    return Step(
        "name",
        "unknown",
        Text(
            f"rien n'indique les serveurs de {domain} ; demandez-les à l'hébergeur, puis donnez l'URL :"
            " courriel doctor smtps://ada@smtp.example.org",
            f"nothing says which are the servers of {domain}; ask the hosting company for them, then give the URL:"
            " courriel doctor smtps://ada@smtp.example.org",
        ),
    )


def _checked_domain(domain: str) -> str:
    """A domain in ASCII, as the name service has it. Raises InvalidServer."""
    if not domain:
        return ""
    name = Server(domain).host.rstrip(".").lower()
    if "." not in name or ":" in name or "/" in name or name.rpartition(".")[2].isdigit():
        raise errors.InvalidServer(f"{domain!r} is no domain of mail addresses", hint_id="HOST-MALFORMED")
    return name


def _trial_of(wishes: Wishes) -> Trial | None:
    """The mail to send, and where to look for it. Raises UsageError, before anything is connected to."""
    wait = wishes.wait
    if isinstance(wait, bool) or not isinstance(wait, int | float) or not 0 < wait <= LONGEST_WAIT:
        raise errors.UsageError(f"wait: {safely_shown(wait)} is no number of seconds, at most {LONGEST_WAIT}")
    if not wishes.send_to:
        if wishes.read is not None or wishes.remove:
            raise errors.UsageError("read: the mail of send_to= (--send) is looked for, and none is sent")
        return None
    if wishes.remove and wishes.read is None:
        raise errors.UsageError("remove: the mail is removed from the mailbox of read= (--read), and there is none")
    mailbox = None if wishes.read is None else reading_route(wishes.read)
    return Trial(Address.parse(wishes.send_to), mailbox, wait, wishes.remove)


def _check_selectors(selectors: Sequence[str]) -> None:
    for selector in selectors:
        if not isinstance(selector, str) or not _SELECTOR.fullmatch(selector):
            raise errors.UsageError(f"selector {safely_shown(selector)}: letters, digits, dots and hyphens, as s1")


def _sender_of(route: Route | None, meant: Target, sender: str) -> Address | None:
    """The sender: the one given, that of the route, or a user name that is an address."""
    if sender:
        return Address.parse(sender)
    if route is not None and route.sender is not None:
        return route.sender
    if meant.address is not None:
        return meant.address
    if route is not None and "@" in route.user:
        try:
            return Address.parse(route.user)
        except errors.InvalidAddress:
            return None
    return None


def _selectors_seen(examination: Examination, domain: str) -> tuple[str, ...]:
    """Selectors with which the trial mail was signed for this domain, as far as it was read again."""
    found = examination.arrival.results if examination.arrival else ()
    seen = (each.selector for each in found if each.method == "dkim" and each.domain == domain)
    return tuple(dict.fromkeys(each for each in seen if _SELECTOR.fullmatch(each)))


def _selectors_set(route: Route | None, domain: str) -> tuple[str, ...]:
    """Selectors by which this way out signs for the domain, by its settings (dkim=)."""
    if route is None or not route.dkim:
        return ()
    from courriel.delivery.settings.locations import dkim_table

    table = dkim_table(route.dkim)
    return table.selectors if table.domain.lower() == domain else ()


def _domain_steps(domain: str, selectors: Sequence[str], ask: NameService | None) -> list[Step]:
    from courriel.doctor.domain.policy_file import fetch_policy
    from courriel.doctor.domain.records import steps_of as records_of

    try:
        asked = ask or NameService()
    except errors.MissingExtra as missing:
        sentence = in_both(missing.detail)
        return [Step("mx", "unknown", sentence, failure="EXTRA-MISSING")]
    return list(records_of(domain, selectors, asked, fetch_policy))
