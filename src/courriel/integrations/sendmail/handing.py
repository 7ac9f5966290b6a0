"""One mail on its way: recipients, sender and header completed, then handed to the drop folder or the outbox."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import chain
from typing import TYPE_CHECKING

from courriel import Address, errors
from courriel.integrations.sendmail import aliases, header, identity, text
from courriel.integrations.sendmail.identity import Identity
from courriel.integrations.sendmail.options import SendmailOptions

if TYPE_CHECKING:
    from courriel import Outbox
    from courriel.types import MailInfo

_NOW = 60.0  # seconds that a rate may keep a caller of --now; a server has its own time limits
_HERE = "sendmail.invalid"
"""Domain that stands for "without a domain" while recipients are read from the header; it never leaves."""


def hand_over(options: SendmailOptions, me: Identity, pieces: Iterable[bytes]) -> None:
    """Take one message, and return when it is on stable storage. Raises CourrielError, OSError."""
    if not options.from_header and not options.recipients:
        header.check_recipients(())
    lines = text.lines_of(pieces, dot_ends=options.dot_ends)
    fields, first = text.header_of(lines)
    fields = header.readable(fields)
    named = (
        header.recipients_of(header.qualified(fields, lambda name: f"{name}@{_HERE}")) if options.from_header else []
    )
    recipients = recipients_of([*options.recipients, *named], me)
    header.check_recipients(recipients)
    fields = header.qualified(fields, lambda name: f"{name}@{me.domain}")
    sender = me.sender if options.sender is None else sender_of(options.sender, me)
    if not any(header.name_of(field) == b"from" for field in fields):
        fields.append(header.from_field(sender or me.sender, options.name or os.environ.get("NAME", "")))
    content = text.measured(chain(text.folded(fields), [b"\n"], text.mended(chain(first, lines))))
    folder = None if options.now else identity.drop_folder()
    if folder is None:
        _into_outbox(options, me, sender, recipients, content)
        return
    from courriel.integrations.sendmail.drop import DroppedEnvelope, drop

    chosen = options.sender is not None
    drop(folder, DroppedEnvelope(sender, recipients, chosen, options.notify, options.ret, options.envid), content)


def recipients_of(given: Iterable[str], me: Identity) -> list[str]:
    """Whole addresses of the recipients: aliases for local names, a domain for those without. Raises InvalidAddress."""
    known: dict[str, list[str]] | None = None
    found: list[str] = []
    for one in given:
        for word in _words(one.removesuffix(f"@{_HERE}")):
            if "@" in word:
                found.append(Address.parse(word).spec)
                continue
            if known is None:
                known = aliases.read_aliases(identity.alias_files())
            found += [sender_of(address, me) for address in aliases.expand(word, known)]
    return list(dict.fromkeys(found))


def sender_of(address: str, me: Identity) -> str:
    """Whole address; "" for the null sender. Raises InvalidAddress."""
    if not address:
        return ""
    return Address.parse(address if "@" in address else f"{address}@{me.domain}").spec


def own_outbox(me: Identity) -> Outbox:
    """The user's own outbox; its lane "default" is the way of the user's settings. Raises OutboxError, UsageError."""
    from courriel import Outbox

    return Outbox(identity.outbox_place(), ways={"default": me.route} if me.route is not None else {}, elsewhere=True)


# The steps.


def _words(given: str) -> Iterator[str]:
    """Addresses in one argument; old programs join several by commas."""
    plain = not any(mark in given for mark in '"<(')
    yield from (word.strip() for word in given.split(",") if word.strip()) if plain else (given,)


def _into_outbox(
    options: SendmailOptions, me: Identity, sender: str, recipients: list[str], content: Iterable[bytes]
) -> None:
    from courriel import ReadyMessage
    from courriel.integrations.sendmail.send_terms import send_terms

    if options.now and me.route is None:
        raise errors.UsageError(
            "nothing says where mail goes: set COURRIEL_URL, or write url = … into your own courriel.toml",
            stage="compose",
            hint_id="NO-SERVER-SET",
        )
    message = ReadyMessage.parse(b"".join(content), normalise=True)
    terms = send_terms(sender, recipients, options.notify, options.ret, options.envid)
    with own_outbox(me) as outbox:
        ticket = outbox.put(message, **terms)
        if options.now:
            outbox.run_once(for_seconds=_NOW)
            _check_sent(ticket.info)
    if me.route is None and not os.environ.get("COURRIEL_OUTBOX"):
        _say_that_it_waits()


def _say_that_it_waits() -> None:
    """The mail is kept, and nobody may ever send it: that has to be said, although the call was well."""
    from courriel.failures import language

    fr = "sendmail: le message est gardé dans votre boîte d'envoi, mais rien ne dit où va le courrier (url = …)\n"
    en = "sendmail: the mail is kept in your outbox, but nothing says where mail goes (url = …)\n"
    with suppress(OSError):  # the mail is stored: a caller that hears of a failure would hand it over again
        os.write(2, (fr if language() == "fr" else en).encode())


def _check_sent(info: MailInfo) -> None:
    """Raise OutboxError for a mail that was refused; one that waits is sent by a worker."""
    from courriel import State

    if info.state is State.FAILED:
        raise errors.OutboxError(f"the mail was refused: {info.why}")
