"""
Verification of every DKIM signature of a message: the header first, the body in blocks, the keys last.

    verification = Verification(head)           # the header block, up to its empty line
    for block in body: verification.feed(block)
    verdicts = verification.verdicts(key_of, seconds)

The body is digested once for each combination of canonical form and `l=`, whatever its length; the keys are asked for
at the end, by a function, so that nothing here waits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from hmac import compare_digest
from typing import Literal, TypeAlias

from courriel._dataclass import dataclass
from courriel.failures import Text
from courriel.wire.dkim.canonical import BodyDigest
from courriel.wire.dkim.fields import HeaderField, canonical_fields, header_fields, in_order
from courriel.wire.dkim.key_record import KeyRecord, key_records_in, name_of
from courriel.wire.dkim.keys import ADVISED, BadKey, bits_of, verify
from courriel.wire.dkim.signature import SignatureValue, without_signature
from courriel.wire.dkim.tag_list import BrokenTagList

MOST_SIGNATURES = 20
"""Signatures of one message that are verified: more than any honest way of a mail leaves in it."""

VerdictWord: TypeAlias = Literal["pass", "fail", "invalid", "unknown"]


class NoAnswer(Exception):
    """A question to the name service that had no answer; another time it may have one."""


KeyLookup: TypeAlias = "Callable[[str], tuple[str, ...]]"
"""The TXT records at a name, none when there is none; raises NoAnswer where nobody knows."""


@dataclass(frozen=True, slots=True)
class DkimVerdict:
    """Verdict on one signature.

    `result` is "pass", "fail" (the octets are not those that were signed), "invalid" (the signature or its key cannot
    be used), or "unknown" (the name service did not answer). `reason` says why; `warnings` is what makes a signature
    that passes worth less.
    """

    result: VerdictWord
    domain: str = ""
    selector: str = ""
    algorithm: str = ""
    reason: Text = Text("", "")
    warnings: tuple[Text, ...] = ()
    signed_fields: tuple[str, ...] = ()
    bits: int = 0


class Verification:
    """Verification of the signatures that a header block holds."""

    def __init__(self, head: bytes) -> None:
        self._fields = header_fields(head)
        self._signatures: list[tuple[HeaderField, SignatureValue | Text]] = []
        self._bodies: dict[tuple[bool, int | None], BodyDigest] = {}
        found = [field for field in self._fields if field[0] == b"dkim-signature"]
        self.left_out = max(0, len(found) - MOST_SIGNATURES)
        """Signatures beyond the most that are verified."""
        for field in found[:MOST_SIGNATURES]:
            try:
                value: SignatureValue | Text = SignatureValue.of_field(field[1])
            except BrokenTagList as broken:
                value = broken.reason
            self._signatures.append((field, value))
            if isinstance(value, SignatureValue):
                key = value.relaxed_body, value.body_length
                self._bodies.setdefault(key, BodyDigest(relaxed=key[0], most=key[1]))

    def feed(self, octets: bytes) -> None:
        """Digest the next octets of the body."""
        for body in self._bodies.values():
            body.feed(octets)

    def verdicts(self, records_at: KeyLookup, seconds: float) -> list[DkimVerdict]:
        """The verdict on each signature, in their order; `seconds` is the time now. Raises MissingExtra."""
        digests = {key: body.finish() for key, body in self._bodies.items()}
        return [
            DkimVerdict("invalid", reason=value)
            if isinstance(value, Text)
            else self._verdict(field, value, digests[value.relaxed_body, value.body_length], records_at, seconds)
            for field, value in self._signatures
        ]

    # The steps.

    def _verdict(
        self, field: HeaderField, value: SignatureValue, digest: bytes, records_at: KeyLookup, seconds: float
    ) -> DkimVerdict:
        size = self._bodies[value.relaxed_body, value.body_length].size
        result: VerdictWord = "invalid"
        reason, record = _unusable_signature(value, size, seconds), None
        if not reason:
            result, reason, record = self._by_its_record(field, value, digest, records_at)
        bits = bits_of(record.kind, record.key) if record is not None else 0
        warnings = (*_warnings(value, size, seconds), *_about_key(record, bits))
        if result == "pass":
            warnings += _about_others_of_a_name(self._fields, value.names)
        return DkimVerdict(result, value.domain, value.selector, value.algorithm, reason, warnings, value.names, bits)

    def _by_its_record(
        self, field: HeaderField, value: SignatureValue, digest: bytes, records_at: KeyLookup
    ) -> tuple[VerdictWord, Text, KeyRecord | None]:
        place = name_of(value.selector, value.domain)
        try:
            record, problem = _record(records_at(place), place)
        except NoAnswer as silent:
            return "unknown", Text(f"{place} : pas de réponse ({silent})", f"{place}: no answer ({silent})"), None
        if record is None:
            return "invalid", problem, None
        unusable = _unusable_record(record, value)
        if unusable:
            return "invalid", unusable, record
        if not compare_digest(digest, value.body_hash):
            return "fail", Text("le corps a été modifié", "the body was changed"), record
        try:
            genuine = verify(value.kind, record.key, value.signature, self._signed_octets(field, value))
        except BadKey as wrong:
            return "invalid", Text(f"{place} : {wrong.reason.fr}", f"{place}: {wrong.reason.en}"), record
        return ("pass", Text("", ""), record) if genuine else ("fail", _HEADER_CHANGED, record)

    def _signed_octets(self, field: HeaderField, value: SignatureValue) -> bytes:
        """The fields that the signature covers, and its own without its value."""
        signed = canonical_fields(in_order(self._fields, value.names), relaxed=value.relaxed_header)
        own = canonical_fields([without_signature(field)], relaxed=value.relaxed_header)
        return signed + own.removesuffix(b"\r\n")


# The steps.

_HEADER_CHANGED = Text(
    "l'en-tête a été modifié, ou la clé publiée n'est pas celle qui a signé",
    "the header was changed, or the published key is not the one that signed",
)


def _unusable_signature(value: SignatureValue, size: int, seconds: float) -> Text:
    """Why a signature counts for nothing, whatever its key says; empty when it may count."""
    if value.algorithm == "rsa-sha1":
        return Text("rsa-sha1 ne prouve plus rien (RFC 8301)", "rsa-sha1 proves nothing any more (RFC 8301)")
    if value.body_length is not None and value.body_length > size:
        return Text("l= dépasse la longueur du corps", "l= is longer than the body")
    if value.expires is not None and value.expires < seconds:
        return Text("la signature est périmée (x=)", "the signature has expired (x=)")
    return Text("", "")


def _record(texts: tuple[str, ...], place: str) -> tuple[KeyRecord | None, Text]:
    """The record at a name, or what is wrong with it; other TXT records there are passed over."""
    ours = key_records_in(texts)
    if not ours:
        return None, Text(f"{place} : aucune clé n'y est publiée", f"{place}: no key is published there")
    if len(ours) > 1:
        return None, Text(f"{place} : {len(ours)} clés, au lieu d'une", f"{place}: {len(ours)} keys, in place of one")
    try:
        record = KeyRecord.parse(ours[0])
    except BrokenTagList as broken:
        return None, Text(f"{place} : {broken.reason.fr}", f"{place}: {broken.reason.en}")
    return record, Text("", "")


def _unusable_record(record: KeyRecord, value: SignatureValue) -> Text:
    """Why this record does not verify this signature; empty when it does."""
    if record.revoked:
        return Text("la clé a été révoquée (p= vide)", "the key was revoked (p= is empty)")
    if record.kind != value.kind:
        return Text(
            f"la clé est de type {record.kind:.40}, la signature de type {value.kind}",
            f"the key is of kind {record.kind:.40}, and the signature of kind {value.kind}",
        )
    if record.hashes and value.algorithm.rpartition("-")[2] not in record.hashes:
        return Text("h= de la clé exclut cette signature", "h= of the key leaves this kind of signature out")
    if not {"*", "email"} & set(record.services):
        return Text("s= de la clé exclut le courrier", "s= of the key leaves mail out")
    host = value.identity.rpartition("@")[2].lower()
    if "s" in record.flags and host and host != value.domain:
        return Text("t=s de la clé exclut les sous-domaines (i=)", "t=s of the key leaves subdomains out (i=)")
    return Text("", "")


def _about_others_of_a_name(fields: Sequence[HeaderField], names: Sequence[str]) -> tuple[Text, ...]:
    """Warnings about fields that a mail has once, and this one more often than they are signed (RFC 6376 8.15)."""
    there = Counter(name for name, _, _ in fields if name in _ONCE)
    signed = Counter(name.lower().encode("ascii", "replace") for name in names)
    return tuple(
        Text(
            f"{shown} y est {there[name]} fois, et {signed[name]} fois signé : on peut vous en montrer un qui ne l'est"
            " pas",
            f"{shown} stands {there[name]} times, {signed[name]} of them signed: you may be shown one that is not",
        )
        for name, shown in _ONCE.items()
        if there[name] > max(1, signed[name])
    )


def _about_key(record: KeyRecord | None, bits: int) -> tuple[Text, ...]:
    """Warnings about a key: its domain tries DKIM only, or it is shorter than advised."""
    found: tuple[Text, ...] = ()
    if record is not None and "y" in record.flags:
        found += (
            Text(
                "le domaine essaie DKIM (t=y) : un échec ne compte pas",
                "the domain tries DKIM (t=y): a failure does not count",
            ),
        )
    if 0 < bits < ADVISED:
        found += (Text(f"la clé n'a que {bits} bits", f"the key has {bits} bits only"),)
    return found


def _warnings(value: SignatureValue, size: int, seconds: float) -> tuple[Text, ...]:
    found = []
    if value.body_length is not None:
        rest = max(0, size - value.body_length)
        found.append(
            Text(
                f"l={value.body_length} : n'importe qui peut ajouter du texte à la fin"
                + (f", et {rest} octets n'y sont pas signés" if rest else ""),
                f"l={value.body_length}: anybody can append text"
                + (f", and {rest} octets are not signed" if rest else ""),
            )
        )
    if value.at is not None and value.at > seconds + _CLOCKS:
        found.append(Text("la signature est datée du futur (t=)", "the signature is dated in the future (t=)"))
    return tuple(found)


_ONCE = {
    name.lower().encode(): name
    for name in ("From", "Sender", "To", "Cc", "Subject", "Reply-To", "Date", "Content-Type")
}
_CLOCKS = 3600  # seconds that clocks may differ
