"""Signer: a domain, its selectors and their keys, and the signing of submissions by them."""

from __future__ import annotations

from collections.abc import Iterable
from time import time

from courriel import errors
from courriel._dataclass import replace
from courriel._lazy_re import expression
from courriel.delivery.dkim.key_source import read_key
from courriel.delivery.dkim.references import key_reference
from courriel.model.address import Address
from courriel.model.content import Content
from courriel.model.submission import SendOptions, Submission
from courriel.session.encoding import Sendable, submission_of
from courriel.wire.dkim.key_record import LONGEST_NAME, name_of
from courriel.wire.dkim.signing import NoHeader, SelectedKey, signatures
from courriel.wire.smtp.extensions import Extensions

TYPE_CHECKING = False

if TYPE_CHECKING:
    from courriel.delivery.secrets import SecretReference
    from courriel.model.typed import SendArguments

MOST_KEYS = 4
"""Keys of one signer: two kinds, in a time of change each with the old one and the new one."""

TO_BE_SIGNED = Extensions({"SMTPUTF8": "", "DSN": ""})
"""Capabilities for which mail is built that will be signed: in seven bits, which no server on the way has to change."""

_LARGE = 256 * 1024  # octets from which the signature is not copied in front of a message, but sent before it
_LABEL = expression(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?")
_EIGHT_BIT = (
    "octets above 127 were signed as they stand: a server on the way that turns them into seven bits breaks the"
    " signature"
)


class Signer:
    """Signs submissions in the name of a domain, by one key or several. The keys are read when it is made.

    `selector` and `key` are texts, or lists of the same length: `key` says where each private key lies (file:, env:,
    cmd:, keyring). Raises UsageError for a key that cannot be used, MissingExtra without cryptography.
    """

    def __init__(
        self,
        domain: str,
        selector: str | Iterable[str],
        key: str | SecretReference | Iterable[str | SecretReference],
    ) -> None:
        self.domain = checked_domain(domain)
        selectors = [checked_selector(each) for each in _several("selector", selector)]
        references = [key_reference(each) for each in _several("key", key)]
        for each in selectors:
            if len(name_of(each, self.domain)) > LONGEST_NAME:
                raise errors.UsageError(
                    f"the name of the record of {each} has more than {LONGEST_NAME} characters, which no name server"
                    " takes",
                    stage="compose",
                )
        if len(selectors) != len(references):
            raise errors.UsageError(
                f"{len(selectors)} selectors and {len(references)} keys: each selector has one key", stage="compose"
            )
        if len(set(selectors)) < len(selectors):
            raise errors.UsageError("the same selector twice: each has a record of its own", stage="compose")
        if not 1 <= len(selectors) <= MOST_KEYS:
            raise errors.UsageError(f"from 1 to {MOST_KEYS} selectors, not {len(selectors)}", stage="compose")
        self.selectors = tuple(selectors)
        self._keys = [
            SelectedKey(each, read_key(reference, self.domain, each))
            for each, reference in zip(selectors, references, strict=True)
        ]

    def sign(self, submission: Submission) -> Submission:
        """The submission with its signatures in front; one that is signed already stays as it is.

        Raises UsageError, InvalidMessage.
        """
        if not isinstance(submission, Submission):
            raise errors.UsageError(f"submission: a value of Submission, not {type(submission).__name__}")
        if submission.signed:
            return submission
        content = submission.content
        if content.binary:
            raise errors.InvalidMessage(
                "content without lines (BINARYMIME) cannot be signed: build it in seven bits", stage="compose"
            )
        try:
            fields = signatures(content, self.domain, self._keys, int(time()))
        except NoHeader:
            raise errors.InvalidMessage("a message whose header never ends cannot be signed", stage="compose") from None
        notes = (*submission.notes, _EIGHT_BIT) if content.eight_bit else submission.notes
        return replace(submission, content=_behind(fields, content), notes=notes, signed=True)

    def signed(self, message: Sendable, options: SendArguments | None = None) -> Submission:
        """Build a message in seven bits, and sign it. Raises what `sign` raises, InvalidAddress."""
        return self.sign(submission_of(message, TO_BE_SIGNED, SendOptions(**options) if options else None))

    def __repr__(self) -> str:
        return f"<Signer {self.domain} {', '.join(self.selectors)}>"


def checked_domain(domain: object) -> str:
    """A domain in ASCII, in small letters. Raises UsageError."""
    if not isinstance(domain, str):
        raise errors.UsageError(f"domain: a text such as example.org, not {type(domain).__name__}", stage="compose")
    try:
        name = Address("postmaster", domain).dns_domain.lower()
    except errors.InvalidAddress:
        name = "["
    if name.startswith("["):  # an address of a host, which the name service has no records of
        raise errors.UsageError(f"domain: {domain!r:.80} is no domain, as example.org", stage="compose")
    return name


def checked_selector(selector: object) -> str:
    """A selector: the name of a key below _domainkey. Raises UsageError."""
    labels = selector.split(".") if isinstance(selector, str) and len(selector) <= _LONGEST_SELECTOR else [""]
    if not all(map(_LABEL.fullmatch, labels)):
        raise errors.UsageError(
            f"selector: letters, digits, - and _ as in s1 or mail-2026, not {selector!r:.80}", stage="compose"
        )
    return str(selector)


# The steps.

_LONGEST_SELECTOR = 128  # characters


def _several(name: str, given: object) -> list[object]:
    if isinstance(given, str) or not isinstance(given, Iterable):
        return [given]
    return list(given)


def _behind(fields: bytes, content: Content) -> Content:
    """The content with these fields before it."""
    alone = content.alone
    pieces = (fields + alone,) if alone is not None and content.size <= _LARGE else (fields, *content.pieces)
    return replace(content, pieces=pieces, size=content.size + len(fields))
