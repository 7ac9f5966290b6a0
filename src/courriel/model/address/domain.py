"""Domains of addresses: mapped by UTS 46, checked, as people read them and as DNS knows them."""

from __future__ import annotations

from functools import lru_cache

from courriel._lazy_re import expression
from courriel.model.address.refusal import refusal

LONGEST_DOMAIN = 255  # octets, RFC 5321 4.5.3.1.2

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOMAIN = expression(rf"{_LABEL}(?:\.{_LABEL})*")
_LITERAL_V4 = expression(r"\[(?:(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])(?:\.(?=[0-9])|(?=\]))){4}\]")


class PartError(ValueError):
    """Error in a part of an address; the caller, who has the whole text, raises InvalidAddress with this reason."""


def map_domain(domain: str, whole: str) -> tuple[str, str]:
    """Map a domain. Raises InvalidAddress with the whole address in its text."""
    if len(domain) > LONGEST_DOMAIN:
        raise refusal(whole, f"the domain is longer than {LONGEST_DOMAIN} octets")
    try:
        return map_domain_cached(domain)
    except PartError as unfit:
        raise refusal(whole, str(unfit)) from unfit.__cause__


@lru_cache(maxsize=1024)
def map_domain_cached(domain: str) -> tuple[str, str]:
    """Map a domain (UTS 46): return it as shown to people, and in ASCII. Results are cached.

    The mapping comes first, so that a domain is compared, shown and written in the very form that is looked up.
    """
    if domain.startswith("["):
        return _checked_literal(domain), domain
    shown = dns = domain.lower()
    if not domain.isascii() or dns.startswith("xn--") or ".xn--" in dns:
        shown, dns = _international(domain)
    if not _DOMAIN.fullmatch(dns):
        raise PartError(_domain_fault(dns))
    if dns[dns.rfind(".") + 1 :].isdigit():
        raise PartError("an IP address stands in brackets, [192.0.2.1], and no domain ends in a number")
    return shown, dns


# The steps.


def _international(domain: str) -> tuple[str, str]:
    import idna

    try:
        mapped = idna.uts46_remap(domain, std3_rules=True, transitional=False)
        labels = [_international_label(label) for label in mapped.split(".")]
    except UnicodeError as broken:
        reason = ascii(str(broken))[1:-1]
        raise PartError(f"the domain is not an international domain name ({reason})") from broken
    return ".".join([shown for shown, _ in labels]), ".".join([dns for _, dns in labels])


def _international_label(label: str) -> tuple[str, str]:
    """One label as shown to people, and in ASCII (RFC 5891). An A-label of symbols, an emoji, stays as it is written.

    IDNA 2008 allows no symbols in names, so no text is mapped to such a label; but domains of this kind are registered,
    and the form that is looked up is plain ASCII, in which no character can look like another.
    """
    import idna

    try:
        dns = idna.encode(label).decode("ascii")
        return idna.decode(dns), dns
    except UnicodeError:
        if _is_label_of_symbols(label):
            return label, label
        raise


def _is_label_of_symbols(label: str) -> bool:
    """Whether it is a well-formed A-label (RFC 5890 2.3.2.1) of letters, marks, numbers and at least one symbol."""
    import unicodedata

    if not label.isascii() or not label.startswith("xn--"):
        return False
    try:
        decoded = label[4:].encode("ascii").decode("punycode")
        if decoded.encode("punycode").decode("ascii") != label[4:]:
            return False
    except (UnicodeError, ValueError, OverflowError):
        return False
    kinds = {unicodedata.category(character) for character in decoded if character not in "\u200d-"}
    return any(kind[0] == "S" for kind in kinds) and all(kind[0] in "LMNS" for kind in kinds)


def _domain_fault(domain: str) -> str:
    """Reason why this is not a domain."""
    if not domain:
        return "nothing stands after the @"
    if "@" in domain:
        return "it has two @"
    if "(" in domain or ")" in domain:
        return "comments are not taken"
    if domain.startswith(".") or domain.endswith(".") or ".." in domain:
        return "a dot in a domain stands between two labels, and alone"
    if any(len(label) > 63 for label in domain.split(".")):
        return "a label of the domain is longer than 63 octets"
    if ">" in domain or "<" in domain:
        return "text follows the closing bracket"
    if "," in domain or ";" in domain:
        return "several addresses are a list, ['a@x.org', 'b@x.org'], and this is the place of one"
    return "the domain is not made of letters, digits and inner hyphens"


def _checked_literal(domain: str) -> str:
    """Check an address literal: [192.0.2.1] or [IPv6:2001:db8::1] (RFC 5321 4.1.3); it stays as it is written."""
    if _LITERAL_V4.fullmatch(domain):
        return domain
    if domain[:6].lower() == "[ipv6:" and domain.endswith("]") and "%" not in domain and len(domain) < 60:
        import ipaddress

        try:
            ipaddress.IPv6Address(domain[6:-1])
        except ValueError as broken:
            raise PartError("this is not an IPv6 address") from broken
        return domain
    raise PartError("an address literal is [192.0.2.1] or [IPv6:2001:db8::1]")
