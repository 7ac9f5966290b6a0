"""Who has an account on the servers, and who has a mailbox."""

from __future__ import annotations

from dataclasses import dataclass

DOMAIN = "example.org"
INTERNATIONAL_DOMAIN = "bücher.example"


@dataclass(frozen=True, slots=True)
class Account:
    """A user name, which is also the address of the user's mailbox, and its password."""

    user: str
    password: str


ADA = Account("ada@example.org", "correct horse battery staple")
BOB = Account("bob@example.org", "bob's secret")
CLEO = Account("cleo@example.org", "cleo's secret")
ACCENTED = Account("été@example.org", "pässwörd d'été ☃")
"""Neither the name nor the password is ASCII."""
ODD = Account("a,b=c@example.org", " %:;{}\"'\\=,$~  ")
"""Everything that some quoting, some format or some mechanism minds; a tab, Dovecot never lets in."""
IDN = Account("ada@bücher.example", "ein langes Paßwort")
"""The domain is not ASCII."""

ACCOUNTS = (ADA, BOB, CLEO, ACCENTED, ODD, IDN)


def mailbox(address: str) -> str:
    """Where the mailbox of an address lies, below the folder of all mailboxes."""
    local, _, domain = address.rpartition("@")
    return f"{domain}/{local}"
