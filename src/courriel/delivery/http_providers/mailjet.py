"""
Mailjet: transactional mail by its Send API version 3.1 (https://dev.mailjet.com/email/guides/send-api-v31/).

The mail is taken apart into JSON: Mailjet writes the MIME, the date and the Message-ID itself, and tells its own id of
the mail. It has no key of idempotency: a request without an answer is in doubt. Fields that Mailjet forbids in
`Headers` are refused, all others are copied as they stand.
"""

from __future__ import annotations

import json
from base64 import b64encode

from courriel.delivery.http_providers import answers
from courriel.delivery.http_providers.addressed import cannot
from courriel.delivery.http_providers.answers import ErrorMeaning, ProviderWords, accepted, content_of, text_at
from courriel.delivery.http_providers.mail_parts import taken_apart
from courriel.network.https.line import HttpsRequest

TYPE_CHECKING = False

if TYPE_CHECKING:
    from courriel.delivery.http_providers.addressed import Person
    from courriel.delivery.http_providers.mail_parts import FilePart, MailParts
    from courriel.delivery.http_providers.provider import ProviderLogin
    from courriel.model.submission import Submission
    from courriel.network.https.exchange import HttpsResponse
    from courriel.reply import Reply

LARGEST = 15 * 1000 * 1000
"""Octets of a request."""
MOST = 50
"""Recipients of a mail, files, images and header fields."""
FORBIDDEN = frozenset((
    "from", "sender", "subject", "to", "cc", "bcc", "return-path", "delivered-to", "dkim-signature", "domainkey-status",
    "received-spf", "authentication-results", "received", "x-mailjet-prio", "x-mailjet-debug", "user-agent", "x-mailer",
    "x-mj-customid", "x-mj-eventpayload", "x-mj-vars", "x-mj-templateerrordeliver", "x-mj-templateerrorreporting",
    "x-mj-templatelanguage", "x-mailjet-trackopen", "x-mailjet-trackclick", "x-mj-templateid", "x-mj-workflowid",
    "x-feedback-id", "x-mailjet-segmentation", "list-id", "x-mj-mid", "x-mj-errormessage", "date", "x-csa-complaints",
    "message-id", "x-mailjet-campaign", "x-mj-statisticscontactslistid",
))  # fmt: skip
"""Header fields that Mailjet lets nobody set."""

_VERDICTS = {
    "mj-0001": ErrorMeaning("login", "HTTP-KEY-REFUSED"),  # the key is suspended
    "mj-0015": ErrorMeaning("login", "HTTP-KEY-REFUSED"),
    "send-0006": ErrorMeaning("sender", "HTTP-SENDER-NOT-VALIDATED"),
    "send-0007": ErrorMeaning("sender", "HTTP-SENDER-NOT-VALIDATED"),
    "send-0008": ErrorMeaning("sender", "HTTP-SENDER-NOT-VALIDATED"),
    "mj-0011": ErrorMeaning("message", "HTTP-TOO-LARGE"),
    "send-0015": ErrorMeaning("message", "HTTP-REQUEST-REFUSED"),
}


