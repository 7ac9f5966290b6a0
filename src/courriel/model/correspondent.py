"""Somebody named in a letter that was received: as it came, which may be no address that we would write to."""

from __future__ import annotations

from courriel.errors import InvalidAddress
from courriel.model.address import Address
from courriel.values import dataclass


@dataclass(frozen=True, slots=True)
class Correspondent:
    """A name and an address of a received header, decoded, on one line each; either may be empty, or nonsense.

    What others wrote is shown as it is; what we write to is an `Address`, and `address` is the only way from here to
    there.
    """

    name: str
    spec: str
    """What should be `local@domain`."""

    @property
    def address(self) -> Address | None:
        """The address as we would write to it, with the name where that is one; None when it is none."""
        try:
            address = Address.parse(self.spec)
        except InvalidAddress:
            return None
        try:
            return Address(address.local, address.domain, self.name)
        except InvalidAddress:
            return address

    def __str__(self) -> str:
        """For people: `Ada <ada@example.org>`, or whichever of the two there is."""
        return f"{self.name} <{self.spec}>" if self.name and self.spec else self.name or self.spec
