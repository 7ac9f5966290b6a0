"""
Brevo: transactional mail by its API version 3 (https://developers.brevo.com/reference/sendtransacemail).

The mail is taken apart into JSON: Brevo writes the MIME, the date and the Message-ID itself, and tells the latter. Its
key of idempotency is made of the mail, so that within the half hour for which Brevo remembers it no second attempt
makes a second mail. What its API cannot say, or says only by changing the mail, is refused: a text without HTML, images
in the HTML, header fields other than X-….
"""

from __future__ import annotations

import json
from base64 import b64encode
from hashlib import sha256
from uuid import NAMESPACE_URL, uuid5

from courriel.delivery.http_providers import answers
from courriel.delivery.http_providers.addressed import cannot
from courriel.delivery.http_providers.answers import ErrorMeaning, ProviderWords, accepted, content_of, text_at
from courriel.delivery.http_providers.mail_parts import taken_apart
from courriel.network.https.line import HttpsRequest

TYPE_CHECKING = False

if TYPE_CHECKING:
    from courriel.delivery.http_providers.addressed import Person
    from courriel.delivery.http_providers.provider import ProviderLogin
    from courriel.model.submission import Submission
    from courriel.network.https.exchange import HttpsResponse
    from courriel.reply import Reply

LARGEST = 20_000_000
"""Octets of a mail with its files."""
MOST_RECIPIENTS = 99
ENDINGS = frozenset((
    "xlsx", "xls", "ods", "docx", "docm", "doc", "csv", "pdf", "txt", "gif", "jpg", "jpeg", "png", "tif", "tiff", "rtf",
    "bmp", "cgm", "css", "shtml", "html", "htm", "zip", "xml", "ppt", "pptx", "tar", "ez", "ics", "mobi", "msg", "pub",
    "eps", "odt", "mp3", "m4a", "m4v", "wma", "ogg", "flac", "wav", "aif", "aifc", "aiff", "mp4", "mov", "avi", "mkv",
    "mpeg", "mpg", "wmv", "pkpass", "xlsm",
))  # fmt: skip
"""Endings of the files that Brevo takes: it makes the type of a file from its name."""

_VERDICTS = {
    "unauthorized": ErrorMeaning("login", "HTTP-KEY-REFUSED"),
    "account_under_validation": ErrorMeaning("login", "HTTP-KEY-REFUSED"),
    "permission_denied": ErrorMeaning("login", "HTTP-KEY-REFUSED"),
    "not_enough_credits": ErrorMeaning("wait", "HTTP-CREDIT-USED-UP"),
    "too_many_requests": ErrorMeaning("wait", "HTTP-THROTTLED"),
    # The key was seen in the last half hour: whether that request became a mail, its answer would have said.
    "duplicate_parameter": ErrorMeaning("doubt", ""),
    "duplicate_request": ErrorMeaning("doubt", ""),
}