class Mailjet:
    """Mailjet's Send API."""

    title = "Mailjet"

    def body(self, submission: Submission) -> bytes:
        """The mail as JSON."""
        if submission.content.size > LARGEST:
            raise cannot(self.title, f"it has {submission.content.size:,} octets, and {LARGEST:,} are the most", "SIZE")
        if len(submission.envelope.recipients) > MOST:
            raise cannot(self.title, f"it has more than {MOST} recipients", "recipients")
        mail = taken_apart(submission, self.title)
        self._check(mail)
        body = json.dumps({"Messages": [_message(mail)]}).encode("ascii")
        if len(body) > LARGEST:
            raise cannot(self.title, f"its request has {len(body):,} octets, and {LARGEST:,} are the most", "SIZE")
        return body

    def request(self, login: ProviderLogin, body: bytes) -> HttpsRequest:
        """POST the mail."""
        fields = (*_headers(login), ("Content-Type", "application/json"))
        return HttpsRequest("POST", "/v3.1/send", fields, body)

    def trial(self, login: ProviderLogin) -> HttpsRequest:
        """The first of the account's senders."""
        return HttpsRequest("GET", "/v3/REST/sender?Limit=1", _headers(login))

    def tried(self, response: HttpsResponse) -> bool:
        """Whether senders were told."""
        return response.status == 200 and content_of(response) is not None

    def accepted(self, response: HttpsResponse) -> Reply | None:
        """200 with the status success, and Mailjet's id of the mail."""
        content = content_of(response)
        if response.status != 200 or text_at(content, "Messages", 0, "Status") != "success":
            return None
        message_id = text_at(content, "Messages", 0, "To", 0, "MessageID")
        return accepted(response, f"MessageID {message_id}") if message_id else None

    def explanation(self, response: HttpsResponse) -> ProviderWords:
        """The first error of the mail, or that of the whole request."""
        content = content_of(response)
        path: tuple[str | int, ...] = ("Messages", 0, "Errors", 0)
        if not text_at(content, *path, "ErrorMessage"):
            path = ()
        status = text_at(content, *path, "StatusCode")
        return ProviderWords(
            text_at(content, *path, "ErrorCode"),
            text_at(content, *path, "ErrorMessage"),
            text_at(content, *path, "ErrorRelatedTo", 0),
            int(status) if status.isascii() and status.isdigit() and len(status) == 3 else 0,
        )

    def verdict(self, status: int, why: ProviderWords) -> ErrorMeaning | None:
        """The meaning of an error code; that of an invalid address says in which field it stands."""
        if why.code == "mj-0013":
            return ErrorMeaning("sender" if why.about.startswith("From") else "recipients", "HTTP-REQUEST-REFUSED")
        return _VERDICTS.get(why.code)

    def wait(self, response: HttpsResponse) -> float | None:
        """The seconds of the header field Retry-After."""
        return answers.wait_of(response)

    # The steps.

    def _check(self, mail: MailParts) -> None:
        if not mail.people.to:
            raise cannot(self.title, "nobody stands in To", "recipients")
        if not (mail.text or mail.html):
            raise cannot(self.title, "it has neither text nor HTML", "content")
        if len(mail.people.reply_to) > 1:
            raise cannot(self.title, "it names several addresses for the answer (Reply-To)", "header")
        if max(len(mail.files), len(mail.images), len(mail.fields)) > MOST:
            raise cannot(self.title, f"it has more than {MOST} files, images or header fields", "attachments")
        if any(not file.content for file in (*mail.files, *mail.images)):
            raise cannot(self.title, "a file in it is empty", "attachments")
        for name, _ in mail.fields:
            if name.lower() in FORBIDDEN:
                raise cannot(self.title, f"it writes the header field {name} itself", "header")


# The steps.


def _headers(login: ProviderLogin) -> tuple[tuple[str, str], ...]:
    pair = b64encode(f"{login.user}:{login.secret}".encode()).decode("ascii")
    return (("Authorization", f"Basic {pair}"), ("Accept", "application/json"))


def _message(mail: MailParts) -> dict[str, object]:
    people = mail.people
    message: dict[str, object] = {"From": _person(people.sender), "To": list(map(_person, people.to))}
    for name, group in (("Cc", people.cc), ("Bcc", people.bcc)):
        if group:
            message[name] = list(map(_person, group))
    if people.reply_to:
        message["ReplyTo"] = _person(people.reply_to[0])
    texts = (("Subject", mail.subject), ("TextPart", mail.text), ("HTMLPart", mail.html))
    message |= {name: text for name, text in texts if text}
    if mail.files:
        message["Attachments"] = list(map(_file, mail.files))
    if mail.images:
        message["InlinedAttachments"] = [{**_file(image), "ContentID": image.content_id} for image in mail.images]
    if mail.fields:
        message["Headers"] = dict(mail.fields)
    return message


def _person(person: Person) -> dict[str, str]:
    return {"Email": person.spec, "Name": person.name} if person.name else {"Email": person.spec}


def _file(file: FilePart) -> dict[str, str]:
    content = b64encode(file.content).decode("ascii")
    return {"ContentType": file.content_type, "Filename": file.name, "Base64Content": content}
