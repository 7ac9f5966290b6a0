"""Facts about an account and its letters that some servers tell: quotas, namespaces, lasting ids."""

from __future__ import annotations

from courriel._dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Quota:
    """Quota of a folder and of all folders that share its `root` (RFC 9208).

    `resource` is what is limited: "storage" (then `used` and `limit` are octets), "message" (letters), or another word
    of the server, in lower case.
    """

    root: str
    resource: str
    used: int
    limit: int


@dataclass(frozen=True, slots=True)
class Namespace:
    """Beginning of the names of some folders, and the separator of their levels, "" where there are none."""

    prefix: str
    separator: str = ""


@dataclass(frozen=True, slots=True)
class Namespaces:
    """Namespaces of a mailbox (RFC 2342): of its owner's folders, of those of other people, and of shared ones."""

    personal: tuple[Namespace, ...] = ()
    others: tuple[Namespace, ...] = ()
    shared: tuple[Namespace, ...] = ()


@dataclass(frozen=True, slots=True)
class LetterIds:
    """Ids of a letter that last when it is moved or copied; "" where the server has none for it.

    `email_id` is the same for all copies of one letter, `thread_id` for all letters of one conversation: of OBJECTID
    (RFC 8474), or of Gmail (X-GM-MSGID, X-GM-THRID).
    """

    email_id: str = ""
    thread_id: str = ""
