"""Key records of DKIM, `v=DKIM1; k=rsa; p=…`, as the name service has them (RFC 6376 3.6.1, RFC 8463 4)."""

from __future__ import annotations

from collections.abc import Iterable

from courriel._dataclass import dataclass
from courriel._lazy_re import expression
from courriel.wire.dkim.tag_list import BrokenTagList, octets_of, read_tags, words

STRING = 255
"""Most octets of one string of a TXT record (RFC 1035 3.3.14): longer values are several strings, read as one."""

LONGEST_NAME = 253
"""Characters of a name in the DNS (RFC 1035 2.3.4, without the octets of lengths at both ends)."""

_HAS_KEY = expression(r"(?:^|;)[ \t\r\n]*p[ \t\r\n]*=")
_OTHER_VERSION = expression(r"[ \t\r\n]*v[ \t\r\n]*=[ \t\r\n]*(?![Dd][Kk][Ii][Mm])[A-Za-z]+[0-9]")


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A key record: `kind` "rsa" or "ed25519", and the octets of its key, none where it was revoked.

    `hashes` are those of `h=` (none: all), `flags` those of `t=`: "y" for a domain that tries DKIM, "s" for one whose
    subdomains do not use the key. `services` has "*" or "email" where the key is for mail.
    """

    kind: str
    key: bytes
    hashes: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    services: tuple[str, ...] = ("*",)

    @classmethod
    def parse(cls, text: str) -> KeyRecord:
        """Parse the text of a record. Raises BrokenTagList."""
        tags = read_tags(text)
        if tags.get("v", "DKIM1") != "DKIM1" or ("v" in tags and next(iter(tags)) != "v"):
            raise BrokenTagList("v=DKIM1 n'est pas au début", "v=DKIM1 does not stand first")
        if "p" not in tags:
            raise BrokenTagList("p= manque", "p= is missing")
        return cls(
            tags.get("k", "rsa").lower(),
            octets_of(tags["p"]),
            tuple(words(tags["h"].lower())) if "h" in tags else (),
            tuple(words(tags.get("t", ""))),
            tuple(words(tags.get("s", "*"))),
        )

    @property
    def revoked(self) -> bool:
        """Whether the domain has taken the key back (`p=` is empty)."""
        return not self.key


def record_text(kind: str, key: bytes) -> str:
    """Text of the record for a public key."""
    from base64 import b64encode

    return "; ".join(("v=DKIM1", f"k={kind}", f"p={b64encode(key).decode()}"))


def name_of(selector: str, domain: str) -> str:
    """The name at which the record of a selector stands."""
    return f"{selector}._domainkey.{domain}"


def key_records_in(texts: Iterable[str]) -> list[str]:
    """TXT records at a name that may hold a key: neither those without a `p=`, nor those of another kind (DMARC)."""
    return [text for text in texts if _HAS_KEY.search(text) and not _OTHER_VERSION.match(text)]


def strings_of(text: str) -> list[str]:
    """The text as strings of a TXT record, in zone files one behind the other."""
    return [text[start : start + STRING] for start in range(0, len(text), STRING)]
