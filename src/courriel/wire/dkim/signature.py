"""The value of a DKIM-Signature field, read with the checks of RFC 6376 6.1.1."""

from __future__ import annotations

from courriel._dataclass import dataclass
from courriel._lazy_re import expression
from courriel.wire.dkim.fields import HeaderField
from courriel.wire.dkim.key_record import LONGEST_NAME
from courriel.wire.dkim.tag_list import LONGEST, BrokenTagList, octets_of, read_tags, without_blanks, words

ALGORITHMS = {"rsa-sha256": "rsa", "ed25519-sha256": "ed25519", "rsa-sha1": "rsa"}
"""Kind of key of each algorithm; rsa-sha1 is read, and proves nothing any more (RFC 8301 3.1)."""

_NUMBER = expression(r"[0-9]{1,76}")
_NAME = expression(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?")


@dataclass(frozen=True, slots=True)
class SignatureValue:
    """A signature as it was read. `relaxed_header` and `relaxed_body` are its canonical forms.

    `names` are the fields that it covers, `body_length` the octets of `l=`, `at` and `expires` seconds since 1970.
    """

    domain: str
    selector: str
    algorithm: str
    relaxed_header: bool
    relaxed_body: bool
    names: tuple[str, ...]
    body_hash: bytes
    signature: bytes
    identity: str = ""
    body_length: int | None = None
    at: int | None = None
    expires: int | None = None

    @property
    def kind(self) -> str:
        """Kind of the key that verifies it."""
        return ALGORITHMS[self.algorithm]

    @classmethod
    def of_field(cls, value: bytes) -> SignatureValue:
        """Parse the value of a field. Raises BrokenTagList."""
        if len(value) > LONGEST:
            raise BrokenTagList(f"plus de {LONGEST} caractères", f"more than {LONGEST} characters")
        tags = read_tags(value.decode("utf-8", "surrogateescape"))
        for name in ("v", "a", "b", "bh", "d", "h", "s"):
            if not tags.get(name):
                raise BrokenTagList(f"{name}= manque", f"{name}= is missing")
        if tags["v"] != "1":
            raise BrokenTagList("v= n'est pas 1", "v= is not 1")
        algorithm = without_blanks(tags["a"]).lower()
        if algorithm not in ALGORITHMS:
            raise BrokenTagList(f"a={algorithm!r:.40} est inconnu", f"a={algorithm!r:.40} is not known")
        if "dns/txt" not in words(tags.get("q", "dns/txt")):
            raise BrokenTagList("q= ne nomme pas dns/txt", "q= names no dns/txt")
        header, body = _forms(tags.get("c", "simple"))
        names = tuple(words(tags["h"]))
        if "from" not in [name.lower() for name in names]:
            raise BrokenTagList("h= ne couvre pas From", "h= leaves From out")
        domain = _domain("d", tags["d"])
        at, expires = _number(tags, "t"), _number(tags, "x")
        if at is not None and expires is not None and expires <= at:
            raise BrokenTagList("x= n'est pas après t=", "x= is not later than t=")
        return cls(
            domain, _domain("s", tags["s"]), algorithm, header, body, names, octets_of(tags["bh"]),
            octets_of(tags["b"]), _identity(tags.get("i", ""), domain), _number(tags, "l"), at, expires,
        )  # fmt: skip


def without_signature(field: HeaderField) -> HeaderField:
    """The field as it was signed: the value of its `b=` empty, and no CRLF at its end (RFC 6376 3.7)."""
    name, value, octets = field
    start = len(octets) - len(b"\r\n") - len(value)
    cut = _cut(value)
    return name, cut, octets[:start] + cut


# The steps.


def _cut(value: bytes) -> bytes:
    """The value without what stands in its tag `b`; it has been read, so that there is one."""
    parts = value.split(b";")
    for place, part in enumerate(parts):
        name, equals, _ = part.partition(b"=")
        if equals and name.strip() == b"b":
            parts[place] = name + equals
            break
    return b";".join(parts)


def _forms(text: str) -> tuple[bool, bool]:
    """Whether the header's form is the relaxed one, and the body's."""
    header, slash, body = without_blanks(text).partition("/")
    body = body if slash else "simple"
    for form in (header, body):
        if form not in ("simple", "relaxed"):
            raise BrokenTagList(f"c={text!r:.40} est inconnu", f"c={text!r:.40} is not known")
    return header == "relaxed", body == "relaxed"


def _domain(tag: str, text: str) -> str:
    domain = _in_ascii(without_blanks(text).lower())
    if not _NAME.fullmatch(domain) or ".." in domain:
        raise BrokenTagList(f"{tag}={text!r:.80} n'est pas un nom", f"{tag}={text!r:.80} is no name")
    return domain


def _in_ascii(domain: str) -> str:
    """A name as the name service has it; "" for what is none. Longer ones are not even looked at: it takes its time."""
    if domain.isascii():
        return domain
    try:
        return domain.encode("idna").decode("ascii") if len(domain) <= LONGEST_NAME else ""
    except UnicodeError:
        return ""


def _identity(text: str, domain: str) -> str:
    """The identity of `i=`, which is in the domain that signs, or below it."""
    identity = without_blanks(text)
    if identity:
        local, _, host = identity.rpartition("@")
        host = _in_ascii(host.lower())  # in a header beyond ASCII it is written in letters (RFC 8616 4)
        if host != domain and not host.endswith(f".{domain}"):
            raise BrokenTagList(
                f"i={identity!r:.80} est hors du domaine de d=", f"i={identity!r:.80} is not in the domain of d="
            )
        return f"{local}@{host}"
    return identity


def _number(tags: dict[str, str], name: str) -> int | None:
    text = tags.get(name)
    if text is None:
        return None
    if not _NUMBER.fullmatch(text):
        raise BrokenTagList(f"{name}={text!r:.40} n'est pas un nombre", f"{name}={text!r:.40} is no number")
    return int(text)
