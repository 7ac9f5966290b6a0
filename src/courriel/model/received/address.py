"""Name and address from the header of a received letter, which need not be a valid address."""

from __future__ import annotations

from courriel._dataclass import dataclass
from courriel.errors import InvalidAddress
from courriel.model.address import Address


@dataclass(frozen=True, slots=True)
class ReceivedAddress:
    """Name and address from a received header, decoded, on one line each; either may be empty or invalid.

    Received text is shown as it is; mail is sent to an `Address`, and `address` is the only conversion to one.
    """

    name: str
    spec: str
    """Address as received, normally `local@domain`."""

    @property
    def address(self) -> Address | None:
        """The address as an `Address`, with the name where that is valid; None when the address is invalid."""
        try:
            address = Address.parse(self.spec)
        except InvalidAddress:
            return None
        try:
            return Address(address.local, address.domain, self.name)
        except InvalidAddress:
            return address

    def __str__(self) -> str:
        """Name and address as `Ada <ada@example.org>`, or the one of the two that is not empty."""
        return f"{self.name} <{self.spec}>" if self.name and self.spec else self.name or self.spec