class Brevo:
    """Brevo's API."""

    title = "Brevo"

    def body(self, submission: Submission) -> bytes:
        """The mail as JSON."""
        if submission.content.size > LARGEST:
            raise cannot(self.title, f"it has {submission.content.size:,} octets, and {LARGEST:,} are the most", "SIZE")
        if len(submission.envelope.recipients) > MOST_RECIPIENTS:
            raise cannot(self.title, f"it has more than {MOST_RECIPIENTS} recipients", "recipients")
        mail = taken_apart(submission, self.title)
        people = mail.people
        if mail.html is None:
            raise cannot(self.title, "it has no HTML, and Brevo would make one of its text: add html=", "content")
        if not people.to:
            raise cannot(self.title, "nobody stands in To", "recipients")
        if mail.images:
            raise cannot(self.title, "its HTML shows images that are in the mail (Content-ID)", "images")
        if len(people.reply_to) > 1:
            raise cannot(self.title, "it names several addresses for the answer (Reply-To)", "header")
        if not mail.subject:
            raise cannot(self.title, "it has no subject", "header")
        content: dict[str, object] = {
            "sender": _person(people.sender),
            "to": list(map(_person, people.to)),
            "subject": mail.subject,
            "htmlContent": mail.html,
        }
        if mail.text is not None:
            content["textContent"] = mail.text
        for name, group in (("cc", people.cc), ("bcc", people.bcc)):
            if group:
                content[name] = list(map(_person, group))
        if people.reply_to:
            content["replyTo"] = _person(people.reply_to[0])
        if mail.files:
            content["attachment"] = [self._file(file.name, file.content) for file in mail.files]
        content["headers"] = {**self._fields(mail.fields), "idempotencyKey": idempotency_key(submission)}
        body = json.dumps(content).encode("ascii")
        if len(body) > LARGEST:
            raise cannot(self.title, f"its request has {len(body):,} octets, and {LARGEST:,} are the most", "SIZE")
        return body

    def request(self, login: ProviderLogin, body: bytes) -> HttpsRequest:
        """POST the mail."""
        fields = (("api-key", login.secret), ("Content-Type", "application/json"), ("Accept", "application/json"))
        return HttpsRequest("POST", "/v3/smtp/email", fields, body)

    def trial(self, login: ProviderLogin) -> HttpsRequest:
        """The account of the key."""
        return HttpsRequest("GET", "/v3/account", (("api-key", login.secret), ("Accept", "application/json")))

    def tried(self, response: HttpsResponse) -> bool:
        """True when the answer describes the account: the key is good."""
        return response.status == 200 and content_of(response) is not None

    def accepted(self, response: HttpsResponse) -> Reply | None:
        """201 with the Message-ID that Brevo has given the mail."""
        message_id = text_at(content_of(response), "messageId")
        return accepted(response, f"messageId {message_id}") if response.status == 201 and message_id else None

    def explanation(self, response: HttpsResponse) -> ProviderWords:
        """Brevo's error object."""
        content = content_of(response)
        return ProviderWords(text_at(content, "code"), text_at(content, "message"))

    def verdict(self, status: int, why: ProviderWords) -> ErrorMeaning | None:
        """The meaning of an error code; a sender that is not validated is told by the sentence alone."""
        if why.code == "invalid_parameter" and "sender" in why.sentence.lower():
            return ErrorMeaning("sender", "HTTP-SENDER-NOT-VALIDATED")
        return _VERDICTS.get(why.code)

    def wait(self, response: HttpsResponse) -> float | None:
        """Retry-After, or Brevo's own field."""
        wait = answers.wait_of(response)
        return answers.wait_of(response, "x-sib-ratelimit-reset") if wait is None else wait

    # The steps.

    def _file(self, name: str, content: bytes) -> dict[str, str]:
        ending = name.rpartition(".")[2].lower()
        if ending not in ENDINGS or not name.isascii():
            raise cannot(self.title, f"it takes no file with the name {name[:80]!r}", "attachments")
        return {"name": name, "content": b64encode(content).decode("ascii")}

    def _fields(self, fields: tuple[tuple[str, str], ...]) -> dict[str, str]:
        for name, _ in fields:
            if not name.lower().startswith("x-"):
                raise cannot(self.title, f"it copies no header field {name}, only those that begin with X-", "header")
        return dict(fields)


def idempotency_key(submission: Submission) -> str:
    """The key of a mail, a UUID: the same for each attempt, another for other recipients and other octets."""
    octets = sha256()
    for piece in submission.content:
        octets.update(piece)
    recipients = sorted(address.spec for address in submission.envelope.recipients)
    return str(uuid5(NAMESPACE_URL, "\n".join(("mid:", submission.message_id, octets.hexdigest(), *recipients))))


# The steps.


def _person(person: Person) -> dict[str, str]:
    return {"email": person.spec, "name": person.name} if person.name else {"email": person.spec}
