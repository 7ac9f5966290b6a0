"""DKIM key of a selector (RFC 6376 3.6.1): whether it can verify a signature. No record says which selector is used."""

from __future__ import annotations

from binascii import a2b_base64

from courriel._dataclass import dataclass
from courriel.doctor.domain import tags
from courriel.doctor.domain.name_service import Lookup
from courriel.failures import Text

_RSA = bytes.fromhex("06092a864886f70d010101")

WEAKEST, STRONG = 1024, 2048
"""Bits of an RSA key: fewer than the first are refused (RFC 8301 3.2), fewer than the second are not recommended."""


@dataclass(frozen=True, slots=True)
class DkimReport:
    """The DKIM key at one selector. `bits` is the length of an RSA key, 0 when it is another kind."""

    selector: str
    record: str = ""
    problem: str = ""
    detail: Text = Text("", "")
    kind: str = ""
    bits: int = 0
    testing: bool = False
    uncertain: str = ""


def examine(domain: str, selector: str, ask: Lookup) -> DkimReport:
    """Read and judge the key of one selector."""
    name = f"{selector}._domainkey.{domain}"
    answer = ask(name, "TXT")
    if not answer.certain:
        return DkimReport(selector, uncertain=f"{name}: {answer.why}")
    if not answer.values:
        return DkimReport(selector, problem="DKIM-KEY-MISSING", detail=Text(name, name))
    first, *others = answer.values
    if others:
        several = Text(f"{name} : {len(answer.values)} enregistrements", f"{name}: {len(answer.values)} records")
        return DkimReport(selector, first, "DKIM-KEY-INVALID", several)
    return judge(selector, first)


def judge(selector: str, record: str) -> DkimReport:
    """Judge the text of a key record."""
    found = tags.read(record)
    if found is None or (found.get("v", "DKIM1") != "DKIM1") or "p" not in found:
        return _invalid(
            selector,
            record,
            Text(
                "ce n'est pas une liste « nom=valeur » avec v=DKIM1 et p=",
                "this is no list of name=value with v=DKIM1 and p=",
            ),
        )
    kind = found.get("k", "rsa").lower()
    testing = "y" in found.get("t", "").lower().split(":")
    encoded = "".join(found["p"].split())
    if not encoded:
        return DkimReport(selector, record, "DKIM-KEY-REVOKED", Text("p= est vide", "p= is empty"), kind)
    if "h" in found and "sha256" not in found["h"].lower().replace(" ", "").split(":"):
        return _invalid(selector, record, Text("h= exclut sha256", "h= leaves sha256 out"))
    try:
        key = a2b_base64(encoded, strict_mode=True)
    except ValueError:  # binascii.Error is one; others are raised for what is not ASCII
        return _invalid(selector, record, Text("p= n'est pas du base64", "p= is no base64"))
    if kind == "ed25519":
        if len(key) != 32:
            return _invalid(
                selector,
                record,
                Text(f"p= a {len(key)} octets au lieu de 32", f"p= has {len(key)} octets in place of 32"),
            )
        return DkimReport(selector, record, kind=kind, testing=testing)
    if kind != "rsa":
        return _invalid(selector, record, Text(f"k={kind} est inconnu", f"k={kind} is unknown"))
    bits = _bits(key)
    if bits is None:
        return _invalid(selector, record, Text("p= n'est pas une clé RSA", "p= is no RSA key"))
    if bits < WEAKEST:
        return DkimReport(selector, record, "DKIM-KEY-WEAK", Text(f"{bits} bits", f"{bits} bits"), kind, bits)
    return DkimReport(selector, record, kind=kind, bits=bits, testing=testing)


# The steps.


def _invalid(selector: str, record: str, detail: Text) -> DkimReport:
    return DkimReport(selector, record, "DKIM-KEY-INVALID", detail)


def _bits(key: bytes) -> int | None:
    """Length of an RSA key in bits, from its DER (RFC 8017 A.1.1, in that of RFC 5280 4.1); None when it is none.

    By hand, since libraries refuse to read the short keys that are to be found here.
    """
    sequence = _value(key, 0x30)
    inner = _value(sequence or b"", 0x30)
    if sequence is not None and inner is not None:
        # SubjectPublicKeyInfo: an algorithm, then a bit string with the key in it.
        if _RSA not in inner:
            return None
        bits = _value(sequence[_length_of(sequence) :], 0x03)
        sequence = _value(bits[1:], 0x30) if bits else None
    modulus = _value(sequence or b"", 0x02)
    return int.from_bytes(modulus).bit_length() if modulus else None


def _value(der: bytes, tag: int) -> bytes | None:
    """Content of the first element when it has this tag, and is whole; None otherwise."""
    if len(der) < 2 or der[0] != tag:
        return None
    start, length = _header(der)
    return der[start : start + length] if start + length <= len(der) else None


def _length_of(der: bytes) -> int:
    return sum(_header(der))


def _header(der: bytes) -> tuple[int, int]:
    """Where the content of the first element begins, and how long it is."""
    short = der[1]
    if short < 0x80:
        return 2, short
    octets = short & 0x7F
    return 2 + octets, int.from_bytes(der[2 : 2 + octets])
