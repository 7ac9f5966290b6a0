"""Interface of an HTTP provider: its request for a mail, and the meaning of its answers."""

from __future__ import annotations

from typing import Protocol

from courriel._dataclass import dataclass, field
from courriel.network.https.exchange import HttpsResponse

TYPE_CHECKING = False

if TYPE_CHECKING:
    from courriel.delivery.http_providers.answers import ErrorMeaning, ProviderWords
    from courriel.model.submission import Submission
    from courriel.network.https.line import HttpsRequest
    from courriel.reply import Reply


@dataclass(frozen=True, slots=True)
class ProviderLogin:
    """User name and secret of the moment: a token, or a key."""

    user: str
    secret: str = field(repr=False)


class HttpProvider(Protocol):
    """One provider; a value without state, that opens no connection."""

    title: str
    """Its name for people."""

    def body(self, submission: Submission) -> bytes:
        """The body of the request for this mail. Raises NotSupported for one that the provider cannot send."""
        ...

    def request(self, login: ProviderLogin, body: bytes) -> HttpsRequest:
        """The request with this body, and the secret in its header."""
        ...

    def trial(self, login: ProviderLogin) -> HttpsRequest:
        """A documented request that shows whether the secret is accepted, and sends nothing."""
        ...

    def tried(self, response: HttpsResponse) -> bool:
        """Whether the answer to the trial says that the secret is accepted."""
        ...

    def accepted(self, response: HttpsResponse) -> Reply | None:
        """The reply of a receipt, when this is the documented answer for a mail that was taken; None otherwise."""
        ...

    def explanation(self, response: HttpsResponse) -> ProviderWords:
        """The error in the provider's own words, as far as the answer has any."""
        ...

    def verdict(self, status: int, why: ProviderWords) -> ErrorMeaning | None:
        """The documented meaning of this error; None for an error that the provider does not document."""
        ...

    def wait(self, response: HttpsResponse) -> float | None:
        """Seconds for which the answer asks to wait; None when it does not say."""
        ...
