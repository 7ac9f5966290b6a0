"""
Recipients and sender of a mail for providers that read them in its header, and what such a provider cannot do.

An HTTP provider knows no envelope: it sends to those whom the header names. The hidden recipients of the envelope can
be named to it (Bcc); whatever else differs is refused before an octet leaves.
"""

from __future__ import annotations

from courriel import errors
from courriel._dataclass import dataclass
from courriel.wire.parse.addresses import received_addresses
from courriel.wire.parse.header import Header, read_header
from courriel.wire.parse.words import readable, value_of

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Iterable

    from courriel.model.address import Address
    from courriel.model.submission import Submission


@dataclass(frozen=True, slots=True)
class Person:
    """A name, often empty, and an address."""

    name: str
    spec: str


@dataclass(frozen=True, slots=True)
class Addressed:
    """Sender and recipients of a mail: `to` and `cc` as the header has them, `bcc` the others of the envelope."""

    sender: Person
    to: tuple[Person, ...]
    cc: tuple[Person, ...]
    bcc: tuple[Person, ...]
    reply_to: tuple[Person, ...]


class MailHeader:
    """The header of a mail that is to be sent; `body` is the offset of its body. A defective one is refused."""

    def __init__(self, octets: bytes, title: str) -> None:
        self._defects: list[str] = []
        self._title = title
        self.header: Header
        self.header, self.body = read_header(octets, 0, _no_boundary, self._defects.append)
        lines = bytes(octets[: self.body]).replace(b"\r\n", b"")
        if b"\r" in lines or b"\n" in lines or b"\0" in lines:
            self._defects.append("a line end that is none, or a NUL, where another reader may see one more field")

    def people(self, name: str) -> tuple[Person, ...]:
        """Names and addresses of all fields of this name. Raises NotSupported for one that is no address."""
        values = [value_of(value, self._defects.append) for value in self.header.all(name)]
        found = [each for value in values for each in received_addresses(value, self._defects.append)]
        for each in found:
            if each.address is None:
                raise cannot(self._title, f"{name.title()} holds {each.spec[:80]!r}, which is no address", "recipients")
        self.refuse_defects()
        return tuple(Person(each.name, each.address.spec) for each in found if each.address is not None)

    def text(self, name: str) -> str:
        """The first field of this name, decoded."""
        return readable(value_of(self.header.first(name), self._defects.append), self._defects.append)

    def refuse_defects(self) -> None:
        """Raise NotSupported when something in the header could not be read for certain."""
        if self._defects:
            raise cannot(self._title, f"the header cannot be read for certain: {self._defects[0]}", "header")


def addressed(submission: Submission, header: MailHeader, title: str) -> Addressed:
    """Sender and recipients of a submission. Raises NotSupported for what `title`, the provider, cannot do."""
    _refuse_options(submission, header, title)
    senders = header.people("from")
    if len(senders) != 1:
        raise cannot(title, "From must name one sender", "sender")
    _check_sender(submission, header, senders[0], title)
    to, cc = header.people("to"), header.people("cc")
    wanted = {_key(address): address for address in submission.envelope.recipients}
    shown = _keys(to + cc)
    if header.people("bcc"):
        raise cannot(title, "a field Bcc stands in it, and the mail would go there too", "envelope")
    stranger = next((spec for key, spec in shown.items() if key not in wanted), "")
    if stranger:
        raise cannot(
            title,
            f"{stranger} stands in the header, is no recipient of the envelope, and would get the mail all the same",
            "envelope",
        )
    bcc = tuple(Person("", address.spec) for key, address in wanted.items() if key not in shown)
    return Addressed(senders[0], to, cc, bcc, header.people("reply-to"))


def cannot(title: str, what: str, capability: str) -> errors.NotSupported:
    """The error for a mail that this provider cannot send as it is; nothing has left."""
    return errors.NotSupported(
        f"{title} cannot send this mail: {what}", capability=capability, stage="compose", hint_id="HTTP-CANNOT-EXPRESS"
    )


# The steps.


def _refuse_options(submission: Submission, header: MailHeader, title: str) -> None:
    envelope = submission.envelope
    # An envelope id alone asks for nothing, and the outbox gives one to every mail: it is left out.
    if envelope.notify or envelope.ret:
        raise cannot(title, "it takes no request for delivery reports (notify, ret)", "DSN")
    if envelope.require_tls:
        raise cannot(title, "it takes no demand that every hop is encrypted (require_tls)", "REQUIRETLS")
    if envelope.needs_smtputf8:
        raise cannot(title, "an address cannot be written in ASCII", "SMTPUTF8")
    if submission.content.binary:
        raise cannot(title, "a file is in it as it is (binary)", "BINARYMIME")
    names = {name.lower() for name, _ in header.header.fields}
    if "dkim-signature" in names:
        raise cannot(title, "it is signed (DKIM-Signature), and the provider changes what is signed", "DKIM")
    if any(name.startswith("resent-") for name in names):
        raise cannot(title, "it was resent (Resent-To), and would go to the first recipients again", "envelope")


def _check_sender(submission: Submission, header: MailHeader, sender: Person, title: str) -> None:
    """The envelope's sender is that of the header: bounces go there, whatever was asked for."""
    returned = submission.envelope.sender
    if returned is None:
        raise cannot(title, "it has the null sender, which only a session can give", "sender")
    if _key(returned) not in _keys((sender, *header.people("sender"))):
        raise cannot(title, f"bounces are to go to {returned.spec}, and the provider returns them itself", "sender")


def _keys(people: Iterable[Person]) -> dict[str, str]:
    from courriel.model.address import Address

    return {_key(Address.parse(person.spec)): person.spec for person in people}


def _key(address: Address) -> str:
    return address.narrow or f"{address.local}@{address.dns_domain}"


def _no_boundary(_line: bytes) -> bool:
    return False
