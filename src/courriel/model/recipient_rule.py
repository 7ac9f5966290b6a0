"""
Rule for the recipients of every mail: on a staging machine no mail may leave for a stranger by mistake.

    RecipientRule(redirect_to="qa@example.org")                           everything goes to one address
    RecipientRule(allowlist=("example.org", "bob@example.com"))           others are refused before a byte is written
    RecipientRule("qa@example.org", ("example.org",))                     others' mail goes to the one address

The rule is applied in the conversation with the server, so that every way to one obeys it. COURRIEL_REDIRECT_TO and
COURRIEL_ALLOWLIST set one for the whole process; COURRIEL_CAPTURE lets no mail out to any server. Addresses are
compared in the form that leaves: the domain as DNS knows it, the local part without needless quotes, exactly as it is.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from courriel import errors
from courriel._dataclass import dataclass, replace
from courriel.model.address import Address, redirected
from courriel.model.content import Content
from courriel.model.envelope import Envelope

FIELD = "X-Courriel-Original-To"
"""Header field of a redirected mail: the recipients that it would have gone to."""
HINT = "RECIPIENT-NOT-ALLOWED"

REDIRECT, ALLOWLIST, CAPTURE = "COURRIEL_REDIRECT_TO", "COURRIEL_ALLOWLIST", "COURRIEL_CAPTURE"
_OFF = ("", "0", "false", "no", "off")
_LONGEST_LINE = 900  # octets of one line of the field
# Servers (Postfix, by default) send on what their own domain gets for eve%example.com, example.com!eve and
# "eve@example.com": a domain of the list would be a way to everybody.
_ROUTE = frozenset("%!@")


@dataclass(frozen=True, slots=True)
class RecipientRule:
    """Rule for the recipients of every mail: one address for all, a list of those allowed, or both.

    An entry of `allowlist` is an address, or a domain, of which no subdomain is meant, and no address that names a way
    through it (`eve%example.com@`, `example.com!eve@`). `source` names the setting in errors. With
    `nobody` no mail leaves at all. Raises InvalidServer for an entry that is neither.
    """

    redirect_to: Address | None = None
    allowlist: tuple[str, ...] | None = None
    source: str = ""
    nobody: bool = False

    def __post_init__(self) -> None:
        if self.redirect_to is not None:
            object.__setattr__(self, "redirect_to", checked_redirect(self.redirect_to))
        if self.allowlist is not None:
            object.__setattr__(self, "allowlist", checked_allowlist(self.allowlist))

    def allows(self, address: Address) -> bool:
        """Whether mail for this address may leave as it is."""
        if self.nobody:
            return False
        if self.allowlist is None:
            return self.redirect_to is None
        whole = address.narrow or f"{address.local}@{address.dns_domain}"
        return whole in self.allowlist or (
            address.dns_domain in self.allowlist and not _ROUTE.intersection(address.local)
        )

    def applied(self, envelope: Envelope, content: Content) -> tuple[Envelope, Content]:
        """The mail as it may leave. Raises InvalidMessage when a recipient may get none; nothing was sent."""
        strangers = [address for address in envelope.recipients if not self.allows(address)]
        if not strangers:
            return envelope, content
        if self.redirect_to is None or self.nobody:
            raise errors.InvalidMessage(self._refusal(strangers), stage="compose", hint_id=HINT)
        target = self.redirect_to
        recipients = tuple(
            redirected(address, target) if address in strangers else address for address in envelope.recipients
        )
        return replace(envelope, recipients=recipients), with_field(content, strangers)

    def _refusal(self, strangers: list[Address]) -> str:
        names = ", ".join(address.spec for address in strangers[:5]) + (" and others" if len(strangers) > 5 else "")
        if self.nobody:
            return f"{names}: nothing leaves, because {self.source} is set"
        where = f" ({self.source})" if self.source else ""
        return f"{names}: not among the recipients that may get mail here{where}; nothing was sent"


def checked_redirect(given: object) -> Address:
    """The one address that gets everything. Raises InvalidServer, also for one that not every server can take."""
    try:
        address = Address.of(given)  # type: ignore[arg-type]
    except errors.InvalidAddress as wrong:
        raise errors.InvalidServer(f"redirect_to: {wrong}") from wrong
    if not address.narrow:
        raise errors.InvalidServer(f"redirect_to: {address.spec} needs SMTPUTF8, and not every server has it")
    return address


def checked_allowlist(given: object) -> tuple[str, ...]:
    """Entries in the form that is compared. Raises InvalidServer; an empty list would be a rule that refuses all."""
    entries: tuple[object, ...] = (given,) if isinstance(given, str) else ()
    if not entries and isinstance(given, Iterable):
        entries = tuple(given)
    if not entries:
        raise errors.InvalidServer("allowlist: addresses and domains, and there is none")
    return tuple(map(_entry, entries))


def with_field(content: Content, recipients: list[Address]) -> Content:
    """The content with one field of the header before all others."""
    field = _field(recipients)
    pieces = content.pieces
    if pieces and isinstance(pieces[0], bytes):
        pieces = (field + pieces[0], *pieces[1:])
    else:
        pieces = (field, *pieces)
    return replace(content, pieces=pieces, size=content.size + len(field))


# The rules of a session.


def rules_for(redirect_to: Address | None, allowlist: tuple[str, ...] | None) -> tuple[RecipientRule, ...]:
    """Rules that each mail to a server with these settings has to pass, in this order; mostly none.

    Raises InvalidServer.
    """
    rules: tuple[RecipientRule, ...] = ()
    if redirect_to is not None or allowlist is not None:
        rules = (RecipientRule(redirect_to, allowlist, "redirect_to= and allowlist= of the server"),)
    own = rule_of_environment()
    return rules if own is None else (*rules, own)


def captures() -> bool:
    """Whether COURRIEL_CAPTURE keeps all mail of this process from every server."""
    return os.environ.get(CAPTURE, "").strip().lower() not in _OFF


def rule_of_environment() -> RecipientRule | None:
    """The rule that the environment sets for this process. Raises InvalidServer for a wrong value."""
    environment, captured = os.environ, captures()
    if not captured and REDIRECT not in environment and ALLOWLIST not in environment:
        return None

    if captured:
        return RecipientRule(source=CAPTURE, nobody=True)
    target, listed = environment.get(REDIRECT, "").strip(), environment.get(ALLOWLIST, "").strip()
    for name, value in ((REDIRECT, target), (ALLOWLIST, listed)):
        if name in environment and not value:
            # Whoever set it wanted a rule: an empty value must not mean that everybody gets mail.
            raise errors.InvalidServer(f"{name} is set, and empty: give it a value, or unset it")
    words = tuple(word.strip() for word in listed.split(",")) if listed else None
    try:
        return RecipientRule(
            target or None,  # type: ignore[arg-type]  # made an Address there
            words,
            " and ".join(name for name in (REDIRECT, ALLOWLIST) if name in environment),
        )
    except errors.InvalidServer as wrong:
        raise errors.InvalidServer(f"{REDIRECT}, {ALLOWLIST}: {wrong}") from wrong


def refuse_unruled(transport: object) -> None:
    """Raise UsageError for a transport of a program while the environment has a rule, which it would not know.

    Sessions, pools and local transports obey by themselves, and have `obeys_recipient_rule`; another transport may say
    so as well.
    """
    if getattr(transport, "obeys_recipient_rule", False):
        return
    rule = rule_of_environment()
    if rule is not None:
        raise errors.UsageError(
            f"{type(transport).__name__}: a transport of a program does not know {rule.source}, so that it sends "
            "nothing; one that obeys says obeys_recipient_rule = True",
            stage="compose",
        )


# The steps.


def _entry(given: object) -> str:
    if isinstance(given, str):
        try:
            domain = given.removeprefix("@")
            if "@" not in domain:
                return Address("somebody", domain).dns_domain
            address = Address.parse(given)
            if "," in address.local:
                raise errors.InvalidServer(f"allowlist: {given!r:.80} has a comma, which separates entries")
            return address.narrow or f"{address.local}@{address.dns_domain}"
        except errors.InvalidAddress as wrong:
            raise errors.InvalidServer(
                f"allowlist: {given!r:.80} is neither an address nor a domain: {wrong}"
            ) from wrong
    raise errors.InvalidServer(f"allowlist: addresses and domains as text, not {type(given).__name__}")


def _field(recipients: list[Address]) -> bytes:
    """The field, folded between addresses; what is not ASCII as an encoded word (RFC 2047)."""
    from base64 import b64encode

    lines, line = [], f"{FIELD}:"
    for place, address in enumerate(recipients):
        shown = address.narrow or f"=?utf-8?b?{b64encode(address.spec.encode()).decode()}?="
        shown += "," if place < len(recipients) - 1 else ""
        if len(line) + len(shown) > _LONGEST_LINE:
            lines.append(line)
            line = ""
        line += f" {shown}"
    return ("\r\n".join([*lines, line]) + "\r\n").encode("ascii")
