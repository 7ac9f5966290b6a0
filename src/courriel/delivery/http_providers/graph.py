"""
Microsoft Graph: `sendMail` with the mail as MIME (https://learn.microsoft.com/graph/api/user-sendmail).

The request's body is the whole mail in base64, the answer 202 without a body. It means accepted: the mail lies in the
mailbox's Sent Items, and Exchange goes on. Graph reads the recipients in To, Cc and Bcc, so that the envelope's hidden
recipients are written into a Bcc field, which Exchange removes. The request may have 4 MB.
"""

from __future__ import annotations

from base64 import b64encode

from courriel.delivery.http_providers import answers
from courriel.delivery.http_providers.addressed import MailHeader, addressed, cannot
from courriel.delivery.http_providers.answers import ErrorMeaning, ProviderWords, accepted, content_of, text_at
from courriel.delivery.percent import quote
from courriel.network.https.line import HttpsRequest

TYPE_CHECKING = False

if TYPE_CHECKING:
    from courriel.delivery.http_providers.provider import ProviderLogin
    from courriel.model.submission import Submission
    from courriel.network.https.exchange import HttpsResponse
    from courriel.reply import Reply

LARGEST = 4 * 1024 * 1024
"""Octets of a request, in base64; a larger one is answered with 413."""

_MAILBOX = ErrorMeaning("login", "GRAPH-MAILBOX-NOT-FOUND")
_VERDICTS = {
    "ErrorAccessDenied": ErrorMeaning("login", "GRAPH-ACCESS-DENIED"),
    "Authorization_RequestDenied": ErrorMeaning("login", "GRAPH-ACCESS-DENIED"),
    "ErrorSendAsDenied": ErrorMeaning("sender", "GRAPH-SEND-AS-DENIED"),
    "ErrorInvalidUser": _MAILBOX,
    "ErrorNonExistentMailbox": _MAILBOX,
    "MailboxNotEnabledForRESTAPI": _MAILBOX,
    "MailboxNotSupportedForRESTAPI": _MAILBOX,
    "MailboxNotFound": _MAILBOX,
    "ResourceNotFound": _MAILBOX,
    "Request_ResourceNotFound": _MAILBOX,
    "InvalidAuthenticationToken": ErrorMeaning("login", "GRAPH-TOKEN-REFUSED"),
    "CompactToken": ErrorMeaning("login", "GRAPH-TOKEN-REFUSED"),
    "ErrorInvalidRecipients": ErrorMeaning("recipients", "HTTP-REQUEST-REFUSED"),
    "ErrorMessageSizeExceeded": ErrorMeaning("message", "HTTP-TOO-LARGE"),
    "RequestEntityTooLarge": ErrorMeaning("message", "HTTP-TOO-LARGE"),
    "ErrorExceededMessageLimit": ErrorMeaning("wait", "HTTP-THROTTLED"),
    "ErrorQuotaExceeded": ErrorMeaning("wait", "GRAPH-MAILBOX-FULL"),
}
_TRIAL_REFUSAL = "ErrorMimeContentInvalidBase64String"


class Graph:
    """Microsoft Graph, for one mailbox of Exchange Online."""

    title = "Microsoft Graph"

    def body(self, submission: Submission) -> bytes:
        """The mail in base64, with the hidden recipients in it."""
        size = submission.content.size
        if (size + 2) // 3 * 4 > LARGEST:
            raise cannot(
                self.title, f"it has {size:,} octets, and {LARGEST // 4 * 3:,} are the most (4 MB in base64)", "SIZE"
            )
        octets = bytes(submission.content)
        people = addressed(submission, MailHeader(octets, self.title), self.title)
        hidden = _bcc_field([person.spec for person in people.bcc]) if people.bcc else b""
        body = b64encode(hidden + octets)
        if len(body) > LARGEST:
            raise cannot(self.title, "with its hidden recipients it is larger than 4 MB in base64", "SIZE")
        return body

    def request(self, login: ProviderLogin, body: bytes) -> HttpsRequest:
        """POST the mail to the mailbox."""
        fields = (
            ("Authorization", f"Bearer {login.secret}"),
            ("Content-Type", "text/plain"),
            ("Accept", "application/json"),
        )
        return HttpsRequest("POST", f"/v1.0/users/{quote(login.user)}/sendMail", fields, body)

    def trial(self, login: ProviderLogin) -> HttpsRequest:
        """A mail that is no base64: Graph looks at token, right and mailbox, and refuses it as documented."""
        return self.request(login, b"!")

    def tried(self, response: HttpsResponse) -> bool:
        """Whether only the base64 was refused."""
        return response.status == 400 and self.explanation(response).code == _TRIAL_REFUSAL

    def accepted(self, response: HttpsResponse) -> Reply | None:
        """202: accepted, with Graph's own id of the request."""
        if response.status != 202:
            return None
        return accepted(response, f"request-id {response.header('request-id') or '-'}")

    def explanation(self, response: HttpsResponse) -> ProviderWords:
        """Graph's error object."""
        content = content_of(response)
        inner = text_at(content, "error", "innerError", "request-id") or response.header("request-id")
        sentence = text_at(content, "error", "message")
        return ProviderWords(
            text_at(content, "error", "code"), f"{sentence} (request-id {inner})".strip() if inner else sentence
        )

    def verdict(self, status: int, why: ProviderWords) -> ErrorMeaning | None:
        """The meaning of an error code; an unknown one by its status."""
        if why.code in _VERDICTS:
            return _VERDICTS[why.code]
        return {
            401: ErrorMeaning("login", "GRAPH-TOKEN-REFUSED"),
            403: ErrorMeaning("login", "GRAPH-ACCESS-DENIED"),
            404: _MAILBOX,
        }.get(status)

    def wait(self, response: HttpsResponse) -> float | None:
        """The seconds of the header field Retry-After."""
        return answers.wait_of(response)


# The steps.


def _bcc_field(specs: list[str]) -> bytes:
    """The field with one address a line, before all others."""
    return ("Bcc: " + ",\r\n ".join(specs) + "\r\n").encode("ascii")
