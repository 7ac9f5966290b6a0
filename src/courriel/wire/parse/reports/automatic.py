"""Automatic replies (RFC 3834), confirmations of receipt (RFC 8098), and mails that ask their sender for a proof."""

from __future__ import annotations

from collections.abc import Sequence

from courriel._lazy_re import expression
from courriel.model.received.report import RecipientReport, Report, ReportKind
from courriel.wire.parse.charsets.decoding import ignore_defect
from courriel.wire.parse.header import Header
from courriel.wire.parse.parts import Leaf
from courriel.wire.parse.reports.delivery import part_text
from courriel.wire.parse.reports.fields import address, field_groups, first, host
from courriel.wire.parse.reports.machines import has_null_sender, is_from_list, keyword_of, sender_of, text_of
from courriel.wire.parse.reports.original import answered_id, first_id, returned_mail
from courriel.wire.parse.words import value_of

_OWN_FIELDS = (
    "x-autoreply", "x-autorespond", "x-autoresponder", "x-auto-reply", "x-autoreply-from", "x-mail-autoreply",
    "x-autoreply-to", "x-vacation",
)  # fmt: skip
"""Fields of programs from before RFC 3834, and of those that do not know it."""
_PRECEDENCES = frozenset({"auto_reply", "auto-reply", "autoreply"})
_BULK = frozenset({"bulk", "junk"})
# The beginnings of subjects as Exchange, Lotus and others write them; "Re: Automatic reply" is an answer of a person.
_SUBJECTS = (
    "automatic reply:", "auto:", "auto reply:", "autoreply:", "auto-reply:", "out of office:", "out of the office:",
    "out of office autoreply:", "vacation:", "réponse automatique", "absence du bureau", "message d'absence",
    "message d’absence", "automatische antwort", "abwesenheitsnotiz", "abwesend:", "respuesta automática",
    "fuera de la oficina", "resposta automática", "ausência temporária", "risposta automatica", "fuori sede",
    "automatisch antwoord", "afwezig:", "autosvar", "automatiskt svar", "automatyczna odpowiedź",
)  # fmt: skip
_CHALLENGERS = frozenset({"spamarrest.com", "boxbe.com", "sendio.com", "mailinblack.com", "bluebottle.com"})
"""Domains of services that hold mails back until the sender proves to be a person."""
_CHALLENGES = (
    "please confirm your message", "confirm your message", "confirmation required", "sender verification required",
    "action required: verify", "your message is awaiting", "(verification)", "(action required)",
    "demande d'authentification", "demande d’authentification", "merci de vous authentifier",
    "confirmação de envio", "antispam uol", "bitte bestätigen sie ihre nachricht",
)  # fmt: skip
_CONFIRM_ADDRESS = expression(r"[-+]confirm[-+][0-9]{6,12}\.[0-9]{1,10}\.[0-9a-f]{4,64}@")  # TMDA


def disposition(header: Header, data: bytes, leaves: Sequence[Leaf]) -> Report | None:
    """Confirmation that a mail was shown, or deleted unread; None when a letter has no such part."""
    leaf = next((leaf for leaf in leaves if leaf.label.content_type in _DISPOSITIONS), None)
    if leaf is None:
        return None
    groups = field_groups(part_text(data, leaf))
    fields = groups[0] if groups else {}
    original = returned_mail(data, leaves)
    recipient = address(first(fields, "final-recipient"))
    return Report(
        ReportKind.AUTO_REPLY,
        (RecipientReport(recipient, original_recipient=address(first(fields, "original-recipient"))),)
        if recipient
        else (),
        message_id=first_id(first(fields, "original-message-id")) or original.message_id or answered_id(header),
        reporting_mta=host(first(fields, "reporting-ua")),
        original_headers=original.headers,
    )


def automatic_reply(header: Header) -> Report | None:
    """Automatic reply or challenge, told by the header alone; None otherwise, and for what a list sent."""
    if is_from_list(header):
        return None
    submitted = keyword_of(header, "auto-submitted")
    if _is_challenge(header, submitted):
        return Report(ReportKind.CHALLENGE, message_id=answered_id(header), certain=False)
    if submitted == "auto-replied":
        return Report(ReportKind.AUTO_REPLY, message_id=answered_id(header))
    if _looks_automatic(header, submitted):
        return Report(ReportKind.AUTO_REPLY, message_id=answered_id(header), certain=False)
    return None


# The steps.

_DISPOSITIONS = frozenset({"message/disposition-notification", "message/global-disposition-notification"})


def _looks_automatic(header: Header, submitted: str) -> bool:
    own = any(value and value.lower() not in ("no", "none", "false") for value in _values(header))
    if own or keyword_of(header, "precedence") in _PRECEDENCES:
        return True
    return text_of(header, "subject").lower().startswith(_SUBJECTS) and _is_by_machine(header, submitted)


def _values(header: Header) -> list[str]:
    return [text_of(header, name) for name in _OWN_FIELDS]


def _is_by_machine(header: Header, submitted: str) -> bool:
    """Whether some field beside the subject says that no person wrote it."""
    return (
        submitted not in ("", "no")
        or has_null_sender(header)
        or bool(header.first("x-auto-response-suppress"))
        or keyword_of(header, "precedence") in _BULK
    )


def _is_challenge(header: Header, submitted: str) -> bool:
    """Whether it asks for a proof: by the address to answer to, or by words, together with the sign of a machine."""
    if _CONFIRM_ADDRESS.search(value_of(header.first("reply-to"), ignore_defect)[:_LONGEST_ADDRESS].lower()):
        return True
    subject = text_of(header, "subject").lower()
    if not any(words in subject for words in _CHALLENGES):
        return False
    domain = sender_of(header).rpartition("@")[2]
    known = any(domain == service or domain.endswith("." + service) for service in _CHALLENGERS)
    return known or (bool(answered_id(header)) and _is_by_machine(header, submitted))


_LONGEST_ADDRESS = 2_000
